"""Hook calls, and the thread that called ``Coordinator.run``, on which those of its job run.

The library calls hooks on a thread of its own also for ``run``, and they are handed over from
there. With backup_run it would call them on the caller's thread. On the main thread a signal would
then raise KeyboardInterrupt in the callback before its first line, where no ``try`` can catch it, and
the library would take the hook for one that succeeded. (Tried with a timer's signals: backups
completed whose freeze hook had not run.) And between hooks Ctrl-C would wait for the end of the copy.
"""

from __future__ import annotations

import dis
import operator
import time
from _queue import Empty, SimpleQueue  # the real one, see _threads
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import CodeType

from ._constants import Code
from ._descriptors import pair
from ._ffi import lib
from ._handles import JobHandle
from ._threads import SLICE, until_readable

_ANSWER = "answer"
_TRIES = 100


class HookCall:
    """One call of a hook, made once, whatever interrupts it."""

    def __init__(self, function: Callable[..., object], *arguments: object):
        # It calls, and keeps what it got, in one step of C: no signal's handler can raise in between
        # and make a freeze that is done one that failed, after which nobody thaws.
        self._answers: defaultdict[str, object] = defaultdict(partial(function, *arguments))
        self._begun = False
        self._struck = 0
        self.error: BaseException | None = None
        """What the hook raised."""
        self.ended = 0.0
        """When, in seconds of ``time.monotonic``."""
        self.answered: SimpleQueue[None] = SimpleQueue()

    @property
    def over(self) -> bool:
        """Whether it has returned or raised."""
        return _ANSWER in self._answers or self.error is not None

    @property
    def answer(self) -> object:
        """What the hook returned."""
        return self._answers.get(_ANSWER)

    def run(self) -> None:
        """Makes the call. What a signal's handler raises before it or after it comes out of here."""
        if self.over:
            return
        if self._begun:
            # Interrupted twice, between the hook and the line that writes its exception down.
            self.error = KeyboardInterrupt()
            return
        self._begun = True
        try:
            operator.getitem(self._answers, _ANSWER)
            self.ended = time.monotonic()
        except BaseException as error:
            if self.over:
                raise
            self._struck += 1
            if self._struck < _TRIES and _struck_at_entry(error):
                self._begun = False
                raise
            self.error = error


def _struck_at_entry(error: BaseException) -> bool:
    """Whether a signal's handler raised before the first line of the hook. Then it has not run, and
    runs at the next try: a thaw that was left out would be a database that stands still."""
    trace = error.__traceback__
    hook = None if trace is None else trace.tb_next
    return hook is not None and hook.tb_lasti <= _entry(hook.tb_frame.f_code)


def _entry(code: CodeType) -> int:
    """Where Python looks for signals as a function begins (RESUME, from 3.11 on)."""
    return next((step.offset for step in dis.get_instructions(code) if step.opname == "RESUME"), -1)


class Caller:
    """A thread that makes the hook calls of one job."""

    def __init__(self) -> None:
        self._woken, self._wake = pair()
        self._call: HookCall | None = None
        self.left = False
        """It makes no more calls: what is left runs on the library's thread."""
        self.job = JobHandle()
        """The library writes it down before its first hook."""
        self.interrupt: BaseException | None = None
        """A hook raised it that was to end more than the job, which may have failed otherwise before."""

    def perform(self, call: HookCall) -> None:
        """On the library's thread: has the call made by the other one, and waits for that."""
        self._call = call
        with suppress(OSError):  # then it is seen at the next look
            self._wake.send(b"!")
        while not call.over:
            if self.left:
                call.run()
                return
            with suppress(Empty):
                call.answered.get(timeout=0.1)

    def serve(self, plainly: bool) -> None:
        """Makes calls until the job has ended. What a signal's handler raises comes out of here;
        then it can be called again, and nothing is lost or done twice. plainly: with nothing that could
        fail again and again."""
        job, eventfd = self.job.out, lib.backup_eventfd(self.job.out)
        woken = self._woken.fileno()
        while True:
            call = self._call
            # It stays there when it is over: by then the other thread may have put the next one there.
            if call is not None and not call.over:
                call.run()
                call.answered.put(None)
                if call.error is not None and not isinstance(call.error, Exception):
                    self.interrupt = self.interrupt or call.error
            if lib.backup_wait(job, int(SLICE * 1000) if plainly else 0, None) != Code.TIMEOUT:
                return
            if not plainly:
                ready = until_readable([woken, eventfd], 1e6 if eventfd >= 0 else SLICE)
                if woken in ready:
                    with suppress(OSError):
                        self._woken.recv(64)
                # If it has not ended now, then somebody wrote there, and it stays readable.
                plainly = eventfd in ready

    def close(self) -> None:
        """Nothing wakes it any more. ``left`` is seen without."""
        for end in (self._wake, self._woken):
            with suppress(OSError):  # somebody has closed all descriptors
                end.close()
        self.job.drop()
