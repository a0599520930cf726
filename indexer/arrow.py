"""Records as Arrow columns, the form in which they lie on disk: `id`, `title`, `text`, then `field.<name>` per field.

A missing value is null. pyarrow is imported inside the functions, so that `--help` need not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING

from indexer.records import Columns, FieldType, Record, Value

if TYPE_CHECKING:
    import pyarrow as pa

_PREFIX = "field."


def arrow_schema(columns: Columns) -> pa.Schema:
    """The schema of a collection's records."""
    import pyarrow as pa

    types: Mapping[FieldType, pa.DataType] = {
        "text": pa.string(),
        "integer": pa.int64(),
        "number": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.timestamp("us", tz="UTC"),
    }
    texts = [pa.field(name, pa.string(), nullable=False) for name in ("id", "title", "text")]
    return pa.schema(texts + [pa.field(_PREFIX + name, types[kind]) for name, kind in columns.fields.items()])


def to_batch(records: Sequence[Record], columns: Columns) -> pa.RecordBatch:
    """One row per record, in order; at most 2 GiB of text in one batch."""
    import pyarrow as pa

    schema = arrow_schema(columns)
    texts = (
        zip(*((record.id, record.title, record.text) for record in records), strict=True) if records else ((), (), ())
    )
    fields = ([record.fields.get(name) for record in records] for name in columns.fields)
    arrays = [pa.array(values, type=field.type) for values, field in zip(chain(texts, fields), schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def from_batch(batch: pa.RecordBatch | pa.Table, columns: Columns) -> Iterator[Record]:
    """The records of a batch or table, in order: the inverse of `to_batch`."""
    texts = (batch.column(name).to_pylist() for name in ("id", "title", "text"))
    fields = [batch.column(_PREFIX + name).to_pylist() for name in columns.fields]
    for id, title, text, *values in zip(*texts, *fields, strict=True):
        yield Record(id, title, text, _fields(columns, values))


def record_at(table: pa.Table, row: int, columns: Columns) -> Record:
    """The record in one row of the table."""
    id, title, text = (table.column(name)[row].as_py() for name in ("id", "title", "text"))
    return Record(
        id, title, text, _fields(columns, [table.column(_PREFIX + name)[row].as_py() for name in columns.fields])
    )


def _fields(columns: Columns, values: Sequence[Value]) -> dict[str, Value]:
    utc = (value.astimezone(UTC) if isinstance(value, datetime) else value for value in values)
    return dict(zip(columns.fields, utc, strict=True))
