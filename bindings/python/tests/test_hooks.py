"""Hooks: their exceptions, what they are given, how long they live."""

from __future__ import annotations

import asyncio
import gc
import threading
import traceback
import weakref
from pathlib import Path
from typing import Any, Callable

import pytest
from world import SECONDS, Gate, SaidNo

import hotbackup
from hotbackup import Coordinator, Hook, Job, State, _alive

NAMES = ["checkpoint", "freeze", "thaw", "release", "validate", "progress"]
Way = Callable[[Coordinator], object]


def in_asyncio(coordinator: Coordinator) -> object:
    async def wait() -> object:
        return await coordinator.start()

    return asyncio.run(wait())


WAYS: dict[str, Way] = {
    "wait": lambda coordinator: coordinator.start().wait(),
    "run": lambda coordinator: coordinator.run(),
    "await": in_asyncio,
}


def quiet_hooks() -> dict[str, Any]:
    return dict.fromkeys(NAMES, lambda *_: None)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_a_hooks_own_exception_comes_out(data_dir: Path, name: str, way: str) -> None:
    failure = SaidNo(f"{name} said\0no")

    def this_hook_raises(*_: object) -> None:
        raise failure

    hooks = {**quiet_hooks(), name: this_hook_raises}
    with Coordinator(data_dir, **hooks) as coordinator:
        with pytest.raises(SaidNo) as raised:
            WAYS[way](coordinator)
        assert raised.value is failure
        assert "this_hook_raises" in "".join(traceback.format_tb(raised.value.__traceback__))
        assert hotbackup.list_snapshots(coordinator.root) == []
        # The message is also in the library's own error, for those who look at the job elsewhere.
        assert coordinator.find().status().state == State.FAILED


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError, GeneratorExit])
@pytest.mark.parametrize("way", ["wait", "run"])
def test_an_exception_of_any_kind_comes_out(data_dir: Path, kind: type[BaseException], way: str) -> None:
    def raises(_: Hook) -> None:
        raise kind

    with Coordinator(data_dir, checkpoint=raises) as coordinator, pytest.raises(kind):
        WAYS[way](coordinator)


def test_an_exception_that_cannot_be_printed_comes_out(data_dir: Path) -> None:
    class Unprintable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    def raises(_: Hook) -> None:
        raise Unprintable

    with Coordinator(data_dir, freeze=raises, thaw=raises) as coordinator, pytest.raises(Unprintable):
        coordinator.start().wait()


def test_each_wait_raises_the_same_exception_with_the_traceback_of_the_hook(data_dir: Path) -> None:
    def raises(_: Hook) -> None:
        raise SaidNo("once")

    with Coordinator(data_dir, checkpoint=raises) as coordinator:
        job = coordinator.start()
        raised = []
        for _ in range(5):
            with pytest.raises(SaidNo) as info:
                job.wait()
            raised.append((info.value, len(traceback.extract_tb(info.value.__traceback__))))
        assert len(set(raised)) == 1
        # Another way to the same job is the same Job.
        assert coordinator.find(job.id) is job


def test_an_exception_that_nobody_waited_for_is_let_go(data_dir: Path) -> None:
    class Kept(Exception):
        pass

    seen: list[weakref.ref[BaseException]] = []

    def raises(_: Hook) -> None:
        error = Kept("unseen")
        seen.append(weakref.ref(error))
        raise error

    with Coordinator(data_dir, checkpoint=raises) as coordinator:
        coordinator.start()
        while not coordinator.find().done:
            pass
        assert seen[0]() is not None
    gc.collect()
    assert seen[0]() is None


def test_a_job_whose_exception_was_caught_can_be_collected(data_dir: Path) -> None:
    def raises(_: Hook) -> None:
        raise SaidNo

    with Coordinator(data_dir, checkpoint=raises) as coordinator:

        def fails() -> weakref.ref[Job]:
            job = coordinator.start()
            with pytest.raises(SaidNo):
                job.wait()
            return weakref.ref(job)

        job = fails()
        gc.collect()
        assert job() is None


def test_a_hook_of_a_restore_and_of_a_verification_raises_too(data_dir: Path, place: Path) -> None:
    def raises(*_: object) -> None:
        raise SaidNo

    with Coordinator(data_dir) as coordinator:
        snapshot = coordinator.run().location
    for job in (
        hotbackup.restore(snapshot, place / "target", validate=raises),
        hotbackup.restore(snapshot, place / "target", progress=raises),
        hotbackup.verify(snapshot, validate=raises),
    ):
        with pytest.raises(SaidNo):
            job.wait()
    assert not (place / "target").exists()


def test_thaw_and_release_are_called_once_when_a_hook_fails(data_dir: Path) -> None:
    for name in NAMES:
        calls: list[str] = []

        def hook(called: str, failing: str = name, calls: list[str] = calls) -> Callable[..., None]:
            def write(*_: object) -> None:
                calls.append(called)
                if called == failing:
                    raise SaidNo

            return write

        hooks: dict[str, Any] = {each: hook(each) for each in NAMES}
        with Coordinator(data_dir, **hooks) as coordinator, pytest.raises(SaidNo):
            coordinator.run()
        assert calls.count("thaw") == (calls.count("freeze") if name != "freeze" else 0)
        assert calls.count("release") == (0 if name in ("checkpoint", "progress") else 1)


@pytest.mark.parametrize("way", ["wait", "run"])
def test_what_a_hook_is_given_ends_with_it(data_dir: Path, way: str) -> None:
    kept: list[Hook] = []
    with Coordinator(data_dir, checkpoint=kept.append, metadata=b"") as coordinator:
        WAYS[way](coordinator)
        job = coordinator.find()
    hook = kept[0]
    for use in (
        lambda: hook.job_id,
        lambda: hook.location,
        hook.cancel,
        lambda: hook.set_metadata(b""),
        lambda: hook.add_file("x", 1),
        lambda: hook.add_bytes("x", b""),
    ):
        with pytest.raises(hotbackup.Conflict, match="returned"):
            use()
    assert job.done


@pytest.mark.parametrize("way", ["wait", "run"])
def test_a_hook_may_say_more_about_its_backup(data_dir: Path, way: str) -> None:
    seen: dict[str, object] = {}

    def freeze(hook: Hook) -> None:
        seen.update(id=hook.job_id, location=hook.location)
        hook.add_file(b"log", hotbackup.FileClass.APPEND_ONLY, 2)
        hook.add_bytes("LABEL", b"made\0here")
        hook.set_metadata(b"of this one")
        for bad in (-1, 1 << 64):
            with pytest.raises(hotbackup.InvalidArgument):
                hook.add_file("log", hotbackup.FileClass.APPEND_ONLY, bad)

    with Coordinator(data_dir, freeze=freeze, thaw=lambda _: None) as coordinator:
        WAYS[way](coordinator)
        job = coordinator.find()
        assert seen == {"id": job.id, "location": job.location}
        assert (job.location / "log").read_bytes() == b"a "
        assert (job.location / "LABEL").read_bytes() == b"made\0here"
        assert hotbackup.latest(coordinator.root).metadata == b"of this one"


@pytest.mark.parametrize("way", ["wait", "run"])
def test_a_wrong_call_in_a_hook_is_an_exception_there(data_dir: Path, way: str) -> None:
    def names_nothing(hook: Hook) -> None:
        with pytest.raises(hotbackup.Conflict):
            hook.add_file("log", hotbackup.FileClass.MUTABLE)

    def names_what_is_missing(hook: Hook) -> None:
        hook.add_file("missing", hotbackup.FileClass.MUTABLE)

    with Coordinator(data_dir, validate=lambda _, hook: names_nothing(hook)) as coordinator:
        WAYS[way](coordinator)
    with (
        Coordinator(data_dir, checkpoint=names_what_is_missing) as coordinator,
        pytest.raises(FileNotFoundError),
    ):
        WAYS[way](coordinator)


@pytest.mark.parametrize("way", ["wait", "run"])
def test_from_a_hook_a_coordinator_can_be_closed(data_dir: Path, way: str) -> None:
    coordinator: Coordinator

    def closes(_: Hook) -> None:
        coordinator.close()
        assert coordinator.closed

    coordinator = Coordinator(data_dir, checkpoint=closes)
    with pytest.raises(hotbackup.Cancelled):
        WAYS[way](coordinator)
    coordinator.close()
    with pytest.raises(hotbackup.Conflict, match="closed"):
        coordinator.start()


def test_a_close_in_a_hook_and_one_outside_do_not_wait_for_each_other(data_dir: Path) -> None:
    gate = Gate()

    def closes(_: Path, hook: Hook) -> None:
        gate(hook)
        while not coordinator.closed:
            pass
        coordinator.close()

    coordinator = Coordinator(data_dir, validate=closes)
    job = coordinator.start()
    assert gate.reached.wait(SECONDS)
    gate.open.set()
    coordinator.close()
    assert job.done


def test_from_a_hook_of_run_its_own_job_cannot_be_waited_for(data_dir: Path) -> None:
    refused: list[str] = []

    def waits(_: Hook) -> None:
        with pytest.raises(hotbackup.Conflict, match="own hook"):
            coordinator.find().wait()
        with pytest.raises(hotbackup.Conflict):
            coordinator.start()
        with pytest.raises(hotbackup.Conflict):
            coordinator.run()
        refused.append("twice")

    with Coordinator(data_dir, checkpoint=waits) as coordinator:
        coordinator.run()
    assert refused == ["twice"]


def test_run_on_another_thread_has_its_hooks_there_also_when_it_is_closed(data_dir: Path) -> None:
    gate = Gate()
    threads: dict[str, int] = {}

    def note(name: str) -> Callable[..., None]:
        return lambda *_: threads.update({name: threading.get_ident()})

    def validates(_: Path, hook: Hook) -> None:
        gate(hook)

    hooks: dict[str, Any] = {name: note(name) for name in ("checkpoint", "freeze", "thaw", "release")}
    coordinator = Coordinator(data_dir, **hooks, validate=validates)
    ended: list[BaseException] = []

    def runs() -> None:
        try:
            coordinator.run()
        except BaseException as error:
            ended.append(error)

    runner = threading.Thread(target=runs)
    runner.start()
    assert gate.reached.wait(SECONDS)
    coordinator.find().set_rate_limit(1)
    closer = threading.Thread(target=coordinator.close)
    closer.start()
    while not coordinator.closed:
        pass
    gate.open.set()
    closer.join(SECONDS)
    runner.join(SECONDS)
    assert set(threads.values()) == {runner.ident}
    assert [type(error) for error in ended] == [hotbackup.Cancelled]


def test_hooks_are_let_go_with_their_coordinator(data_dir: Path) -> None:
    class Host:
        def hook(self, *_: object) -> None:
            pass

    def use() -> weakref.ref[Host]:
        host = Host()
        hooks: dict[str, Any] = dict.fromkeys(NAMES, host.hook)
        with Coordinator(data_dir, **hooks) as coordinator:
            coordinator.start().wait()
            coordinator.run()
        return weakref.ref(host)

    gc.collect()  # what other tests left
    before = len(_alive._objects)
    host = use()
    gc.collect()
    assert host() is None
    assert len(_alive._objects) == before


def test_hooks_are_let_go_when_opening_fails(place: Path) -> None:
    gc.collect()
    before = len(_alive._objects)
    with pytest.raises(hotbackup.NotFound):
        Coordinator(place / "missing", **quiet_hooks())
    with pytest.raises(hotbackup.InvalidArgument):
        Coordinator(place, checkpoint=lambda _: None, freeze=lambda _: None)
    assert len(_alive._objects) == before


@pytest.mark.parametrize("way", ["wait", "run"])
def test_another_thread_may_use_what_a_hook_was_given_until_the_hook_has_returned(
    data_dir: Path, way: str
) -> None:
    """And gets an exception then, in whatever call it is: not a crash."""
    refused: list[str] = []

    def uses(hook: Hook) -> None:
        try:
            while True:
                assert hook.job_id and hook.location
                hook.set_metadata(b"")
        except hotbackup.Conflict as error:
            refused.append(str(error))

    users: list[threading.Thread] = []

    def checkpoint(hook: Hook) -> None:
        users[:] = [threading.Thread(target=uses, args=(hook,)) for _ in range(3)]
        for user in users:
            user.start()

    with Coordinator(
        data_dir, checkpoint=checkpoint, freeze=lambda _: None, thaw=lambda _: None
    ) as coordinator:
        for _ in range(20):
            refused.clear()
            WAYS[way](coordinator)
            for user in users:
                user.join(SECONDS)
            assert len(refused) == 3 and all("returned" in said for said in refused), refused
            hotbackup.prune(coordinator.root, 1)
