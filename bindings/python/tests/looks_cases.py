"""The cases of tests/scenarios/cases.txt about what can be looked at without changing anything."""

from __future__ import annotations

import os
from typing import Callable

from world import World

import hotbackup
from hotbackup import EntryKind, FileClass


def contents(world: World) -> None:
    location = world.backup()
    found = hotbackup.Snapshot.open(location).contents()
    assert [(os.fspath(entry.path), entry.kind, entry.file_class, entry.size) for entry in found] == [
        ("wal", EntryKind.DIRECTORY, None, 0),
        ("1.sst", EntryKind.FILE, FileClass.IMMUTABLE, 18),
        ("2.sst", EntryKind.FILE, FileClass.IMMUTABLE, 100_000),
        ("log", EntryKind.FILE, FileClass.MUTABLE, 5),
    ]
    assert len(found) == 4
    assert found[-1] == found[3]
    assert found[1:3] == [found[1], found[2]]
    for entry in found:
        assert (entry.crc32 == 0) == (entry.kind == EntryKind.DIRECTORY)
        assert (entry.origin, entry.verified_at, entry.target) == (None, None, None)
        stat = (location / entry.path).stat()
        kept = entry.attributes
        assert kept is not None
        assert (kept.mode, kept.uid, kept.gid) == (stat.st_mode & 0o7777, stat.st_uid, stat.st_gid)
        assert kept.mtime_ns == stat.st_mtime_ns


LOOKS: dict[str, Callable[[World], object]] = {
    "contents": contents,
    "contents-of-nothing": lambda world: hotbackup.Contents(world.place / "missing"),
}
