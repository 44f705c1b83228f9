"""Hooks: Python functions that the library calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Optional, cast

from . import _alive
from ._arguments import AnyPath, decode_path, encode_path, signed, unsigned
from ._caller import Caller, HookCall, Inside
from ._errors import Conflict, call
from ._ffi import HOOK, PROGRESS, VALIDATE, lib
from ._progress import Progress, at

_WHOLE = (1 << 64) - 1


class Hook:
    """What a hook is given for the time of its call, on its thread: a way to say more about this
    job. A hook fails by raising; the exception comes out of ``wait()``, ``run()`` or ``await``."""

    def __init__(self, address: int):
        self._address: int | None = address

    def _given(self) -> int:
        if self._address is None:
            raise Conflict("the hook has returned, and what it was given is no longer valid")
        return self._address

    @property
    def job_id(self) -> str:
        """The UUID of the job that called this hook."""
        job_id: bytes = lib.backup_id(lib.backup_hook_job(self._given()))
        return job_id.decode()

    @property
    def location(self) -> Path:
        """Where the job's result will be, like :attr:`Job.location`."""
        return decode_path(lib.backup_location(lib.backup_hook_job(self._given())))

    def cancel(self) -> None:
        """Asks the job to end as cancelled; the hook may finish normally."""
        call(lib.backup_cancel, lib.backup_hook_job(self._given()))

    def add_file(self, path: AnyPath, file_class: int, length: int | None = None) -> None:
        """Names a live file, from a checkpoint or freeze hook: then the directories are not
        walked, and exactly the named files are captured.

        path: relative to the data directory, or starting with the prefix of a source.
        length: only so many bytes from the start. Raises Conflict from any other hook.
        """
        size = _WHOLE if length is None else unsigned(length, 64, "length")
        name = encode_path(path, "path")
        call(lib.backup_hook_add_file, self._given(), name, signed(file_class, "file_class"), size)

    def add_bytes(self, path: AnyPath, data: bytes) -> None:
        """Gives a file that only the snapshot has, from a checkpoint or freeze hook."""
        data = bytes(data)
        call(lib.backup_hook_add_bytes, self._given(), encode_path(path, "path"), data, len(data))

    def set_metadata(self, metadata: bytes) -> None:
        """Sets the metadata of this backup, at most 1 MiB, in place of that of the options; from
        any hook of a backup up to and with ``release``."""
        metadata = bytes(metadata)
        call(lib.backup_hook_set_metadata, self._given(), metadata, len(metadata))


SimpleHook = Callable[[Hook], object]
"""A checkpoint, freeze, thaw or release hook. What it returns is ignored."""
ValidateHook = Callable[[Path, Hook], object]
"""A validate hook: looks at a staged copy and must not change it."""
ProgressHook = Callable[[Progress, Hook], Optional[bool]]
"""A progress hook: False cancels the job."""


class Hooks:
    """The hooks of one coordinator, restore or verification; the library keeps it alive."""

    def __init__(
        self,
        checkpoint: SimpleHook | None = None,
        freeze: SimpleHook | None = None,
        thaw: SimpleHook | None = None,
        release: SimpleHook | None = None,
        validate: ValidateHook | None = None,
        progress: ProgressHook | None = None,
    ):
        self.checkpoint = checkpoint
        self.freeze = freeze
        self.thaw = thaw
        self.release = release
        self.validate = validate
        self.progress = progress
        self.callers: dict[str, Caller] = {}
        """The threads that have called ``run``, by job."""
        self.starting = threading.Lock()
        """Held while a job starts and is put into ``callers``: its first hook waits for that."""

    def install(self, options: int) -> None:
        """Gives them to the library's options, which keep this object alive."""
        if self.checkpoint is not None:
            self._set(lib.backup_options_set_checkpoint_hook, options, _checkpoint)
        if self.freeze is not None or self.thaw is not None:
            freeze = HOOK() if self.freeze is None else _freeze
            thaw = HOOK() if self.thaw is None else _thaw
            self._set(lib.backup_options_set_freeze_hook, options, freeze, thaw)
        if self.release is not None:
            self._set(lib.backup_options_set_release_hook, options, _release)
        if self.validate is not None:
            self._set(lib.backup_options_set_validate_hook, options, _validate)
        if self.progress is not None:
            self._set(lib.backup_options_set_progress_hook, options, _progress)

    def _set(self, setter: Callable[..., int], options: int, *functions: object) -> None:
        call(setter, options, *functions, _alive.keep(self), _alive.destroy)

    def called(self, address: int, function: Callable[[Hook], object], may_cancel: bool = False) -> int:
        """Makes a call that the library asked for, and gives its answer."""
        hook = Hook(address)
        job_id = hook.job_id
        with self.starting:
            caller = self.callers.get(job_id)

        made = HookCall(lambda: function(hook))
        if caller is None:
            with Inside(self, job_id):
                made.run()
        else:
            caller.perform(made)
        hook._address = None
        value, error = made.outcome or (None, None)
        if error is not None:
            cause = _alive.keep(_alive.Cause(error))
            lib.backup_hook_set_error(address, _message(error), cause, _alive.destroy)
            return 1
        return 1 if may_cancel and value is False else 0


def _message(error: BaseException) -> bytes:
    try:
        said = str(error)
    except Exception:
        said = ""
    kind = type(error).__name__
    text = f"{kind}: {said}" if said else kind
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace")


def _of(number: int) -> Hooks:
    return cast(Hooks, _alive.get(number))


# These are called on threads of the library's alone, where no signal's handler ever runs.


def _simple(name: str) -> Callable[[int, int], int]:
    def called(number: int, address: int) -> int:
        hooks = _of(number)
        return hooks.called(address, getattr(hooks, name))

    return called


def _validated(number: int, staging: bytes, address: int) -> int:
    hooks = _of(number)
    validate = cast(ValidateHook, hooks.validate)
    return hooks.called(address, lambda hook: validate(decode_path(staging), hook))


def _progressed(number: int, progress: int, address: int) -> int:
    hooks = _of(number)
    ask, now = cast(ProgressHook, hooks.progress), at(progress)
    return hooks.called(address, lambda hook: ask(now, hook), may_cancel=True)


_checkpoint = HOOK(_simple("checkpoint"))
_freeze = HOOK(_simple("freeze"))
_thaw = HOOK(_simple("thaw"))
_release = HOOK(_simple("release"))
_validate = VALIDATE(_validated)
_progress = PROGRESS(_progressed)
