"""All that was measured, as it came: medians and spread are made of it when it is shown."""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path


class Results:
    """Numbers by where, what, who and which."""

    def __init__(self) -> None:
        self.all: dict[str, dict[str, dict[str, dict[str, list[float]]]]] = {}
        self.started = time.time()

    def add(self, place: str, step: str, who: str, numbers: dict[str, float]) -> None:
        of_who = self.all.setdefault(place, {}).setdefault(step, {}).setdefault(who, {})
        for name, value in numbers.items():
            of_who.setdefault(name, []).append(value)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in numbers.items() if name in SHOWN)
        print(f"{time.time() - self.started:6.1f} s  {place}: {step}: {who}: {shown}", file=sys.stderr, flush=True)

    def of(self, place: str, step: str, who: str, name: str = "seconds") -> list[float]:
        return self.all.get(place, {}).get(step, {}).get(who, {}).get(name, [])

    def median(self, place: str, step: str, who: str, name: str = "seconds") -> float | None:
        found = self.of(place, step, who, name)
        return statistics.median(found) if found else None

    def steps(self, place: str) -> list[str]:
        return list(self.all.get(place, {}))

    def who(self, place: str, step: str) -> list[str]:
        return list(self.all[place][step])

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(self.all, indent=1))

    def load(self, path: Path) -> None:
        self.all = json.loads(path.read_text())


SHOWN = ("seconds", "freeze", "p99", "max")
