"""A job at one instant."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ._constants import Kind, Phase, State
from ._ffi import RawProgress

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def moment(ms: int) -> datetime | None:
    """Milliseconds since 1970 as a time; 0 is none."""
    return _EPOCH + timedelta(milliseconds=ms) if ms else None


@dataclass(frozen=True)
class Progress:
    """A job at one instant. What a job does not deal with is 0."""

    kind: Kind
    state: State
    phase: Phase
    percent: int
    """0 to 100, never falling; 100 only once the job has completed."""
    bytes_total: int
    """Bytes to deal with, as far as known."""
    bytes_done: int
    """Bytes dealt with: copied, cloned, linked or found to be holes."""
    files_total: int
    files_done: int
    bytes_copied: int
    """Bytes read and written."""
    bytes_cloned: int
    """Bytes shared by the file system (reflinks)."""
    bytes_linked: int
    """Bytes shared with an earlier snapshot; of a restore those that its target had; of a checkpoint those
    of the live files."""
    bytes_holes: int
    """Bytes that are holes on both sides."""
    files_skipped: int
    """FIFOs, sockets, devices and the library's own leftovers."""
    files_left_out: int
    """Immutable files that were still being built."""
    freeze_ns: int
    """The longest freeze window, in nanoseconds."""
    started_at_ms: int
    """When the job began, in milliseconds since 1970."""
    finished_at_ms: int
    """When it ended, likewise; 0: not yet."""

    @property
    def started_at(self) -> datetime | None:
        """When the job began, in UTC."""
        return moment(self.started_at_ms)

    @property
    def finished_at(self) -> datetime | None:
        """When it ended, in UTC; None: not yet."""
        return moment(self.finished_at_ms)


def from_raw(raw: RawProgress) -> Progress:
    """The struct's fields, with the enumerations' names."""
    values = {name: getattr(raw, name) for name in Progress.__dataclass_fields__}
    values.update(kind=Kind(raw.kind), state=State(raw.state), phase=Phase(raw.phase))
    return Progress(**values)


def at(address: int) -> Progress:
    """What lies at an address: no field is read beyond the size that the library has filled."""
    raw = RawProgress()
    size = ctypes.c_uint32.from_address(address).value
    ctypes.memmove(ctypes.byref(raw), address, min(size, ctypes.sizeof(raw)))
    return from_raw(raw)
