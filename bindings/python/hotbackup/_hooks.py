"""Hooks: Python functions that the library calls."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, TypeVar, cast

from . import _alive
from ._answers import check_hook, may_have_run, objection
from ._arguments import AnyPath, decode_path, encode_path, encode_text, signed, unsigned
from ._caller import Caller, HookCall
from ._errors import Conflict, FreezeTimeout, call
from ._ffi import DESTROY, HOOK, PROGRESS, VALIDATE, lib
from ._progress import Progress, at
from ._threads import Inside, pause

_WHOLE = (1 << 64) - 1
_T = TypeVar("_T")


class Hook:
    """What a hook is given for the time of its call, on its thread: a way to say more about this
    job. A hook fails by raising; the exception comes out of ``wait()``, ``run()`` or ``await``."""

    def __init__(self, address: int):
        self._address: int | None = address
        self._users: set[object] = set()

    def _call(self, function: Callable[[int], _T]) -> _T:
        """Gives a function what the library gave, which is not let go of meanwhile."""
        user = object()
        try:
            self._users.add(user)
            if self._address is None:
                raise Conflict("the hook has returned, and what it was given is no longer valid")
            return function(self._address)
        finally:
            self._users.discard(user)

    def _end(self) -> None:
        """The hook has returned; a thread that it left may be in a call."""
        self._address = None
        until = time.monotonic() + 1
        while self._users and time.monotonic() < until:
            pause()

    @property
    def job_id(self) -> str:
        """The UUID of the job that called this hook."""
        return self._call(lambda hook: str(lib.backup_id(lib.backup_hook_job(hook)), "ascii"))

    @property
    def location(self) -> Path:
        """Where the job's result will be, like :attr:`Job.location`."""
        return self._call(lambda hook: decode_path(lib.backup_location(lib.backup_hook_job(hook))))

    def cancel(self) -> None:
        """Asks the job to end as cancelled; the hook may finish normally."""
        self._call(lambda hook: call(lib.backup_cancel, lib.backup_hook_job(hook)))

    def add_file(self, path: AnyPath, file_class: int, length: int | None = None) -> None:
        """Names a live file, from a checkpoint or freeze hook: then the directories are not
        walked, and exactly the named files are captured.

        path: relative to the data directory, or starting with the prefix of a source.
        length: only so many bytes from the start. Raises Conflict from any other hook.
        """
        size = _WHOLE if length is None else unsigned(length, 64, "length")
        name, number = encode_path(path, "path"), signed(file_class, "file_class")
        self._call(lambda hook: call(lib.backup_hook_add_file, hook, name, number, size))

    def add_bytes(self, path: AnyPath, data: bytes) -> None:
        """Gives a file that only the snapshot has, from a checkpoint or freeze hook."""
        name, data = encode_path(path, "path"), bytes(data)
        self._call(lambda hook: call(lib.backup_hook_add_bytes, hook, name, data, len(data)))

    def set_metadata(self, metadata: bytes) -> None:
        """Sets the metadata of this backup, at most 1 MiB, in place of that of the options; from
        any hook of a backup up to and with ``release``."""
        metadata = bytes(metadata)
        self._call(lambda hook: call(lib.backup_hook_set_metadata, hook, metadata, len(metadata)))

    def add_tag(self, tag: str) -> None:
        """Gives this backup's snapshot a tag, beside those of the options, when set_metadata may be
        called."""
        name = encode_text(tag, "tag")
        self._call(lambda hook: call(lib.backup_hook_add_tag, hook, name))


SimpleHook = Callable[[Hook], object]
"""A checkpoint, freeze, thaw or release hook. It returns when its work is done, and raises if that
failed. What it returns is no matter, but for what says that it failed or that the work is still to come.
Such are False, numbers (codes of C's? those of thaw and release only below 0), and awaitables, futures,
generators and the like."""
ValidateHook = Callable[[Path, Hook], Optional[bool]]
"""A validate hook: looks at a staged copy and must not change it. It raises if the copy is bad, or
returns False."""
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
        for name, hook in tuple(vars(self).items()):
            check_hook(name, hook)
        self.callers: set[Caller] = set()
        """The threads that are in ``run``."""
        self.freeze_timeout: float | None = None
        """In seconds."""
        self._frozen: dict[str, Frozen] = {}
        """The jobs between freeze and thaw."""

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

    def called(self, name: str, address: int, *arguments: object) -> int:
        """Makes a call that the library asked for, and gives its answer."""
        hook = Hook(address)
        job_id = hook.job_id
        process = os.getpid()
        made = HookCall(getattr(self, name), *arguments, hook)
        with Inside(self):
            caller = next((caller for caller in tuple(self.callers) if caller.job.id() == job_id), None)
            if caller is None:
                made.run()
            else:
                caller.perform(made)
            if os.getpid() != process:
                end_child(made.error)
            hook._end()
        frozen = self._frozen.pop(job_id, None)
        if made.error is not None:
            return _fail(address, made.error)
        if name == "progress" and made.answer is False:
            return 1
        why: str | BaseException | None = objection(name, made.answer)
        did_run = why is None or may_have_run(made.answer)
        if name == "freeze" and did_run:
            # With a number it may hold the writes: it is thawed, and then that fails.
            self._frozen[job_id] = Frozen(made.ended or time.monotonic(), time.monotonic(), why)
            return 0
        if frozen is not None:
            why = why or frozen.objection(self.freeze_timeout)
        return 0 if why is None else _fail(address, why)


@dataclass(frozen=True)
class Frozen:
    """A freeze that was done, until its thaw."""

    since: float
    seen: float
    """When the library learned of it. That takes the interpreter's lock if it was done on another thread."""
    why: str | BaseException | None
    """Why the job fails."""

    def objection(self, timeout: float | None) -> str | BaseException | None:
        """Why its thaw, which was done just now, fails all the same."""
        now = time.monotonic()
        if self.why is None and timeout is not None and now - self.since > timeout >= now - self.seen:
            # The library has seen a shorter time.
            return FreezeTimeout(
                f"writes stood still for {now - self.since:.1f} s, longer than the freeze timeout of "
                f"{timeout:g} s, while another thread kept the interpreter's lock; no snapshot was made"
            )
        return self.why


def end_child(error: BaseException | None) -> None:
    """A child that a hook forked has none of the library's threads: it ends here, as it would anywhere."""
    code = 0 if error is None else 1
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    elif error is not None:
        traceback.print_exception(type(error), error, error.__traceback__)
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    os._exit(code)


def _fail(address: int, why: str | BaseException) -> int:
    if isinstance(why, str):
        lib.backup_hook_set_error(address, why.encode(), None, DESTROY())
    else:
        message = message_of(why)
        lib.backup_hook_set_error(address, message, _alive.keep(_alive.Cause(why)), _alive.destroy)
    return 1


def message_of(error: BaseException) -> bytes:
    """What the library is told of an exception."""
    try:
        said = str(error)
    except BaseException:
        said = ""
    kind = type(error).__name__
    text = f"{kind}: {said}" if said else kind
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace")


# These are called on threads of the library's alone, where no signal's handler ever runs. What they
# raised would count as 0, which is a success: so nothing is left that could raise.


def _of(number: int) -> Hooks:
    return cast(Hooks, _alive.get(number))


def _guarded(call: Callable[[], int], address: int) -> int:
    try:
        return call()
    except BaseException as error:  # there is no memory, as a rule
        with suppress(BaseException):
            return _fail(address, error)
        return 1


def _simple(name: str) -> Callable[[int, int], int]:
    return lambda number, address: _guarded(lambda: _of(number).called(name, address), address)


def _validated(number: int, staging: bytes, address: int) -> int:
    return _guarded(lambda: _of(number).called("validate", address, decode_path(staging)), address)


def _progressed(number: int, progress: int, address: int) -> int:
    return _guarded(lambda: _of(number).called("progress", address, at(progress)), address)


_checkpoint = HOOK(_simple("checkpoint"))
_freeze = HOOK(_simple("freeze"))
_thaw = HOOK(_simple("thaw"))
_release = HOOK(_simple("release"))
_validate = VALIDATE(_validated)
_progress = PROGRESS(_progressed)
