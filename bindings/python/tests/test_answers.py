"""A hook that has not done its work does not count as done."""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import contextlib
import functools
import io
import itertools
import multiprocessing.pool
import operator
import sched
import sqlite3
import subprocess
import sys
import threading
import unittest.mock
import warnings
import weakref
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Callable

import pytest
from world import SECONDS

import hotbackup
from hotbackup import Coordinator, HookFailed

ACTIONS = ["checkpoint", "freeze", "thaw", "release"]
NAMES = [*ACTIONS, "validate", "progress"]
WAYS: dict[str, Callable[[Coordinator], object]] = {
    "start": lambda coordinator: coordinator.start().wait(),
    "run": lambda coordinator: coordinator.run(),
}


async def coroutine(*_: object) -> None:
    pass


def generator(*_: object) -> Iterator[None]:
    yield


async def async_generator(*_: object) -> AsyncIterator[None]:
    yield


class Called:
    async def __call__(self, *_: object) -> None:
        pass

    async def method(self, *_: object) -> None:
        pass

    @staticmethod
    async def static(*_: object) -> None:
        pass

    @classmethod
    async def of_class(cls, *_: object) -> None:
        pass


class CalledAsGenerator:
    def __call__(self, *_: object) -> Iterator[None]:
        yield


SEEN_AT_ONCE: dict[str, object] = {
    "coroutine function": coroutine,
    "generator function": generator,
    "async generator function": async_generator,
    "partial": functools.partial(coroutine, 1),
    "partial of a partial": functools.partial(functools.partial(generator, 1), 2),
    "bound method": Called().method,
    "static method": Called.static,
    "static method object": staticmethod(coroutine),
    "class method": Called().of_class,
    "callable object": Called(),
    "partial of a callable object": functools.partial(Called(), 1),
    "callable object that yields": CalledAsGenerator(),
    "class": dict,
    "partial of a class": functools.partial(Called),
    "string": "freeze",
    "number": 1,
    "called function": (lambda: False)(),
}


@pytest.mark.parametrize("what", SEEN_AT_ONCE)
@pytest.mark.parametrize("name", NAMES)
def test_what_can_be_seen_to_run_nothing_is_refused_when_it_is_given(
    data_dir: Path, name: str, what: str
) -> None:
    hooks: dict[str, Any] = {"freeze": lambda _: None, "thaw": lambda _: None, name: SEEN_AT_ONCE[what]}
    with pytest.raises(TypeError, match=f"^{name} "):
        Coordinator(data_dir, **hooks)
    if name in ("validate", "progress"):
        with pytest.raises(TypeError, match=f"^{name} "):
            hotbackup.restore("nowhere", data_dir, **{name: hooks[name]})
        with pytest.raises(TypeError, match=f"^{name} "):
            hotbackup.verify("nowhere", **{name: hooks[name]})


def passed_on(function: Callable[..., object]) -> Callable[..., object]:
    """A decorator that hides what it is."""

    @functools.wraps(function)
    def inner(*arguments: object) -> object:
        return function(*arguments)

    return inner


class Awaitable:
    def __await__(self) -> Iterator[None]:
        yield


class Entered(contextlib.ContextDecorator):
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


class Stopped:
    def stop(self) -> None:
        pass

    def __call__(self) -> None:
        pass


class Deferred:
    def addCallback(self) -> None:
        pass

    def addErrback(self) -> None:
        pass


EXECUTOR = concurrent.futures.ThreadPoolExecutor(1)
POOL = multiprocessing.pool.ThreadPool(1)
LOOP = asyncio.new_event_loop()


@pytest.fixture(scope="module", autouse=True)
def workers() -> Iterator[None]:
    yield
    EXECUTOR.shutdown()
    POOL.terminate()
    LOOP.close()


def holding_itself() -> object:
    found: list[object] = []
    found.append(found)
    return found


def popen(*_: object) -> object:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process


UNFINISHED: dict[str, Callable[..., object]] = {
    "a coroutine": passed_on(coroutine),
    "a coroutine of a mock": unittest.mock.AsyncMock(),
    "a coroutine of a lambda": lambda *_: coroutine(),
    "a generator": passed_on(generator),
    "a generator expression": lambda *_: (stop for stop in (1, 2)),
    "an async generator": passed_on(async_generator),
    "an awaitable": lambda *_: Awaitable(),
    "a future of asyncio": lambda *_: LOOP.create_future(),
    "a future of an executor": lambda *_: EXECUTOR.submit(int),
    "a result of a pool": lambda *_: POOL.apply_async(int),
    "a thread": lambda *_: threading.Thread(target=int),
    "a process": popen,
    "a map": lambda *_: map(int, ()),
    "a filter": lambda *_: filter(int, ()),
    "a starmap": lambda *_: itertools.starmap(int, ()),
    "an imap": lambda *_: POOL.imap(int, ()),
    "a zip": lambda *_: zip((1,), map(int, ())),
    "a chain": lambda *_: itertools.chain(map(int, ())),
    "a function": lambda *_: print,
    "a method of an operator": lambda *_: operator.methodcaller("pause"),
    "a function with a cache": lambda *_: functools.lru_cache(len),
    "a weak method": lambda *_: weakref.WeakMethod(Stopped().stop),
    "an object to call": lambda *_: Stopped(),
    "a method": lambda *_: "".join,
    "a lambda": lambda *_: lambda: None,
    "a partial": lambda *_: functools.partial(int),
    "a class": lambda *_: int,
    "a context manager": contextlib.contextmanager(generator),
    "an async context manager": contextlib.asynccontextmanager(async_generator),
    "a decorator to enter": lambda *_: Entered(),
    "an exception": lambda *_: ValueError("not raised"),
    "NotImplemented": lambda *_: NotImplemented,
    "coroutines in a list": lambda *_: [coroutine(), coroutine()],
    "a coroutine in a tuple": lambda *_: (None, coroutine()),
    "a future in a dictionary": lambda *_: {"shard": EXECUTOR.submit(int)},
    "a coroutine in a deque": lambda *_: collections.deque([coroutine()]),
    "a coroutine in an ordered dictionary": lambda *_: collections.OrderedDict(shard=coroutine()),
    "a generator in values": lambda *_: {"shard": generator()}.values(),
    "what a loop will call": lambda *_: LOOP.call_soon(int),
    "what a loop will call from another thread": lambda *_: LOOP.call_soon_threadsafe(int),
    "what a loop will call later": lambda *_: LOOP.call_later(0, int),
    "what a scheduler will call": lambda *_: sched.scheduler().enter(0, 0, int),
    "a promise of Twisted's kind": lambda *_: Deferred(),
}


def writing(calls: list[str], **replaced: Callable[..., object]) -> dict[str, Any]:
    """Hooks that write their names down; a replaced one, that it was called."""

    def hook(name: str) -> Callable[..., object]:
        def called(*arguments: object) -> object:
            calls.append(name)
            return replaced[name](*arguments) if name in replaced else None

        return called

    return {name: hook(name) for name in NAMES}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("what", UNFINISHED)
@pytest.mark.parametrize("name", ["freeze", "validate"])
def test_an_answer_that_stands_for_work_to_come_fails_the_job(
    data_dir: Path, name: str, what: str, way: str
) -> None:
    calls: list[str] = []
    hooks = writing(calls, **{name: UNFINISHED[what]})
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # "was never awaited"
        with Coordinator(data_dir, **hooks) as coordinator:
            with pytest.raises(TypeError, match=f"^{name} returned ") as failed:
                WAYS[way](coordinator)
            assert "\n" not in str(failed.value)
            assert hotbackup.list_snapshots(coordinator.root) == []
            assert coordinator.find().status().state == hotbackup.State.FAILED
    # A freeze that failed has undone its own work: no thaw.
    assert calls.count("thaw") == (0 if name == "freeze" else 1)
    assert calls.count("release") == 1


@pytest.mark.parametrize("name", NAMES)
def test_no_hook_may_leave_a_coroutine_behind(data_dir: Path, place: Path, name: str) -> None:
    calls: list[str] = []
    with Coordinator(data_dir) as coordinator:
        snapshot = coordinator.run().location
    with Coordinator(data_dir, **writing(calls, **{name: coroutine})) as coordinator:
        with pytest.raises(TypeError, match=f"^{name} returned a coroutine, which nobody awaits"):
            coordinator.run()
        assert len(hotbackup.list_snapshots(coordinator.root)) == 1
    if name in ("validate", "progress"):
        hook = {name: passed_on(coroutine)}
        for job in (
            hotbackup.restore(snapshot, place / "target", **hook),  # type: ignore[arg-type]
            hotbackup.verify(snapshot, **hook),  # type: ignore[arg-type]
        ):
            with pytest.raises(TypeError, match=f"^{name} returned a coroutine"):
                job.wait()
        assert not (place / "target").exists()
    else:
        assert calls.count("thaw") == calls.count("freeze") - (name == "freeze")
        assert calls.count("release") == (0 if name == "checkpoint" else 1)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [*ACTIONS, "validate"])
def test_a_hook_that_returns_false_has_failed(data_dir: Path, name: str, way: str) -> None:
    calls: list[str] = []
    with (
        Coordinator(data_dir, **writing(calls, **{name: lambda *_: False})) as coordinator,
        pytest.raises(HookFailed, match=f"the {name} hook failed: it returned False"),
    ):
        WAYS[way](coordinator)
    assert calls.count("thaw") == (0 if name in ("checkpoint", "freeze") else 1)
    assert hotbackup.list_snapshots(data_dir / ".lifecycle/backup") == []


def test_a_lock_that_was_not_got_in_time_is_no_freeze(data_dir: Path) -> None:
    lock = threading.Lock()
    lock.acquire()
    for freeze in (lambda _: lock.acquire(timeout=0.01), lambda _: [lock.acquire(timeout=0.01)]):
        with (
            Coordinator(data_dir, freeze=freeze, thaw=lambda _: lock.release()) as coordinator,
            pytest.raises(HookFailed),
        ):
            coordinator.run()
    lock.release()
    with Coordinator(data_dir, freeze=lambda _: lock.acquire(), thaw=lambda _: lock.release()) as coordinator:
        coordinator.run()


NUMBERS = [
    (name, number) for name in ACTIONS for number in (0, -1, 1, 2.5) if number < 0 or name in ACTIONS[:2]
]


@pytest.mark.parametrize(("name", "number"), NUMBERS)
def test_a_number_may_be_a_code_of_c_and_fails_the_job_after_the_thaw(
    data_dir: Path, name: str, number: float
) -> None:
    calls: list[str] = []
    with Coordinator(data_dir, **writing(calls, **{name: lambda *_: number})) as coordinator:
        with pytest.raises(TypeError, match=f"^{name} returned the number {number}"):
            coordinator.run()
        assert hotbackup.list_snapshots(coordinator.root) == []
    # What gave a number has run: a freeze, too, which may hold the writes.
    assert calls.count("thaw") == calls.count("freeze")


@pytest.mark.parametrize("answer", [0, "", "bad", [], ["1.sst differs"], sqlite3])
@pytest.mark.parametrize("name", ["validate", "progress"])
def test_who_is_asked_answers_yes_or_no(data_dir: Path, name: str, answer: object) -> None:
    hooks: dict[str, Any] = {name: lambda *_: answer}
    with (
        Coordinator(data_dir, **hooks) as coordinator,
        pytest.raises(TypeError, match=f"^{name} returned .*; it returns None or True, and False "),
    ):
        coordinator.run()


FAILED: dict[str, Callable[..., object]] = {
    "a process that failed": lambda *_: subprocess.run([sys.executable, "-c", "exit(3)"], check=False),
    "a code and its output": lambda *_: subprocess.getstatusoutput("exit 3"),
    "a checkpoint that was busy": lambda *_: (3, 10, 5),
}


@pytest.mark.parametrize("what", FAILED)
@pytest.mark.parametrize("name", ["checkpoint", "freeze"])
def test_a_code_of_failure_is_one_wherever_it_stands(data_dir: Path, name: str, what: str) -> None:
    calls: list[str] = []
    with Coordinator(data_dir, **writing(calls, **{name: FAILED[what]})) as coordinator:
        with pytest.raises(HookFailed, match="it returned the code 3 in a "):
            coordinator.run()
        assert hotbackup.list_snapshots(coordinator.root) == []
    # Of a code that stands with something else nobody knows what it is: the writes may be held.
    assert calls.count("thaw") == int(name == "freeze" and what != "a process that failed")


def test_what_a_lambda_returns_by_the_way_is_no_matter(data_dir: Path) -> None:
    database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
    answers: list[Callable[..., object]] = [
        lambda *_: None,
        lambda *_: True,
        lambda *_: database,
        lambda *_: database.execute("PRAGMA user_version"),
        lambda *_: (database.execute("PRAGMA user_version").fetchone(), [0, None, True]),
        lambda *_: {"flushed": 0},
        lambda *_: subprocess.getstatusoutput("true"),
        lambda *_: (True, 1),
        lambda *_: holding_itself(),
        lambda *_: io.StringIO(),
        lambda *_: threading.Lock(),
        lambda *_: "done",
        lambda *_: b"",
        lambda *_: subprocess.run([sys.executable, "-c", ""]),
        unittest.mock.Mock(),
        unittest.mock.MagicMock(),
    ]
    all_hooks: list[dict[str, Any]] = [dict.fromkeys(ACTIONS, answer) for answer in answers]
    all_hooks += [
        {"freeze": lambda _: database.execute("BEGIN"), "thaw": lambda _: database.execute("ROLLBACK")},
        {"freeze": answers[0], "thaw": lambda _: 1, "release": lambda _: 0},  # as gevent's lock does
    ]
    for hooks in all_hooks:
        with Coordinator(data_dir, **hooks) as coordinator:
            coordinator.run()
        hotbackup.prune(coordinator.root, 1)
    database.close()


def test_only_false_of_progress_cancels(data_dir: Path) -> None:
    for answer in (None, True):
        with Coordinator(data_dir, progress=lambda *_, answer=answer: answer) as coordinator:
            coordinator.run()
    with Coordinator(data_dir, progress=lambda *_: False) as coordinator, pytest.raises(hotbackup.Cancelled):
        coordinator.run()


@pytest.mark.parametrize("way", WAYS)
def test_stop_iteration_comes_out_as_any_exception_does(data_dir: Path, way: str) -> None:
    with (
        Coordinator(data_dir, checkpoint=lambda _: next(iter(()))) as coordinator,
        pytest.raises(StopIteration),
    ):
        WAYS[way](coordinator)


@pytest.mark.parametrize("name", NAMES)
def test_a_failure_of_the_package_itself_is_no_success_of_the_hook(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """What a callback of ctypes raises is printed, and 0 is returned: done."""

    def no_memory(*_: object) -> None:
        raise MemoryError

    calls: list[str] = []
    with Coordinator(data_dir, **writing(calls)) as coordinator:
        monkeypatch.setattr(hotbackup._hooks, "HookCall", no_memory)
        with pytest.raises(MemoryError):
            coordinator.start().wait(SECONDS)
    assert calls == []
