"""Handles of remotes, and calls that wait for the store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from .._handles import Handle
from .._threads import pause, start_thread
from ._ffi import lib

_T = TypeVar("_T")


class RemoteHandle(Handle):
    """A ``backup_remote``. To close it is to cancel its jobs, and it waits for none."""

    what = "remote"
    _free = lib.backup_remote_close

    def runs(self) -> bool:
        return False

    def cancel(self) -> str | None:
        return None  # its jobs have handles of their own

    def _end(self, address: int) -> None:
        pass

    def waited(self, make: Callable[[int], _T]) -> _T:
        """Makes a call that waits for the store, on a thread of its own: signals' handlers run meanwhile, and
        other greenlets. What a handler raises ends the wait; the call itself then ends by itself."""
        call = _Call(self, make)
        try:
            start_thread(call.run, ())
        except RuntimeError:  # there are no more threads
            call.run()
        while not call.over:
            pause()
        if call.error is not None:
            try:
                raise call.error
            finally:
                call.error = None  # whose traceback refers to this
        return call.answer[0]


class _Call(Generic[_T]):
    def __init__(self, handle: RemoteHandle, make: Callable[[int], _T]):
        self._handle = handle
        self._make = make
        self.answer: list[_T] = []
        self.error: BaseException | None = None
        self.over = False

    def run(self) -> None:
        try:
            with self._handle.use() as address:
                self.answer.append(self._make(address))
        except BaseException as error:
            self.error = error
        self.over = True
