"""The snapshots in a repository."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar, Union

from .._arguments import encode_text
from .._errors import BackupError, call, describe
from .._progress import moment
from ._ffi import lib

_NO_NUMBER = (1 << 64) - 1
_T = TypeVar("_T")


@dataclass(frozen=True)
class RemoteSnapshot:
    """What a repository said of a snapshot when it was listed."""

    id: str
    """That of the local snapshot; of one that restic made the name of its object. Empty: it is unreadable."""
    object: str
    """The name of its object, by which restic knows it: 64 hexadecimal digits, of which the first eight are
    enough."""
    host: str
    """What its host is called."""
    layout: str
    """The name of its layout; empty where that is not known."""
    tags: tuple[str, ...]
    """Its tags, but for those that the push gave it."""
    time_ms: int
    """When the local snapshot was finished, in milliseconds since 1970; 0 where unknown."""
    number: int | None
    """The number n in the local snapshot's name ts-<n>; None: it had none."""
    is_pushed: bool
    """Whether a push made it; else restic did."""
    error: BackupError | None
    """Why it is unreadable; all else is empty then. Its host is not known, so it is in every list."""

    @property
    def time(self) -> datetime | None:
        """When the local snapshot was finished, in UTC."""
        return moment(self.time_ms)


AnyRemoteSnapshot = Union[RemoteSnapshot, str]
"""A snapshot, or its id, the beginning of its object's name, or "latest"."""


def encode_id(snapshot: AnyRemoteSnapshot) -> bytes:
    """What the library finds it by. Raises why it is unreadable."""
    if isinstance(snapshot, RemoteSnapshot):
        if snapshot.error is not None:
            raise snapshot.error
        snapshot = snapshot.object
    return encode_text(snapshot, "id")


def listed(remote: int, host: bytes | None) -> list[RemoteSnapshot]:
    """Those of a host, or all, the oldest first; then those that are unreadable."""
    out = ctypes.c_void_p()
    try:
        call(lib.backup_remote_list_open, remote, host, ctypes.byref(out))
        readable = [
            _read(lib.backup_remote_list_get(out, index))
            for index in range(lib.backup_remote_list_count(out))
        ]
        errors = _all(lambda index: lib.backup_remote_list_error(out, index))
        return readable + [_unreadable(describe(error)) for error in errors]
    finally:
        lib.backup_remote_list_free(out)


def _read(address: int) -> RemoteSnapshot:
    number = lib.backup_remote_snapshot_number(address)
    return RemoteSnapshot(
        id=_text(lib.backup_remote_snapshot_id(address)),
        object=_text(lib.backup_remote_snapshot_object(address)),
        host=_text(lib.backup_remote_snapshot_host(address)),
        layout=_text(lib.backup_remote_snapshot_layout(address)),
        tags=tuple(_text(tag) for tag in _all(lambda index: lib.backup_remote_snapshot_tag(address, index))),
        time_ms=lib.backup_remote_snapshot_time_ms(address),
        number=None if number == _NO_NUMBER else number,
        is_pushed=lib.backup_remote_snapshot_is_pushed(address) != 0,
        error=None,
    )


def _unreadable(error: BackupError) -> RemoteSnapshot:
    return RemoteSnapshot("", "", "", "", (), 0, None, False, error)


def _all(get: Callable[[int], _T | None]) -> list[_T]:
    """What there is under 0, 1 and so on, until there is none."""
    found: list[_T] = []
    for index in itertools.count():
        each = get(index)
        if each is None:
            break
        found.append(each)
    return found


def _text(text: bytes) -> str:
    return text.decode("utf-8", "replace")
