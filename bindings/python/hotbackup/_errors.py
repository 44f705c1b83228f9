"""Exceptions: one class for each code, made from a ``backup_error``."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Optional

from . import _alive
from ._constants import Code
from ._ffi import lib


class BackupError(Exception):
    """Why a call or a job failed. ``str()`` is one line: what, to which path, why, what is unharmed."""

    code: Code = Code.INTERNAL
    """What kind of failure it is; each known one has a subclass."""

    def __init__(self, message: str, *, code: int | None = None, os_error: int = 0, path: Path | None = None):
        super().__init__(message)
        self.message = message
        self.os_error = os_error
        """The errno of the system call that failed, 0 if it was none."""
        self.path = path
        """The path concerned, if there is one."""
        if code is not None:
            self.code = Code(code)

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (type(self), self.message, int(self.code), self.os_error, self.path)


class _SystemError(BackupError, OSError):
    """A failure that is also an OSError, with its ``errno`` and ``filename``."""

    _errno = errno.EIO

    def __init__(self, message: str, *, code: int | None = None, os_error: int = 0, path: Path | None = None):
        super().__init__(message, code=code, os_error=os_error, path=path)
        self.errno = os_error or self._errno
        self.strerror = os.strerror(self.errno)
        self.filename = None if path is None else str(path)


class InvalidArgument(BackupError, ValueError):
    """An argument or an option is wrong, or two of them do not go together."""

    code = Code.INVALID_ARGUMENT


class NotFound(_SystemError, FileNotFoundError):
    """A directory, a snapshot, a job or a named file is not there."""

    code = Code.NOT_FOUND
    _errno = errno.ENOENT


class Conflict(BackupError):
    """Something else is at work here: another backup, another process, a running host.

    Also: an object of the parent process is used after fork, or is closed, or a job is waited for
    from its own hook.
    """

    code = Code.CONFLICT


class InputOutputError(_SystemError):
    """A system call failed: ``errno`` says how, ``filename`` on what."""

    code = Code.IO


class NoSpace(_SystemError):
    """A disk or a quota is full, or would be below the wanted reserve."""

    code = Code.NO_SPACE
    _errno = errno.ENOSPC


class SourceChanged(BackupError):
    """A source file broke the promise of its class while it was read."""

    code = Code.SOURCE_CHANGED


class Corrupt(BackupError):
    """A snapshot, a manifest or a staged copy is not what it should be."""

    code = Code.CORRUPT


class HookFailed(BackupError):
    """A hook failed without an exception of its own; an exception comes out as itself."""

    code = Code.HOOK_FAILED


class FreezeTimeout(BackupError):
    """The freeze window took longer than the freeze timeout."""

    code = Code.FREEZE_TIMEOUT


class Cancelled(BackupError):
    """The job was cancelled."""

    code = Code.CANCELLED


class WaitTimeout(BackupError, TimeoutError):
    """The wait ended before the job did, which goes on."""

    code = Code.TIMEOUT


class RestoreUnfinished(BackupError):
    """An interrupted restore lies here: call :func:`recover` first."""

    code = Code.RESTORE_UNFINISHED


class Unsupported(BackupError):
    """This system, file system or build cannot do it."""

    code = Code.UNSUPPORTED


class InternalError(BackupError):
    """A defect of the library."""

    code = Code.INTERNAL


class Unauthorized(BackupError):
    """A store refuses what was asked: no credentials, wrong or expired ones, or too few rights."""

    code = Code.UNAUTHORIZED


class Unreachable(BackupError):
    """A store cannot be reached, or does not answer in time."""

    code = Code.UNREACHABLE


_CLASSES: dict[Code, type[BackupError]] = {
    kind.code: kind
    for kind in (
        InvalidArgument,
        NotFound,
        Conflict,
        InputOutputError,
        NoSpace,
        SourceChanged,
        Corrupt,
        HookFailed,
        FreezeTimeout,
        Cancelled,
        WaitTimeout,
        RestoreUnfinished,
        Unsupported,
        InternalError,
        Unauthorized,
        Unreachable,
    )
}


def _again(kind: type[BackupError], message: str, code: int, os_error: int, path: Path | None) -> BackupError:
    return kind(message, code=code, os_error=os_error, path=path)


def describe(error: int) -> BackupError:
    """What a ``backup_error`` says, which stays the caller's."""
    code = Code(lib.backup_error_code(error))
    message = lib.backup_error_message(error) or b""
    path = lib.backup_error_path(error)
    return _CLASSES.get(code, BackupError)(
        message.decode("utf-8", "replace"),
        code=code,
        os_error=lib.backup_error_os_error(error),
        path=None if path is None else Path(os.fsdecode(path)),
    )


Failures = list[tuple[BaseException, Optional[TracebackType]]]


def taken(code: int, error: ctypes.c_void_p, into: Failures | None = None) -> BaseException:
    """The exception for a call that failed; the error is freed.

    For a failed hook it is the hook's own exception, which is handed out once: its traceback refers to
    who catches it, and so to the job, which the library's reference would then keep for ever. into: an
    empty list takes it, before it can be had no more. (A signal's handler, too, may ask in between.)
    """
    pointer = error.value
    if pointer is None:
        name = lib.backup_code_name(code).decode()
        failure: BaseException = _CLASSES.get(Code(code), BackupError)(name, code=code)
        cause = None
    else:
        cause = _alive.cause(lib.backup_error_cause(pointer))
        own = None if cause is None else cause.exception
        failure = describe(pointer) if own is None else own
        lib.backup_error_free(pointer)
    if into is not None and not into:
        into.append((failure, failure.__traceback__))
    if cause is not None:
        cause.exception = None
    return failure


def call(function: Callable[..., int], *arguments: object) -> None:
    """Calls a function whose last argument is a ``backup_error **`` and raises what it reports."""
    error = ctypes.c_void_p()
    code = function(*arguments, ctypes.byref(error))
    if code != Code.OK:
        raise taken(code, error)
