"""Threads: in which hook this one is, whose it is, and how each kind waits.

A signal's handler runs on the main thread between any two steps of what it interrupts, and so do
finalizers on any thread. So no lock is held anywhere in this package: what a handler would wait for
might be held by the frame under it. What must not be seen half done is one call of C.

gevent and eventlet replace ``select.poll`` and others ("monkey patching"). On a thread of the host's
theirs are right: while one greenlet waits for a job, the others run. On a thread of the library's they
would switch to greenlets that are none of its own, and crash: there the originals are used.
"""

from __future__ import annotations

import select
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

SLICE = 0.02
"""Seconds between two looks at what cannot be waited for."""
_LOOK = 1.0
"""Seconds after which is looked all the same: a descriptor that somebody closed wakes nobody."""


def _original(module: str, name: str) -> Any:
    """What a module had before somebody replaced it, perhaps before this package was imported."""
    gevent, eventlet = sys.modules.get("gevent.monkey"), sys.modules.get("eventlet.patcher")
    if gevent is not None:
        return gevent.get_original(module, name)
    if eventlet is not None:
        return getattr(eventlet.original(module), name)
    return getattr(sys.modules[module], name)


_poll = _original("select", "poll")
start_thread: Callable[..., int] = _original("_thread", "start_new_thread")


class Inside:
    """Says, while it is entered, that this thread is in a hook of a job or in the ``run`` that makes
    its hook calls.

    In which job's hook a thread is, is for the library to say (``JobHandle.in_hook``). But it does not
    know the thread of a ``run``, to which its calls are handed; it is asked about a job, and who closes a
    coordinator may have none any more; and how a thread waits depends on whose it is, whatever the job.
    """

    def __init__(self, hooks: object, run: Callable[[], str | None] | None = None):
        self.hooks = hooks
        self.run = run
        """On the thread of a ``run``: the id of its job. Elsewhere None: the thread is the library's."""
        self.thread = threading.get_ident()

    def __enter__(self) -> None:
        entered.add(self)

    def __exit__(self, *_: object) -> None:
        entered.discard(self)


entered: set[Inside] = set()
"""Those of all threads."""


def inside() -> list[Inside]:
    """What this thread is in; a greenlet is a thread here."""
    me = threading.get_ident()
    return [mark for mark in tuple(entered) if mark.thread == me]


def until_readable(descriptors: Sequence[int], seconds: float) -> list[int]:
    """Waits until one of the descriptors is readable, and gives those that are. Also returns after
    ``seconds``, and before: whoever waits looks again."""
    on_ours = any(mark.run is None for mark in inside())
    # eventlet takes poll away.
    kind = _poll if on_ours else getattr(select, "poll", None)
    wanted = [descriptor for descriptor in descriptors if descriptor >= 0]
    if kind is not None and wanted:
        poll = kind()
        for descriptor in wanted:
            poll.register(descriptor, select.POLLIN)
        try:
            events = poll.poll(max(0.0, min(seconds, _LOOK)) * 1000 + 1)
        except OSError:
            events = [(wanted[0], 0)]
        readable = [descriptor for descriptor, event in events if event & select.POLLIN]
        if readable or not events:
            return readable
        # Somebody closed them: from now on poll returns at once.
    seconds = max(0.0, min(seconds, SLICE))
    if on_ours:
        _poll().poll(seconds * 1000 + 1)
    else:
        time.sleep(seconds)
    return []


def pause() -> None:
    """Waits a moment."""
    until_readable((), SLICE)
