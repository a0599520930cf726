"""Curves drawn with plain elements: a line of narrow columns, each of which climbs or falls from the one before it.

The picture carries its story as a label, and the numbers stand in a table that opens below it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from statistics import fmean

from ui.nodes import Element, h
from ui.parts import counted
from ui.screens.models_runs import Curve, Point

COLUMNS = 120  # of a picture
ROWS = 30  # of its table


def plot(curve: Curve, *, from_zero: bool = False) -> Element:
    """A curve with its ends, its phases and its numbers. `from_zero`: the scale begins there, as a loss asks for."""
    first, last = curve.points[0], curve.points[-1]
    low, high = _scale(curve.points, from_zero)
    told = f"{curve.title}: from {first.value:.4f} at step {first.step:,} to {last.value:.4f} at step {last.step:,}"
    values = [point.value for point in curve.points]
    told += f", lowest {min(values):.4f}, highest {max(values):.4f}"
    return h(
        "article",
        h("header", h("h3", h("bdi", curve.title)), h("small", _change(first, last), more(curve)), class_="line"),
        h(
            "div",
            h("div", h("small", f"{high:.3g}"), h("small", f"{low:.3g}"), class_="ticks", aria_hidden="true"),
            h("div", *_columns(curve.points, low, high), class_="curve", role="img", aria_label=told),
            class_="plot",
        ),
        _steps(curve.points),
        _phases(curve.points),
        _numbers(curve),
        class_="drawn",
    )


def more(curve: Curve) -> str:
    """What else is to be said beside the title."""
    return f"; {curve.more}" if curve.more else ""


def _change(first: Point, last: Point) -> str:
    return f"{first.value:.4f} → {last.value:.4f}"


def _scale(points: Sequence[Point], from_zero: bool) -> tuple[float, float]:
    values = [point.value for point in points]
    low, high = min(values), max(values)
    room = (high - low or abs(high) or 1.0) * 0.08
    return (0.0 if from_zero and low >= 0 else low - room), high + room


def binned(points: Sequence[Point], most: int = COLUMNS) -> list[Point]:
    """At most so many points: each the mean of neighbours of one phase."""
    size = -(-len(points) // most)
    found = []
    for part, inside in groupby(points, key=lambda point: point.part):
        run = list(inside)
        for start in range(0, len(run), size):
            some = run[start : start + size]
            found.append(Point(some[-1].step, fmean(point.value for point in some), part))
    return found


def _columns(points: Sequence[Point], low: float, high: float) -> list[Element]:
    columns, before = [], None
    for point in binned(points):
        fill = round((point.value - low) / (high - low), 4)
        begins = before is not None and before[1] != point.part
        since = fill if before is None or begins else before[0]
        columns.append(h("span", from_=since, fill=fill, class_="begins" if begins else None))
        before = (fill, point.part)
    return columns


def _steps(points: Sequence[Point]) -> Element:
    ends = h("small", f"step {points[0].step:,}"), h("small", f"step {points[-1].step:,}")
    return h("div", *ends, class_="steps", aria_hidden="true")


def _phases(points: Sequence[Point]) -> Element | None:
    """The phases from left to right, as the dashed lines part them."""
    runs = [(part, [point.step for point in inside]) for part, inside in groupby(points, key=lambda point: point.part)]
    if not runs[0][0]:
        return None
    items = [h("li", h("bdi", part), h("small", f" steps {run[0]:,}–{run[-1]:,}")) for part, run in runs]
    return h("ol", *items, class_="phases", aria_label="Phases, from left to right")


def _numbers(curve: Curve) -> Element:
    shown = binned(curve.points, ROWS)
    size = -(-len(curve.points) // ROWS)
    phased = bool(curve.points[0].part)
    head = h("tr", *(h("th", name, scope="col") for name in ("Step", *(["Phase"] if phased else []), "Value")))
    rows = [
        h("tr", h("td", f"{p.step:,}"), h("td", h("bdi", p.part)) if phased else None, h("td", f"{p.value:.4f}"))
        for p in shown
    ]
    about = "" if size == 1 else f", means of {size} each"
    return h(
        "details",
        h(
            "summary",
            f"{counted(len(curve.points), 'number')}{about}",
            h("span", f" of {curve.title}", class_="hidden"),
        ),
        h("table", h("thead", head), h("tbody", *rows), class_="history"),
    )
