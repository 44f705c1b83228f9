"""The cases that every language must show, from tests/scenarios/cases.txt."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Callable

import pytest
from conftest import REPOSITORY
from sharing_cases import SHARING
from world import SECONDS, Gate, SaidNo, World, flip, tree

import hotbackup
from hotbackup import BackupError, Code, FileClass, Kind, State, VerifyLevel

Case = Callable[[World], object]
CASES: dict[str, Case] = dict(SHARING)


def case(*names: str) -> Callable[[Case], Case]:
    def listed(function: Case) -> Case:
        CASES.update(dict.fromkeys(names, function))
        return function

    return listed


def listed() -> list[tuple[str, str, list[str]]]:
    lines = (REPOSITORY / "tests/scenarios/cases.txt").read_text().splitlines()
    cases = [line.split("|") for line in lines if line and not line.startswith("#")]
    return [(name.strip(), code.strip(), calls.split()) for name, code, calls in cases]


def test_each_listed_case_is_here_and_no_other() -> None:
    assert {name for name, _, _ in listed()} == set(CASES)


@pytest.mark.parametrize(("name", "code", "calls"), listed(), ids=[name for name, _, _ in listed()])
def test_case(name: str, code: str, calls: list[str], place: Path) -> None:
    data = b"d\xff\xfe" if name == "non-utf8-path" else b"data"
    world = World(place, data)
    if name.endswith("-fails"):
        world.failing = name.split("-")[-2]
    ended = Code.OK
    try:
        CASES[name](world)
    except BackupError as error:
        ended = error.code
        assert str(error)
    except SaidNo as error:
        assert error is world.failure
        ended = Code.HOOK_FAILED
    assert ended.name == code
    assert world.calls == calls


# --- Backups


@case("start")
def start(world: World) -> None:
    with world.open() as coordinator:
        job = coordinator.start()
        job.wait()
        assert threading.get_ident() not in world.threads
    world.assert_restored(job.location)


@case("run-on-this-thread")
def run(world: World) -> None:
    with world.open() as coordinator:
        job = coordinator.run()
    assert world.progress
    assert world.threads == {threading.get_ident()}
    world.assert_restored(job.location)


@case("no-hooks")
def no_hooks(world: World) -> None:
    with hotbackup.Coordinator(world.data, **world.options) as coordinator:
        job = coordinator.start()
        job.wait()
    world.assert_restored(job.location)


@case("progress")
def progress(world: World) -> None:
    with world.open() as coordinator:
        job = coordinator.start()
        final = job.wait()
    percents = [seen.percent for seen in world.progress]
    assert percents == sorted(percents) and percents
    assert (final.percent, final.state) == (100, State.COMPLETED)
    assert job.status() == final


@case("find")
def find(world: World) -> None:
    with world.open() as coordinator:
        job = coordinator.start()
        job.wait()
        for found in (coordinator.find(job.id), coordinator.find()):
            assert (found.id, found.location) == (job.id, job.location)


@case("metadata")
def metadata(world: World) -> None:
    world.options["metadata"] = b"from the options"
    world.inside["checkpoint"] = lambda hook: hook.set_metadata(b"\0\xff\n")
    with world.open() as coordinator:
        coordinator.start().wait()
        assert hotbackup.latest(coordinator.root).metadata == b"\0\xff\n"


@case("tags")
def tags(world: World) -> None:
    world.options["tags"] = ["nightly"]
    world.inside["checkpoint"] = lambda hook: hook.add_tag("release")
    with world.open() as coordinator:
        coordinator.start().wait()
        made = hotbackup.latest(coordinator.root)
    assert made.tags == ("nightly", "release") and made.freeze_ns > 0 and not made.is_damaged
    assert made.verified_at_ms >= made.started_at_ms and made.verified_level == VerifyLevel.CHECKSUM


@case("live-files")
def live_files(world: World) -> None:
    def names(hook: hotbackup.Hook) -> None:
        hook.add_file("1.sst", FileClass.IMMUTABLE)
        hook.add_file("log", FileClass.APPEND_ONLY, 3)
        hook.add_bytes("LABEL", b"made here")

    world.inside["freeze"] = names
    with world.open() as coordinator:
        job = coordinator.start()
        job.wait()
    expected = {b"1.sst": b"an immutable table", b"log": b"a l", b"LABEL": b"made here"}
    assert tree(job.location) == expected


@case("second-source")
def second_source(world: World) -> None:
    second = world.place / "beside"
    second.mkdir()
    (second / "file").write_bytes(b"in the second source")
    world.options["sources"] = [(second, "second")]
    with world.open() as coordinator:
        job = coordinator.start()
        job.wait()
    (world.data / "second").mkdir()
    (world.data / "second/file").write_bytes(b"in the second source")
    world.assert_restored(job.location)


# --- What stops them


def then_another_succeeds(world: World, first: BaseException) -> None:
    assert hotbackup.list_snapshots(world.root) == []
    calls, world.calls = world.calls, []
    world.failing = ""
    with world.open() as coordinator:
        coordinator.start().wait()
    assert world.calls == ["checkpoint", "freeze", "thaw", "release", "validate"]
    world.calls = calls
    raise first


def looked_at_and_removed(world: World, coordinator: hotbackup.Coordinator, job: hotbackup.Job) -> None:
    now, made = job.status(), job.location
    assert (now.kind, now.percent) == (Kind.CHECKPOINT, 100)
    assert (now.bytes_linked, now.bytes_copied) == (100_018, 5)
    assert sorted(os.listdir(made)) == ["1.sst", "2.sst", "checkpoint.manifest", "log", "wal"]
    for name, linked in {"1.sst": True, "2.sst": True, "log": False}.items():
        assert (made / name).samefile(world.data / name) == linked
    assert made.parent == world.data / ".lifecycle/checkpoints"
    assert hotbackup.list_snapshots(coordinator.root) == []
    before = tree(world.data)
    hotbackup.remove_checkpoint(made)
    assert not made.exists() and tree(world.data) == before


@case("checkpoint")
def checkpoint(world: World) -> None:
    with world.open() as coordinator:
        job = coordinator.start_checkpoint(links_are_safe=True)
        job.wait()
        assert threading.get_ident() not in world.threads
        looked_at_and_removed(world, coordinator, job)


@case("checkpoint-run")
def checkpoint_run(world: World) -> None:
    with world.open() as coordinator:
        job = coordinator.run_checkpoint(links_are_safe=True)
        assert world.threads == {threading.get_ident()}
        looked_at_and_removed(world, coordinator, job)


@case("checkpoint-unvouched")
def checkpoint_unvouched(world: World) -> None:
    with world.open() as coordinator:
        coordinator.start_checkpoint()


@case("checkpoint-no-snapshot")
def checkpoint_no_snapshot(world: World) -> None:
    with world.open() as coordinator:
        job = coordinator.start_checkpoint(links_are_safe=True)
        job.wait()
        hotbackup.Snapshot.open(job.location)


@case("checkpoint-until-close")
def checkpoint_until_close(world: World) -> None:
    with world.open() as coordinator:
        job = coordinator.start_checkpoint(until_close=True, links_are_safe=True)
        job.wait()
        assert job.location.is_dir()
    assert not job.location.exists()


@case("checkpoint-freeze-fails")
def checkpoint_freeze_fails(world: World) -> None:
    with world.open() as coordinator:
        job = coordinator.start_checkpoint(links_are_safe=True)
        try:
            job.wait()
        finally:
            assert not job.location.exists()


@case("checkpoint-remove-none")
def checkpoint_remove_none(world: World) -> None:
    hotbackup.remove_checkpoint(world.data / ".lifecycle/checkpoints/checkpoint-1")


@case("checkpoint-fails", "freeze-fails", "thaw-fails", "release-fails", "validate-fails", "progress-fails")
def a_hook_fails(world: World) -> None:
    with world.open() as coordinator:
        job = coordinator.start()
        with pytest.raises(SaidNo, match=f"{world.failing} said no") as failed:
            job.wait()
        assert job.status().state == State.FAILED
    then_another_succeeds(world, failed.value)


@case("run-freeze-fails")
def a_hook_fails_on_this_thread(world: World) -> None:
    with world.open() as coordinator, pytest.raises(SaidNo, match="freeze said no") as failed:
        coordinator.run()
    then_another_succeeds(world, failed.value)


@case("progress-cancels")
def progress_cancels(world: World) -> None:
    world.inside["progress"] = lambda _: False
    with world.open() as coordinator:
        coordinator.start().wait()


@case("hook-cancels")
def hook_cancels(world: World) -> None:
    world.inside["checkpoint"] = lambda hook: hook.cancel()
    with world.open() as coordinator:
        coordinator.start().wait()


@case("cancel")
def cancel(world: World) -> None:
    world.inside["validate"] = gate = Gate()
    with world.open() as coordinator:
        job = coordinator.start()
        assert gate.reached.wait(SECONDS)
        job.cancel()
        gate.open.set()
        job.wait()


@case("close-cancels")
def close_cancels(world: World) -> None:
    world.inside["validate"] = gate = Gate()
    with world.open() as coordinator:
        job = coordinator.start()
        assert gate.reached.wait(SECONDS)
        job.set_rate_limit(1000)
        gate.open.set()
    job.wait()


@case("second-start")
def second_start(world: World) -> None:
    world.inside["validate"] = gate = Gate()
    with world.open() as coordinator:
        job = coordinator.start()
        assert gate.reached.wait(SECONDS)
        try:
            coordinator.start()
        finally:
            gate.open.set()
            job.wait()


@case("wait-in-own-hook")
def wait_in_own_hook(world: World) -> None:
    with world.open() as coordinator:
        seen: list[BackupError] = []

        def waits(_: object) -> None:
            with pytest.raises(BackupError) as refused:
                coordinator.find().wait()
            seen.append(refused.value)

        world.inside["validate"] = waits
        coordinator.start().wait()
    raise seen[0]


@case("wait-times-out")
def wait_times_out(world: World) -> None:
    world.inside["validate"] = gate = Gate()
    with world.open() as coordinator:
        job = coordinator.start()
        assert gate.reached.wait(SECONDS)
        try:
            job.wait(0.01)
        finally:
            gate.open.set()
            job.wait()


@case("missing-directory")
def missing_directory(world: World) -> None:
    hotbackup.Coordinator(world.place / "missing")


@case("directory-is-a-file")
def directory_is_a_file(world: World) -> None:
    hotbackup.Coordinator(world.data / "log")


@case("bad-rule")
def bad_rule(world: World) -> None:
    world.options["rules"] = [("[", FileClass.MUTABLE)]
    world.open()


@case("unknown-layout")
def unknown_layout(world: World) -> None:
    world.options["layout"] = "no such layout"
    world.open()


# --- Restores


@case("restore")
def restore(world: World) -> None:
    log = (world.data / "log").read_bytes()
    snapshot = world.backup()
    (world.data / "log").write_bytes(log)
    world.restore(snapshot).wait()
    assert tree(world.target) == tree(world.data)


@case("restore-validate-fails")
def restore_validate_fails(world: World) -> None:
    world.failing = ""
    snapshot = world.backup()
    world.failing = "validate"
    try:
        world.restore(snapshot).wait()
    finally:
        assert not world.target.exists()


@case("restore-cancelled")
def restore_cancelled(world: World) -> None:
    snapshot = world.backup()
    world.inside["progress"] = lambda _: False
    try:
        world.restore(snapshot).wait()
    finally:
        assert not world.target.exists()


@case("restore-and-undo")
def restore_and_undo(world: World) -> None:
    snapshot = world.backup()
    world.target.mkdir()
    (world.target / "old").write_bytes(b"old")
    world.restore(snapshot).wait()
    assert b"old" not in tree(world.target)
    hotbackup.restore_undo(world.target)
    assert tree(world.target) == {b"old": b"old"}


@case("restore-under-a-host")
def restore_under_a_host(world: World) -> None:
    snapshot = world.backup()
    world.target = world.data
    with world.open():
        world.restore(snapshot).wait()


@case("recover-nothing")
def recover_nothing(world: World) -> None:
    assert hotbackup.recover(world.data) == hotbackup.Recovered.NOTHING


@case("undo-nothing")
def undo_nothing(world: World) -> None:
    hotbackup.restore_undo(world.data)


# --- What is on disk


@case("verify")
def verify(world: World) -> None:
    hotbackup.verify(world.backup(), **world.hooks("validate", "progress")).wait()


@case("verify-corrupt")
def verify_corrupt(world: World) -> None:
    snapshot = world.backup()
    flip(snapshot / "2.sst")
    hotbackup.verify(snapshot, **world.hooks("validate", "progress")).wait()


@case("list")
def listing(world: World) -> None:
    made = [world.backup() for _ in range(3)]
    found = hotbackup.list_snapshots(world.root)
    assert [snapshot.location for snapshot in found] == made[::-1]
    assert len({snapshot.id for snapshot in found}) == 3
    for snapshot in found:
        facts = snapshot.files, snapshot.bytes, snapshot.layout, snapshot.error
        assert facts == (3, 100_023, "generic", None)
        assert hotbackup.Snapshot.open(snapshot.location) == snapshot
    assert hotbackup.latest(world.root) == found[0]


@case("list-unreadable")
def list_unreadable(world: World) -> None:
    made = [world.backup() for _ in range(3)]
    (made[1] / "snapshot.manifest").write_text("{")
    found = hotbackup.list_snapshots(world.root)
    assert [snapshot.error is None for snapshot in found] == [True, False, True]
    assert found[1].location == made[1]
    assert found[1].error is not None
    raise found[1].error


@case("latest-of-nothing")
def latest_of_nothing(world: World) -> None:
    with world.open() as coordinator:
        hotbackup.latest(coordinator.root)


@case("delete")
def delete(world: World) -> None:
    older, newer = world.backup(), world.backup()
    assert hotbackup.latest(world.root).location == newer
    hotbackup.delete(world.root, hotbackup.latest(world.root).id)
    assert hotbackup.latest(world.root).location == older
    assert not newer.exists()


@case("delete-missing")
def delete_missing(world: World) -> None:
    world.backup()
    hotbackup.delete(world.root, "ts-1")


@case("prune")
def prune(world: World) -> None:
    newest = [world.backup() for _ in range(3)][-1]
    assert hotbackup.prune(world.root, keep_newest=1) == 2
    assert hotbackup.latest(world.root).location == newest


@case("prune-to-none")
def prune_to_none(world: World) -> None:
    world.backup()
    hotbackup.prune(world.root, 0)


@case("prune-by")
def prune_by(world: World) -> None:
    made = [world.backup() for _ in range(3)]
    (made[1] / "snapshot.manifest").write_text("{")
    policy = hotbackup.Retention(newest=1, yearly=1, tags=("release",))
    planned = hotbackup.retention_plan(world.root, replace(policy, within=timedelta(hours=1)))
    assert [verdict.location for verdict in planned] == made[::-1]
    assert not any(verdict.goes for verdict in planned)
    assert [verdict.reasons for verdict in planned] == [
        "newest 1 of 1, yearly 1 of 1, within 1 hour, the newest good one",
        "unreadable",
        "within 1 hour",
    ]
    assert all(location.exists() for location in made)
    done = hotbackup.prune_by(world.root, policy)
    assert [verdict.id for verdict in done] == [verdict.id for verdict in planned]
    assert [verdict.goes for verdict in done] == [False, False, True]
    assert [verdict.reasons for verdict in done] == [
        "newest 1 of 1, yearly 1 of 1, the newest good one",
        "unreadable",
        "no rule keeps it",
    ]
    assert [location.exists() for location in made] == [False, True, True]
    assert hotbackup.latest(world.root).location == made[2]


@case("prune-by-nothing")
def prune_by_nothing(world: World) -> None:
    world.backup()
    hotbackup.prune_by(world.root, hotbackup.Retention())


# --- Names


@case("non-utf8-path")
def non_utf8_path(world: World) -> None:
    name = b"d\xff\xfe"
    with open(os.path.join(os.fsencode(world.data), name), "wb") as file:
        file.write(b"a name")
    with world.open() as coordinator:
        assert os.fsencode(coordinator.root) == os.fsencode(world.place) + b"/" + name + b"/.lifecycle/backup"
        job = coordinator.start()
        job.wait()
    (snapshot,) = hotbackup.list_snapshots(world.root)
    assert os.fsencode(snapshot.location).startswith(os.fsencode(world.place) + b"/" + name + b"/")
    assert snapshot.location == job.location
    target = os.fsencode(world.place) + b"/" + name[::-1]
    restored = hotbackup.restore(os.fsencode(snapshot.location), target)
    restored.wait()
    assert os.fsencode(restored.location) == target
    assert tree(restored.location) == tree(world.data)
    assert tree(restored.location)[name] == b"a name"
