"""What is measured: who copies, and by which command. Each call gives the numbers of one run."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Callable

Numbers = dict[str, float]

# Where the programs are built; `main` says it.
PROGRAMS = Path()


def report(program: str, *arguments: object) -> Numbers:
    """Runs one of our programs, which prints its numbers as JSON."""
    environment = {**os.environ, "RESTIC_PASSWORD": "peers"}
    command = [str(PROGRAMS / program), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr.strip()}")
    return json.loads(done.stdout) if done.stdout else {}


def run(command: str) -> Numbers:
    """A shell's command, from its start to its end."""
    return report("meter", "run", "sh", "-c", command)


@dataclass(frozen=True)
class Data:
    """A directory to back up, and the same once more where RocksDB may open it, which changes it."""

    path: Path
    rocks: Path | None
    # What hotbackup is told of it.
    options: tuple[str, ...]


@dataclass(frozen=True)
class Peer:
    """One that makes backups: `backup(data, top, n)` makes the n-th beneath a directory of its own."""

    name: str
    backup: Callable[[Data, Path, int], Numbers]
    restore: Callable[[Path, Path], Numbers] | None = None
    # It takes many seconds, and so is measured less often.
    slow: bool = False
    # It looks at nothing but its own first copy: a floor for what comes after it, where nothing has changed.
    is_floor: bool = False


def ours(*options: str) -> Callable[[Data, Path, int], Numbers]:
    def backup(data: Data, top: Path, n: int) -> Numbers:
        return report("ours", "backup", data.path, top / "root", *data.options, *options)

    return backup


def restore_ours(top: Path, target: Path) -> Numbers:
    # Into a directory that is not there nothing can match.
    return report("ours", "restore", newest(top), target, "--keep-matching", 1)


def checkpoint_ours(data: Data) -> Numbers:
    return report("ours", "checkpoint", data.path, *data.options)


def newest(top: Path) -> str:
    """The snapshot that the marker of a root names."""
    return (top / "root" / "latest").read_text().strip()


def copy(data: Data, top: Path, n: int) -> Numbers:
    to = top / str(n)
    return run(f"cp -r {quote(str(data.path))} {to} && sync -f {to}")


def bare_copy(data: Data, top: Path, n: int) -> Numbers:
    return report("meter", "copy", data.path, top / str(n))


def restore_copy(top: Path, target: Path) -> Numbers:
    return run(f"cp -r {top / '0'} {target} && sync -f {target}")


def rsync(data: Data, top: Path, n: int) -> Numbers:
    return run(f"rsync -a {data.path}/ {top / str(n)} && sync -f {top}")


def restore_rsync(top: Path, target: Path) -> Numbers:
    return run(f"rsync -a --checksum --delete {top / '0'}/ {target} && sync -f {target}")


def rsync_linked(data: Data, top: Path, n: int) -> Numbers:
    before = f"--link-dest={top / str(n - 1)}" if n else ""
    return run(f"rsync -a {before} {data.path}/ {top / str(n)} && sync -f {top}")


def copy_linked(data: Data, top: Path, n: int) -> Numbers:
    if n == 0:
        return copy(data, top, n)
    return run(f"cp -al {top / '0'} {top / str(n)} && sync -f {top}")


def restic(data: Data, top: Path, n: int) -> Numbers:
    tool = f"restic -q -r {top / 'repository'} --cache-dir {top / 'cache'}"
    if n == 0:
        run(f"{tool} init")
    return run(f"{tool} backup --compression off {data.path} && sync -f {top}")


def engine(data: Data, top: Path, n: int) -> Numbers:
    return report("rocks", "backup", data.rocks, top / "backups")


def engine_verified(data: Data, top: Path, n: int) -> Numbers:
    numbers = report("rocks", "backup", data.rocks, top / "backups", "verify")
    return {**numbers, "seconds": numbers["verified_seconds"], "cpu": numbers["verified_cpu"]}


def restore_engine(top: Path, target: Path) -> Numbers:
    return report("rocks", "restore", top / "backups", target)


OURS = Peer("hotbackup", ours(), restore_ours)
CP = Peer("cp -r, sync", copy, restore_copy)
RSYNC = Peer("rsync -a, sync", rsync)
RSYNC_LINKED = Peer("rsync -a --link-dest, sync", rsync_linked)
RSYNC_OVER = Peer("rsync -a --checksum --delete, sync", rsync, restore_rsync)
BARE = Peer("bare copy, read back", bare_copy, is_floor=True)
CP_LINKED = Peer("cp -al, sync", copy_linked, is_floor=True)
RESTIC = Peer("restic", restic, slow=True)
ENGINE = Peer("BackupEngine", engine, restore_engine)
ENGINE_VERIFIED = Peer("BackupEngine, verified", engine_verified)
