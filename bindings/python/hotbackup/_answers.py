"""Whether what is given as a hook is one, and whether what it returned says that its work is done.

A coroutine that nobody awaits has stopped no writes, and neither has a future whose work is still to
come. The library would take such a freeze for one that succeeded, and copy files that change.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
import types
from collections.abc import Awaitable, Callable, Coroutine
from numbers import Number
from typing import Any

VERDICTS = frozenset(("validate", "progress"))
"""Hooks that are asked something: None and True are yes, False is no."""
CODES = frozenset(("checkpoint", "freeze"))
"""Hooks whose failure, if it is missed, costs data: a number may be a code of C's that says so. Those of
the others may do no harm: the ``release`` of gevent's locks returns one."""

_KINDS: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (inspect.iscoroutinefunction, "a coroutine function (async def)"),
    (inspect.isgeneratorfunction, "a generator function"),
    (inspect.isasyncgenfunction, "an async generator function"),
)


def check_hook(name: str, hook: object) -> None:
    """Raises TypeError for what runs nothing when it is called, as far as that can be seen."""
    if hook is None:
        return
    if isinstance(hook, type):
        raise TypeError(
            f"{name} is the class {hook.__name__}, whose call only makes an object: give a function"
        )
    if not callable(hook):
        raise TypeError(f"{name} must be a function, not {_kind(hook)}")
    function: Any = hook
    while function is not None:
        for is_one, what in _KINDS:
            if is_one(function):
                raise TypeError(f"{name} is {what}: its call runs nothing of it; give a plain function")
        function = _called_by(function)


def _called_by(function: Any) -> object:
    """What a call of it calls, if that is another object."""
    if isinstance(function, functools.partial):
        return function.func
    if isinstance(function, (types.MethodType, staticmethod, classmethod)):
        return function.__func__
    if isinstance(function, types.FunctionType):
        return None
    inner = inspect.getattr_static(type(function), "__call__", None)
    return inner if isinstance(inner, (types.FunctionType, functools.partial)) else None


def objection(name: str, answer: object) -> str | TypeError | None:
    """Why a hook that returned this has failed, if it has."""
    if answer is None or answer is True:
        return None
    if answer is False:
        return "it returned False"
    unfinished = _unfinished(answer)
    if unfinished is not None:
        return TypeError(f"{name} returned {unfinished}; it must do its work before it returns")
    if name in VERDICTS:
        no = "cancels" if name == "progress" else "refuses the copy"
        return TypeError(f"{name} returned {_kind(answer)}; it returns None or True, and False {no}")
    if isinstance(answer, Number) and (name in CODES or _is_negative(answer)):
        return TypeError(
            f"{name} returned the number {answer!r}, which may mean that it failed: it raises if it did, "
            "and returns None"
        )
    if _denies(answer):
        return f"it returned False in {_kind(answer)}"
    return None


def _members(answer: object) -> tuple[object, ...]:
    """What `(one(), two())` and `[stop() for stop in all]` hold."""
    if type(answer) in (list, tuple, set, frozenset):
        return tuple(answer)  # type: ignore[arg-type]
    return tuple(answer.values()) if type(answer) is dict else ()


def _is_negative(number: Any) -> bool:
    return not isinstance(number, complex) and bool(number < 0)


def _denies(answer: object) -> bool:
    return any(member is False for member in _members(answer))


_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, functools.partial, type)
_LAZY = (map, filter, itertools.starmap)
_AT_WORK = (
    ({"add_done_callback"}, "which may not be done"),  # futures
    ({"get", "ready"}, "which may not be done"),  # those of multiprocessing and gevent
    ({"is_alive", "join"}, "which may still run"),  # threads and processes
    ({"poll", "communicate"}, "which may still run"),  # subprocess.Popen
)


def _unfinished(answer: object) -> str | None:
    """What it is, if the work that it stands for is still to come."""
    kind = type(answer)
    if isinstance(answer, (Coroutine, types.GeneratorType)):
        answer.close()  # that it never ran is said here, and not once more by a warning
    if isinstance(answer, Awaitable):
        return f"{_kind(answer)}, which nobody awaits"
    if isinstance(answer, (types.GeneratorType, types.AsyncGeneratorType, *_LAZY)):
        return f"{_kind(answer)}, which nobody iterates over"
    if isinstance(answer, contextlib.ContextDecorator) or (
        hasattr(kind, "__aenter__") and not hasattr(kind, "__enter__")
    ):
        return f"{_kind(answer)}, a context manager which nobody enters"
    if isinstance(answer, _FUNCTIONS):
        return f"{_kind(answer)}, which nobody calls"
    if isinstance(answer, BaseException):
        return f"{_kind(answer)}, an exception which nobody raises"
    if answer is NotImplemented:
        return "NotImplemented"
    for names, what in _AT_WORK:
        if all(hasattr(kind, name) for name in names):
            return f"{_kind(answer)}, {what}"
    found = [_unfinished(member) for member in _members(answer)]  # all: each coroutine is closed
    return next((what for what in found if what is not None), None)


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
