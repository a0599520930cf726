"""Arrow tables row by row: Parquet files, and the tables of Hugging Face data sets.

A cell that Python cannot hold (a text that is no UTF-8, a date past the year 9999) must not cost the rows beside it: such
a batch is read cell by cell, and the cell stands in its row as something no field accepts. Columns that hold classes as
numbers carry the names of the classes in the schema; they are read as names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.sources_tables import Bad, Row, refuse

Classes = Mapping[str, list[str]]  # column → names of its classes, by number
BATCH = 4096


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a cell that Python cannot hold; no field accepts it."""

    kind: str


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


def odd(cell: Any) -> Any:
    """A cell's value; of a text that is no UTF-8 the broken bytes as surrogates, of anything else just its type."""
    try:
        return cell.as_py()
    except UnicodeDecodeError:
        if hasattr(cell, "as_buffer"):
            return cell.as_buffer().to_pybytes().decode("utf-8", "surrogateescape")
        return Unreadable(str(cell.type))
    except (ValueError, OverflowError):
        return Unreadable(str(cell.type))


def classes_of(schema: Any) -> Classes:
    """The columns of an Arrow schema that the `datasets` library marked as classes."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {name: list(kind["names"]) for name, kind in features.items() if kind.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def named(rows: Iterable[Row | Bad], classes: Classes) -> Iterator[Row | Bad]:
    """Rows with classes by name; -1, which the library writes for "no label", as nothing."""
    for entry in rows:
        if not isinstance(entry, Bad):
            for column, names in classes.items():
                entry[1][column] = _name(entry[1].get(column), names)
        yield entry


def _name(value: Any, names: list[str]) -> Any:
    if value == -1:
        return None
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else value
