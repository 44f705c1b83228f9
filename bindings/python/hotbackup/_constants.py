"""The library's constants. A value that a newer library made up becomes an ``UNKNOWN_<n>`` member."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar

ABI_VERSION = 0
"""The ABI that this package is written for."""

_Member = TypeVar("_Member", bound="_OpenEnum")


class _OpenEnum(IntEnum):
    """An enumeration that also takes numbers it does not know yet."""

    @classmethod
    def _missing_(cls: type[_Member], value: object) -> _Member | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        known = cls._value2member_map_.setdefault(value, member)
        assert isinstance(known, cls)
        return known


class Code(_OpenEnum):
    """Why a call or a job failed."""

    OK = 0
    INVALID_ARGUMENT = 1
    NOT_FOUND = 2
    CONFLICT = 3
    IO = 4
    NO_SPACE = 5
    SOURCE_CHANGED = 6
    CORRUPT = 7
    HOOK_FAILED = 8
    FREEZE_TIMEOUT = 9
    CANCELLED = 10
    TIMEOUT = 11
    RESTORE_UNFINISHED = 12
    UNSUPPORTED = 13
    INTERNAL = 14
    UNAUTHORIZED = 15
    UNREACHABLE = 16


class FileClass(_OpenEnum):
    """What the host promises about a file, and so how it is captured."""

    IMMUTABLE = 1
    """Never changes once it is complete, may be deleted. Copied after thaw."""
    APPEND_ONLY = 2
    """Only grows, may be deleted. What exists at the freeze is copied after thaw."""
    PINNED = 3
    """What is reachable at the freeze does not change until release. Copied mostly after thaw."""
    MUTABLE = 4
    """May change at any time: copied inside the freeze. What no rule matches is mutable."""
    EXCLUDED = 5
    """Not data: left out, and left alone by a restore."""
    UNFINISHED_OK = 0x100
    """A flag: ``IMMUTABLE | UNFINISHED_OK`` leaves out a file that is still being built."""


class VerifyLevel(_OpenEnum):
    """How much is read back before a copy counts as good."""

    NONE = 0
    SIZE = 1
    CHECKSUM = 2
    """Every byte, from the cache or the disk. The default."""
    MEDIA = 3
    """Every byte, evicted from the cache first."""


class Symlinks(_OpenEnum):
    """What happens when a source holds a symbolic link."""

    FAIL = 0
    """The backup fails and names it. The default."""
    PRESERVE = 1
    """The link itself is kept."""


class Share(_OpenEnum):
    """Whether a backup shares files with the snapshot before it."""

    NEVER = 0
    """It takes each file anew."""
    SAFELY = 1
    """It shares what has not changed, by clones where the root's file system makes them, else by hard
    links; but not by links where there is a ``validate`` hook, since an engine that writes to what it opens
    would write to older snapshots. The default."""
    ALWAYS = 2
    """By links beneath a ``validate`` hook too: the host vouches that it writes to nothing it looks at."""


class Keep(_OpenEnum):
    """The rules of a :class:`Retention` that count, as C has them."""

    NEWEST = 1
    HOURLY = 2
    DAILY = 3
    WEEKLY = 4
    MONTHLY = 5
    YEARLY = 6


class Kind(_OpenEnum):
    """What a job does."""

    BACKUP = 1
    RESTORE = 2
    VERIFY = 3
    CHECKPOINT = 4
    SCRUB = 5
    PUSH = 6
    """Sends a snapshot to an object store."""
    FETCH = 7
    """Brings a snapshot from an object store."""


class EntryKind(_OpenEnum):
    """What an entry of a snapshot is."""

    FILE = 1
    DIRECTORY = 2
    LINK = 3
    OTHER = 4
    """A FIFO, a socket or a device, which no snapshot has."""


class Outcome(_OpenEnum):
    """What would become of a name in a backup."""

    COPIED_IN_FREEZE = 1
    """All of it is copied inside the freeze window: it is mutable."""
    COPIED_AFTER_FREEZE = 2
    """Pinned ahead of the window and copied after it: it is immutable, or append-only."""
    COPIED_BEFORE_RELEASE = 3
    """Its first bytes are copied inside the window, the rest before ``release``: it is pinned."""
    CLONED = 4
    """It shares its blocks with the source."""
    SHARED = 5
    """It is the previous snapshot's, by a clone or a link."""
    LINK_KEPT = 6
    """A symbolic link, which is kept as it is."""
    EXCLUDED = 7
    """A rule excludes it, with all below it."""
    SKIPPED = 8
    """It is no data: a FIFO, a socket, a device, the library's own."""
    REFUSED = 9
    """It fails the backup; ``Preview.refusals`` say why."""


class Standing(_OpenEnum):
    """What is where a data directory remembers a root."""

    SAME = 1
    """That root, and nobody else has made backups into it since."""
    MISSING = 2
    """Nothing, or a directory that is no root: its disk may not be mounted."""
    ANOTHER = 3
    """Another root, or one whose record is lost or damaged."""
    SEALED_BY_ANOTHER = 4
    """That root, into which another copy of the data directory has made backups since."""
    UNREADABLE = 5
    """It cannot be looked at."""


class Severity(_OpenEnum):
    """How much a finding matters."""

    OK = 1
    """All is well: it says what is."""
    NOTICE = 2
    """Nothing is wrong, but it takes space or may surprise."""
    WARNING = 3
    """Something needs a look before it does harm."""
    ERROR = 4
    """A backup or a restore would fail, or a snapshot is not good."""


class CheckpointFlags(_OpenEnum):
    """How a checkpoint is made: the arguments of ``start_checkpoint`` as C has them."""

    UNTIL_CLOSE = 1
    LINKS_ARE_SAFE = 2


class State(_OpenEnum):
    """Where a job stands."""

    QUEUED = 1
    RUNNING = 2
    COMPLETED = 3
    FAILED = 4
    CANCELLED = 5


class Phase(_OpenEnum):
    """What a running job is doing."""

    NONE = 0
    CHECKPOINT = 1
    PIN = 2
    FREEZE = 3
    COPY = 4
    VERIFY = 5
    PUBLISH = 6
    SWAP = 7
    SCAN = 8
    """What a store has already is looked at."""
    UPLOAD = 9
    COMMIT = 10
    DOWNLOAD = 11


class Recovered(_OpenEnum):
    """What :func:`recover` found."""

    NOTHING = 0
    """No restore was interrupted."""
    OLD = 1
    """One was, and all of what was there before is back."""
    NEW = 2
    """One was, and all of what it restored is in place."""
