"""The picture of an ablation: per figure a small panel, over the levels of noise a curve per variant with its interval.

Without a ladder the variants stand below each other. Drawn without a window and without global state; equal results give
equal bytes. A colour-blind safe palette (Okabe & Ito 2008).
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from trainer.ablate.report import Row

COLOURS = ("#555555", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
COLUMNS = 3  # panels side by side


def draw(rows: Sequence[Row]) -> bytes:
    """A PNG of all figures."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(rows[0].figures)
    variants = list(dict.fromkeys(row.variant for row in rows))
    columns = min(COLUMNS, len(names))
    lines = math.ceil(len(names) / columns)
    sheet = Figure(figsize=(3.4 * columns + 0.6, 2.5 * lines + 0.8), layout="constrained")
    FigureCanvasAgg(sheet)
    panels = sheet.subplots(lines, columns, squeeze=False).ravel()
    levels = sorted({row.level for row in rows if row.level is not None})
    for axes, name in zip(panels, names, strict=False):
        axes.set_title(name, fontsize=9, loc="left")
        _plain(axes)
        (_curves if len(levels) > 1 else _dots)(axes, rows, variants, name)
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    if len(levels) > 1:
        _legend(sheet, variants)
        sheet.supxlabel("share of mismatched pairs", fontsize=9)
    drawn = io.BytesIO()
    sheet.savefig(drawn, format="png", dpi=130, metadata={"Software": None})
    return drawn.getvalue()


def _curves(axes: Axes, rows: Sequence[Row], variants: Sequence[str], name: str) -> None:
    for number, variant in enumerate(variants):
        own = sorted((row for row in rows if row.variant == variant), key=lambda row: row.level or 0.0)
        places = [(row.level or 0.0) + 0.012 * (number - (len(variants) - 1) / 2) for row in own]  # side by side
        axes.errorbar(places, [row.figures[name].mean for row in own], _half(own, name), **_style(number))
    axes.set_xticks(sorted({row.level or 0.0 for row in rows}))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")


def _dots(axes: Axes, rows: Sequence[Row], variants: Sequence[str], name: str) -> None:
    for number, variant in enumerate(variants):
        own = [row for row in rows if row.variant == variant]
        axes.errorbar([own[0].figures[name].mean], [number], xerr=_half(own, name), **_style(number))
    axes.set_yticks(range(len(variants)), variants)
    axes.invert_yaxis()


def _half(rows: Sequence[Row], name: str) -> list[float]:
    """Half of each interval; nothing where there is none."""
    means = [row.figures[name] for row in rows]
    return [0.0 if mean.low is None else mean.mean - mean.low for mean in means]


def _style(number: int) -> dict[str, Any]:
    return {"color": COLOURS[number % len(COLOURS)], "marker": "o", "markersize": 4, "linewidth": 1.3, "capsize": 3}


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)


def _legend(sheet: Any, variants: Sequence[str]) -> None:
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], marker="o", markersize=4, color=COLOURS[number % len(COLOURS)], label=variant)
        for number, variant in enumerate(variants)
    ]
    sheet.legend(handles=lines, loc="outside upper center", ncols=min(4, len(lines)), frameon=False, fontsize=9)
