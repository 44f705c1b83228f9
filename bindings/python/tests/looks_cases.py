"""The cases of tests/scenarios/cases.txt about what can be looked at without changing anything."""

from __future__ import annotations

import os
from typing import Callable

from world import World

import hotbackup
from hotbackup import EntryKind, FileClass, Outcome


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


def preview(world: World) -> None:
    told = hotbackup.preview(world.data, **world.options)
    assert [(os.fspath(entry.path), entry.outcome, entry.rule, entry.size) for entry in told.entries] == [
        ("1.sst", Outcome.COPIED_AFTER_FREEZE, "*.sst", 18),
        ("2.sst", Outcome.COPIED_AFTER_FREEZE, "*.sst", 100_000),
        ("log", Outcome.COPIED_IN_FREEZE, None, 5),
    ]
    assert [entry.file_class for entry in told.entries] == [FileClass.IMMUTABLE] * 2 + [FileClass.MUTABLE]
    assert (told.directories, told.previous, told.refusals) == (1, None, [])
    (space,) = told.spaces
    assert told.is_one_file_system
    assert space.free
    assert space.needed >= 100_023
    assert space.path == told.root == world.root
    assert not (world.data / ".lifecycle").exists()


def preview_refused(world: World) -> None:
    (world.data / "link").symlink_to("nowhere")
    told = hotbackup.preview(world.data, **world.options)
    assert [entry.outcome for entry in told.entries if entry.kind == EntryKind.LINK] == [Outcome.REFUSED]
    (refusal,) = told.refusals
    assert refusal.path == world.data / "link"
    raise refusal


LOOKS: dict[str, Callable[[World], object]] = {
    "contents": contents,
    "contents-of-nothing": lambda world: hotbackup.Contents(world.place / "missing"),
    "preview": preview,
    "preview-refused": preview_refused,
}
