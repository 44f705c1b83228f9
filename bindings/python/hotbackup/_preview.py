"""What a backup would do, before it does it."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ._arguments import AnyPath, decode_path, encode_path
from ._constants import EntryKind, FileClass, Outcome, Share, Symlinks
from ._contents import as_class
from ._errors import BackupError, call, describe
from ._ffi import lib
from ._hooks import Hooks, ValidateHook
from ._options import options


@dataclass(frozen=True)
class PreviewEntry:
    """One name in the sources."""

    path: Path
    """Where it would be in the snapshot."""
    kind: EntryKind
    size: int
    """A file's size in bytes; 0 of what is none, and of what is excluded or skipped."""
    file_class: FileClass | int | None
    """Its class by the rules. A class with a flag is a number."""
    rule: str | None
    """The glob of the rule that gives it; None: none does, so it is mutable."""
    outcome: Outcome


@dataclass(frozen=True)
class Space:
    """A file system that a backup would use."""

    path: Path
    """A directory on it."""
    free: int | None
    """Bytes that are free there; None: it does not say."""
    needed: int
    """Bytes that would be written there."""
    reserve: int
    """Bytes that the options want to stay free."""


@dataclass(frozen=True)
class Preview:
    """What a backup would do now."""

    root: Path
    """The backup root, which need not be there yet."""
    previous: Path | None
    """The snapshot that files would be shared with."""
    entries: list[PreviewEntry]
    """All names in the sources, in the order of their paths, but for directories captured as such."""
    directories: int
    """How many would be captured, without the tops of the sources."""
    is_one_file_system: bool
    """Whether data directory and root lie on one file system, and so would be lost with one disk."""
    spaces: list[Space]
    """The root's file system, then those of the sources that lie on others."""
    refusals: list[BackupError]
    """What would fail a backup that began now, the first hundred."""


def preview(
    data_dir: AnyPath,
    *,
    root: AnyPath | None = None,
    adopt_root: bool = False,
    sources: Iterable[tuple[AnyPath, AnyPath]] = (),
    layout: str | None = None,
    rules: Iterable[tuple[str, int]] = (),
    symlinks: int = Symlinks.FAIL,
    min_free: int = 0,
    share: int = Share.SAFELY,
    clone: bool = True,
    no_posix_locks: bool = False,
    validate: ValidateHook | None = None,
) -> Preview:
    """Tells what a backup with these options, which are a Coordinator's, would do now. Nothing is made,
    locked or changed, and a host may have the directory open. What hooks would say cannot be told; with a
    ``validate`` hook, which is not called, nothing is shared by links. Raises what a Coordinator would where
    the directory cannot be opened at all; all else that would fail the backup is in ``refusals``."""
    given = options(
        hooks=Hooks(validate=validate),
        root=root,
        adopt_root=adopt_root,
        sources=sources,
        layout=layout,
        rules=rules,
        symlinks=symlinks,
        min_free=min_free,
        share=share,
        clone=clone,
        no_posix_locks=no_posix_locks,
    )
    out = ctypes.c_void_p()
    try:
        with given as address:
            call(lib.backup_preview_open, encode_path(data_dir, "data_dir"), address, ctypes.byref(out))
        return _read(out)
    finally:
        lib.backup_preview_free(out)


def _read(told: ctypes.c_void_p) -> Preview:
    previous = lib.backup_preview_previous(told)
    return Preview(
        root=decode_path(lib.backup_preview_root(told)),
        previous=None if previous is None else decode_path(previous),
        entries=[_entry(told, index) for index in range(lib.backup_preview_count(told))],
        directories=lib.backup_preview_directories(told),
        is_one_file_system=bool(lib.backup_preview_is_one_file_system(told)),
        spaces=_spaces(told),
        refusals=_refusals(told),
    )


def _entry(told: ctypes.c_void_p, index: int) -> PreviewEntry:
    length = ctypes.c_size_t()
    path = lib.backup_preview_path(told, index, ctypes.byref(length))
    rule = lib.backup_preview_rule(told, index)
    return PreviewEntry(
        path=decode_path(ctypes.string_at(path, length.value)),
        kind=EntryKind(lib.backup_preview_kind(told, index)),
        size=lib.backup_preview_size(told, index),
        file_class=as_class(lib.backup_preview_class(told, index)),
        rule=None if rule is None else rule.decode(),
        outcome=Outcome(lib.backup_preview_outcome(told, index)),
    )


def _spaces(told: ctypes.c_void_p) -> list[Space]:
    spaces: list[Space] = []
    free, needed, reserve = (ctypes.c_uint64() for _ in range(3))
    while True:
        outputs = (ctypes.byref(output) for output in (free, needed, reserve))
        path = lib.backup_preview_space(told, len(spaces), *outputs)
        if path is None:
            return spaces
        known = None if free.value == (1 << 64) - 1 else free.value
        spaces.append(Space(decode_path(path), known, needed.value, reserve.value))


def _refusals(told: ctypes.c_void_p) -> list[BackupError]:
    refusals: list[BackupError] = []
    while True:
        error = lib.backup_preview_refusal(told, len(refusals))
        if error is None:
            return refusals
        refusals.append(describe(error))
