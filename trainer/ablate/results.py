"""The result of a cell, and the truth about what its filters dropped.

A result is one small file, written when the cell is finished; a folder of results is all that tables and pictures need.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from indexer.files import canonical_json, write_bytes
from trainer.ablate.cells import Cell
from trainer.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a cell.

    `dropped`: filter → reason → rows. `truth`: right, mismatched, foreign → rows and kept, where noise was mixed in.
    `figures`: "set metric" → value; `main`: the names of the sets' main metrics. `seconds`: of filtering, training,
    evaluating. `left_out`: sources whose kept rows could not fill a batch."""

    level: float | None
    variant: str
    filters: tuple[str, ...]
    seed: int
    rows: int
    kept: int
    dropped: dict[str, dict[str, int]]
    truth: dict[str, dict[str, int]]
    figures: dict[str, float]
    main: tuple[str, ...]
    seconds: dict[str, float]
    steps: int
    loss: float | None
    stopped: str | None
    left_out: tuple[str, ...] = field(default=())


def result_file(out: Path, cell: Cell) -> Path:
    """Where the result of a cell lies once it is finished."""
    return out / "cells" / f"{cell.key[:16]}.json"


def write_result(result: Result, out: Path, cell: Cell) -> None:
    """Finish a cell."""
    write_bytes(result_file(out, cell), canonical_json({"key": cell.key, **asdict(result)}))


def read_result(file: Path) -> Result:
    """A result as it was written."""
    told = json.loads(file.read_bytes())
    told = {key: tuple(value) if isinstance(value, list) else value for key, value in told.items() if key != "key"}
    return Result(**told)


def finished(cells: Sequence[Cell], out: Path) -> Iterator[tuple[Cell, Result]]:
    """The cells that are done, with their results, under the names that the variants have now."""
    for cell in cells:
        if result_file(out, cell).is_file():
            result = read_result(result_file(out, cell))
            yield cell, replace(result, variant=cell.variant.name, filters=cell.variant.filters)


def truth(recipe: Recipe, prepared: Path) -> dict[str, dict[str, int]]:
    """Of right, mismatched and foreign rows: how many there were, and how many no filter dropped."""
    import polars as pl

    found: dict[str, dict[str, int]] = {}
    dropped = pl.read_parquet(prepared / "dropped.parquet", columns=["source", "line"])
    for source in recipe.sources:
        noise = pl.read_parquet(source.path[0], columns=["noise"]).with_row_index("line", offset=1)
        lines = dropped.filter(pl.col("source") == source.name).get_column("line")
        counted = noise.group_by("noise").agg(rows=pl.len(), kept=(~pl.col("line").is_in(lines.implode())).sum())
        for kind, rows, kept in counted.sort("noise").iter_rows():
            told = found.setdefault(kind, {"rows": 0, "kept": 0})
            told["rows"] += rows
            told["kept"] += kept
    return found
