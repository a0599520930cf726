"""Parquet, row by row: row groups stream through small batches, whatever their size on disk.

A few bytes of Parquet can stand for gigabytes (a value repeated by a dictionary, a run of a billion nulls), and what a file
says of itself may be wrong. So a batch that does not fit is read again in smaller ones, what comes out is counted against
the size of the file (`unpacked`), and the whole is read in a process of its own with a limit on its memory (`apart`).
Parquet compresses by itself: a `.parquet.gz` could not be read at any place without unpacking all of it, and is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from indexer.errors import UserError
from indexer.readers.cells import Classes, class_name, classes_of, odd, row_of
from indexer.readers.unpacked import Growth
from indexer.records import Rejection, Row

BATCH = 4096  # rows read at once at most,
BATCH_BYTES = 8_000_000  # and bytes, as far as the file tells
OVERHEAD = 16  # bytes that a row counts beside its cells: a billion empty rows are no small thing
_SMALLER = 64  # times


def read_parquet(source: Path) -> Iterator[Row | Rejection]:
    """Parquet (.parquet): row groups streamed; lists and structures become JSON, binary columns are left out."""
    with _refused(source):
        file = _opened(source)
        classes = classes_of(file.schema_arrow)
        growth = Growth(source, source.stat().st_size)
        number = 0
        for group in range(file.num_row_groups):
            for batch in _batches(file, group):
                yield from rows_of(batch, source.name, number, classes, growth)
                number += batch.num_rows


def parquet_columns(source: Path) -> Iterator[Row]:
    """The columns of a Parquet file, as one row: name → what its cells become."""
    with _refused(source):
        yield Row(source.name, 0, {column.name: _kind(column.type) for column in _opened(source).schema_arrow})


def _kind(type: Any) -> str:
    """The kind of value that cells of an Arrow type become; types that become the same kind are as good as one."""
    import pyarrow.types as types

    if types.is_dictionary(type):
        return _kind(type.value_type)
    for kind, of_that_kind in (
        ("any", types.is_null),
        ("text", lambda one: types.is_string(one) or types.is_large_string(one)),
        ("number", lambda one: types.is_integer(one) or types.is_floating(one)),
        ("date", lambda one: types.is_date(one) or types.is_timestamp(one)),
        ("structure", types.is_nested),
    ):
        if of_that_kind(type):
            return kind
    return str(type)


def rows_of(batch: Any, shown: str, before: int, classes: Classes, growth: Growth) -> Iterator[Row | Rejection]:
    """The rows of a record batch, numbered after the `before` rows that came before it; one at a time in memory."""
    columns = list(zip(batch.schema.names, batch.columns, strict=True))
    for place in range(batch.num_rows):
        cells = ((name, _named(odd(column[place]), classes.get(name))) for name, column in columns)
        row = row_of(shown, before + place + 1, cells)
        growth.add(OVERHEAD + _length(row))
        yield row


def check_names(names: list[str], shown: object) -> None:
    """Refuse two columns of one name: a row could hold only one of them."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError("Two columns have the same name", f"{twice!r} in {shown}", "give each column its own name")


def _named(value: Any, names: list[str] | None) -> Any:
    return value if names is None else class_name(value, names)


def _length(row: Row | Rejection) -> int:
    if isinstance(row, Rejection):
        return 0
    return sum(len(value) if isinstance(value, str) else 1 for value in row.values.values())


def _opened(source: Path) -> Any:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(source, buffer_size=2**20, pre_buffer=False, page_checksum_verification=True)
    check_names(file.schema_arrow.names, source)
    return file


def _batches(file: Any, group: int) -> Iterator[Any]:
    """The batches of a row group; where memory does not suffice, what is left of it in smaller ones."""
    about = file.metadata.row_group(group)
    average = max(1, about.total_byte_size // max(1, about.num_rows))
    size, given = max(1, min(BATCH, BATCH_BYTES // average)), 0
    while True:
        try:
            for batch in _after(given, file.iter_batches(batch_size=size, row_groups=[group], use_threads=False)):
                given += batch.num_rows
                yield batch
            return
        except MemoryError:
            if size == 1:
                raise
            size = max(1, size // _SMALLER)


def _after(given: int, batches: Iterator[Any]) -> Iterator[Any]:
    """The batches without their first `given` rows."""
    for batch in batches:
        if given < batch.num_rows:
            yield batch.slice(given)
        given = max(0, given - batch.num_rows)


@contextmanager
def _refused(source: Path) -> Iterator[None]:
    import pyarrow as pa

    try:
        yield
    except (OSError, ValueError, pa.ArrowException) as error:  # ValueError: a name that is no UTF-8
        if isinstance(error, MemoryError):
            raise
        raise UserError("The Parquet file cannot be read", f"{source}: {error}", "write it again") from None
