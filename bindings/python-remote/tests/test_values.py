"""Values that go in and come out."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from world import World

import hotbackup.remote
from hotbackup import Corrupt, HookFailed, InvalidArgument
from hotbackup.remote import _settings


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("64KiB", "64KiB"),
        (7, "7"),
        (True, "true"),
        (False, "false"),
        (Path("/etc/ca.pem"), "/etc/ca.pem"),
        (timedelta(minutes=15), "900000ms"),
        (timedelta(microseconds=1), "1ms"),
    ],
)
def test_a_setting_becomes_text(value: Any, text: str) -> None:
    assert _settings._text("key", value) == text


def test_each_kind_of_setting_is_taken() -> None:
    hotbackup.remote.open(
        "s3://bucket/db",
        endpoint="http://127.0.0.1:1",
        path_style=True,
        retries=0,
        lock_wait=timedelta(seconds=2),
        password_file=Path("/nowhere"),
        region=None,
    ).close()


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"lock_wait": timedelta(seconds=-1)}, InvalidArgument),
        ({"lock_wait": 1.5}, TypeError),
        ({"path_style": b"true"}, TypeError),
        ({"host": "a\0b"}, InvalidArgument),
        ({"password": 7}, TypeError),
    ],
)
def test_what_is_no_setting_is_refused(settings: dict[str, Any], kind: type[Exception]) -> None:
    with pytest.raises(kind):
        hotbackup.remote.open("file:///nowhere", **settings)


def test_a_coroutine_function_gives_no_password(world: World) -> None:
    async def password() -> str:
        return ""

    with pytest.raises(TypeError, match="coroutine"):
        world.open(password)  # type: ignore[arg-type]


def test_a_password_that_is_no_text_is_refused_and_not_shown(world: World) -> None:
    with world.open(lambda: b"secret") as remote:  # type: ignore[arg-type, return-value]
        with pytest.raises(HookFailed, match="password returned bytes, not str") as failed:
            remote.init()
        assert "secret" not in str(failed.value)


def test_a_url_has_no_credentials_in_it(world: World) -> None:
    with world.open() as remote:
        assert remote.url == f"file://{world.repository}"
        assert repr(remote) == f"<hotbackup.remote.Remote at 'file://{world.repository}'>"


def test_an_unreadable_snapshot_is_listed_with_its_error(world: World) -> None:
    with world.made() as remote:
        remote.push(world.backup()).wait()
        (record,) = (world.repository / "snapshots").iterdir()
        record.chmod(0o600)
        record.write_bytes(bytes(len(record.read_bytes())))
        for host in (None, "another"):
            (unreadable,) = remote.list(host)
            assert isinstance(unreadable.error, Corrupt) and unreadable.time is None
        with pytest.raises(Corrupt):
            remote.fetch(unreadable, world.target)
