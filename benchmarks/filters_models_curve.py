"""The curve of the consistency filter as CSV and as a drawing (SVG, written by hand: no plotting library is needed)."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

COLOURS = ("#9ecae1", "#6baed6", "#4292c6", "#2171b5", "#08306b")  # small sample → large
WIDTH, HEIGHT, LEFT, TOP = 380, 280, 60, 40  # of one panel, and its place
PANELS = (("clean_kept", "clean pairs kept", 0.0), ("mismatched_dropped", "mismatched pairs dropped", 0.8))
TICKS = (1, 2, 5, 10, 20, 50, 100, 200)

Point = dict[str, Any]  # sample, k, clean_kept, mismatched_dropped


def draw(folder: Path, points: Sequence[Point]) -> None:
    """Write `consistency.csv` and `consistency.svg`: a panel for what is kept, one for what is dropped, a line per sample size."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "consistency.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, list(points[0]))
        table.writeheader()
        table.writerows(points)
    panels = "".join(_panel(points, number * (WIDTH + LEFT + 20) + LEFT, *panel) for number, panel in enumerate(PANELS))
    size = f'width="{2 * (WIDTH + LEFT + 20) + 20}" height="{HEIGHT + TOP + 50}"'
    style = 'font-family="sans-serif" font-size="12" fill="#333"'
    drawing = f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}><rect {size} fill="white"/>{panels}</svg>\n'
    (folder / "consistency.svg").write_text(drawing, "utf-8")


def _panel(points: Sequence[Point], left: int, value: str, title: str, low: float) -> str:
    samples = sorted({point["sample"] for point in points})
    parts = [f'<text x="{left}" y="{TOP - 14}" font-weight="bold">{title}</text>', _grid(left, low)]
    for row, sample in enumerate(samples):
        colour = COLOURS[-len(samples) :][row]
        line = [point for point in points if point["sample"] == sample and point[value] >= low]
        spots = " ".join(f"{_x(left, point['k']):.1f},{_y(point[value], low):.1f}" for point in line)
        parts.append(f'<polyline points="{spots}" fill="none" stroke="{colour}" stroke-width="2"/>')
        height = TOP + HEIGHT - 14 * (len(samples) - row)
        at = left + (WIDTH - 140 if value == "clean_kept" else 10)
        parts.append(f'<text x="{at}" y="{height}" fill="{colour}">sample of {sample} passages</text>')
    return "".join(parts)


def _grid(left: int, low: float) -> str:
    parts = [
        f'<text x="{left + WIDTH / 2}" y="{TOP + HEIGHT + 38}" text-anchor="middle">k: last rank that is kept</text>'
    ]
    for k in TICKS:
        x = _x(left, k)
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{TOP + HEIGHT}" stroke="#eee"/>')
        parts.append(f'<text x="{x:.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{k}</text>')
    for step in range(6):
        share = low + (1 - low) * step / 5
        y = _y(share, low)
        parts.append(f'<line x1="{left}" x2="{left + WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#eee"/>')
        parts.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    return "".join(parts)


def _x(left: int, k: int) -> float:
    return left + WIDTH * math.log(k) / math.log(TICKS[-1])


def _y(share: float, low: float) -> float:
    return TOP + HEIGHT * (1 - (share - low) / (1 - low))
