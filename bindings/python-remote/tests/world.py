"""The world that each case of remote/capi/tests/scenarios/cases.txt begins with, and how to look at it."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import hotbackup.remote
from hotbackup import FileClass
from hotbackup.remote import AnyPassword, Remote

PASSWORD = "correct horse"
SECONDS = 60
"""How long something may take that happens at once, before a test is called stuck."""


class World:
    """A data directory, its backups, and a place for a repository."""

    def __init__(self, place: Path):
        self.place = place
        self.data = place / "data"
        (self.data / "wal").mkdir(parents=True)
        (self.data / "1.sst").write_bytes(os.urandom(3 << 20))
        (self.data / "2.sst").write_bytes(b"a small table")
        (self.data / "log").write_bytes(b"a log")
        self.repository = place / "repository"
        self.target = place / "target"

    def coordinator(self) -> hotbackup.Coordinator:
        return hotbackup.Coordinator(self.data, rules=[("*.sst", FileClass.IMMUTABLE)])

    def backup(self) -> Path:
        with self.coordinator() as coordinator:
            job = coordinator.start()
            job.wait()
        return job.location

    def checkpoint(self) -> Path:
        with self.coordinator() as coordinator:
            job = coordinator.start_checkpoint(links_are_safe=True)
            job.wait()
        return job.location

    def open(self, password: AnyPassword = PASSWORD) -> Remote:
        return hotbackup.remote.open(
            f"file://{self.repository}", password=password, lock_wait="2s", host="db1"
        )

    def made(self) -> Remote:
        """A remote whose repository was made."""
        remote = self.open()
        remote.init()
        return remote

    def packs(self) -> list[Path]:
        return sorted(self.repository.glob("data/*/*"))


def tree(directory: Path) -> dict[str, bytes | None]:
    """Names and bytes of what lies in a directory, but not in the library's own."""
    own = {".lifecycle", "snapshot.manifest"}
    below = [path for path in directory.rglob("*") if path.relative_to(directory).parts[0] not in own]
    return {str(path.relative_to(directory)): path.read_bytes() if path.is_file() else None for path in below}


class Gate:
    """A hook waits here until the test has seen it and lets it go."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, *_: object) -> None:
        self.reached.set()
        assert self.open.wait(SECONDS)
