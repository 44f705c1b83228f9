"""Descriptors of the host's side: above 2, and a wait without them, or with broken ones, is no busy one."""

from __future__ import annotations

import asyncio
import os
import resource
import select
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from scripts import said
from world import SECONDS, Gate

import hotbackup
from hotbackup import Coordinator, Job, _descriptors

DAEMON = """
import asyncio
loop = asyncio.new_event_loop()
report = os.fdopen(os.dup(1), "w")
assert report.fileno() > 2
for number in (0, 1, 2): os.close(number)
def say(*words): print(*words, file=report, flush=True)
def low():
    found = []
    for number in (0, 1, 2):
        try: link = os.readlink(f"/proc/self/fd/{number}")
        except OSError: continue
        if link.startswith(("socket:", "pipe:", "anon_inode:")): found.append((number, link))
    return found
def shout():
    for number in (1, 2):
        try: os.write(number, b"a line that somebody prints\\n")
        except OSError: pass
def hook(name):
    def called(*_):
        calls.append(name)
        lows.update(low())
        shout()
        time.sleep(0.2)
    return called
lows = set()
names = ("checkpoint", "freeze", "thaw", "release")
hooks = {name: hook(name) for name in names}
def cpu(): return time.process_time()
"""


@pytest.mark.parametrize(
    "way",
    [
        "c.start().wait()",
        "c.run()",
        "loop.run_until_complete(awaits())",
        "loop.run_until_complete(awaits(3))",
    ],
)
def test_in_a_daemon_without_standard_descriptors_a_print_ends_no_wait(data_dir: Path, way: str) -> None:
    script = """
async def awaits(count=1):
    global ticks
    job = c.start()
    waits = [asyncio.ensure_future(job) for _ in range(count)]
    while not all(wait.done() for wait in waits):
        await asyncio.sleep(0.02)
        lows.update(low())
        ticks += 1
    await asyncio.gather(*waits)
ticks = 0
with hotbackup.Coordinator(data, **hooks) as c:
    used = time.process_time()
    WAY
    used = time.process_time() - used
    say(calls == list(names), used < 0.6)
    job = c.find()
    # The library's own eventfd is the library's affair.
    say([low for low in lows if low[0] != job.fileno()], ticks > 10)
"""
    lines = said(DAEMON + script.replace("WAY", way), data_dir)
    assert lines == ["True True", f"[] {'awaits' in way}"]


def test_what_the_package_makes_is_above_2_and_closed_on_exec(data_dir: Path) -> None:
    script = """
import fcntl
from hotbackup import _descriptors
ends = _descriptors.pair()
numbers = [end.fileno() for end in ends] + [_descriptors.duplicate(report.fileno())]
say(min(numbers) > 2, all(fcntl.fcntl(number, fcntl.F_GETFD) & fcntl.FD_CLOEXEC for number in numbers), low())
"""
    assert said(DAEMON + script, data_dir) == ["True True []"]


class Poll:
    """One that counts, and fails as it is told."""

    polls = 0
    failure: BaseException | None = None

    def __init__(self) -> None:
        self.real = REAL()
        self.register = self.real.register

    def poll(self, timeout: float | None = None) -> list[tuple[int, int]]:
        Poll.polls += 1
        if Poll.failure is not None:
            raise Poll.failure
        return self.real.poll(timeout)


REAL = select.poll


@pytest.fixture
def failing_poll(monkeypatch: pytest.MonkeyPatch) -> type[Poll]:
    monkeypatch.setattr(select, "poll", Poll)
    Poll.polls, Poll.failure = 0, None
    return Poll


def slow(calls: list[str]) -> dict[str, Any]:
    """Hooks that take their time, in which a busy wait would look some ten thousand times."""

    def hook(name: str) -> Any:
        def called(*_: object) -> None:
            calls.append(name)
            time.sleep(0.1)

        return called

    return {name: hook(name) for name in ("checkpoint", "freeze", "thaw", "release")}


def test_a_wait_and_a_run_whose_poll_fails_look_now_and_then(
    data_dir: Path, failing_poll: type[Poll]
) -> None:
    failing_poll.failure = OSError(22, "Invalid argument")
    calls: list[str] = []
    with Coordinator(data_dir, **slow(calls)) as coordinator:
        coordinator.run()
        coordinator.start().wait()
    assert calls == ["checkpoint", "freeze", "thaw", "release"] * 2
    assert failing_poll.polls < 200


def test_a_run_whose_waiting_raises_each_time_cancels_and_ends_with_that(
    data_dir: Path, failing_poll: type[Poll]
) -> None:
    failing_poll.failure = RuntimeError("no more waiting")
    calls: list[str] = []
    threads: set[int] = set()
    hooks = {**slow(calls), "progress": lambda *_: threads.add(threading.get_ident())}
    with (
        Coordinator(data_dir, **hooks) as coordinator,
        pytest.raises(RuntimeError, match="no more waiting"),
    ):
        coordinator.run()
    assert hotbackup.list_snapshots(data_dir / ".lifecycle/backup") == []
    assert calls.count("thaw") == calls.count("freeze")
    assert failing_poll.polls < 10
    assert threads == {threading.get_ident()}


def test_a_run_whose_descriptors_were_closed_ends_without_being_busy(
    data_dir: Path, failing_poll: type[Poll]
) -> None:
    calls: list[str] = []
    hooks = slow(calls)

    def checkpoint(_: hotbackup.Hook) -> None:
        (caller,) = coordinator._hooks.callers
        os.close(caller._woken.fileno())
        os.close(caller._wake.fileno())

    with Coordinator(data_dir, **{**hooks, "checkpoint": checkpoint}) as coordinator:
        coordinator.run()
    assert calls == ["freeze", "thaw", "release"]
    assert failing_poll.polls < 200


@contextmanager
def no_more_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(name) for name in os.listdir("/proc/self/fd"))
    fill = [os.open("/dev/null", os.O_RDONLY)]
    while fill[-1] < highest:
        fill.append(os.open("/dev/null", os.O_RDONLY))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (fill[-1] + 1, hard))
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for number in fill:
            os.close(number)


def test_where_there_are_no_more_descriptors_an_await_looks_now_and_then(data_dir: Path) -> None:
    async def wait(job: Job, gate: Gate) -> int:
        with no_more_descriptors():
            with pytest.raises(OSError):
                _descriptors.duplicate(job.fileno())
            waiter = asyncio.ensure_future(job)
            await asyncio.sleep(0.05)
            assert not waiter.done()
        gate.open.set()
        return (await waiter).percent

    gate = Gate()
    with Coordinator(data_dir, checkpoint=gate) as coordinator:
        job = coordinator.start()
        assert gate.reached.wait(SECONDS) and job.fileno() > 2
        assert asyncio.run(wait(job, gate)) == 100


def test_where_there_are_no_more_descriptors_a_run_is_an_error_and_leaves_nothing(data_dir: Path) -> None:
    with Coordinator(data_dir) as coordinator:
        handles = len(hotbackup._handles.live)
        with no_more_descriptors(), pytest.raises(OSError):
            coordinator.run()
        assert len(hotbackup._handles.live) == handles
        coordinator.run()


def test_a_job_whose_descriptor_somebody_wrote_to_is_waited_for_all_the_same(
    data_dir: Path, failing_poll: type[Poll]
) -> None:
    calls: list[str] = []
    hooks = slow(calls)

    def checkpoint(_: hotbackup.Hook) -> None:
        os.write(coordinator.find().fileno(), (1).to_bytes(8, "little"))

    with Coordinator(data_dir, **{**hooks, "checkpoint": checkpoint}) as coordinator:
        coordinator.run()
        coordinator.start().wait()

        async def wait() -> int:
            return (await coordinator.start()).percent

        assert asyncio.run(wait()) == 100
    assert failing_poll.polls < 300
