"""The rows a phase draws from: each source of each data entry as one table, with what planning needs to know of it.

A folder of `trainer prepare` brings its sources, their weights and licences in its card; a file of examples is one source.
Columns follow the loss: anchor and positive; with negatives as many of them as the phase says; with CoSENT the grade; for
distillation every distinct text by itself. A row keeps the place it came from, so that a batch can be named.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from indexer.errors import UserError
from indexer.files import sha256
from trainer.normal import as_series, normalised
from trainer.sources import read_source
from trainer.sources_origin import Origin
from trainer.sources_tables import Bad, container
from trainer.train.plan import Ints
from trainer.train.recipe import Data, Phase

NEEDED = ("anchor", "positive", "negatives", "score", "source", "file", "line")


@dataclass(frozen=True)
class Rows:
    """One source of one data entry. `columns`: texts, then `label` where the loss has one; `places`: file and line."""

    name: str
    data: Data
    source: str
    columns: pa.Table
    places: pa.Table
    quality: float
    licence: str
    lengths: Ints
    hashes: Ints
    left_out: int  # rows without enough negatives, or without a grade

    def place(self, row: int) -> str:
        """`source:line`, as errors name a row."""
        return f"{self.source}:{self.places['line'][row].as_py()}"

    def taken(self, rows: Ints) -> Rows:
        """Only these rows, in this order."""
        columns, places = self.columns.take(rows), self.places.take(rows)
        return replace(self, columns=columns, places=places, lengths=self.lengths[rows], hashes=self.hashes[rows])

    def with_label(self, label: pa.Array) -> Rows:
        """The same with a column of labels."""
        return replace(self, columns=self.columns.append_column("label", label))


@dataclass(frozen=True, slots=True)
class _Found:
    """A table of examples and what its card says: per source its weight and licence."""

    table: pa.Table
    sources: dict[str, dict[str, Any]]


def rows_of(phase: Phase) -> list[Rows]:
    """All sources of a phase. Raises UserError for what cannot be read or has nothing to train on."""
    return [rows for number, data in enumerate(phase.data) for rows in _rows(data, phase, number)]


def texts_of(data: Data) -> list[str]:
    """Every distinct text of a data entry, anchors first."""
    table = _found(data).table
    if data.sources:
        table = table.filter(pc.is_in(table["source"], pa.array(data.sources)))
    texts: list[str] = _distinct_texts(table)[0]["anchor"].to_pylist()
    return texts


def digests_of(data: Data) -> dict[str, str]:
    """Name → SHA-256 of the file that a data entry is read from."""
    file = _file(data)
    return {f"{file.parent.name}/{file.name}": sha256(file)}


def weights_of(data: Data) -> dict[str, Any]:
    """The weights that its card gives the sources a data entry draws from: they decide the plan and stand nowhere else."""
    sources = (card_of(data) or {}).get("sources", {})
    return {name: told.get("weight") for name, told in sources.items() if not data.sources or name in data.sources}


def card_of(data: Data) -> dict[str, Any] | None:
    """The card of a prepared folder; None for a file."""
    if not data.path.is_dir():
        return None
    try:
        card = json.loads((data.path / "card.json").read_bytes())
    except (OSError, ValueError) as error:
        todo = "name a folder that `trainer prepare` finished, or a .jsonl or .parquet file"
        raise UserError("This folder holds no prepared data.", f"{data.path}: {error}", todo) from error
    return card if isinstance(card, dict) else None


def _file(data: Data) -> Path:
    file = data.path / f"{data.kind}.parquet" if data.path.is_dir() else data.path
    if not file.is_file():
        raise UserError("There is no such data.", file, "name a folder of `trainer prepare`, or a file of examples")
    return file


def _rows(data: Data, phase: Phase, number: int) -> Iterator[Rows]:
    found = _found(data)
    missing = next((name for name in data.sources if name not in found.sources), None)
    if missing is not None:
        raise UserError("There is no such source.", f"{missing!r} in {data.path}", f"one of: {sorted(found.sources)}")
    made = [
        _source(found, name, data, phase, number)
        for name in data.sources or sorted(found.sources)
        if pc.any(pc.equal(found.table["source"], name)).as_py()
    ]
    if not any(len(rows.lengths) for rows in made):
        todo = "see `kept` in its card" if data.path.is_dir() else "look into the file"
        raise UserError(f"Phase {phase.name!r}: no row for the loss {data.loss!r}.", f"{_file(data)}", todo)
    yield from (rows for rows in made if len(rows.lengths))


def _source(found: _Found, name: str, data: Data, phase: Phase, number: int) -> Rows:
    table = found.table.filter(pc.equal(found.table["source"], name))
    known = found.sources[name]
    columns, places = _columns(table, data, phase.negatives)
    texts = [as_series(columns[key]) for key in columns.column_names if key != "label"]
    return Rows(
        f"{number} {data.loss} {name}",
        data,
        name,
        columns,
        places,
        float(known.get("weight", 1.0)) * data.weight,
        str(known.get("licence", "unknown")),
        np.max([text.str.len_chars().to_numpy() for text in texts], axis=0).astype(np.int64)
        if len(columns)
        else np.empty(0, np.int64),
        np.stack([normalised(text).hash().to_numpy().view(np.int64) for text in texts], axis=1)
        if len(columns)
        else np.empty((0, len(texts)), np.int64),
        0 if data.loss == "distil" else table.num_rows - columns.num_rows,
    )


def _columns(table: pa.Table, data: Data, negatives: int) -> tuple[pa.Table, pa.Table]:
    """The columns that the loss gets, and each row's place."""
    if data.loss == "distil":
        return _distinct_texts(table)
    if data.loss == "cosent":
        table = table.filter(pc.is_valid(table["score"]))
    several = negatives if data.loss in ("triplets", "negatives") else 0
    if several:
        table = table.filter(pc.greater_equal(pc.list_value_length(table["negatives"]), several))
    sides = ("positive", "anchor") if data.turned else ("anchor", "positive")
    chosen = {"anchor": table[sides[0]], "positive": table[sides[1]]}
    for place in range(several):
        chosen[f"negative_{place + 1}"] = pc.list_element(table["negatives"], place)
    if data.loss == "cosent":
        chosen["label"] = pc.cast(table["score"], pa.float32())
    return _whole(pa.table(chosen)), table.select(["file", "line"])


def _distinct_texts(table: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Anchors, then positives, every text once."""
    both = pl.concat(
        [
            pl.DataFrame({"anchor": as_series(table[side]), "file": as_series(table["file"])}).with_columns(
                line=pl.Series(table["line"].to_numpy())
            )
            for side in ("anchor", "positive")
        ]
    ).unique("anchor", keep="first", maintain_order=True)
    arrow = both.to_arrow()
    return _whole(arrow.select(["anchor"])), arrow.select(["file", "line"])


def _whole(table: pa.Table) -> pa.Table:
    """In one piece, for access row by row; texts with 64-bit offsets, so that they may be more than two gigabytes."""
    kinds = [pa.field(slot.name, pa.float32() if slot.name == "label" else pa.large_string()) for slot in table.schema]
    return table.cast(pa.schema(kinds)).combine_chunks()


def _found(data: Data) -> _Found:
    card, file = card_of(data), _file(data)
    if card is not None:
        table = _parquet(file)
        present = table["source"].unique().to_pylist()
        return _Found(table, card.get("sources", {}) | {name: {} for name in present if name not in card["sources"]})
    if container(file) == "parquet" and set(NEEDED) <= set(pq.read_schema(file).names):
        table = _parquet(file)
        return _Found(table, {name: {} for name in table["source"].unique().to_pylist()})
    return _Found(_examples(file), {_name(file): {}})


def _name(file: Path) -> str:
    return file.name.partition(".")[0]


def _parquet(file: Path) -> pa.Table:
    try:
        return pq.read_table(file, columns=list(NEEDED))
    except (pa.ArrowException, OSError) as error:
        todo = "prepare the data again with `trainer prepare`"
        raise UserError("The data cannot be read.", f"{file}: {error}", todo) from error


def _examples(file: Path) -> pa.Table:
    """A file of pairs or triplets, read as `trainer prepare` reads sources; a bad row is refused with its line."""
    origin = Origin(_name(file), (file,))
    table: dict[str, list[Any]] = {name: [] for name in NEEDED}
    for digest, entry in read_source(origin):
        if isinstance(entry, Bad):
            todo = "mend the row, or run `trainer prepare`, which sets bad rows aside"
            raise UserError(f"A row cannot be read: {entry.reason}.", f"{file}, line {entry.line}", todo)
        values = (entry.anchor, entry.positive, list(entry.negatives), entry.score, origin.name, digest, entry.line)
        for name, value in zip(NEEDED, values, strict=True):
            table[name].append(value)
    kinds = (pa.string(), pa.string(), pa.list_(pa.string()), pa.float64(), pa.string(), pa.string(), pa.int64())
    return pa.table(table, schema=pa.schema(list(zip(NEEDED, kinds, strict=True))))
