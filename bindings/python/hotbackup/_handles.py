"""Handles of the library: freed when nobody uses them any more, never while somebody does.

None of it takes a lock, see ``_threads``. Who uses a handle puts a mark into a set and then looks whether
it is closed; who closes it says so and then looks whether there are marks. In a forked child handles of
the parent are errors.
"""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ._constants import Code
from ._errors import BackupError, Conflict, call
from ._ffi import lib
from ._threads import Inside, inside, pause, start_thread, until_readable

live: set[Handle] = set()
"""Those that are not freed."""


class _User:
    """One call that uses a handle."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()


class Handle:
    """What the library writes into ``out``, and who uses it."""

    what = "object"
    _free: Any
    """The library's function for it."""

    def __init__(self) -> None:
        self.out = ctypes.c_void_p()
        self._closed = False
        self._users: set[_User] = set()
        self._process = os.getpid()
        self._to_free = [self.out]
        self._freed: list[object] = []
        self._freeing: set[int] = set()
        """The threads that are in the call that frees it."""
        live.add(self)

    @contextmanager
    def use(self) -> Iterator[int]:
        """The address, for the time of the ``with`` block; 0 while the library has given none."""
        if self.inherited:
            raise Conflict(f"the {self.what} belongs to the parent process and cannot be used after fork")
        user = _User()
        try:
            self._users.add(user)
            if self._closed:
                raise Conflict(f"the {self.what} is closed")
            yield self.out.value or 0
        finally:
            self._users.discard(user)
            if self._closed and not self.runs():
                self._let_go()

    @property
    def closed(self) -> bool:
        """Whether it takes no more calls."""
        return self._closed

    @property
    def inherited(self) -> bool:
        """Whether this is a forked child of the process that it belongs to."""
        return self._process != os.getpid()

    def runs(self) -> bool:
        """Whether to free it now would be to wait for a job."""
        raise NotImplementedError

    def cancel(self) -> str | None:
        """Asks what runs to end, and says what that is if its end is a loss that nobody wanted."""
        raise NotImplementedError

    def _end(self, address: int) -> None:
        """It closes: asks what its freeing would wait for to end."""
        raise NotImplementedError

    def drop(self) -> None:
        """Closes it, for a finalizer. That must not wait: it may run in the middle of something, and
        a hook may wait for just that. So what still runs is cancelled, and freed elsewhere."""
        with suppress(Conflict), self.use() as address:
            self._closed = True
            self._end(address)
        if self.inherited or self._freed:
            return
        if not self.runs():
            self._let_go()
        else:
            with suppress(RuntimeError):  # there are no more threads at exit, where it is waited for
                start_thread(self._free_elsewhere, ())

    def _free_elsewhere(self) -> None:
        with Inside(self):
            self.wait_until_freed()

    def _let_go(self) -> None:
        """Frees it, if nobody uses it and nobody has freed it."""
        if self._users:
            return
        me = threading.get_ident()
        self._freeing.add(me)
        # One call of C: no signal's handler runs between taking it, freeing it and writing that down.
        with suppress(IndexError):
            self._freed.extend(map(self._free, iter(self._to_free.pop, None)))
        self._freeing.discard(me)
        if self._freed:
            live.discard(self)

    def wait_until_freed(self) -> None:
        """But not for what this thread itself is in the middle of, under a handler or a finalizer."""
        me = threading.get_ident()
        while not self._freed and me not in self._freeing:
            if self._to_free and all(user.thread == me for user in tuple(self._users)):
                return self._let_go()
            pause()
        return None


class JobHandle(Handle):
    """A ``backup_job``."""

    what = "job"
    _free = lib.backup_free

    def __init__(self, lost: str | None = None):
        self.lost = lost
        """What it is, if dropping it cancels it."""
        self.attended = False
        """Whether somebody knows how it ended, or wanted it to end."""
        self._was_running = False
        super().__init__()

    def id(self) -> str | None:
        """The job's; None before there is one."""
        with suppress(Conflict), self.use() as job:
            found: bytes | None = lib.backup_id(job)
            return None if found is None else found.decode()
        return None

    def cancel(self) -> str | None:
        lost = None
        with suppress(BackupError), self.use() as job:
            if self._goes_on(job) and not self.attended:
                lost = self.lost
            call(lib.backup_cancel, job)
        return lost

    def is_running(self) -> bool:
        """Whether the job has not ended. In its own hook: False, since nobody waits for it there."""
        with suppress(Conflict), self.use() as job:
            return self._goes_on(job)
        return False

    def in_hook(self, job: int) -> bool:
        """Whether this thread is in a hook of the job, where nobody may wait for it. That of a ``run`` is
        so until ``run`` returns."""
        if lib.backup_in_hook(job):
            return True
        job_id = lib.backup_id(job).decode()
        return any(mark.run is not None and mark.run() == job_id for mark in inside())

    def watch(self, job: int, seconds: float = 1e6) -> None:
        """Waits for the end, and may return before."""
        if until_readable([lib.backup_eventfd(job)], seconds) and self._goes_on(job):
            pause()  # somebody wrote there, and it stays readable

    @staticmethod
    def _goes_on(job: int) -> bool:
        return bool(lib.backup_wait(job, 0, None) == Code.TIMEOUT)

    def wait_for_end(self) -> None:
        """Waits, whatever the result; signals' handlers run meanwhile."""
        with suppress(Conflict), self.use() as job:
            while self._goes_on(job):
                self.watch(job)

    def runs(self) -> bool:
        return self._was_running

    def _end(self, job: int) -> None:
        if self.lost is not None and self._goes_on(job):
            self._was_running = True
            lib.backup_cancel(job, None)


class CoordinatorHandle(Handle):
    """A ``backup_coordinator``."""

    what = "coordinator"
    _free = lib.backup_coordinator_close

    def __init__(self) -> None:
        self.root = ""
        self._ending: list[JobHandle] = []
        """What ran when it was closed."""
        super().__init__()

    def find_running(self, coordinator: int) -> JobHandle | None:
        """The backup that runs."""
        job = JobHandle()
        lib.backup_find(coordinator, None, ctypes.byref(job.out), None)
        if job.is_running():
            return job
        job.drop()
        return None

    def close(self, wait: bool) -> None:
        """Takes no more calls, cancels the backup that runs and, with ``wait``, waits for its end and
        for the calls of other threads. Again, it waits for the same. In a forked child: no effect."""
        with suppress(Conflict), self.use() as coordinator:
            self._closed = True
            self._end(coordinator)
            if wait:
                self._wait_for_end()
        if wait and not self.inherited:
            self._wait_for_end()
            self.wait_until_freed()
            self._forget_jobs()

    def cancel(self) -> str | None:
        lost = None
        with suppress(Conflict), self.use() as coordinator:
            job = self.find_running(coordinator)
            if job is not None:
                lost = f"a backup into {self.root}"
                job.cancel()
                job.drop()
        return lost

    def runs(self) -> bool:
        return any(job.is_running() for job in tuple(self._ending))

    def drop(self) -> None:
        super().drop()
        if not self.inherited:
            self._forget_jobs()

    def _end(self, coordinator: int) -> None:
        job = self.find_running(coordinator)
        if job is not None:
            self._ending.append(job)
            job.cancel()

    def _wait_for_end(self) -> None:
        for job in tuple(self._ending):
            job.wait_for_end()

    def _forget_jobs(self) -> None:
        while self._ending:
            with suppress(IndexError):
                self._ending.pop().drop()
