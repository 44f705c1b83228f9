"""Waiting: timeouts, descriptors, asyncio."""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
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
