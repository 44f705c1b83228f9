"""What a snapshot holds, name by name."""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Callable, overload

from ._arguments import AnyPath, decode_path, encode_path
from ._constants import EntryKind, FileClass
from ._errors import call
from ._ffi import lib
from ._progress import moment


@dataclass(frozen=True)
class EntryAttributes:
    """What a snapshot keeps of an entry beside its bytes."""

    mode: int
    """Permission bits."""
    uid: int
    gid: int
    mtime_ns: int
    """When it was last modified, in nanoseconds since 1970."""


@dataclass(frozen=True)
class Entry:
    """One name in a snapshot."""

    path: Path
    """Relative to the snapshot."""
    kind: EntryKind
    size: int
    """A file's size in bytes, else 0."""
    crc32: int
    """A file's checksum (CRC-32/ISO-HDLC), else 0."""
    file_class: FileClass | int | None
    """As what a file was captured; None where that is not known. A class with a flag is a number."""
    attributes: EntryAttributes | None
    """None where the manifest does not say."""
    origin: str | None
    """Of a shared file the id of the snapshot that first read it."""
    verified_at_ms: int
    """When a shared file had last been read back, as far as its backup knew, in milliseconds since 1970;
    else 0."""
    target: Path | None
    """What a symbolic link holds."""

    @property
    def verified_at(self) -> datetime | None:
        """When a shared file had last been read back, in UTC."""
        return moment(self.verified_at_ms)


class Contents(Sequence[Entry]):
    """All that a snapshot's manifest lists, read once: directories, then symbolic links, then files, each
    in the order of their paths. An entry is made when it is asked for, as there may be millions."""

    def __init__(self, location: AnyPath) -> None:
        handle = ctypes.c_void_p()
        call(lib.backup_contents_open, encode_path(location, "location"), ctypes.byref(handle))
        self._handle = handle
        self._count: int = lib.backup_contents_count(handle)
        # The process's end frees it too.
        weakref.finalize(self, lib.backup_contents_free, handle).atexit = False

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Entry: ...
    @overload
    def __getitem__(self, index: slice) -> list[Entry]: ...

    def __getitem__(self, index: int | slice) -> Entry | list[Entry]:
        places = range(self._count)[index]
        if isinstance(places, range):
            return [self._entry(place) for place in places]
        return self._entry(places)

    def _entry(self, index: int) -> Entry:
        of = self._handle, index
        path = self._path(lib.backup_contents_path, index)
        assert path is not None
        file_class: int = lib.backup_contents_class(*of)
        origin = lib.backup_contents_origin(*of)
        return Entry(
            path=path,
            kind=EntryKind(lib.backup_contents_kind(*of)),
            size=lib.backup_contents_size(*of),
            crc32=lib.backup_contents_crc32(*of),
            file_class=as_class(file_class),
            attributes=self._attributes(index),
            origin=None if origin is None else os.fsdecode(origin),
            verified_at_ms=lib.backup_contents_verified_at_ms(*of),
            target=self._path(lib.backup_contents_target, index),
        )

    def _path(self, function: Callable[..., int | None], index: int) -> Path | None:
        length = ctypes.c_size_t()
        address = function(self._handle, index, ctypes.byref(length))
        return None if address is None else decode_path(ctypes.string_at(address, length.value))

    def _attributes(self, index: int) -> EntryAttributes | None:
        mode, uid, gid, ns = (ctypes.c_uint32() for _ in range(4))
        seconds = ctypes.c_int64()
        outputs = (ctypes.byref(output) for output in (mode, uid, gid, seconds, ns))
        if not lib.backup_contents_attributes(self._handle, index, *outputs):
            return None
        mtime_ns = seconds.value * 1_000_000_000 + ns.value
        return EntryAttributes(mode=mode.value, uid=uid.value, gid=gid.value, mtime_ns=mtime_ns)


def as_class(value: int) -> FileClass | int | None:
    """A class with a flag has no name of its own, and stays the number that ``|`` makes of them."""
    if value & FileClass.UNFINISHED_OK:
        return value
    return FileClass(value) if value else None
