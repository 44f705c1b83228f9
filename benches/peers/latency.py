"""What a writer feels: 4 KiB appended and made durable, 200 times a second, alone and beside who copies.

All is on one file system, whose journal and whose disk they share.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Callable

import peers
from peers import Data, report
from steps import Bench, settle

LIMIT = 200_000_000
TARGET_MS = 5

# Long enough for some thousand writes.
ALONE_SECONDS = 5


def commands(data: Data, to: Path) -> dict[str, list[object]]:
    ours = [peers.PROGRAMS / "ours", "backup", data.path, to / "root", *data.options]
    return {
        "alone": ["sleep", ALONE_SECONDS],
        "hotbackup, 200 MB/s": [*ours, "--limit", LIMIT],
        f"hotbackup, target {TARGET_MS} ms": [*ours, "--latency-target", TARGET_MS],
        "hotbackup": ours,
        "cp -r, sync": ["sh", "-c", f"cp -r {data.path} {to / 'copy'} && sync -f {to}"],
        "BackupEngine": [peers.PROGRAMS / "rocks", "backup", data.rocks, to / "backups"],
    }


def measure(bench: Bench, rounds: int, step: str = "writer",
            only: Callable[[str], bool] = lambda who: True) -> None:
    """Each beside a database and a target that were just made, in random order."""
    names = [who for who in commands(bench.database, Path()) if only(who)]
    for _ in range(rounds):
        for who in random.sample(names, len(names)):
            top = bench.target.fresh()
            source = bench.database.rocks if who == "BackupEngine" else bench.database.path
            peers.run(f"cp -r {source} {top / 'db'}")
            data = Data(top / "db", top / "db", bench.database.options)
            settle()
            numbers = report("meter", "beside", top / "log", *commands(data, top)[who])
            bench.add(step, who, numbers)
            bench.target.leave()


