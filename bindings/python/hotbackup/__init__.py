"""Backs up a live database directory from inside the process that owns it, and restores it.

The least that makes a backup::

    import hotbackup

    with hotbackup.Coordinator("/var/lib/db", freeze=stop_writes, thaw=resume_writes) as coordinator:
        job = coordinator.start()
        job.wait()
        print(job.location)

A failed call or job raises a :class:`BackupError`, or the exception that a hook raised. At exit of
the interpreter what still runs is cancelled and waited for: wait for a job that you want to end.
After ``fork`` the child gets Conflict from objects of its parent.
"""

from __future__ import annotations

from ._arguments import AnyPath
from ._constants import (
    ABI_VERSION,
    Code,
    EntryKind,
    FileClass,
    Kind,
    Outcome,
    Phase,
    Recovered,
    Severity,
    Share,
    Standing,
    State,
    Symlinks,
    VerifyLevel,
)
from ._contents import Contents, Entry, EntryAttributes
from ._coordinator import Coordinator
from ._errors import (
    BackupError,
    Cancelled,
    Conflict,
    Corrupt,
    FreezeTimeout,
    HookFailed,
    InputOutputError,
    InternalError,
    InvalidArgument,
    NoSpace,
    NotFound,
    RestoreUnfinished,
    SourceChanged,
    Unauthorized,
    Unreachable,
    Unsupported,
    WaitTimeout,
)
from ._examined import Finding, KnownRoot, examine, known_roots
from ._ffi import lib as _lib
from ._hooks import Hook, ProgressHook, SimpleHook, ValidateHook
from ._job import Job
from ._preview import Preview, PreviewEntry, Space, preview
from ._progress import Progress
from ._restore import AnySnapshot, recover, restore, restore_undo, scrub, verify
from ._retention import Retention, Verdict, prune_by, retention_plan
from ._snapshots import Snapshot, delete, latest, list_snapshots, prune, remove_checkpoint

__all__ = [
    "ABI_VERSION",
    "AnyPath",
    "AnySnapshot",
    "BackupError",
    "Cancelled",
    "Code",
    "Conflict",
    "Contents",
    "Coordinator",
    "Corrupt",
    "Entry",
    "EntryAttributes",
    "EntryKind",
    "FileClass",
    "Finding",
    "FreezeTimeout",
    "Hook",
    "HookFailed",
    "InputOutputError",
    "InternalError",
    "InvalidArgument",
    "Job",
    "Kind",
    "KnownRoot",
    "NoSpace",
    "NotFound",
    "Outcome",
    "Phase",
    "Preview",
    "PreviewEntry",
    "Progress",
    "ProgressHook",
    "Recovered",
    "RestoreUnfinished",
    "Retention",
    "Severity",
    "Share",
    "SimpleHook",
    "Snapshot",
    "SourceChanged",
    "Space",
    "Standing",
    "State",
    "Symlinks",
    "Unauthorized",
    "Unreachable",
    "Unsupported",
    "ValidateHook",
    "Verdict",
    "VerifyLevel",
    "WaitTimeout",
    "abi_version",
    "code_name",
    "delete",
    "examine",
    "known_roots",
    "latest",
    "list_snapshots",
    "preview",
    "prune",
    "prune_by",
    "recover",
    "remove_checkpoint",
    "restore",
    "restore_undo",
    "retention_plan",
    "scrub",
    "verify",
    "version",
]


def version() -> str:
    """The library's version, such as "0.1.0"."""
    found: bytes = _lib.backup_version()
    return found.decode()


def abi_version() -> int:
    """The library's ABI, which is ABI_VERSION: another one is not loaded."""
    found: int = _lib.backup_abi_version()
    return found


def code_name(code: int) -> str:
    """The name of a code in C, such as "BACKUP_NO_SPACE"; "BACKUP_UNKNOWN" for one that the library
    does not know."""
    name: bytes = _lib.backup_code_name(code)
    return name.decode()
