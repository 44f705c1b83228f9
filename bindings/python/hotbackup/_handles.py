"""Handles of the library: freed when nobody uses them any more, never while somebody does.

Also what happens at the end: at exit all jobs are cancelled and waited for, so that no thread of
the library calls into an interpreter that is gone; in a forked child, handles of the parent are
errors, and their locks, which another thread may have held, are not touched.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

from ._errors import Conflict, call
from ._ffi import lib

_live: set[Handle] = set()
_exiting = False


class Handle:
    """An address that the library gave, with the number of calls that use it."""

    what = "object"

    def __init__(self, address: int):
        self._address = address
        self._users = 0
        self._closed = False
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._unused = threading.Condition(self._lock)
        _live.add(self)

    @contextmanager
    def use(self) -> Iterator[int]:
        """The address, for the time of the ``with`` block."""
        if self.inherited:
            raise Conflict(f"the {self.what} belongs to the parent process and cannot be used after fork")
        counted = False
        try:
            with self._lock:
                if self._closed:
                    raise Conflict(f"the {self.what} is closed")
                self._users += 1
                counted = True
            yield self._address
        finally:
            if counted:
                with self._lock:
                    self._users -= 1
                    last = self._closed and self._users == 0
                if last:
                    self._let_go()

    @property
    def closed(self) -> bool:
        """Whether it takes no more calls."""
        return self._closed

    @property
    def inherited(self) -> bool:
        """Whether this is a forked child of the process that it belongs to."""
        return self._process != os.getpid()

    def close(self, wait: bool = False) -> None:
        """Takes no more calls, and is freed once the last one returns; ``wait`` waits for that.
        Again, or in a forked child: no effect."""
        if self.inherited:
            return
        with self._lock:
            first, self._closed = not self._closed, True
            last = first and self._users == 0
        if last:
            self._let_go()
        elif wait:
            with self._unused:
                self._unused.wait_for(lambda: self not in _live)

    def _free(self) -> None:
        raise NotImplementedError

    def _let_go(self) -> None:
        self._free()
        _live.discard(self)
        with self._unused:
            self._unused.notify_all()


class CoordinatorHandle(Handle):
    """A ``backup_coordinator``."""

    what = "coordinator"

    def _free(self) -> None:
        lib.backup_coordinator_close(self._address)


class JobHandle(Handle):
    """A ``backup_job``."""

    what = "job"

    def cancel(self) -> None:
        """Asks it to end."""
        with suppress(Conflict), self.use() as job:
            call(lib.backup_cancel, job)

    def wait_for_end(self) -> None:
        """Waits, whatever the result."""
        with suppress(Conflict), self.use() as job:
            lib.backup_wait(job, -1, None)

    def _free(self) -> None:
        lib.backup_free(self._address)


def refuse_at_exit() -> None:
    """No job may begin that nobody would end."""
    if _exiting:
        _refuse()


def _refuse() -> NoReturn:
    raise Conflict("the interpreter is exiting: no backup, restore or verification begins now")


@atexit.register
def _end_all() -> None:
    global _exiting
    _exiting = True
    jobs = [handle for handle in list(_live) if isinstance(handle, JobHandle)]
    for job in jobs:
        job.cancel()
    for handle in list(_live):
        if isinstance(handle, CoordinatorHandle):
            handle.close(wait=True)
    for job in jobs:
        job.wait_for_end()
