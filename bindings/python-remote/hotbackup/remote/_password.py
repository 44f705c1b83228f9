"""The password of a repository, which the library asks for when it opens it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Union, cast

from .. import _alive
from .._answers import check_hook
from .._errors import HookFailed, call
from .._hooks import end_child, message_of
from .._threads import Inside
from ._ffi import SECRET, lib

AnyPassword = Union[str, Callable[[], str]]
"""A password, or a function that gives it, on any thread, each time the repository is opened."""


class Password:
    """What was given as one; the library keeps it alive."""

    def __init__(self, given: AnyPassword):
        if not isinstance(given, str):
            check_hook("password", given)
        self._given = given
        self._raised: BaseException | None = None
        """What the function raised last, until it is the cause of a failure."""

    def install(self, options: int) -> None:
        """Gives it to the library's options."""
        number = _alive.keep(self)
        call(lib.backup_remote_options_set_password_hook, options, _give, number, _alive.destroy)

    def give(self, secret: int) -> int:
        """Gives it to the library, or why there is none."""
        process = os.getpid()
        error: BaseException | None = None
        try:
            with Inside(self):
                text = self._text()
                call(lib.backup_secret_set, secret, text, len(text))
        except BaseException as raised:
            error = raised
        if os.getpid() != process:
            end_child(error)
        self._raised = error
        if error is None:
            return 0
        lib.backup_secret_set_error(secret, message_of(error))
        return 1

    def _text(self) -> bytes:
        text = self._given if isinstance(self._given, str) else self._given()
        if not isinstance(text, str):
            raise TypeError(f"password returned {type(text).__name__}, not str")
        return text.encode()

    def explain(self, failure: BaseException) -> None:
        """Makes what the function raised the cause of the failure that it has led to."""
        raised = self._raised
        if raised is None or not isinstance(failure, HookFailed):
            return
        # A job may fail by another hook of its own.
        if failure.__cause__ is None and message_of(raised).decode() in failure.message:
            failure.__cause__, self._raised = raised, None


def _given(number: int, secret: int) -> int:
    # What this raised would count as 0: then no password was set, and the library says so.
    with suppress(BaseException):
        return cast(Password, _alive.get(number)).give(secret)
    return 1


_give = SECRET(_given)
