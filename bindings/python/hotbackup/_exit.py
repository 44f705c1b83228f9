"""The end of the interpreter: all that runs is cancelled and waited for, so that no thread of the library
calls into an interpreter that is gone."""

from __future__ import annotations

import atexit
import warnings
from typing import NoReturn

from ._errors import Conflict
from ._handles import CoordinatorHandle, Handle, JobHandle, live

_exiting = False
_TRIES = 100
"""A signal's handler may raise at any step, which is then taken again. (Ctrl-C, again and again.)"""


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
    handles = [handle for handle in tuple(live) if not handle.inherited]
    lost: dict[Handle, str] = {}
    interrupt: BaseException | None = None
    for step in (lambda each: _cancel(each, lost), _close, _wait_for):
        for handle in handles:
            for _ in range(_TRIES):
                try:
                    step(handle)
                    break
                except BaseException as error:
                    interrupt = interrupt or error
    for what in lost.values():
        why = "still ran at exit, and was cancelled: wait for it before"
        warnings.warn(f"{what} {why}", ResourceWarning, stacklevel=2)
    if interrupt is not None:
        raise interrupt


def _cancel(handle: Handle, lost: dict[Handle, str]) -> None:
    what = handle.cancel()
    if what is not None:
        lost[handle] = what


def _close(handle: Handle) -> None:
    if isinstance(handle, CoordinatorHandle):
        handle.close(wait=True)


def _wait_for(handle: Handle) -> None:
    if isinstance(handle, JobHandle):
        handle.wait_for_end()
        if handle.closed:  # and its freeing, on another thread, waits
            handle.wait_until_freed()
