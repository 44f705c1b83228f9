"""Restores, verifications and scrubs: jobs without a coordinator."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Union

from ._arguments import AnyPath, decode_path, encode_path
from ._constants import Recovered, VerifyLevel
from ._errors import InvalidArgument, call
from ._exit import refuse_at_exit
from ._ffi import lib
from ._hooks import Hooks, ProgressHook, ValidateHook
from ._job import Job, started
from ._options import options
from ._snapshots import Snapshot

AnySnapshot = Union[Snapshot, AnyPath]
"""A snapshot, or the path of its directory."""


def restore(
    snapshot: AnySnapshot,
    target: AnyPath,
    *,
    layout: str | None = None,
    threads: int = 0,
    rate_limit: int = 0,
    latency_target: float | None = None,
    verify_level: int = VerifyLevel.CHECKSUM,
    min_free: int = 0,
    keep_undo: bool = True,
    keep_matching: bool = False,
    clone: bool = True,
    no_posix_locks: bool = False,
    validate: ValidateHook | None = None,
    progress: ProgressHook | None = None,
) -> Job:
    """Starts a restore of a snapshot to target, where no database is open, and returns at once.

    A target that does not exist appears by one rename; an existing one is replaced, and kept aside
    for :func:`restore_undo` unless keep_undo is False. If the job fails, the target is as it was,
    save for an empty ``.lifecycle/owner``.
    Keep the Job and wait for it: dropping it cancels the restore, with a ResourceWarning, and does not
    wait for that. layout: None takes the snapshot's. keep_matching: files of the target that are what
    the snapshot has, by their checksums, are kept, so that a restore over nearly the same costs reading;
    the C header says how, and which engines spoil the undo of it. latency_target: as a Coordinator's, in the
    file system of the target. clone: whether blocks may be shared with
    the snapshot, where the file system can. The hooks run on a thread of the library's.
    """
    refuse_at_exit()
    given = options(
        hooks=Hooks(validate=validate, progress=progress),
        layout=layout,
        threads=threads,
        rate_limit=rate_limit,
        latency_target=latency_target,
        verify_level=verify_level,
        min_free=min_free,
        keep_undo=keep_undo,
        keep_matching=keep_matching,
        clone=clone,
        no_posix_locks=no_posix_locks,
    )
    place = encode_path(target, "target")
    with given as address:
        what = f"the restore to {decode_path(place)}"
        return _start(what, lib.backup_restore_start, location_of(snapshot), place, address)


def verify(
    snapshot: AnySnapshot,
    *,
    layout: str | None = None,
    threads: int = 0,
    rate_limit: int = 0,
    verify_level: int = VerifyLevel.CHECKSUM,
    no_posix_locks: bool = False,
    validate: ValidateHook | None = None,
    progress: ProgressHook | None = None,
) -> Job:
    """Starts a verification of a snapshot and returns at once; the job completes if the snapshot is
    what its manifest says, and is Corrupt if not. Keep the Job and wait for it: dropping it cancels
    it, with a ResourceWarning."""
    refuse_at_exit()
    given = options(
        hooks=Hooks(validate=validate, progress=progress),
        layout=layout,
        threads=threads,
        rate_limit=rate_limit,
        verify_level=verify_level,
        no_posix_locks=no_posix_locks,
    )
    location = location_of(snapshot)
    with given as address:
        what = f"the verification of {decode_path(location)}"
        return _start(what, lib.backup_verify_start, location, address)


def scrub(
    root: AnyPath,
    *,
    max_bytes: int | None = None,
    max_seconds: float | None = None,
    rate_limit: int = 0,
    verify_level: int = VerifyLevel.CHECKSUM,
    no_posix_locks: bool = False,
    progress: ProgressHook | None = None,
) -> Job:
    """Starts a scrub of a backup root and returns at once: it reads back stored files from the disk, each
    once however many snapshots share it, those first that were bad or were not read for the longest time,
    and writes down what it found (``Snapshot.verified_at``, ``Snapshot.is_damaged``).

    It ends after max_bytes or max_seconds, whichever comes first, with the file that it has begun; None: no
    such limit. Each file that is bad is one of ``Job.warnings``, with all snapshots in which it is bad and
    the newest that has it good; once the rest is read the job is Corrupt. Backups and prunes go on meanwhile.
    Keep the Job and wait for it: dropping it cancels it, with a ResourceWarning. As the job's result
    Conflict: another scrub is at work there; NotFound: it is no root."""
    refuse_at_exit()
    most = _limit(max_bytes, 1, "max_bytes"), _limit(max_seconds, 1000, "max_seconds")
    given = options(
        hooks=Hooks(progress=progress),
        rate_limit=rate_limit,
        verify_level=verify_level,
        no_posix_locks=no_posix_locks,
    )
    place = encode_path(root, "root")
    with given as address:
        what = f"the scrub of {decode_path(place)}"
        return _start(what, lib.backup_scrub_start, place, *most, address)


def _limit(most: float | None, unit: int, name: str) -> int:
    """The library's 0, which is no limit, is None here."""
    if most is None:
        return 0
    if not 0 < most < 1 << 53:
        raise InvalidArgument(f"{name} is {most}, which lets nothing be read; None is no limit")
    return math.ceil(most * unit)


def recover(target: AnyPath) -> Recovered:
    """Ends a restore that a crash interrupted, with all of the old or all of the new in place.
    Call it before the database is opened; may be called always. Conflict: a coordinator or a
    restore is at work there."""
    outcome = ctypes.c_int32()
    call(lib.backup_recover, encode_path(target, "target"), ctypes.byref(outcome))
    return Recovered(outcome.value)


def restore_undo(target: AnyPath) -> None:
    """Puts back what the last restore replaced, and keeps what it takes away aside. NotFound:
    there is nothing to put back. Conflict: a coordinator or a restore is at work there."""
    call(lib.backup_restore_undo, encode_path(target, "target"))


def location_of(snapshot: AnySnapshot) -> bytes:
    """Its directory."""
    return encode_path(snapshot.location if isinstance(snapshot, Snapshot) else snapshot, "snapshot")


def _start(what: str, function: Callable[..., int], *arguments: object) -> Job:
    return started(Job, what, function, *arguments)
