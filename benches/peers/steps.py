"""The steps: what is done in which order, and what of it is counted."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from peers import (BARE, CP, CP_LINKED, ENGINE, ENGINE_VERIFIED, OURS, RESTIC, RSYNC, RSYNC_LINKED, RSYNC_OVER, Data,
                   Numbers, Peer, checkpoint_ours, report)
from place import GIB, MIB, Image, Place, call, drop_caches, rest, settle
from results import Results


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    rounds: int
    bytes: int
    tables: int
    small_files: int
    small_directories: int
    # How often what takes many seconds is done.
    slow_rounds: int


FULL = Size(rounds=5, bytes=GIB, tables=76, small_files=50_000, small_directories=50, slow_rounds=2)
QUICK = Size(rounds=1, bytes=96 * MIB, tables=76, small_files=2_000, small_directories=10, slow_rounds=1)


class Bench:
    """One place with its data, and the images that are written to."""

    def __init__(self, place: Place, size: Size, results: Results):
        self.place, self.size, self.results = place, size, results
        # Memory is taken as it is written to; on a disk each block is written ahead.
        self.sources = place.image("data", size.bytes * 7 // 2 + GIB // 2)
        self.target = place.image("target", size.bytes * (4 if place.direct else 6) + 2 * GIB)
        self.second = None if place.direct else place.image("second", size.bytes * 5 + GIB)
        top = self.sources.fresh()
        report("rocks", "make", top / "rocks", size.bytes, size.tables)
        call("cp", "-r", top / "rocks", top / "db")
        self.database = Data(top / "db", top / "rocks", ("--layout", "rocksdb"))
        report("meter", "small", top / "small", size.small_files, size.small_directories)
        self.small = Data(top / "small", None, ("--immutable", "*.sst"))
        (top / "one").mkdir()
        self.write_large(top / "one" / "data.db", size.bytes)
        self.one_file = Data(top / "one", None, ())
        settle()

    def write_large(self, path: Path, size: int) -> None:
        """A file with the bytes of the tables, again and again."""
        tables = " ".join(str(table) for table in sorted(self.database.path.glob("*.sst")))
        call("sh", "-c", f"while cat {tables}; do :; done 2>/dev/null | head -c {size} > {path}")

    def shuffled(self, who: list[Peer], round: int) -> list[Peer]:
        """A random order; who is slow comes in the first rounds alone."""
        chosen = [peer for peer in who if not peer.slow or round <= self.size.slow_rounds]
        return random.sample(chosen, len(chosen))

    def add(self, step: str, who: str, numbers: Numbers) -> None:
        self.results.add(self.place.name, step, who, numbers)

    def twice(self, image: Image, work: Callable[[Path], Numbers]) -> Numbers:
        """The second of two, each on a file system of its own: a machine gives its guest memory slowly the
        first time, and the second one finds what the first had."""
        numbers: Numbers = {}
        for _ in range(2):
            top = image.fresh()
            settle()
            numbers = work(top)
        image.leave()
        return numbers

    def once(self, image: Image, work: Callable[[Path], Numbers]) -> Numbers:
        top = image.fresh()
        settle()
        numbers = work(top)
        image.leave()
        return numbers

    def full(self, step: str, data: Data, who: list[Peer]) -> None:
        """A first backup."""
        for round in range(1, self.size.rounds + 1):
            for peer in self.shuffled(who, round):
                how = self.once if peer.slow else self.twice
                self.add(step, peer.name, how(self.target, lambda top: peer.backup(data, top, 0)))

    def again(self, steps: tuple[str, str | None], data: Data, who: list[Peer]) -> None:
        """Backups after the first: with nothing changed, then with 1 % changed. The first round warms."""
        top = self.target.fresh()
        tops = {peer.name: top / peer.name.replace(" ", "-").replace(",", "") for peer in who}
        number = dict.fromkeys(tops, 0)

        def next_backup(peer: Peer) -> Numbers:
            settle()
            numbers = peer.backup(data, tops[peer.name], number[peer.name])
            number[peer.name] += 1
            return numbers

        rest()
        for peer in who:
            tops[peer.name].mkdir()
            next_backup(peer)
        for round in range(self.size.rounds + 1):
            for peer in self.shuffled(who, round):
                numbers = next_backup(peer)
                if round:
                    self.add(steps[0], peer.name, numbers)
            if steps[1] is None:
                continue
            for database in (data.path, data.rocks):
                report("rocks", "write", database, self.size.bytes // 100)
            rest()
            for peer in self.shuffled([peer for peer in who if not peer.is_floor], round):
                numbers = next_backup(peer)
                if round:
                    self.add(steps[1], peer.name, numbers)
        self.target.leave()

    def restores(self) -> None:
        """Into a directory that is not there, and over one that is nearly the same."""
        top = self.target.fresh()
        who = [OURS, CP, ENGINE]
        tops = {peer.name: top / peer.name.split()[0] for peer in [*who, RSYNC_OVER]}
        for peer in [*who, RSYNC_OVER]:
            tops[peer.name].mkdir()
            peer.backup(self.database, tops[peer.name], 0)
        for round in range(1, self.size.rounds + 1):
            for peer in self.shuffled(who, round):
                restored = self.twice(self.second, lambda to: peer.restore(tops[peer.name], to / "restored"))
                self.add("restore", peer.name, restored)
            for peer in self.shuffled([OURS, ENGINE, RSYNC_OVER], round):
                again = self.once(self.second, lambda to: self.restore_over(peer, tops[peer.name], to / "restored"))
                self.add("restore over nearly the same", peer.name, again)
        self.target.leave()

    def restore_over(self, peer: Peer, top: Path, target: Path) -> Numbers:
        """What was restored has lost a table and got another, as by a day's work of its database."""
        peer.restore(top, target)
        table = sorted(target.glob("*.sst"))[0]
        table.rename(table.with_name("999999.sst"))
        settle()
        return peer.restore(top, target)

    def windows(self) -> None:
        """How long writes stand still; beside it what makes as many links, and nothing more."""
        for name, data in (("freeze", self.database), ("freeze, small files", self.small)):
            for round in range(self.size.rounds + 1):
                top = self.sources.mount / "links" / f"{name.replace(' ', '-')}-{round}"
                top.parent.mkdir(exist_ok=True)
                settle()
                measured = {"bare links": report("meter", "links", data.path, top)["seconds"]}
                if data.rocks:
                    checkpoint = top.with_name(f"checkpoint-{round}")
                    measured["Checkpoint"] = report("rocks", "checkpoint", data.rocks, checkpoint)["seconds"]
                backup = self.once(self.target, lambda to: OURS.backup(data, to, 0))
                measured["hotbackup"] = backup["freeze"]
                for who, seconds in measured.items():
                    if round:
                        self.add(name, who, {"seconds": seconds})
                if round:
                    # What it is beside, made a moment ago.
                    self.add(f"checkpoint{name[6:]}", "hotbackup", checkpoint_ours(data))
                    for who in measured.keys() - {"hotbackup"}:
                        self.add(f"checkpoint{name[6:]}", who, {"seconds": measured[who]})

    def large_file(self) -> None:
        """The window of one file that may change at any time: a clone of it, where the file system makes clones."""
        for kind in ("ext4", "xfs", "btrfs"):
            image = self.place.image("large", self.size.bytes * 5 + GIB, kind)
            for round in range(self.size.rounds + 1):
                data = Data(image.fresh() / "data", None, ())
                data.path.mkdir()
                self.write_large(data.path / "data.db", self.size.bytes * 2)
                settle()
                backup = OURS.backup(data, image.mount, 0)
                if round:
                    self.add("freeze, one mutable file", f"hotbackup on {kind}", {"seconds": backup["freeze"]})
            self.place.drop(image)

    def cold(self) -> None:
        """From the disk, with nothing in the cache."""
        for round in range(1, self.size.rounds + 1):
            for peer in self.shuffled([OURS, CP, ENGINE], round):
                self.add("full, cold", peer.name, self.once(self.target, lambda to: self.uncached(peer, to)))

    def uncached(self, peer: Peer, to: Path) -> Numbers:
        drop_caches()
        return peer.backup(self.database, to, 0)

    def scales(self) -> None:
        """Nothing changed, with as many files of twice and four times the size."""
        for factor, name in ((2, "twice"), (4, "four times")):
            path = self.second.fresh() / "db"
            report("rocks", "make", path, self.size.bytes * factor, self.size.tables)
            data = Data(path, path, ("--layout", "rocksdb"))  # RocksDB comes last, so it changes nothing for us
            step = f"nothing changed, {name} the bytes"
            for peer in (OURS, ENGINE):
                self.again((step, None), data, [peer])
            self.second.leave()


def measure(bench: Bench, on_disk: bool) -> None:
    """All steps of a place but those of the writer."""
    database, small = bench.database, bench.small
    if on_disk:
        bench.full("full", database, [OURS, CP, RSYNC, ENGINE, ENGINE_VERIFIED])
        bench.cold()
        bench.again(("nothing changed", "1 % changed"), database, [OURS, RSYNC_LINKED, ENGINE])
        return
    bench.full("full", database, [OURS, CP, RSYNC, ENGINE, ENGINE_VERIFIED, RESTIC, BARE])
    bench.full("full, one file", bench.one_file, [OURS, CP, RSYNC, BARE])
    bench.full("small files", small, [OURS, CP, RSYNC, RESTIC, BARE])
    bench.again(("small files, nothing changed", None), small, [OURS, RSYNC_LINKED, CP_LINKED, RESTIC])
    bench.large_file()
    bench.windows()
    bench.restores()
    bench.again(("nothing changed", "1 % changed"), database, [OURS, RSYNC_LINKED, CP_LINKED, ENGINE, RESTIC])
    bench.scales()

