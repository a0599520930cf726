"""Rows marked while a whole corpus was looked at, found again when it is judged.

A row is known by the hash of its texts and its place (source, file, line). A mark says which earlier row stands for it.
The marks lie on disk sorted by hash and are searched there, so their number does not show in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from indexer.files import write_bytes

if TYPE_CHECKING:
    import pyarrow as pa

KEY = [("high", "<u8"), ("low", "<u8"), ("origin", "<u4"), ("line", "<i8")]
Origin = tuple[str, str]  # source, file
Keyed = tuple[np.ndarray[Any, Any], list[Origin]]
MARK = np.dtype([*KEY, ("kept_origin", "<u4"), ("kept_line", "<i8"), ("similarity", "<f4")])


class Origins:
    """A number for each (source, file), given in the order of first sight."""

    def __init__(self, known: Iterable[Origin] = ()) -> None:
        self.numbers: dict[Origin, int] = {origin: number for number, origin in enumerate(known)}

    def number(self, keyed: Keyed) -> np.ndarray[Any, Any]:
        """The keys of a batch with origins numbered for the whole corpus; unseen ones are given the next number."""
        rows, found = keyed
        numbers = np.array([self.numbers.setdefault(origin, len(self.numbers)) for origin in found], np.uint32)
        rows["origin"] = numbers[rows["origin"]] if len(rows) else 0
        return rows

    def save(self, path: Path) -> None:
        """Keep them as JSON."""
        write_bytes(path, json.dumps(list(self.numbers)).encode())

    @classmethod
    def load(cls, path: Path) -> Origins:
        """What `save` kept."""
        return cls((source, file) for source, file in json.loads(path.read_bytes()))


def keys(batch: pa.RecordBatch) -> Keyed:
    """The keys of a batch's rows, as a structured array that also has room for marks; origins as numbers of the list."""
    found = np.zeros(batch.num_rows, MARK)
    halves = np.frombuffer(b"".join(batch.column("content").to_pylist()), ">u8").reshape(-1, 2)
    found["high"], found["low"] = halves[:, 0], halves[:, 1]
    numbers: dict[Origin, int] = {}
    pairs = zip(batch.column("source").to_pylist(), batch.column("file").to_pylist(), strict=True)
    found["origin"] = [numbers.setdefault(pair, len(numbers)) for pair in pairs]
    found["line"] = batch.column("line").to_numpy()
    return found, list(numbers)


def find(rows: np.ndarray[Any, Any], marks: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """For each row the place of its mark, −1 where it has none. `marks` is sorted by `high`."""
    found = np.full(len(rows), -1, np.int64)
    place = np.searchsorted(marks["high"], rows["high"])
    open_rows = np.arange(len(rows))
    while len(open_rows):
        inside = place[open_rows] < len(marks)
        open_rows = open_rows[inside]
        met, own = marks[place[open_rows]], rows[open_rows]
        same_high = met["high"] == own["high"]
        same = same_high & (met["low"] == own["low"]) & (met["origin"] == own["origin"]) & (met["line"] == own["line"])
        found[open_rows[same]] = place[open_rows[same]]
        open_rows = open_rows[same_high & ~same]
        place[open_rows] += 1
    return found


def saved_marks(folder: Path) -> np.ndarray[Any, Any]:
    """The marks of a folder, on disk."""
    path = folder / "marks.bin"
    if not path.stat().st_size:
        return np.zeros(0, MARK)
    return np.memmap(path, MARK, "r")


def kept_columns(batch: pa.RecordBatch, folder: Path) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    """Which rows are marked, and where the row that stands for each is: source, file, line, similarity."""
    import pyarrow as pa

    origins, marks = Origins.load(folder / "origins.json"), saved_marks(folder)
    place = find(origins.number(keys(batch)), marks)
    marked = place >= 0
    met = marks[np.where(marked, place, 0)] if len(marks) else np.zeros(len(place), MARK)
    names = list(origins.numbers)
    where = [names[number] if hit else (None, None) for number, hit in zip(met["kept_origin"], marked, strict=True)]
    columns = {
        "kept_source": pa.array([source for source, _ in where], pa.string()),
        "kept_file": pa.array([file for _, file in where], pa.string()),
        "kept_line": pa.array(met["kept_line"], mask=~marked),
        "similarity": pa.array(np.round(met["similarity"].astype(np.float64), 4), mask=~marked),
    }
    return marked, columns
