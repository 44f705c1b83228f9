"""The cases of tests/scenarios/cases.txt about what a backup shares with the snapshot before it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Callable

from world import World, flip

import hotbackup
from hotbackup import Share


def share_always(world: World) -> None:
    """Its tables can be shared: only what has settled is."""
    for name in ("1.sst", "2.sst"):
        os.utime(world.data / name, (time.time() - 3600,) * 2)
    world.options["share"] = Share.ALWAYS


def shares(world: World, files: int, size: int) -> hotbackup.Job:
    """Makes a backup, after which the log is changed, that shares so much."""
    with world.open() as coordinator:
        job = coordinator.start()
        assert job.wait().bytes_linked == size
    snapshot = hotbackup.latest(world.root)
    assert (snapshot.location, snapshot.files) == (job.location, 3)
    assert (snapshot.files_shared, snapshot.bytes_shared) == (files, size)
    world.calls.clear()
    (world.data / "log").write_bytes(os.urandom(5))
    return job


def share_unchanged(world: World) -> None:
    share_always(world)
    for files, size in ((0, 0), (2, 100_018)):
        assert shares(world, files, size).warnings == []


def share_never(world: World) -> None:
    share_always(world)
    shares(world, 0, 0)
    world.options["share"] = Share.NEVER
    assert shares(world, 0, 0).warnings == []


def rot(stored: Path) -> None:
    """As a disk does it."""
    before = stored.stat()
    flip(stored)
    os.utime(stored, ns=(before.st_atime_ns, before.st_mtime_ns))


def share_rotted(world: World) -> None:
    share_always(world)
    made = [shares(world, 0, 0), shares(world, 2, 100_018)]
    rot(made[1].location / "2.sst")
    world.options["reread_after"] = None
    made.append(shares(world, 2, 100_018))
    assert made[2].warnings == []
    world.options["reread_after"] = 0
    job = shares(world, 1, 18)
    (warning,) = job.warnings
    assert warning.path == made[2].location / "2.sst"
    assert all(older.location.name in str(warning) for older in made)
    hotbackup.verify(job.location).wait()
    raise warning


def scrub_rotted(world: World) -> None:
    share_always(world)
    shares(world, 0, 0)
    second = shares(world, 2, 100_018).location
    good = hotbackup.scrub(world.root)
    good.wait()
    assert good.warnings == []
    rot(second / "2.sst")
    job = hotbackup.scrub(world.root, max_bytes=1 << 30, max_seconds=3600)
    try:
        job.wait()
    finally:
        (warning,) = job.warnings
        assert isinstance(warning, hotbackup.Corrupt) and second.name in str(warning)
        assert hotbackup.Snapshot.open(second).is_damaged


def scrub_no_root(world: World) -> None:
    hotbackup.scrub(world.data).wait()


SHARING: dict[str, Callable[[World], object]] = {
    "share-unchanged": share_unchanged,
    "share-never": share_never,
    "share-rotted": share_rotted,
    "scrub-rotted": scrub_rotted,
    "scrub-no-root": scrub_no_root,
}
