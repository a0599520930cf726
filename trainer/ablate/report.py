"""An ablation told: the papers' table, what changed against no filter, and what every variant dropped and cost.

Figures are means over seeds with their 95 % interval; a difference is taken seed by seed. `ablation.json` holds all of it and
every cell's result, `report.md` the tables and the picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from indexer.files import canonical_json, write_bytes
from trainer.ablate.intervals import Mean, mean_of, paired
from trainer.ablate.results import Result

FORMAT = 1
AVERAGE = "average"
NONE = "none"
Key = tuple[float | None, str]  # level, variant


@dataclass(frozen=True, slots=True)
class Row:
    """A variant at a level, over its seeds: its figures, and how they differ from no filter."""

    level: float | None
    variant: str
    figures: dict[str, Mean]
    differences: dict[str, Mean]
    results: tuple[Result, ...]


def rows_of(results: Sequence[Result]) -> list[Row]:
    """The rows of the table, in the order of the cells."""
    groups: dict[Key, list[Result]] = {}
    for result in results:
        groups.setdefault((result.level, result.variant), []).append(result)
    return [_row(level, variant, group, groups.get((level, NONE), [])) for (level, variant), group in groups.items()]


def _row(level: float | None, variant: str, group: Sequence[Result], base: Sequence[Result]) -> Row:
    names = _names(group)
    own, without = ({name: _by_seed(cells, name) for name in names} for cells in (group, base))
    figures = {name: mean_of([own[name][seed] for seed in sorted(own[name])]) for name in names}
    differences = {name: paired(own[name], without[name]) for name in names} if variant != NONE else {}
    return Row(level, variant, figures, {name: one for name, one in differences.items() if one}, tuple(group))


def _names(results: Sequence[Result]) -> list[str]:
    main = list(results[0].main)
    return [*main, AVERAGE] if len(main) > 1 else main


def _by_seed(results: Sequence[Result], name: str) -> dict[int, float]:
    return {result.seed: value_of(result, name) for result in results}


def value_of(result: Result, name: str) -> float:
    """A figure of a cell, or the average of its sets' main metrics."""
    return fmean(result.figures[main] for main in result.main) if name == AVERAGE else result.figures[name]


def tables(results: Sequence[Result]) -> list[tuple[str, list[list[str]]]]:
    """Title and cells of the tables, each with a header."""
    rows = rows_of(results)
    names = _names(results)
    found = [
        ("Figures", [_header(rows, names), *([*_place(row, rows), *_cells(row.figures, names, "")] for row in rows)])
    ]
    others = [row for row in rows if row.differences]
    if others:
        told = [[*_place(row, rows), *_cells(row.differences, names, "+")] for row in others]
        found.append(("Against no filter", [_header(rows, names), *told]))
    return [*found, ("Dropped, and what it cost", _drops(rows))]


def _header(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    return [*(["noise"] if _laddered(rows) else []), "preparation", *names]


def _laddered(rows: Sequence[Row]) -> bool:
    return any(row.level is not None for row in rows)


def _place(row: Row, rows: Sequence[Row]) -> list[str]:
    return [*([f"{row.level:.0%}"] if row.level is not None and _laddered(rows) else []), row.variant]


def _cells(figures: dict[str, Mean], names: Sequence[str], sign: str) -> Iterator[str]:
    return (shown(figures[name], sign) if name in figures else "" for name in names)


def shown(mean: Mean, sign: str = "") -> str:
    """`.381 ± .012`; a difference with its sign, and a star where the interval leaves out zero."""
    if mean.low is None:
        return f"{mean.mean:{sign}.3f}"
    star = "*" if sign and mean.clear else ""
    return f"{mean.mean:{sign}.3f} ± {mean.mean - mean.low:.3f}{star}"


def _drops(rows: Sequence[Row]) -> list[list[str]]:
    labels = list(dict.fromkeys(label for row in rows for one in row.results for label in one.filters))
    kinds = list(dict.fromkeys(kind for row in rows for one in row.results for kind in sorted(one.truth, reverse=True)))
    header = [
        *_header(rows, ["rows", "kept"]), *(f"by {label}" for label in labels), *(f"{kind} kept" for kind in kinds),
        *(["wrong of kept"] if kinds else []), "filtering s", "training s",
    ]  # fmt: skip
    return [header, *([*_place(row, rows), *_dropped(row, labels, kinds)] for row in rows)]


def _dropped(row: Row, labels: Sequence[str], kinds: Sequence[str]) -> Iterator[str]:
    cells = row.results
    yield f"{fmean(cell.rows for cell in cells):,.0f}"
    yield f"{fmean(cell.kept / cell.rows for cell in cells):.1%}"
    for label in labels:
        used = [sum(cell.dropped[label].values()) / cell.rows for cell in cells if label in cell.filters]
        yield f"{fmean(used):.1%}" if used else ""
    for kind in kinds:
        told = [cell.truth[kind] for cell in cells if kind in cell.truth]
        yield f"{fmean(one['kept'] / one['rows'] for one in told):.1%}" if told else ""
    if kinds:
        yield f"{fmean(map(wrong_share, cells)):.1%}"
    for spent in ("filtering", "training"):
        yield f"{fmean(cell.seconds[spent] for cell in cells):.0f}"


def wrong_share(result: Result) -> float:
    """Of the rows kept, the share that noise was mixed into."""
    kept = {kind: told["kept"] for kind, told in result.truth.items()}
    return 1 - kept.get("right", 0) / max(1, sum(kept.values()))


def json_of(results: Sequence[Result]) -> dict[str, Any]:
    """Every cell, and every row of the tables, as plain data."""
    rows = [
        {"level": row.level, "variant": row.variant, "seeds": len(row.results)}
        | {"figures": {name: asdict(mean) for name, mean in row.figures.items()}}
        | {"differences": {name: asdict(mean) | {"clear": mean.clear} for name, mean in row.differences.items()}}
        for row in rows_of(results)
    ]
    return {"format": FORMAT, "rows": rows, "cells": [asdict(result) for result in results]}


def text_of(results: Sequence[Result]) -> str:
    """The tables for a terminal."""
    parts = [f"{title}\n{_aligned(table)}" for title, table in tables(results)]
    return "\n\n".join([*parts, _legend(results)])


def write_report(results: Sequence[Result], cells: int, out: Path) -> None:
    """Write ablation.json, report.md and ablation.png."""
    from trainer.ablate.plots import draw

    write_bytes(out / "ablation.png", draw(rows_of(results)))
    write_bytes(out / "report.md", _page(results, cells).encode())
    write_bytes(out / "ablation.json", canonical_json(json_of(results)))


def _page(results: Sequence[Result], cells: int) -> str:
    steps = sorted({result.steps for result in results})
    about = f"{len(results)} of {cells} trainings, each of {' or '.join(f'{number:,}' for number in steps)} steps"
    seconds = sum(sum(result.seconds.values()) for result in results)
    parts = ["# Ablation of filters", f"{about}; {seconds / 60:.0f} minutes in all.", "![figures](ablation.png)"]
    for title, table in tables(results):
        parts += [f"## {title}", _markdown(table)]
    return "\n\n".join([*parts, _legend(results)]) + "\n"


def _legend(results: Sequence[Result]) -> str:
    seeds = len({result.seed for result in results})
    what = (
        f"Means over {seeds} seeds ± half of the 95 % interval (Student's t)" if seeds > 1 else "One seed: no intervals"
    )
    return f"{what}; differences seed by seed, * the interval leaves out zero. Fractions of one."


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])
