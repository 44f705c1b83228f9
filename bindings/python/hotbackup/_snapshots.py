"""What is on disk. All that is needed is a backup root: a restore has no data directory yet."""

from __future__ import annotations

import ctypes
import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ._arguments import AnyPath, decode_path, encode_path, unsigned
from ._constants import VerifyLevel
from ._errors import BackupError, call, describe
from ._ffi import lib
from ._progress import moment


@dataclass(frozen=True)
class Snapshot:
    """What a snapshot said of itself when it was read."""

    id: str
    """That of the job that made it, else its name."""
    location: Path
    """Its directory, absolute."""
    layout: str
    """The name of its layout; empty where the manifest names none."""
    metadata: bytes | None
    """The host's own metadata."""
    started_at_ms: int
    """When its backup began, in milliseconds since 1970; 0 where unknown."""
    finished_at_ms: int
    """When its backup ended, likewise."""
    tags: tuple[str, ...]
    """Its tags, for retention policies."""
    freeze_ns: int
    """The longest freeze window of its backup, in nanoseconds; 0: there was none, or it is unknown."""
    verified_at_ms: int
    """When all of it was last read back and found good, by its backup, a verification or parts of scrubs:
    the time of that of its files which was not read for the longest time, in milliseconds since 1970. 0:
    never."""
    verified_level: VerifyLevel
    """How it was read back then; NONE: never."""
    is_damaged: bool
    """Whether something of it was found bad since it was last found good: ``scrub`` names it."""
    files: int
    """How many files it has."""
    bytes: int
    """The sum of their sizes."""
    files_shared: int
    """How many of them it shares with an earlier snapshot, by links or clones."""
    bytes_shared: int
    """The sum of the sizes of these: what its backup did not take anew."""
    files_skipped: int
    """FIFOs, sockets, devices and the library's own leftovers."""
    files_left_out: int
    """Immutable files that were still being built."""
    error: BackupError | None
    """Why it is unreadable; only a list has such ones."""

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.location.name

    @property
    def started_at(self) -> datetime | None:
        """When its backup began, in UTC."""
        return moment(self.started_at_ms)

    @property
    def finished_at(self) -> datetime | None:
        """When its backup ended, in UTC."""
        return moment(self.finished_at_ms)

    @property
    def verified_at(self) -> datetime | None:
        """When all of it was last read back and found good, in UTC."""
        return moment(self.verified_at_ms)

    @classmethod
    def open(cls, location: AnyPath) -> Snapshot:
        """The snapshot at a location. Reads its manifest alone; whether the files are what that
        says is for :func:`verify`. NotFound, Corrupt, Unsupported."""
        return _opened(lib.backup_snapshot_open, encode_path(location, "location"))


def latest(root: AnyPath) -> Snapshot:
    """The newest completed snapshot of a backup root. NotFound: there is none."""
    return _opened(lib.backup_latest, encode_path(root, "root"))


def list_snapshots(root: AnyPath) -> list[Snapshot]:
    """The snapshots of a backup root, newest first, unreadable ones too (``error``). A root without
    any, or that does not exist yet, has none."""
    out = ctypes.c_void_p()
    try:
        call(lib.backup_list_open, encode_path(root, "root"), ctypes.byref(out))
        return [_read(lib.backup_list_get(out, index)) for index in range(lib.backup_list_count(out))]
    finally:
        lib.backup_list_free(out)


def delete(root: AnyPath, id_or_name: str) -> None:
    """Deletes one snapshot. If it is the newest, the next newest becomes that. NotFound: there is
    none; Conflict: the root or the snapshot is in use."""
    call(lib.backup_delete, encode_path(root, "root"), encode_path(id_or_name, "id_or_name"))


def remove_checkpoint(location: AnyPath) -> None:
    """Removes a checkpoint, by the location of its job. The live database keeps its files; the space of
    those that it has deleted since comes back. Nobody may have it open. NotFound: it is not there;
    InvalidArgument: no checkpoint is made at such a place, or what is there is none (a copy is its
    owner's to remove); Conflict: somebody holds a lock (flock) on its directory."""
    call(lib.backup_checkpoint_remove, encode_path(location, "location"))


def prune(root: AnyPath, keep_newest: int) -> int:
    """Deletes all but the newest ``keep_newest`` (at least 1) snapshots, except those in use and
    unreadable ones, which neither count nor go; one in which something was found bad does not count. Gives
    how many went. Conflict: the root is in use."""
    deleted = ctypes.c_uint32()
    call(
        lib.backup_prune,
        encode_path(root, "root"),
        unsigned(keep_newest, 32, "keep_newest"),
        ctypes.byref(deleted),
    )
    return deleted.value


def _opened(function: Callable[..., int], name: bytes) -> Snapshot:
    out = ctypes.c_void_p()
    try:
        call(function, name, ctypes.byref(out))
        assert out.value is not None
        return _read(out.value)
    finally:
        lib.backup_snapshot_free(out)


def _read(address: int) -> Snapshot:
    size = ctypes.c_size_t()
    metadata = lib.backup_snapshot_metadata(address, ctypes.byref(size))
    error = lib.backup_snapshot_error(address)
    return Snapshot(
        id=os.fsdecode(lib.backup_snapshot_id(address)),
        location=decode_path(lib.backup_snapshot_location(address)),
        layout=lib.backup_snapshot_layout(address).decode("utf-8", "replace"),
        metadata=None if metadata is None else ctypes.string_at(metadata, size.value),
        started_at_ms=lib.backup_snapshot_started_at_ms(address),
        finished_at_ms=lib.backup_snapshot_finished_at_ms(address),
        tags=_tags(address),
        freeze_ns=lib.backup_snapshot_freeze_ns(address),
        verified_at_ms=lib.backup_snapshot_verified_at_ms(address),
        verified_level=VerifyLevel(lib.backup_snapshot_verified_level(address)),
        is_damaged=lib.backup_snapshot_is_damaged(address) != 0,
        files=lib.backup_snapshot_files(address),
        bytes=lib.backup_snapshot_bytes(address),
        files_shared=lib.backup_snapshot_files_shared(address),
        bytes_shared=lib.backup_snapshot_bytes_shared(address),
        files_skipped=lib.backup_snapshot_files_skipped(address),
        files_left_out=lib.backup_snapshot_files_left_out(address),
        error=None if error is None else describe(error),
    )


def _tags(address: int) -> tuple[str, ...]:
    each = (lib.backup_snapshot_tag(address, index) for index in itertools.count())
    return tuple(
        tag.decode("utf-8", "replace") for tag in itertools.takewhile(lambda tag: tag is not None, each)
    )
