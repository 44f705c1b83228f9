"""The world that each case of tests/scenarios/cases.txt begins with, and how to look at it."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Callable

import hotbackup
from hotbackup import Coordinator, FileClass, Hook, Progress

TABLE = bytes(i % 251 for i in range(100_000))
SECONDS = 60
"""How long something may take that happens at once, before a test is called stuck."""


class SaidNo(Exception):
    """A host's own exception."""


class World:
    """A data directory, hooks that write down their names, and a place for more."""

    def __init__(self, place: Path, name: bytes = b"data"):
        self.place = place
        self.data = place / os.fsdecode(name)
        (self.data / "wal").mkdir(parents=True)
        (self.data / "1.sst").write_bytes(b"an immutable table")
        (self.data / "2.sst").write_bytes(TABLE)
        (self.data / "log").write_bytes(b"a log")
        self.target = place / "target"
        self.calls: list[str] = []
        self.progress: list[Progress] = []
        self.threads: set[int] = set()
        self.failing = ""
        self.failure = SaidNo()
        self.inside: dict[str, Callable[[Hook], object]] = {}
        self.options: dict[str, Any] = {"rules": [("*.sst", FileClass.IMMUTABLE)]}

    def hook(self, name: str) -> Callable[..., Any]:
        """A hook that writes its name down, does what the case wants done in it, and fails if it shall."""

        def called(*arguments: Any) -> object:
            hook = arguments[-1]
            assert isinstance(hook, Hook)
            self.threads.add(threading.get_ident())
            if name == "progress":
                self.progress.append(arguments[0])
            else:
                self.calls.append(name)
            inside = self.inside.get(name)
            answer = None if inside is None else inside(hook)
            if name == self.failing:
                self.failure = SaidNo(f"{name} said no")
                raise self.failure
            return answer

        return called

    def hooks(self, *names: str) -> dict[str, Any]:
        return {name: self.hook(name) for name in names}

    def open(self) -> Coordinator:
        names = ("checkpoint", "freeze", "thaw", "release", "validate", "progress")
        return Coordinator(self.data, **self.hooks(*names), **self.options)

    def backup(self) -> Path:
        """A backup, whose calls are forgotten; the next one finds another log."""
        with self.open() as coordinator:
            job = coordinator.start()
            job.wait()
        self.calls.clear()
        (self.data / "log").write_bytes(os.urandom(5))
        return job.location

    @property
    def root(self) -> Path:
        return self.data / ".lifecycle/backup"

    def restore(self, snapshot: Path, **options: Any) -> hotbackup.Job:
        return hotbackup.restore(snapshot, self.target, **self.hooks("validate", "progress"), **options)

    def assert_restored(self, snapshot: Path) -> None:
        """It can be, and is what the data directory is."""
        hotbackup.restore(snapshot, self.target).wait()
        assert tree(self.target) == tree(self.data)


def tree(directory: Path) -> dict[bytes, bytes | None]:
    """Names and bytes of what lies in a directory, but not in the library's own."""
    found: dict[bytes, bytes | None] = {}
    for above, directories, files in os.walk(os.fsencode(directory)):
        if b".lifecycle" in directories:
            directories.remove(b".lifecycle")
        for name in directories + files:
            path = os.path.join(above, name)
            content = None
            if name in files:
                with open(path, "rb") as file:
                    content = file.read()
            found[os.path.relpath(path, os.fsencode(directory))] = content
    found.pop(b"snapshot.manifest", None)
    return found


def flip(stored: Path) -> None:
    """Flips a bit of a stored 2.sst."""
    with open(stored, "r+b") as file:
        file.seek(50_000)
        byte = file.read(1)[0]
        file.seek(50_000)
        file.write(bytes([byte ^ 1]))


class Gate:
    """A hook waits here until the test has seen it and lets it go."""

    def __init__(self) -> None:
        self.reached, self.open = threading.Event(), threading.Event()

    def __call__(self, _: object) -> None:
        self.reached.set()
        assert self.open.wait(SECONDS)
