"""Python objects that the library refers to, each under a number that stands for its user_data.

The library lets go of one by calling DESTROY, on any thread and perhaps in the middle of something.
DESTROY is the dictionary's own ``pop``: no Python frame in which a signal's handler could raise.
"""

from __future__ import annotations

import itertools

from ._ffi import DESTROY

_objects: dict[int, object] = {}
_numbers = itertools.count(1)

destroy = DESTROY(_objects.pop)


class Cause:
    """A hook's exception on its way through the library."""

    def __init__(self, exception: BaseException):
        self.exception: BaseException | None = exception


def keep(what: object) -> int:
    """Keeps an object alive until ``destroy`` is called with the number."""
    number = next(_numbers)
    _objects[number] = what
    return number


def get(number: int) -> object:
    return _objects[number]


def take_cause(number: int | None) -> BaseException | None:
    """Hands a hook's exception out, once: its traceback refers to who catches it, and so to the
    job, which the library's reference would then keep for ever."""
    cause = None if number is None else _objects.get(number)
    if not isinstance(cause, Cause):
        return None
    exception, cause.exception = cause.exception, None
    return exception
