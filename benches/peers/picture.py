"""The picture: each step a line, each peer a dot at its median, on a scale that grows by tens."""

from __future__ import annotations

import math
from html import escape

import page
from results import Results

COLOURS = {
    "hotbackup": "#c2410c",
    "`cp`, sync": "#64748b",
    "`rsync`, sync": "#0f766e",
    "RocksDB's own": "#1d4ed8",
    "restic": "#7e22ce",
    "a bare loop": "#cbd5e1",
}
LEFT, RIGHT, TOP, LINE, WIDTH = 290, 40, 64, 34, 890


def draw(results: Results, place: str) -> str:
    steps = [step for step in page.in_order(results, place) if results.median(place, step, page.OURS)]
    dots = {step: medians(results, place, step) for step in steps}
    every = [seconds for of_step in dots.values() for seconds in of_step.values()]
    low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))
    height = TOP + LINE * len(steps) + 40

    def across(seconds: float) -> float:
        return LEFT + (math.log10(seconds) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
             'font-family="system-ui, sans-serif" font-size="13">',
             "<title>Medians of each step, on a scale that grows by tens</title>",
             f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>', *legend()]
    for power in range(low, high + 1):
        x = across(10.0 ** power)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP - 12}" x2="{x:.1f}" y2="{height - 34}" stroke="#e2e8f0"/>')
        parts.append(text(x, height - 14, tens(power), "middle", "#475569"))
    for number, step in enumerate(steps):
        y = TOP + LINE * number + LINE / 2
        parts.append(text(LEFT - 14, y + 4, step, "end", "#0f172a"))
        parts.append(f'<line x1="{LEFT}" y1="{y}" x2="{WIDTH - RIGHT}" y2="{y}" stroke="#f1f5f9"/>')
        # Ours last, so that it lies above.
        for who in reversed(COLOURS):
            if who in dots[step]:
                size = 7 if who == page.OURS else 5.5
                parts.append(f'<circle cx="{across(dots[step][who]):.1f}" cy="{y}" r="{size}" '
                             f'fill="{COLOURS[who]}"><title>{escape(who)}: {page.time(dots[step][who])}</title></circle>')
    return "\n".join([*parts, "</svg>", ""])


def medians(results: Results, place: str, step: str) -> dict[str, float]:
    """The same that the short table shows."""
    found = {}
    for column, names in page.COLUMNS.items():
        seconds = next(filter(None, (results.median(place, step, who) for who in names)), None)
        if seconds:
            found[column] = seconds
    return found


def tens(power: int) -> str:
    unit = next(unit for unit in (0, -3, -6) if power >= unit)
    return f"{10 ** (power - unit)} { {0: 's', -3: 'ms', -6: 'µs'}[unit]}"


def legend() -> list[str]:
    parts, x = [], LEFT
    for who, colour in COLOURS.items():
        parts.append(f'<circle cx="{x}" cy="24" r="6" fill="{colour}"/>')
        parts.append(text(x + 12, 28, who.replace("`", ""), "start", "#0f172a"))
        x += 34 + 7.2 * len(who.replace("`", ""))
    return parts


def text(x: float, y: float, words: str, anchor: str, colour: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(words)}</text>'
