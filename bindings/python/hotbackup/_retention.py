"""Which snapshots of a root are kept, and why."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from ._arguments import AnyPath, decode_path, encode_path, encode_text, unsigned
from ._constants import Keep
from ._errors import InvalidArgument, call
from ._ffi import lib


@dataclass(frozen=True)
class Retention:
    """A policy: what any of its rules keeps stays, and always the newest good snapshot::

        hotbackup.prune_by(root, Retention(newest=3, daily=14, monthly=12, tags=("release",)))

    Which of two snapshots is the newer is told by their names, never by a clock. Their times, in UTC,
    say of which day each is."""

    newest: int = 0
    """Keeps the newest so many; 0, here and below: the rule keeps none."""
    hourly: int = 0
    """Keeps the newest one of each of the last so many hours that have any."""
    daily: int = 0
    """The same of days."""
    weekly: int = 0
    """The same of weeks (of ISO 8601, from Monday)."""
    monthly: int = 0
    """The same of months."""
    yearly: int = 0
    """The same of years."""
    within: timedelta | None = None
    """Keeps all that are not older, counted back from now or from the newest good one, whichever is
    earlier."""
    tags: tuple[str, ...] = ()
    """Keeps all that have one of these tags."""


@dataclass(frozen=True)
class Verdict:
    """What a policy makes of a snapshot, and why."""

    id: str
    """That of the snapshot."""
    location: Path
    """Its directory, absolute: where it is or, once it has gone, was."""
    goes: bool
    """Whether no rule keeps it, so that it goes or, by :func:`prune_by`, has gone."""
    reasons: str
    """Why it stays or goes: ``"daily 2 of 14, tagged release"``."""

    @property
    def name(self) -> str:
        """The name of its directory."""
        return self.location.name


def retention_plan(root: AnyPath, retention: Retention) -> list[Verdict]:
    """What a policy makes of each snapshot of a root, newest first. Nothing is changed, and whether one is
    being read is not looked at. InvalidArgument: the policy has no rule."""
    return _verdicts(lib.backup_retention_plan, root, retention)


def prune_by(root: AnyPath, retention: Retention) -> list[Verdict]:
    """Deletes what a policy does not keep, the oldest first, and gives what became of each snapshot, newest
    first. Those in use stay; unreadable ones neither count nor go; a damaged one takes no good one's place.
    InvalidArgument: the policy has no rule; Conflict: the root is in use."""
    return _verdicts(lib.backup_prune_by, root, retention)


def _verdicts(function: Callable[..., int], root: AnyPath, retention: Retention) -> list[Verdict]:
    out = ctypes.c_void_p()
    try:
        with _policy(retention) as policy:
            call(function, encode_path(root, "root"), policy, ctypes.byref(out))
        return [_read(out, index) for index in range(lib.backup_verdicts_count(out))]
    finally:
        lib.backup_verdicts_free(out)


def _read(verdicts: ctypes.c_void_p, index: int) -> Verdict:
    return Verdict(
        id=os.fsdecode(lib.backup_verdicts_id(verdicts, index)),
        location=decode_path(lib.backup_verdicts_location(verdicts, index)),
        goes=lib.backup_verdicts_goes(verdicts, index) != 0,
        reasons=lib.backup_verdicts_reasons(verdicts, index).decode("utf-8", "replace"),
    )


@contextmanager
def _policy(retention: Retention) -> Iterator[int]:
    """The address of the policy, which is freed at the end of the ``with`` block."""
    address: int = lib.backup_retention_new()
    try:
        for rule in Keep.__members__.values():
            name = rule.name.lower()
            count = unsigned(getattr(retention, name), 32, name)
            call(lib.backup_retention_keep, address, int(rule), count)
        call(lib.backup_retention_keep_within_ms, address, _milliseconds(retention.within))
        if isinstance(retention.tags, str):
            raise InvalidArgument(f"tags is {retention.tags!r}, a text and no list of them")
        for tag in retention.tags:
            call(lib.backup_retention_keep_tag, address, encode_text(tag, "tag"))
        yield address
    finally:
        lib.backup_retention_free(address)


def _milliseconds(age: timedelta | None) -> int:
    """Rounded up. None is 0, by which the library keeps none."""
    if age is None:
        return 0
    if age < timedelta():
        raise InvalidArgument(f"within is {age}, which is no age")
    whole, rest = divmod(age, timedelta(milliseconds=1))
    return whole + bool(rest)
