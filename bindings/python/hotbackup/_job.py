"""Jobs: what goes on in the library."""

from __future__ import annotations

import asyncio
import ctypes
import math
import os
import time
import warnings
import weakref
from collections.abc import Callable, Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ._arguments import decode_path, unsigned
from ._constants import Code
from ._descriptors import duplicate
from ._errors import (
    BackupError,
    Conflict,
    Failures,
    InvalidArgument,
    NotFound,
    WaitTimeout,
    call,
    describe,
    taken,
)
from ._ffi import RawProgress, lib
from ._handles import JobHandle
from ._progress import Progress, from_raw
from ._threads import SLICE


class Job:
    """One backup, restore or verification. Any thread may use it at any time.

    ``await job`` waits in asyncio; ``select`` and ``poll`` take it by its ``fileno()``. A backup
    goes on when its Job is dropped; a restore or verification is cancelled then, and a
    ResourceWarning says so.
    """

    def __init__(self, handle: JobHandle, owner: object = None):
        self._handle = handle
        weakref.finalize(self, _dropped, handle).atexit = False
        self._owner = owner  # a dropped coordinator would cancel its backup
        with handle.use() as address:
            self._id: str = lib.backup_id(address).decode()
            self._location = decode_path(lib.backup_location(address))
        self._failures: Failures = []
        """Why it failed; the first one counts."""

    def __repr__(self) -> str:
        return f"<hotbackup.Job {self._id} at {str(self._location)!r}>"

    @property
    def id(self) -> str:
        """Its UUID."""
        return self._id

    @property
    def location(self) -> Path:
        """Where the result is: the snapshot that is made (it is there once the job has completed),
        the target of a restore, the snapshot verified."""
        return self._location

    def status(self) -> Progress:
        """Where it stands now, without waiting."""
        raw = RawProgress()
        with self._handle.use() as job:
            call(lib.backup_status, job, ctypes.byref(raw), ctypes.sizeof(raw))
        if raw.finished_at_ms:
            self._handle.attended = True
        return from_raw(raw)

    @property
    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status().finished_at_ms != 0

    def wait(self, timeout: float | None = None) -> Progress:
        """Waits for the end and gives the final progress, or raises why the job failed: a hook's
        own exception as it was, else a BackupError. May be asked again and gives the same.

        timeout: in seconds; WaitTimeout if the job still runs then. Ctrl-C ends the wait at once,
        with KeyboardInterrupt, and not the job. Conflict from a hook of the same job.
        """
        if timeout is not None and math.isnan(timeout):
            raise InvalidArgument(f"timeout is {timeout}, which is no time")
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._handle.use() as job:
            if self._handle.in_hook(job):
                raise Conflict(f"the job {self._id} cannot be waited for from its own hook")
            # The library would wait as well, but no signal's handler would run meanwhile.
            while not self._has_ended(job):
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise WaitTimeout(f"the job {self._id} still runs after {timeout} seconds")
                self._handle.watch(job, 1e6 if left is None else left)
        return self.status()

    def __await__(self) -> Generator[Any, None, Progress]:
        """Waits in asyncio, like ``wait()``. Cancelling the wait does not cancel the job."""
        return self._ended_in_asyncio().__await__()

    @property
    def warnings(self) -> list[BackupError]:
        """What is wrong, though it does not fail the job. Corrupt: a file that was to be shared with the
        previous snapshot and whose stored bytes are bad; it names all snapshots that hold it. There may be
        more while the job runs; those of an ended job stay."""
        found: list[BackupError] = []
        with self._handle.use() as job, suppress(NotFound):  # there are no more
            while True:
                found.append(_warning(job, len(found)))
        return found

    def cancel(self) -> None:
        """Asks the job to end as cancelled, and returns at once. One that has ended, or has begun
        to publish, stays as it is."""
        with self._handle.use() as job:
            call(lib.backup_cancel, job)
        self._handle.attended = True

    def set_rate_limit(self, bytes_per_second: int) -> None:
        """Changes how fast it may copy; 0: no limit."""
        with self._handle.use() as job:
            call(lib.backup_set_rate_limit, job, unsigned(bytes_per_second, 64, "bytes_per_second"))

    def fileno(self) -> int:
        """A descriptor that becomes readable when the job has ended, and stays so. Poll it while
        you keep the Job, never read or close it. -1: there is none to give."""
        with self._handle.use() as job:
            eventfd: int = lib.backup_eventfd(job)
            return eventfd

    def _has_ended(self, job: int) -> bool:
        """Raises why, if it has failed."""
        error = ctypes.c_void_p()
        code = lib.backup_wait(job, 0, ctypes.byref(error))
        if code == Code.TIMEOUT:
            return False
        self._handle.attended = True
        if code != Code.OK:
            raise self._failed(code, error)
        return True

    def _failed(self, code: int, error: ctypes.c_void_p) -> BaseException:
        """The same object each time, with the traceback that it had when the job failed."""
        taken(code, error, self._failures)
        first, traceback = self._failures[0]
        return first.with_traceback(traceback)

    async def _ended_in_asyncio(self) -> Progress:
        with suppress(OSError):  # there are no more descriptors
            await self._readable_in_asyncio()
        while not self.done:  # or somebody has written there
            await asyncio.sleep(SLICE)
        return self.wait()

    async def _readable_in_asyncio(self) -> None:
        with self._handle.use() as job:
            eventfd: int = lib.backup_eventfd(job)
            if eventfd < 0:
                return
            # One of our own for each wait: a loop watches a descriptor only once.
            own = duplicate(eventfd)
        try:
            loop = asyncio.get_running_loop()
            ended = asyncio.Event()
            loop.add_reader(own, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(own)
        finally:
            os.close(own)


def started(
    make: Callable[[JobHandle], Job], what: str, function: Callable[..., int], *arguments: object
) -> Job:
    """Starts a job that is cancelled when nobody has it any more. what: how a warning of that calls it."""
    handle = JobHandle(lost=what)
    try:
        call(function, *arguments, ctypes.byref(handle.out))
        return make(handle)
    except BaseException:
        handle.drop()
        raise


def _warning(job: int, index: int) -> BackupError:
    out = ctypes.c_void_p()
    try:
        call(lib.backup_warning, job, index, ctypes.byref(out))
        assert out.value is not None
        return describe(out.value)
    finally:
        lib.backup_error_free(out)


def _dropped(handle: JobHandle) -> None:
    lost = None if handle.inherited or handle.attended else handle.lost
    handle.drop()
    if lost is not None:
        end = "which is cancelled" if handle.runs() else "and nobody asked how it ended"
        warnings.warn(f"the Job of {lost} was dropped without a wait, {end}", ResourceWarning, stacklevel=2)
