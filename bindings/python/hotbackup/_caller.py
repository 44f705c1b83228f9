"""Hook calls, and the thread that called ``Coordinator.run``, on which those of its job run.

The library calls hooks on a thread of its own also for ``run``, and they are handed over from
there. With backup_run it would call them on the caller's thread. On the main thread a signal would
then raise KeyboardInterrupt in the callback before its first line, where no ``try`` can catch it, and
the library would take the hook for one that succeeded. (Tried with a timer's signals: backups
completed whose freeze hook had not run.) And between hooks Ctrl-C would wait for the end of the copy.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

_here = threading.local()


class HookCall:
    """One call of a hook, made once, whatever interrupts it."""

    def __init__(self, function: Callable[[], object]):
        self._function = function
        self._begun = False
        self.answered: SimpleQueue[None] = SimpleQueue()
        self.outcome: tuple[object, BaseException | None] | None = None
        """What the hook returned, or raised."""

    def run(self) -> None:
        try:
            if self._begun:
                # Interrupted twice, between the hook and the line that writes down its outcome.
                raise KeyboardInterrupt
            self._begun = True
            self.outcome = self._function(), None
        except BaseException as error:
            self.outcome = None, error


class Caller:
    """A thread that serves the hooks of one job."""

    def __init__(self) -> None:
        self._call: HookCall | None = None
        self.left = False
        """Nothing is served any more: what is left runs on the library's thread."""
        self._woken, self._wake = socket.socketpair()

    def perform(self, call: HookCall) -> None:
        """On the library's thread: has the call made by the other one, and waits for that."""
        self._call = call
        self._wake.send(b"!")
        while call.outcome is None:
            if self.left:
                call.run()
                return
            with suppress(Empty):
                call.answered.get(timeout=0.1)

    def serve(self, has_ended: Callable[[], bool], eventfd: int) -> None:
        """Makes calls until the job has ended. What a signal's handler raises comes out of here;
        then it can be called again, and nothing is lost or done twice."""
        poll = select.poll()
        poll.register(self._woken, select.POLLIN)
        if eventfd >= 0:
            poll.register(eventfd, select.POLLIN)
        while True:
            call = self._call
            # It stays there when it is done: by then the other thread may have put the next one there.
            if call is not None and call.outcome is None:
                call.run()
                call.answered.put(None)
            if has_ended():
                return
            for ready, _ in poll.poll(None if eventfd >= 0 else 20):
                if ready == self._woken.fileno():
                    self._woken.recv(64)

    def close(self) -> None:
        """After the end of the job: nothing is left."""
        self._wake.close()
        self._woken.close()


class Inside:
    """Marks that this thread of the library's is in a hook of a job."""

    def __init__(self, of: object, job_id: str):
        self._mark = of, job_id

    def __enter__(self) -> None:
        marks().append(self._mark)

    def __exit__(self, *_: object) -> None:
        marks().pop()


def marks() -> list[tuple[object, str]]:
    """What this thread is in: the owners of the hooks, and their jobs."""
    try:
        found: list[tuple[object, str]] = _here.marks
    except AttributeError:
        found = _here.marks = []
    return found
