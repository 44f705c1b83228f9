"""Constants, exceptions and arguments."""

from __future__ import annotations

import dataclasses
import errno
import inspect
import os
import pickle
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import hotbackup
from hotbackup import BackupError, Code, Coordinator, FileClass, InvalidArgument


def test_an_unknown_constant_of_a_newer_library_is_kept() -> None:
    code = Code(4242)
    assert code == 4242 and code.name == "UNKNOWN_4242" and isinstance(code, Code)
    assert Code(4242) is code
    assert "4242" in repr(code)
    assert 4242 not in list(Code)
    with pytest.raises(ValueError, match="words"):
        Code("words")  # type: ignore[arg-type]


def test_each_code_has_an_exception() -> None:
    kinds = {
        kind.code
        for kind in vars(hotbackup).values()
        if isinstance(kind, type) and issubclass(kind, BackupError)
    }
    assert kinds == set(Code) - {Code.OK}


@pytest.mark.parametrize("kind", [hotbackup.NotFound, hotbackup.Conflict, hotbackup.NoSpace, BackupError])
def test_exceptions_survive_pickling(kind: type[BackupError]) -> None:
    error = kind("one line", code=7, os_error=errno.EDQUOT, path=Path("/p"))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (str(again), again.code, again.os_error, again.path) == ("one line", 7, errno.EDQUOT, Path("/p"))


def test_what_is_not_there_is_a_file_not_found_error_with_its_name(place: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised:
        Coordinator(place / "missing")
    error = raised.value
    assert isinstance(error, hotbackup.NotFound)
    assert (error.errno, error.filename) == (errno.ENOENT, str(place / "missing"))
    assert error.path == place / "missing"
    assert str(place / "missing") in str(error) and "\n" not in str(error)


def test_a_failed_system_call_is_an_os_error(data_dir: Path, place: Path) -> None:
    (place / "file").write_bytes(b"")
    with Coordinator(data_dir, root=place / "file" / "root") as coordinator, pytest.raises(OSError) as raised:
        coordinator.start()
    assert isinstance(raised.value, hotbackup.InputOutputError)
    assert raised.value.errno == raised.value.os_error == errno.ENOTDIR
    assert raised.value.filename.startswith(str(place / "file"))


def test_too_little_space_is_an_os_error(data_dir: Path) -> None:
    with Coordinator(data_dir, min_free=(1 << 64) - 1) as coordinator, pytest.raises(OSError) as raised:
        coordinator.start().wait()
    assert isinstance(raised.value, hotbackup.NoSpace)
    assert raised.value.errno == errno.ENOSPC


def test_bad_arguments_are_value_errors_and_never_wrap_around(data_dir: Path) -> None:
    bad: list[dict[str, Any]] = [
        {"threads": -1},
        {"threads": 1 << 32},
        {"rate_limit": 1 << 64},
        {"latency_target": 0},
        {"latency_target": float("nan")},
        {"latency_target": 1 << 22},
        {"min_free": -1},
        {"verify_level": 4},
        {"verify_level": 1 << 32},
        {"symlinks": 2},
        {"share": 3},
        {"share": -1},
        {"reread_after": -1},
        {"reread_after": float("nan")},
        {"reread_after": float("inf")},
        {"rules": [("*", 77)]},
        {"rules": [("a\0b", FileClass.MUTABLE)]},
        {"freeze_timeout": 0},
        {"freeze_timeout": -1.0},
        {"freeze_timeout": float("nan")},
        {"root": "a\0b"},
        {"root": ""},
        {"sources": [(data_dir, "../up")]},
        {"metadata": bytes((1 << 20) + 1)},
        {"freeze": lambda hook: None},
        {"thaw": lambda hook: None},
    ]
    for options in bad:
        with pytest.raises(ValueError) as raised:
            Coordinator(data_dir, **options)
        assert isinstance(raised.value, InvalidArgument), options


def test_a_policy_that_nobody_can_keep_is_a_value_error(place: Path) -> None:
    bad: list[dict[str, Any]] = [
        {"newest": -1},
        {"yearly": 1 << 32},
        {"within": timedelta(microseconds=-1)},
        {"tags": ("a\0b",)},
        {"tags": "release"},
        {},
    ]
    for rules in bad:
        for ask in (hotbackup.retention_plan, hotbackup.prune_by):
            with pytest.raises(ValueError) as raised:
                ask(place, hotbackup.Retention(**rules))
            assert isinstance(raised.value, InvalidArgument), rules
    assert hotbackup.retention_plan(place, hotbackup.Retention(within=timedelta.max)) == []
    with pytest.raises(TypeError):
        hotbackup.prune_by(place, hotbackup.Retention(daily=1.5))  # type: ignore[arg-type]


def test_wrong_types_are_type_errors(data_dir: Path) -> None:
    bad: list[dict[str, Any]] = [{"threads": 1.5}, {"root": 3}, {"rules": [("*", "immutable")]}]
    for options in bad:
        with pytest.raises(TypeError):
            Coordinator(data_dir, **options)
    with pytest.raises(TypeError):
        Coordinator(3)  # type: ignore[arg-type]


def test_paths_may_be_strings_bytes_and_path_objects(data_dir: Path) -> None:
    for given in (str(data_dir), os.fsencode(data_dir), data_dir):
        with Coordinator(given) as coordinator:
            assert coordinator.root == data_dir / ".lifecycle/backup"


def test_all_options_reach_the_library(data_dir: Path, place: Path) -> None:
    (data_dir / "link").symlink_to("1.sst")
    root = place / "elsewhere"
    options: dict[str, Any] = {
        "root": root,
        "rules": [("*.sst", FileClass.IMMUTABLE | FileClass.UNFINISHED_OK), ("log", FileClass.EXCLUDED)],
        "layout": "generic",
        "threads": 1,
        "rate_limit": 1 << 40,
        "latency_target": 0.005,
        "verify_level": hotbackup.VerifyLevel.MEDIA,
        "symlinks": hotbackup.Symlinks.PRESERVE,
        "freeze_timeout": None,
        "min_free": 1,
        "metadata": b"\0mine",
        "share": hotbackup.Share.NEVER,
        "reread_after": 0.5,
        "clone": False,
        "no_posix_locks": True,
    }
    with Coordinator(data_dir, **options) as coordinator:
        job = coordinator.start()
        job.wait()
    snapshot = hotbackup.latest(root)
    assert snapshot.metadata == b"\0mine" and snapshot.location == job.location
    assert sorted(path.name for path in snapshot.location.iterdir()) == ["1.sst", "link", "snapshot.manifest"]
    other = place / "other"
    other.mkdir()
    with Coordinator(other, root=root) as coordinator, pytest.raises(hotbackup.Conflict):
        coordinator.start()
    with Coordinator(other, root=root, adopt_root=True) as coordinator:
        coordinator.start().wait()


def test_a_restore_keeps_what_its_target_has_already(data_dir: Path, place: Path) -> None:
    with Coordinator(data_dir) as coordinator:
        job = coordinator.start()
        job.wait()
    target = place / "target"
    hotbackup.restore(job.location, target).wait()
    done = hotbackup.restore(job.location, target, keep_matching=True, keep_undo=False, clone=False).wait()
    assert done.bytes_linked == done.bytes_total > 0 and done.bytes_copied == 0


def test_the_dataclasses_do_not_change(data_dir: Path) -> None:
    with Coordinator(data_dir) as coordinator:
        progress = coordinator.start().wait()
        snapshot = hotbackup.latest(coordinator.root)
    with pytest.raises(dataclasses.FrozenInstanceError):
        progress.percent = 3  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        snapshot.files = 3  # type: ignore[misc]
    assert progress.started_at is not None and progress.finished_at is not None
    assert snapshot.started_at is not None and snapshot.finished_at is not None
    assert snapshot.started_at <= snapshot.finished_at
    assert snapshot.name == snapshot.location.name


def test_the_version_is_that_of_the_repository() -> None:
    from conftest import REPOSITORY

    assert f'version = "{hotbackup.version()}"' in (REPOSITORY / "Cargo.toml").read_text()
    assert hotbackup.abi_version() == hotbackup.ABI_VERSION


def test_everything_public_has_a_docstring() -> None:
    for name in hotbackup.__all__:
        value = getattr(hotbackup, name)
        if isinstance(value, type) or inspect.isfunction(value):
            assert value.__doc__, name
            for part, member in vars(value).items() if isinstance(value, type) else ():
                if not part.startswith("_") and (callable(member) or isinstance(member, property)):
                    assert member.__doc__, f"{name}.{part}"
