"""What a data directory remembers, and what is wrong with it or with a root."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

from ._arguments import AnyPath, decode_path, encode_path
from ._constants import Severity, Standing
from ._errors import call
from ._ffi import lib


@dataclass(frozen=True)
class KnownRoot:
    """A backup root that a data directory has used, and what is there now."""

    id: str
    """The root's own."""
    path: Path
    """Where it was, as its user gave it."""
    real_path: Path | None
    """With its links resolved, where that is recorded."""
    standing: Standing
    snapshots: int
    """How many lie there now, readable or not, whosever root it is."""


@dataclass(frozen=True)
class Finding:
    """One thing that an examination found."""

    severity: Severity
    kind: str
    """What sort of thing it is, in words that stay: ``stale_staging``."""
    path: Path
    what: str
    """What is there, in one line."""
    advice: str
    """What to do about it, in one line."""


def known_roots(data_dir: AnyPath) -> list[KnownRoot]:
    """The backup roots that a data directory remembers, the one used last first. Nothing is changed."""
    out = ctypes.c_void_p()
    try:
        call(lib.backup_known_roots_open, encode_path(data_dir, "data_dir"), ctypes.byref(out))
        return [_known_root(out, index) for index in range(lib.backup_known_roots_count(out))]
    finally:
        lib.backup_known_roots_free(out)


def _known_root(roots: ctypes.c_void_p, index: int) -> KnownRoot:
    real_path = lib.backup_known_roots_real_path(roots, index)
    return KnownRoot(
        id=lib.backup_known_roots_id(roots, index).decode(),
        path=decode_path(lib.backup_known_roots_path(roots, index)),
        real_path=None if real_path is None else decode_path(real_path),
        standing=Standing(lib.backup_known_roots_standing(roots, index)),
        snapshots=lib.backup_known_roots_snapshots(roots, index),
    )


def examine(path: AnyPath) -> list[Finding]:
    """Examines a backup root, or a data directory with the roots that it remembers: locks and who holds them,
    what killed jobs have left, interrupted restores, snapshots that are not good, roots that are not the ones
    remembered. The worst comes first. To look takes no lock and changes nothing; what processes of other
    containers hold is not seen from here."""
    out = ctypes.c_void_p()
    try:
        call(lib.backup_findings_open, encode_path(path, "path"), ctypes.byref(out))
        return [_finding(out, index) for index in range(lib.backup_findings_count(out))]
    finally:
        lib.backup_findings_free(out)


def _finding(findings: ctypes.c_void_p, index: int) -> Finding:
    return Finding(
        severity=Severity(lib.backup_findings_severity(findings, index)),
        kind=lib.backup_findings_kind(findings, index).decode(),
        path=decode_path(lib.backup_findings_path(findings, index)),
        what=lib.backup_findings_what(findings, index).decode("utf-8", "replace"),
        advice=lib.backup_findings_advice(findings, index).decode("utf-8", "replace"),
    )
