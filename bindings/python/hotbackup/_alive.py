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


def cause(number: int | None) -> Cause | None:
    """What a hook raised, if it was one that raised it."""
    found = None if number is None else _objects.get(number)
    return found if isinstance(found, Cause) else None
