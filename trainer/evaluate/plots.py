"""Pictures of evaluations: figures side by side, differences, and figures by dimension and by length.

Drawn with matplotlib's Figure class and its Agg canvas: no window, no global state. Models keep their colour through all
pictures; a colour-blind safe palette (Okabe & Ito 2008). Nothing of a clock goes in: equal figures give equal bytes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from trainer.evaluate.evaluation import AVERAGE, Difference, Evaluation, Figure
from trainer.evaluate.report import main_metrics, metric_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Sheet

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
COLUMNS = 3  # of small pictures side by side
Draw = Callable[[Sequence[Evaluation], Sequence[Difference]], bytes | None]


def side_by_side(evaluations: Sequence[Evaluation], differences: Sequence[Difference]) -> bytes | None:
    """Every uncut figure as a dot with its interval, a row per set and metric, a colour per model."""
    del differences
    rows = [list(row) for row in zip(*(_whole(found.figures) for found in evaluations), strict=True)]
    if not rows:
        return None
    sheet, axes = _sheet(8.2, 1.5 + 0.26 * len(rows) * (1 + 0.35 * (len(evaluations) - 1)))
    for place, figures in enumerate(rows):
        for number, figure in enumerate(figures):
            offset = (number - (len(figures) - 1) / 2) * 0.24
            _dot(axes, figure.value, figure.low, figure.high, place + offset, COLOURS[number % len(COLOURS)])
            if len(figures) == 1:
                axes.annotate(f"{figure.value:.3f}", (figure.high, place), (6, 0), textcoords="offset points", **_SMALL)
    _label_rows(axes, [f"{row[0].set}  ·  {metric_of(row[0])}" for row in rows], [row[0].set for row in rows])
    least = min(figure.low for row in rows for figure in row)
    axes.set_xlim(min(0.0, least) - 0.02, 1.09 if len(evaluations) == 1 else 1.02)
    axes.set_xlabel("value, with its 95 % bootstrap interval", fontsize=9)
    _legend(sheet, evaluations)
    return _png(sheet)


def forest(evaluations: Sequence[Evaluation], differences: Sequence[Difference]) -> bytes | None:
    """Every uncut difference with its paired interval around a line at zero."""
    shown = [told for told in differences if told.dim is None and told.tokens is None]
    if not shown:
        return None
    others = [found.model for found in evaluations[1:]]
    places = list(dict.fromkeys((told.set, metric_of(told)) for told in shown))
    sheet, axes = _sheet(8.2, 1.5 + 0.26 * len(places) * (1 + 0.35 * (len(others) - 1)))
    axes.axvline(0, color="0.35", linewidth=1)
    for told in shown:
        number = others.index(told.other)
        offset = (number - (len(others) - 1) / 2) * 0.24
        colour = COLOURS[(number + 1) % len(COLOURS)]
        _dot(axes, told.difference, told.low, told.high, places.index((told.set, metric_of(told))) + offset, colour)
    _label_rows(axes, [f"{name}  ·  {metric}" for name, metric in places], [name for name, _ in places])
    axes.set_xlabel(f"{evaluations[0].model} minus the other, with its 95 % paired bootstrap interval", fontsize=9)
    _legend(sheet, evaluations[1:], "the other: ", first=1)
    return _png(sheet)


def by_dimension(evaluations: Sequence[Evaluation], differences: Sequence[Difference]) -> bytes | None:
    """Each set's main metric by the number of dimensions kept."""
    del differences
    return _curves(evaluations, "dim", "dimensions kept")


def by_length(evaluations: Sequence[Evaluation], differences: Sequence[Difference]) -> bytes | None:
    """Each set's main metric by the number of tokens that inputs were cut at."""
    del differences
    return _curves(evaluations, "tokens", "tokens kept of each input")


def _curves(evaluations: Sequence[Evaluation], key: str, label: str) -> bytes | None:
    main = main_metrics(evaluations[0])
    names = list(dict.fromkeys(f.set for f in evaluations[0].figures if getattr(f, key) is not None))
    if not names:
        return None
    columns = min(COLUMNS, len(names))
    sheet, _ = _sheet(2.7 * columns + 1.2, 2.2 * math.ceil(len(names) / columns) + 0.9, empty=True)
    grid = sheet.subplots(math.ceil(len(names) / columns), columns, squeeze=False, sharex=True).ravel()
    for axes, name in zip(grid, names, strict=False):
        for number, found in enumerate(evaluations):
            chosen = [f for f in found.figures if (f.set, f.metric) == (name, main[name]) and getattr(f, key)]
            _curve(axes, sorted((getattr(f, key), f.value, f.low, f.high) for f in chosen), number)
        axes.set_title(f"{name}: {main[name]}", fontsize=9, loc="left")
        _plain_axes(axes)
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.set_xticks(sorted({getattr(f, key) for f in evaluations[0].figures if getattr(f, key)}))
        axes.minorticks_off()
        axes.tick_params(axis="x", rotation=45)
    for axes in grid[len(names) :]:
        axes.set_visible(False)
    sheet.supxlabel(label, fontsize=9)
    _legend(sheet, evaluations)
    return _png(sheet)


def _curve(axes: Axes, points: Sequence[tuple[float, float, float, float]], number: int) -> None:
    x, values, lows, highs = zip(*points, strict=True)
    colour = COLOURS[number % len(COLOURS)]
    axes.fill_between(x, lows, highs, color=colour, alpha=0.15, linewidth=0)
    axes.plot(x, values, marker="o", markersize=4, color=colour, linewidth=1.5)


def _dot(axes: Axes, value: float, low: float, high: float, place: float, colour: str) -> None:
    axes.plot([low, high], [place, place], color=colour, linewidth=2, alpha=0.55, solid_capstyle="round")
    axes.plot([value], [place], marker="o", markersize=5, color=colour)


_SMALL: dict[str, Any] = {"va": "center", "fontsize": 8, "color": "0.3"}


def _label_rows(axes: Axes, labels: Sequence[str], groups: Sequence[str]) -> None:
    """Names at the rows, first row on top, a pale band behind every other set."""
    axes.set_yticks(range(len(labels)), labels, fontsize=9)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    order = list(dict.fromkeys(groups))
    for place, group in enumerate(groups):
        if order.index(group) % 2:
            axes.axhspan(place - 0.5, place + 0.5, color="0.96", zorder=0, linewidth=0)
        if group == AVERAGE:
            axes.axhline(place - 0.5, color="0.6", linewidth=0.8)
    _plain_axes(axes)


def _plain_axes(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.grid(axis="both" if axes.get_title(loc="left") else "x", color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)


def _sheet(width: float, height: float, empty: bool = False) -> tuple[Sheet, Axes]:
    from matplotlib.figure import Figure as Sheet

    sheet = Sheet(figsize=(width, height), layout="constrained")
    return sheet, None if empty else sheet.subplots()  # type: ignore[return-value]


def _legend(sheet: Sheet, evaluations: Sequence[Evaluation], before: str = "", first: int = 0) -> None:
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], marker="o", color=COLOURS[number % len(COLOURS)], label=before + found.model)
        for number, found in enumerate(evaluations, first)
    ]
    sheet.legend(handles=lines, loc="outside upper center", ncols=min(3, len(lines)), frameon=False, fontsize=9)


def _png(sheet: Sheet) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(sheet)
    drawn = io.BytesIO()
    sheet.savefig(drawn, format="png", dpi=130, metadata={"Software": None})
    return drawn.getvalue()


def _whole(figures: Sequence[Figure]) -> list[Figure]:
    return [figure for figure in figures if figure.dim is None and figure.tokens is None]


PICTURES: dict[str, tuple[str, Draw]] = {
    "figures.png": ("figures side by side", side_by_side),
    "differences.png": ("differences", forest),
    "dimensions.png": ("figures by dimension", by_dimension),
    "lengths.png": ("figures by length", by_length),
}
