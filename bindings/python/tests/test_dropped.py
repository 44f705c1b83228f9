"""What is dropped, or left at exit: it is said, and whoever drops it does not wait."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Callable

import pytest
from scripts import said
from world import SECONDS, Gate, SaidNo

import hotbackup
from hotbackup import Coordinator, Job


@pytest.fixture
def snapshot(data_dir: Path) -> Path:
    with Coordinator(data_dir) as coordinator:
        return coordinator.run().location


@contextmanager
def resource_warnings() -> Iterator[list[str]]:
    """Those of what is dropped meanwhile."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield said
        gc.collect()
    assert {warning.category for warning in caught} <= {ResourceWarning}
    said += [str(warning.message) for warning in caught]


def ended(job: Callable[[], bool]) -> None:
    until = time.monotonic() + SECONDS
    while not job():
        assert time.monotonic() < until
        time.sleep(0.005)


def threads() -> int:
    return len(os.listdir("/proc/self/task"))


def test_a_dropped_backup_goes_on_and_its_job_keeps_the_coordinator(data_dir: Path) -> None:
    gate = Gate()
    job = Coordinator(data_dir, checkpoint=gate).start()
    gc.collect()
    gate.open.set()
    assert job.wait().percent == 100
    with resource_warnings() as said:
        del job
    assert len(said) == 1 and str(data_dir) in said[0]


def test_a_dropped_restore_is_cancelled_and_a_warning_says_so(
    snapshot: Path, place: Path, data_dir: Path
) -> None:
    gate = Gate()
    target, before = place / "target", threads()

    def validate(_: Path, hook: hotbackup.Hook) -> None:
        gate(hook)

    starts: list[tuple[str, Callable[[], Job]]] = [
        (f"restore to {target}", lambda: hotbackup.restore(snapshot, target, validate=validate)),
        (f"verification of {snapshot}", lambda: hotbackup.verify(snapshot, validate=validate)),
    ]
    for what, start in starts:
        gate.reached.clear()
        gate.open.clear()
        job = start()
        collected = weakref.ref(job)
        assert gate.reached.wait(SECONDS)
        with resource_warnings() as said:
            del job
            # While it waits for its hook, which nobody here waits for.
            assert collected() is None and not gate.open.is_set()
        assert said == [f"the Job of the {what} was dropped without a wait, which is cancelled"]
        gate.open.set()
        ended(lambda: threads() <= before)
        assert not target.exists()
    hotbackup.restore(snapshot, target).wait()


def test_a_restore_that_nobody_looked_at_is_no_success(snapshot: Path, place: Path) -> None:
    with resource_warnings() as said:
        hotbackup.restore(snapshot, place / "target")
        hotbackup.verify(snapshot)
    assert [line.split(" was dropped")[0] for line in said] == [
        f"the Job of the restore to {place / 'target'}",
        f"the Job of the verification of {snapshot}",
    ]
    with resource_warnings() as said:
        job = hotbackup.verify(snapshot)
        handle = job._handle
        ended(lambda: not handle.is_running())
        del job
    assert said[0].endswith("was dropped without a wait, and nobody asked how it ended")


def test_who_knows_how_it_ended_or_ended_it_is_not_warned(snapshot: Path, place: Path) -> None:
    def raises(*_: object) -> None:
        raise SaidNo

    async def awaited(job: Job) -> None:
        await job

    gate = Gate()
    with resource_warnings() as said:
        hotbackup.restore(snapshot, place / "target").wait()
        asyncio.run(awaited(hotbackup.verify(snapshot)))
        with pytest.raises(SaidNo):
            hotbackup.verify(snapshot, validate=raises).wait()
        polled = hotbackup.verify(snapshot)
        until = time.monotonic() + SECONDS
        while not polled.done:
            assert time.monotonic() < until
        cancelled = hotbackup.verify(snapshot, validate=lambda _, hook: gate(hook))
        assert gate.reached.wait(SECONDS)
        cancelled.cancel()
        del polled, cancelled
        gate.open.set()
    assert said == []


def test_a_warning_that_is_an_error_leaves_nothing_open(data_dir: Path) -> None:
    script = """
import gc
with hotbackup.Coordinator(data) as c:
    snapshot = c.run().location
hotbackup.verify(snapshot, validate=lambda *_: time.sleep(0.1))
hotbackup.Coordinator(data)
gc.collect()
until = time.monotonic() + 30
while hotbackup._handles.live and time.monotonic() < until: time.sleep(0.01)
say(len(hotbackup._handles.live), hotbackup.recover(data).name)
"""
    lines = said("import warnings; warnings.simplefilter('error')\n" + script, data_dir)
    assert lines[-1] == "0 NOTHING"
    assert len([line for line in lines if line.startswith("ResourceWarning")]) == 2


@pytest.mark.parametrize(
    "what",
    [
        "hotbackup.restore(snapshot, data + '-again', validate=hook)",
        "hotbackup.verify(snapshot, validate=hook)",
        "hotbackup.Coordinator(data, validate=hook).start()",
    ],
)
def test_a_finalizer_does_not_wait_for_a_hook_that_waits_for_what_it_interrupted(
    data_dir: Path, what: str
) -> None:
    """The garbage collector runs in the middle of anything, here of one who holds a lock."""
    script = f"""
with hotbackup.Coordinator(data) as c:
    snapshot = c.run().location
lock = threading.Lock()
def hook(*_):
    begun.set()
    with lock: pass
with lock:
    job = {what}
    begun.wait()
    del job
    say("dropped")
"""
    assert said(script, data_dir)[0] == "dropped"
    assert not Path(f"{data_dir}-again").exists()


@pytest.mark.parametrize(
    ("what", "named"),
    [
        ("job = hotbackup.restore(snapshot, data + '-again', validate=hook)", "the restore to "),
        ("job = hotbackup.verify(snapshot, validate=hook)", "the verification of "),
        ("c = hotbackup.Coordinator(data, validate=hook); c.start()", "a backup into "),
    ],
)
def test_what_is_cancelled_at_exit_is_said(data_dir: Path, what: str, named: str) -> None:
    script = f"""
with hotbackup.Coordinator(data) as c:
    snapshot = c.run().location
def hook(*_):
    begun.set()
    time.sleep(0.2)
{what}
begun.wait()
"""
    lines = said(script, data_dir, warn=True)
    assert any(f"ResourceWarning: {named}{data_dir}" in line and "at exit" in line for line in lines), lines
    assert not Path(f"{data_dir}-again").exists()


def test_at_exit_nothing_is_said_of_what_has_ended(data_dir: Path) -> None:
    script = """
with hotbackup.Coordinator(data) as c:
    snapshot = c.run().location
    c.start().wait()
job = hotbackup.restore(snapshot, data + "-again")
job.wait()
"""
    assert said(script, data_dir, warn=True) == []


def test_dropped_restores_leave_no_thread_and_no_descriptor(snapshot: Path, place: Path) -> None:
    def left() -> tuple[int, int, int]:
        return threads(), len(os.listdir("/proc/self/fd")), len(hotbackup._handles.live)

    gc.collect()
    before = left()
    with resource_warnings():
        for number in range(20):
            hotbackup.restore(snapshot, place / f"target-{number}")
    # A thread that has ended is seen there for a moment, before too.
    ended(lambda: all(now <= then for now, then in zip(left(), before)))


def test_a_coordinator_that_another_thread_drops_is_closed(data_dir: Path) -> None:
    before = set(hotbackup._handles.live)
    with resource_warnings() as said:
        thread = threading.Thread(target=lambda: Coordinator(data_dir))
        thread.start()
        thread.join()
        ended(lambda: hotbackup._handles.live <= before)
    assert len(said) == 1
