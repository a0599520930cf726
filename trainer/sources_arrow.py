"""Arrow tables row by row: Parquet files, and the tables of Hugging Face data sets.

A cell that Python cannot hold (a text that is no UTF-8, a date past the year 9999) must not cost the rows beside it: such
a batch is read cell by cell, and the cell stands in its row as something no field accepts. Columns that hold classes as
numbers carry the names of the classes in the schema; they are read as names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from indexer.readers.cells import Classes, class_name, odd
from trainer.sources_tables import Bad, Row, refuse

BATCH = 4096


def opened_parquet(path: Path) -> Any:
    """The Parquet file. Raises UserError if it is none, or torn."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        refuse(path, error)


def read_parquet(path: Path) -> Iterator[Row | Bad]:
    """The rows of a Parquet file, numbered from 1."""
    return numbered(opened_parquet(path).iter_batches(batch_size=BATCH), path)


def numbered(batches: Iterable[Any], shown: object) -> Iterator[Row | Bad]:
    """The rows of record batches or tables, numbered from 1. A batch that cannot be read refuses the whole of `shown`."""
    import pyarrow as pa

    number = 0
    try:
        for batch in batches:
            for row in rows_of(batch):
                number += 1
                yield number, row
    except (OSError, pa.ArrowException) as error:
        refuse(shown, error)


def rows_of(batch: Any) -> list[dict[str, Any]]:
    """The rows of a batch as dicts; cells that Python cannot hold as `odd` makes them."""
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except (ValueError, OverflowError):  # also UnicodeDecodeError
        columns = [[odd(cell) for cell in column] for column in batch.columns]
        return [dict(zip(batch.schema.names, cells, strict=True)) for cells in zip(*columns, strict=True)]
    return rows


def named(rows: Iterable[Row | Bad], classes: Classes) -> Iterator[Row | Bad]:
    """Rows with classes by name; -1, which the library writes for "no label", as nothing."""
    for entry in rows:
        if not isinstance(entry, Bad):
            for column, names in classes.items():
                entry[1][column] = class_name(entry[1].get(column), names)
        yield entry
