"""The cases that every language must show, from remote/capi/tests/scenarios/cases.txt."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Callable

import pytest
from conftest import REPOSITORY
from world import SECONDS, Gate, World, tree

import hotbackup
from hotbackup import Cancelled, Conflict, Corrupt, HookFailed, InvalidArgument, Kind, State, Unauthorized

Case = Callable[[World], None]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


def listed() -> list[str]:
    lines = (REPOSITORY / "remote/capi/tests/scenarios/cases.txt").read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def test_each_listed_case_is_here_and_no_other() -> None:
    assert set(listed()) == set(CASES)


@pytest.mark.parametrize("name", listed())
def test_case(name: str, world: World) -> None:
    CASES[name](world)


@case
def a_snapshot_comes_back_as_it_was(world: World) -> None:
    with world.made() as remote:
        final = remote.push(world.backup()).wait()
        assert (final.kind, final.state, final.percent) == (Kind.PUSH, State.COMPLETED, 100)
        before = tree(world.data)
        (world.data / "log").write_bytes(b"changed since")
        remote.restore("latest", world.data).wait()
        assert tree(world.data) == before
        assert remote.verify("latest").wait().kind == Kind.VERIFY


@case
def a_second_push_sends_less(world: World) -> None:
    with world.made() as remote:
        remote.push(world.backup()).wait()
        first = remote.requests().bytes_up
        (world.data / "log").write_bytes(b"another log")
        remote.push(world.backup()).wait()
        second = remote.requests().bytes_up - first
        assert first > 3 << 20 and 0 < second < 100_000
        remote.restore("latest", world.target).wait()
    assert tree(world.target) == tree(world.data)


@case
def a_snapshot_that_is_there_is_not_sent_again(world: World) -> None:
    snapshot = world.backup()
    with world.made() as remote:
        remote.push(snapshot).wait()
        packs = world.packs()
        (there,) = remote.list()
        remote.push(snapshot).wait()
        assert remote.list() == [there]
        assert world.packs() == packs


@case
def a_fetched_snapshot_can_be_restored(world: World) -> None:
    fetched = world.place / "fetched"
    with world.made() as remote:
        remote.push(world.backup()).wait()
        (there,) = remote.list()
        assert remote.fetch(there.object[:8], fetched).wait().kind == Kind.FETCH
    assert hotbackup.Snapshot.open(fetched).id == there.id
    hotbackup.restore(fetched, world.target).wait()
    assert tree(world.target) == tree(world.data)


@case
def a_pushed_checkpoint_comes_back_and_is_gone_here(world: World) -> None:
    checkpoint = world.checkpoint()
    before = tree(world.data)
    assert (checkpoint / "1.sst").samefile(world.data / "1.sst")
    # The database goes on, and deletes its table.
    (world.data / "1.sst").unlink()
    (world.data / "log").write_bytes(b"changed since")
    with world.made() as remote:
        assert remote.push(checkpoint).wait().kind == Kind.PUSH
        assert not checkpoint.exists() and (world.data / "log").read_bytes() == b"changed since"
        assert [each.is_pushed for each in remote.list()] == [True]
        remote.restore("latest", world.target).wait()
    assert tree(world.target) == before


@case
def snapshots_are_listed_and_forgotten(world: World) -> None:
    began = datetime.now(timezone.utc)
    with world.made() as remote:
        snapshots = [hotbackup.Snapshot.open(world.backup()) for _ in range(2)]
        for snapshot in snapshots:
            remote.push(snapshot).wait()
        found = remote.list()
        assert [each.id for each in found] == [snapshot.id for snapshot in snapshots]
        assert [f"ts-{each.number}" for each in found] == [snapshot.name for snapshot in snapshots]
        for each in found:
            assert (each.host, each.is_pushed, each.tags, each.error) == ("db1", True, (), None)
            assert len(each.object) == 64 and each.time is not None
            assert abs((each.time - began).total_seconds()) < SECONDS
        assert remote.list("db1") == found and remote.list("db2") == []
        remote.forget(found[1])
        assert remote.list() == found[:1]
        remote.forget(found[0].id)
        assert remote.list() == []


@case
def a_second_init_is_a_conflict(world: World) -> None:
    with world.made() as remote:
        before = remote.repository_id
        with pytest.raises(Conflict):
            remote.init()
    with world.open() as remote:
        assert remote.repository_id == before and len(before) == 64


@case
def another_password_is_refused(world: World) -> None:
    world.made().close()
    with world.open("battery staple") as remote, pytest.raises(Unauthorized) as refused:
        remote.list()
    assert "battery" not in str(refused.value)


@case
def a_password_hook_says_why_there_is_none(world: World) -> None:
    why = KeyError("the vault is sealed")

    def sealed() -> str:
        raise why

    with world.open(sealed) as remote:
        with pytest.raises(HookFailed, match="KeyError: 'the vault is sealed'") as refused:
            remote.init()
        assert refused.value.__cause__ is why
        job = remote.push(world.backup())
        with pytest.raises(HookFailed, match="the vault is sealed") as failed:
            job.wait()
        assert failed.value.__cause__ is why
    assert not world.repository.exists() or not any(world.repository.iterdir())


@case
def a_pack_that_is_gone_is_found(world: World) -> None:
    with world.made() as remote:
        remote.push(world.backup()).wait()
        largest = max(world.packs(), key=lambda pack: pack.stat().st_size)
        largest.unlink()
        for level in (hotbackup.VerifyLevel.SIZE, hotbackup.VerifyLevel.CHECKSUM):
            job = remote.verify("latest", verify_level=level)
            with pytest.raises(Corrupt, match="a piece of it is in no pack"):
                job.wait()
        with pytest.raises(Corrupt):
            remote.restore("latest", world.target).wait()
    assert tree(world.target) == {}


@case
def an_unknown_key_is_refused(world: World) -> None:
    for settings in ({"lock_weight": "2s"}, {"lock_wait": "soon"}, {"retries": -1}):
        with pytest.raises(InvalidArgument, match=next(iter(settings))):
            hotbackup.remote.open(f"file://{world.repository}", password="x", **settings)


@case
def a_cancelled_push_lists_nothing(world: World) -> None:
    gate = Gate()
    with world.made() as remote:
        job = remote.push(world.backup(), progress=gate)
        assert gate.reached.wait(SECONDS)
        job.cancel()
        gate.open.set()
        with pytest.raises(Cancelled):
            job.wait()
        assert remote.list() == []


@case
def a_remote_can_be_closed_before_its_job_ends(world: World) -> None:
    gate = Gate()
    with world.made() as remote:
        job = remote.push(world.backup(), progress=gate)
        assert gate.reached.wait(SECONDS)
    gate.open.set()
    with pytest.raises(Cancelled):
        job.wait()
    with pytest.raises(Conflict, match="closed"):
        remote.list()
    with world.open() as remote:
        assert remote.list() == []
