"""Waiting: timeouts, Ctrl-C, asyncio."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import PACKAGE
from world import SECONDS, Gate

import hotbackup
from hotbackup import Coordinator, Job, _ffi


@contextmanager
def waiting_job(data_dir: Path) -> Iterator[tuple[Job, Gate]]:
    """A job that ends when its gate is opened."""
    gate = Gate()
    with Coordinator(data_dir, checkpoint=gate) as coordinator:
        job = coordinator.start()
        assert gate.reached.wait(SECONDS)
        try:
            yield job, gate
        finally:
            gate.open.set()
            job.wait()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_a_wait_that_ends_before_the_job_is_a_timeout_error(data_dir: Path) -> None:
    with waiting_job(data_dir) as (job, _):
        for timeout in (0, 0.001, -1):
            with pytest.raises(TimeoutError) as raised:
                job.wait(timeout)
            assert isinstance(raised.value, hotbackup.WaitTimeout)
        assert not job.done
    assert job.wait(0).percent == 100
    assert job.done


def test_a_very_long_timeout_is_one(data_dir: Path) -> None:
    with waiting_job(data_dir) as (job, gate):
        threading.Timer(0.05, gate.open.set).start()
        assert job.wait(1e300).percent == 100


def test_many_threads_may_wait(data_dir: Path) -> None:
    with waiting_job(data_dir) as (job, gate):
        ended: list[int] = []
        threads = [threading.Thread(target=lambda: ended.append(job.wait().percent)) for _ in range(5)]
        for thread in threads:
            thread.start()
        gate.open.set()
        for thread in threads:
            thread.join(SECONDS)
    assert ended == [100] * 5


def test_without_a_descriptor_it_waits_too(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_ffi.lib, "backup_eventfd", lambda job: -1)
    with Coordinator(data_dir) as coordinator:
        assert coordinator.run().wait().percent == 100
        assert coordinator.start().wait().percent == 100

        async def wait() -> int:
            return (await coordinator.start()).percent

        assert asyncio.run(wait()) == 100


def test_a_job_can_be_polled(data_dir: Path) -> None:
    with waiting_job(data_dir) as (job, gate):
        assert select.select([job], [], [], 0)[0] == []
        gate.open.set()
        assert select.select([job], [], [], SECONDS)[0] == [job]
    assert select.select([job], [], [], 0)[0] == [job]


def test_several_may_await_a_job_and_no_descriptor_is_left(data_dir: Path) -> None:
    async def wait(job: Job, gate: Gate) -> None:
        waiters = [asyncio.ensure_future(job) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert not any(waiter.done() for waiter in waiters)
        gate.open.set()
        results = await asyncio.wait_for(asyncio.gather(*waiters), SECONDS)
        assert [result.percent for result in results] == [100] * 3
        assert (await job) == results[0]  # it has ended already

    with waiting_job(data_dir) as (job, gate):
        job.fileno()  # makes the job's own
        before = descriptors()
        asyncio.run(wait(job, gate))
        assert descriptors() == before


def test_a_cancelled_await_leaves_the_job_alone_and_no_descriptor(data_dir: Path) -> None:
    async def wait(job: Job) -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(job, 0.02)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(job, 0)

    with waiting_job(data_dir) as (job, gate):
        job.fileno()  # makes the job's own
        before = descriptors()
        asyncio.run(wait(job))
        assert descriptors() == before
        assert not job.done
        gate.open.set()
        assert job.wait().percent == 100


def test_an_awaited_job_that_is_cancelled_raises_cancelled(data_dir: Path) -> None:
    async def wait(job: Job, gate: Gate) -> None:
        waiter = asyncio.ensure_future(job)
        await asyncio.sleep(0)
        job.cancel()
        gate.open.set()
        with pytest.raises(hotbackup.Cancelled):
            await waiter

    gate = Gate()
    with Coordinator(data_dir, checkpoint=gate) as coordinator:
        asyncio.run(wait(coordinator.start(), gate))


def interrupted(script: str, data_dir: Path, *signals: int) -> tuple[list[str], float]:
    """Runs a script that says "now" where it shall be interrupted; what it said, and how long it
    took from then."""
    program = subprocess.Popen(
        [sys.executable, "-c", script, str(data_dir)],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert program.stdout is not None
    too_long = threading.Timer(2 * SECONDS, program.kill)
    too_long.start()
    lines = []
    since = 0.0
    for line in program.stdout:
        lines.append(line.strip())
        if line.strip() == "now":
            time.sleep(0.05)
            since = time.monotonic()
            for number in signals:
                program.send_signal(number)
                time.sleep(0.05)
    too_long.cancel()
    assert program.wait(SECONDS) == 0, lines
    program.stdout.close()
    return lines, time.monotonic() - since


HEAD = """
import hotbackup, signal, sys, threading, time
go = threading.Event()
calls = []
def say(*words): print(*words, flush=True)
"""


def test_ctrl_c_ends_a_wait_and_not_the_job(data_dir: Path) -> None:
    script = f"""{HEAD}
with hotbackup.Coordinator(sys.argv[1], checkpoint=lambda hook: go.wait(60)) as c:
    job = c.start()
    try:
        say("now")
        job.wait()
    except KeyboardInterrupt:
        say("interrupted", job.done)
        go.set()
        say(job.wait().state.name)
"""
    lines, seconds = interrupted(script, data_dir, signal.SIGINT)
    assert lines == ["now", "interrupted False", "COMPLETED"]
    assert seconds < 30


def test_ctrl_c_cancels_a_run_between_its_hooks(data_dir: Path) -> None:
    script = f"""{HEAD}
def hook(name): return lambda *_: calls.append(name)
c = hotbackup.Coordinator(sys.argv[1], freeze=hook("freeze"), thaw=hook("thaw"), release=hook("release"),
                          rules=[("*", hotbackup.FileClass.IMMUTABLE)], rate_limit=1)
threading.Thread(target=lambda: (time.sleep(0.5), say("now")), daemon=True).start()
try:
    c.run()
except KeyboardInterrupt:
    say("interrupted", calls, c.find().status().state.name, hotbackup.list_snapshots(c.root))
c.close()
"""
    (data_dir / "1.sst").write_bytes(bytes(4 << 20))
    lines, seconds = interrupted(script, data_dir, signal.SIGINT)
    assert lines == ["now", "interrupted ['freeze', 'thaw', 'release'] CANCELLED []"]
    assert seconds < 30


@pytest.mark.parametrize("name", ["checkpoint", "freeze", "thaw", "release"])
def test_ctrl_c_in_a_hook_of_run_comes_out_of_run(data_dir: Path, name: str) -> None:
    script = f"""{HEAD}
def hook(name):
    def called(hook):
        calls.append(name)
        if name == {name!r}:
            say("now")
            go.wait(60)
    return called
names = ("checkpoint", "freeze", "thaw", "release")
with hotbackup.Coordinator(sys.argv[1], **{{name: hook(name) for name in names}}) as c:
    try:
        c.run()
    except KeyboardInterrupt:
        say("interrupted", *calls, c.find().status().state.name)
"""
    lines, _ = interrupted(script, data_dir, signal.SIGINT)
    calls = ["checkpoint", "freeze", "thaw", "release"]
    expected = {"checkpoint": calls[:1], "freeze": ["checkpoint", "freeze", "release"]}.get(name, calls)
    assert lines == ["now", " ".join(["interrupted", *expected, "FAILED"])]


def test_a_storm_of_signals_calls_each_hook_of_run_once(data_dir: Path) -> None:
    """A handler that raises now and then, wherever Python happens to be."""
    script = f"""{HEAD}

class Stop(Exception): pass
def handler(*_): raise Stop
def hook(name): return lambda hook: calls.append(name)
names = ("checkpoint", "freeze", "thaw", "release")
stopped = ended = 0
signal.signal(signal.SIGALRM, handler)
with hotbackup.Coordinator(sys.argv[1], **{{name: hook(name) for name in names}}) as c:
    for i in range(300):
        calls.clear()
        try:
            try:
                # However slow the machine is, one in ten is left in peace and ends.
                signal.setitimer(signal.ITIMER_REAL, 0.00005 * (i % 100 + 1) if i % 10 else 0)
                c.run()
                ended += 1
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        except (Stop, hotbackup.Cancelled) as error:
            stopped += 1
        while True:  # a run that was interrupted in its very last line
            try:
                if c.find().done: break
            except hotbackup.NotFound: break
        assert all(calls.count(name) <= 1 for name in names), calls
        assert calls.count("thaw") == calls.count("freeze") or stopped, calls
        for s in hotbackup.list_snapshots(c.root)[3:]: hotbackup.delete(c.root, s.id)
say(stopped > 0, ended > 0)
"""
    lines, _ = interrupted(script, data_dir)
    # Python itself may say that an exception was ignored in a callback of its garbage collector.
    assert lines[-1] == "True True"


def test_another_signals_handler_runs_while_a_job_is_waited_for(data_dir: Path) -> None:
    script = f"""{HEAD}
signal.signal(signal.SIGUSR1, lambda *_: (say("handled"), go.set()))
with hotbackup.Coordinator(sys.argv[1], checkpoint=lambda hook: go.wait(60)) as c:
    job = c.start()
    say("now")
    say(job.wait().state.name)
"""
    lines, _ = interrupted(script, data_dir, signal.SIGUSR1)
    assert lines == ["now", "handled", "COMPLETED"]
