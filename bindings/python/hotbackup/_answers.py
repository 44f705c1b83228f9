"""Whether what is given as a hook is one, and whether what it returned says that its work is done.

A coroutine that nobody awaits has stopped no writes, and neither has a future whose work is still to
come. The library would take such a freeze for one that succeeded, and copy files that change.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import operator
import types
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, MappingView
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
    if not callable(hook):
        raise TypeError(f"{name} must be a function, not {_kind(hook)}")
    function: Any = hook
    while function is not None:
        if isinstance(function, type):
            raise TypeError(
                f"{name} is the class {function.__name__}, whose call only makes an object: give a function"
            )
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
    if name in CODES:
        code = _code_in(answer)
        if code:
            return f"it returned the code {code!r} in {_kind(answer)}"
    return None


def _code_in(answer: object) -> object:
    """As of subprocess.run, subprocess.getstatusoutput and a checkpoint of SQLite."""
    code = getattr(answer, "returncode", None)
    if code is None and type(answer) is tuple and answer:
        code = answer[0]
    return code if isinstance(code, Number) and not isinstance(code, bool) else None


def may_have_run(answer: object) -> bool:
    """A number may be the code of a failure, or of no meaning: then the writes may be held."""
    if type(answer) is tuple:
        return _code_in(answer) is not None
    return isinstance(answer, Number) and not isinstance(answer, bool)


def _members(answer: object) -> tuple[object, ...]:
    """What `(one(), two())` and `[stop() for stop in all]` hold."""
    if isinstance(answer, (list, tuple, set, frozenset, deque, MappingView)):
        return tuple(answer)  # type: ignore[arg-type]
    return tuple(answer.values()) if isinstance(answer, dict) else ()


def _is_negative(number: Any) -> bool:
    return not isinstance(number, complex) and bool(number < 0)


def _denies(answer: object) -> bool:
    return any(member is False for member in _members(answer))


_FUNCTIONS = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodType,
    types.MethodWrapperType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    functools.partial,
    type(functools.lru_cache(len)),
    operator.methodcaller,
    operator.attrgetter,
    operator.itemgetter,
    weakref.ref,
    type,
)
_AT_WORK = (
    ({"cancel", "cancelled"}, "whose call is still to come"),  # those of asyncio's loops
    ({"addCallback", "addErrback"}, "which may not be done"),  # Twisted's
    ({"add_done_callback"}, "which may not be done"),  # futures
    ({"get", "ready"}, "which may not be done"),  # those of multiprocessing and gevent
    ({"is_alive", "join"}, "which may still run"),  # threads and processes
    ({"poll", "communicate"}, "which may still run"),  # subprocess.Popen
)


_DEEP = 4
"""So far members of members are looked at: a list may hold itself."""


def _is_lazy(answer: object) -> bool:
    """An iterator, but no cursor and no file, nor a mock, which is anything."""
    kind = type(answer)
    is_other = hasattr(kind, "execute") or hasattr(kind, "read") or _is_mock(kind)
    return isinstance(answer, Iterator) and not is_other


def _is_mock(kind: type) -> bool:
    return kind.__module__.startswith("unittest.mock")


def _is_function(answer: object) -> bool:
    """A function, or an object whose class was written to be called; a connection is none, nor a mock."""
    if isinstance(answer, _FUNCTIONS):
        return True
    kind = type(answer)
    call = inspect.getattr_static(kind, "__call__", None)
    is_other = hasattr(kind, "execute") or _is_mock(kind)
    return isinstance(call, types.FunctionType) and not is_other


def _unfinished(answer: object, deep: int = 0) -> str | None:
    """What it is, if the work that it stands for is still to come."""
    kind = type(answer)
    if isinstance(answer, (Coroutine, types.GeneratorType)):
        answer.close()  # that it never ran is said here, and not once more by a warning
    if isinstance(answer, Awaitable):
        return f"{_kind(answer)}, which nobody awaits"
    if isinstance(answer, types.AsyncGeneratorType) or _is_lazy(answer):
        return f"{_kind(answer)}, which nobody iterates over"
    if isinstance(answer, contextlib.ContextDecorator) or (
        hasattr(kind, "__aenter__") and not hasattr(kind, "__enter__")
    ):
        return f"{_kind(answer)}, a context manager which nobody enters"
    if _is_function(answer):
        return f"{_kind(answer)}, which nobody calls"
    if any(base.__name__ == "greenlet" for base in kind.__mro__):
        return f"{_kind(answer)}, which may still run"
    if isinstance(answer, BaseException):
        return f"{_kind(answer)}, an exception which nobody raises"
    if answer is NotImplemented:
        return "NotImplemented"
    for names, what in _AT_WORK:
        if all(hasattr(kind, name) for name in names):
            return f"{_kind(answer)}, {what}"
    # All: each coroutine is closed.
    found = [_unfinished(member, deep + 1) for member in _members(answer) if deep < _DEEP]
    return next((what for what in found if what is not None), None)


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
