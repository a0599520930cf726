"""The row files of a segment: records, their identities, and the passages that point into them.

`records.arrow` holds one row per document in batches of BATCH rows, fewer where these would be more than BATCH_TEXT, so that
a batch of the longest documents fits in memory too; the file is read through a memory map. `identities.bin` holds 16 bytes of each record's content digest: what is unchanged since the last
build is known without reading a text. `passages.arrow` holds (record row, start, end, ordinal), in record order.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from indexer.arrow import arrow_schema, record_at, to_batch
from indexer.passages import Span
from indexer.records import Columns, Record, characters

BATCH = 4096  # records per Arrow batch at most; part of the format
BATCH_TEXT = 32_000_000  # characters per Arrow batch, about: the record that goes beyond is the last of its batch
IDENTITY = 16  # bytes of a record's digest that are kept
RECORDS, IDENTITIES, PASSAGES = "records.arrow", "identities.bin", "passages.arrow"
_PASSAGES = pa.schema([("record", pa.int64()), ("start", pa.int32()), ("end", pa.int32()), ("ordinal", pa.int32())])


def write_records(path: Path, records: Iterable[Record], columns: Columns) -> int:
    """Write records as they come, one batch in memory at a time; return how many."""
    rows = 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, arrow_schema(columns)) as writer:
        for batch in _batches(records):
            writer.write_batch(to_batch(batch, columns))
            rows += len(batch)
    return rows


def _batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    batch: list[Record] = []
    size = 0
    for record in records:
        batch.append(record)
        size += characters(record)
        if len(batch) == BATCH or size > BATCH_TEXT:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def read_identities(path: Path) -> NDArray[np.bytes_]:
    """The records' identities, one 16-byte string per row."""
    return np.fromfile(path, dtype=f"S{IDENTITY}")


def columns_as_json(columns: Columns) -> dict[str, Any]:
    """Columns for a manifest: fields as pairs, because their order is the order people see and JSON objects have none."""
    return {
        "id": columns.id,
        "title": columns.title,
        "text": columns.text,
        "fields": [[name, type] for name, type in columns.fields.items()],
    }


def columns_from_json(value: Mapping[str, Any]) -> Columns:
    """The inverse of `columns_as_json`."""
    return Columns(value["id"], value["title"], value["text"], dict(value["fields"]))


class Records:
    """The records of a segment: through a memory map, or (`mapped=False`) a batch at a time into memory of its own.

    A search wants the map. A build reads every row once, and pages of a map it has read would count as its memory.
    """

    def __init__(self, path: Path, columns: Columns, *, mapped: bool = True) -> None:
        self._file = pa.ipc.open_file(pa.memory_map(str(path)) if mapped else pa.OSFile(str(path)))
        self._columns = columns
        self.batches = self._file.num_record_batches
        with pa.memory_map(str(path)) as whole:  # of which only the sizes of the batches are looked at
            file = pa.ipc.open_file(whole)
            sizes = [file.get_batch(number).num_rows for number in range(self.batches)]
        self._first = np.concatenate(([0], np.cumsum(sizes, dtype=np.int64)))  # [batches + 1] first row of each batch
        self.rows = int(self._first[-1])

    def __getitem__(self, row: int) -> Record:
        number, place = self._place(row)
        batch = self._file.get_batch(number).slice(place, 1)
        return record_at(pa.Table.from_batches([batch]), 0, self._columns)

    def id(self, row: int) -> str:
        """The id of a row, without reading the rest of it."""
        number, place = self._place(row)
        return str(self._file.get_batch(number).column("id")[place].as_py())

    def table(self) -> pa.Table:
        """All rows as a table over the memory map: nothing is copied."""
        return self._file.read_all()

    def texts(self) -> Iterator[tuple[str, str]]:
        """(title, text) of every record in row order, one batch in memory at a time."""
        for number in range(self.batches):
            batch = self._file.get_batch(number)
            yield from zip(batch.column("title").to_pylist(), batch.column("text").to_pylist(), strict=True)

    def text_at(self, rows: Sequence[int]) -> list[tuple[str, str]]:
        """(title, text) of some rows; ascending rows read each batch once."""
        found = []
        for number, group in groupby(map(self._place, rows), key=itemgetter(0)):
            batch = self._file.get_batch(number)
            titles, texts = batch.column("title"), batch.column("text")
            found += [(titles[place].as_py(), texts[place].as_py()) for _, place in group]
        return found

    def _place(self, row: int) -> tuple[int, int]:
        """The batch of a row, and its place there."""
        if not 0 <= row < self.rows:
            raise IndexError(row)
        number = int(np.searchsorted(self._first, row, side="right")) - 1
        return number, row - int(self._first[number])


def write_passages(path: Path, spans: Iterable[list[Span]]) -> int:
    """Write the spans of each record in record order; return how many passages there are."""
    total, stream = 0, enumerate(spans)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, _PASSAGES) as writer:
        while batch := list(islice(stream, BATCH)):
            rows = [(row, span.start, span.end, i) for row, spans in batch for i, span in enumerate(spans)]
            columns = [np.array(column) for column in zip(*rows, strict=True)]
            arrays = [pa.array(column, field.type) for column, field in zip(columns, _PASSAGES, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=_PASSAGES))
            total += len(rows)
    return total


@dataclass(frozen=True, slots=True)
class PassageBlock:
    """Consecutive passages as columns, each [passages]; see `Passages` for what they mean."""

    record: NDArray[np.int64]
    start: NDArray[np.int32]
    end: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.record)


def read_blocks(path: Path, size: int) -> Iterator[PassageBlock]:
    """The passages in blocks of `size`, the last one shorter, with one Arrow batch in memory at a time."""
    file = pa.ipc.open_file(pa.OSFile(str(path)))
    waiting = _PASSAGES.empty_table()
    for number in range(file.num_record_batches):
        waiting = pa.concat_tables([waiting, pa.Table.from_batches([file.get_batch(number)])])
        while len(waiting) >= size:
            yield _block(waiting.slice(0, size))
            waiting = waiting.slice(size)
    if len(waiting):
        yield _block(waiting)


def _block(table: pa.Table) -> PassageBlock:
    return PassageBlock(*(table.column(name).to_numpy() for name in ("record", "start", "end")))


@dataclass(frozen=True, slots=True)
class Passages:
    """The passages of a segment as columns. Passages of one record are consecutive: `first[r]:first[r + 1]`."""

    record: NDArray[np.int64]  # [passages] record row
    start: NDArray[np.int32]  # [passages] characters of the record's text
    end: NDArray[np.int32]
    ordinal: NDArray[np.int32]  # [passages] place within the record, from 0
    first: NDArray[np.int64]  # [records + 1] first passage of each record

    @classmethod
    def read(cls, path: Path, records: int) -> Passages:
        table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        record, start, end, ordinal = (table.column(field.name).to_numpy() for field in _PASSAGES)
        return cls(record, start, end, ordinal, np.searchsorted(record, np.arange(records + 1)))

    def __len__(self) -> int:
        return len(self.record)

    def of(self, records: NDArray[np.int64]) -> NDArray[np.int64]:
        """All passages of the given records, in the order of the records."""
        counts = self.first[records + 1] - self.first[records]
        starts = np.repeat(self.first[records] - np.concatenate(([0], np.cumsum(counts)[:-1])), counts)
        return np.arange(counts.sum()) + starts if len(records) else np.empty(0, np.int64)
