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


class Recovered(_OpenEnum):
    """What :func:`recover` found."""

    NOTHING = 0
    """No restore was interrupted."""
    OLD = 1
    """One was, and all of what was there before is back."""
    NEW = 2
    """One was, and all of what it restored is in place."""
