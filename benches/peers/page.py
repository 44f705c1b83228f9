"""The pages: tables of medians with their ratios and spread, put between the marks in docs and README."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

from results import Results

BEGIN, END = "<!-- written by benches/peers/run -->", "<!-- up to here -->"

OURS = "hotbackup"

# The columns of the short table, and who is in them: the first that took part in the step.
COLUMNS = {
    "hotbackup": ["hotbackup"],
    "`cp`, sync": ["cp -r, sync"],
    "`rsync`, sync": ["rsync -a, sync", "rsync -a --link-dest, sync", "rsync -a --checksum --delete, sync"],
    "RocksDB's own": ["BackupEngine, verified", "BackupEngine", "Checkpoint"],
    "restic": ["restic"],
    "a bare loop": ["bare links", "cp -al, sync", "bare copy, read back"],
}

# The order of the rows; what is not here comes after it.
ORDER = ["full", "full, one file", "full, cold", "nothing changed", "nothing changed, twice the bytes",
         "nothing changed, four times the bytes", "1 % changed", "small files", "small files, nothing changed",
         "restore", "restore over nearly the same", "freeze", "freeze, small files", "checkpoint",
         "checkpoint, small files", "freeze, one mutable file"]


def in_order(results: Results, place: str) -> list[str]:
    """The steps that are no writer's."""
    steps = [step for step in results.steps(place) if not step.startswith("writer")]
    return sorted(steps, key=lambda step: ORDER.index(step) if step in ORDER else len(ORDER))


def time(seconds: float) -> str:
    """Three figures, in the unit that suits."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            value = seconds * factor
            digits = 0 if value >= 100 else 1 if value >= 10 else 2
            return f"{value:.{digits}f} {unit}"
    raise AssertionError("unreachable")


def spread(values: list[float]) -> str:
    return time(values[0]) if len(values) == 1 else f"{time(min(values))} to {time(max(values))}"


def table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def short(results: Results, place: str) -> str:
    """A row a step: the medians side by side, ours also as a part of each."""
    rows = []
    for step in in_order(results, place):
        ours = results.median(place, step, OURS)
        if ours is None or step not in ORDER:
            continue
        row = [step, f"**{time(ours)}**"]
        for names in list(COLUMNS.values())[1:]:
            theirs = next(filter(None, (results.median(place, step, who) for who in names)), None)
            row.append(f"{time(theirs)} ({ratio(ours, theirs)})" if theirs else "")
        rows.append(row)
    return table(["", *COLUMNS], rows)


def ratio(ours: float, theirs: float) -> str:
    value = ours / theirs
    return f"{value:.2f} ×" if value >= 0.095 else f"{value:.3f} ×"


def long(results: Results, place: str) -> str:
    """A row each that took part in a step."""
    rows = []
    for step in in_order(results, place):
        ours = results.median(place, step, OURS)
        for who in sorted(results.who(place, step), key=lambda who: who != OURS):
            of = lambda name: results.median(place, step, who, name)
            cpu, peak = of("cpu"), of("peak_kib")
            rows.append([
                step, who, time(of("seconds")), spread(results.of(place, step, who)),
                ratio(ours, of("seconds")) if ours else "",
                f"{cpu:.2f} s" if cpu is not None else "",
                f"{peak / 1024:.0f} MB" if peak is not None else "",
            ])
    return table(["step", "who", "median", "spread", "hotbackup takes", "CPU", "memory"], rows)


def writer(results: Results, place: str) -> str:
    rows = []
    for step in (step for step in results.steps(place) if step.startswith("writer")):
        alone = results.median(place, step, "alone", "p99")
        for who in results.who(place, step):
            p99, most = results.of(place, step, who, "p99"), results.of(place, step, who, "max")
            p50 = results.of(place, step, who, "p50")
            beside = f"{statistics.median(p99) / alone:.1f} ×" if alone else ""
            rows.append([who, time(statistics.median(p50)), time(statistics.median(p99)), spread(p99), beside,
                         time(statistics.median(most)), spread(most),
                         time(results.median(place, step, who))])
    rows.sort()
    return table(["a writer beside", "p50", "p99", "spread", "of alone", "maximum", "spread", "which took"], rows)


def put(page: Path, text: str) -> None:
    """Puts the text between the marks of a page."""
    old = page.read_text()
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if not pattern.search(old):
        raise SystemExit(f"{page} has no marks: {BEGIN} … {END}")
    page.write_text(pattern.sub(lambda _: f"{BEGIN}\n\n{text}\n\n{END}", old))


def all_tables(results: Results) -> str:
    """What docs/performance.md shows."""
    parts = []
    for place, title in (("memory", "On a disk of memory"), ("disk", "On a disk")):
        if place in results.all:
            parts += [f"### {title}", short(results, place), f"#### A writer beside, {TITLES[place]}",
                      writer(results, place), f"#### Each by itself, {TITLES[place]}", long(results, place)]
    return "\n\n".join(parts)


TITLES = {"memory": "in memory", "disk": "on a disk"}
