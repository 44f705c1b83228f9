"""Measures hotbackup beside its peers; `benches/peers/run` installs and builds what this needs."""

from __future__ import annotations

import argparse
import os
import platform
import random
import signal
import subprocess
import sys
from pathlib import Path

import latency
import page
import peers
import picture
import steps
from place import Place
from results import Results

ROOT = Path(__file__).resolve().parents[2]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little data, one round, writes no page: two minutes")
    parser.add_argument("--build", type=Path, required=True, help="where the programs were built")
    parser.add_argument("--disk", type=Path, help="a directory on the disk to measure (by default the build's)")
    parser.add_argument("--only", choices=["memory", "disk"], help="one place alone")
    parser.add_argument("--seed", type=int, default=None, help="of the random order")
    parser.add_argument("--again", action="store_true", help="only writes the pages of the last full run anew")
    return parser.parse_args()


def machine() -> str:
    """What the numbers were measured on."""
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions = [subprocess.run(command, capture_output=True, text=True, shell=True).stdout.strip()
                for command in ("dpkg-query -W -f '${Version}' librocksdb-dev", "rsync --version | awk 'NR==1{print $3}'",
                                "restic version | awk '{print $2}'", "cp --version | awk 'NR==1{print $4}'")]
    rocksdb, rsync, restic, coreutils = versions
    return (f"{os.cpu_count()} cores ({model}), {memory:.0f} GB of memory, Linux {platform.release().split('-')[0]}, "
            f"RocksDB {rocksdb}, rsync {rsync}, restic {restic}, coreutils {coreutils}.")


def measure_place(name: str, directory: Path, size: steps.Size, results: Results) -> None:
    place = Place(name, directory / name)
    try:
        bench = steps.Bench(place, size, results)
        steps.measure(bench, on_disk=place.direct)
        latency.measure(bench, size.rounds)
    finally:
        place.close()


def show(results: Results) -> None:
    """Into the documents."""
    page.put(ROOT / "docs" / "performance.md", f"{machine()}\n\n{page.all_tables(results)}")
    page.put(ROOT / "README.md", f"{page.short(results, 'memory')}\n\n![Medians of each step](docs/performance.svg)")
    (ROOT / "docs" / "performance.svg").write_text(picture.draw(results, "memory"))


def main() -> None:
    chosen = arguments()
    if os.geteuid():
        sys.exit("benches/peers/run makes file systems to measure on, which needs root")
    # A run that is ended takes its mounts with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    random.seed(chosen.seed)
    peers.PROGRAMS = chosen.build
    results, saved = Results(), chosen.build / ("quick.json" if chosen.quick else "results.json")
    if chosen.again:
        results.load(saved)
        return show(results)
    size = steps.QUICK if chosen.quick else steps.FULL
    for name, directory in (("memory", chosen.build), ("disk", chosen.disk or chosen.build)):
        if chosen.only in (None, name):
            measure_place(name, directory, size, results)
            results.save(saved)
    print(page.all_tables(results))
    if chosen.quick or chosen.only:
        (chosen.build / "quick.svg").write_text(picture.draw(results, chosen.only or "memory"))
    else:
        show(results)


if __name__ == "__main__":
    main()
