"""From a source to rows: one reader per kind of source, all of the same shape.

A reader takes the source (a path, or a query to a database) and gives `Row`s and `Rejection`s in the order of the source, in
bounded memory: a row that cannot be read becomes a rejection with file, row and reason, and the rest goes on. A folder of
tables of one kind is read by the reader of that kind, table by table (`shards`). READERS at the bottom is the whole list.
Those in APART stand on large libraries, which a file made for it could make swell or crash: `read_rows` runs them in a
process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from indexer.database import known_url
from indexer.errors import UserError
from indexer.readers.apart import Apart, StoppedError
from indexer.readers.beir import corpus_file, is_beir, read_beir
from indexer.readers.delimited import csv_columns, read_csv, read_tsv, tsv_columns
from indexer.readers.documents import DOCUMENTS, KINDS, files_of, read_documents
from indexer.readers.jsonl import read_jsonl
from indexer.readers.parquet import parquet_columns, read_parquet
from indexer.readers.saved import is_saved, read_saved
from indexer.readers.shards import check_columns, placed, shards_of
from indexer.readers.sql import Query, read_sql
from indexer.records import Rejection, Row

__all__ = ["APART", "ENDINGS", "PIECES", "READERS", "Query", "Source", "choose_reader", "read_rows"]

Source = Path | Query
Reader = Callable[[Any], Iterator[Row | Rejection]]  # of a path, "sql" of a Query


def choose_reader(source: Source) -> str:
    """The name in READERS for a source: a query, what a folder holds, or a file's ending, `.gz` left aside.

    Raises UserError when there is nothing at the path, or nothing that a reader knows.
    """
    if isinstance(source, Query):
        known_url(source.url)
        return "sql"
    if source.is_dir():
        return _folder_reader(source)
    if not source.is_file():
        raise UserError("The source is not there", source, "name a folder or a file that exists")
    reader = _table_kind(source)
    if reader is None:
        raise UserError(
            "The kind of this file is not known", source, f"rename it to end in {', '.join(ENDINGS)} (or .gz)"
        )
    return reader


def _table_kind(path: Path) -> str | None:
    """The kind of table that the ending of a file promises; None: it is none."""
    endings = [ending.lower() for ending in path.suffixes]
    packed = endings[-1:] == [".gz"]
    kind = ENDINGS.get(endings[-1 - packed]) if len(endings) > packed else None
    if packed and kind == "parquet":
        raise UserError("Parquet is packed by itself and is not read from .gz", path, "unpack it")
    return kind


def _folder_reader(folder: Path) -> str:
    if is_saved(folder):
        return "datasets"
    if is_beir(folder):
        corpus_file(folder)
        return "beir"
    if any(path.stem.lower() not in _NOTES for path in files_of(folder)):
        return "documents"
    kinds = list(shards_of(folder, _table_kind))
    if len(kinds) > 1:
        raise UserError("The folder holds tables of several kinds", f"{folder}: {', '.join(kinds)}", "keep one kind")
    if kinds:
        return kinds[0]
    if any(True for _ in files_of(folder)):
        return "documents"
    todo = f"name a folder with {', '.join(ENDINGS)} or {', '.join(KINDS)} files, a BEIR folder or a saved data set"
    raise UserError("The folder has no corpus and no documents", folder, todo)


def read_rows(reader: str, source: Source) -> Iterator[Row | Rejection]:
    """What the reader of this name in READERS makes of the source, within limits that no file can break.

    Of a folder of tables, the rows of one after the other. Raises UserError where the source cannot be read at all, or would
    take more memory than a reader may have.
    """
    with Apart() as apart:
        if reader in ENDINGS.values() and isinstance(source, Path) and source.is_dir():
            shards = shards_of(source, _table_kind).get(reader, [])
            if f"columns of {reader}" in PIECES:
                check_columns((shard, _columns(reader, shard, apart)) for shard in shards)
            for shard in shards:
                yield from placed(_rows(reader, shard, apart))
        else:
            yield from _rows(reader, source, apart)


def _rows(reader: str, source: Source, apart: Apart) -> Iterator[Row | Rejection]:
    if reader not in APART:
        yield from {**READERS, **PIECES}[reader](source)
        return
    try:
        yield from apart.read(reader, source)
    except StoppedError as error:
        todo = "if it is sound, write it in smaller parts (row groups, batches), or as JSON lines"
        raise UserError("The source breaks the limits of reading", f"{source}: {error}", todo) from None


def _columns(reader: str, shard: Path, apart: Apart) -> Mapping[str, object]:
    """The columns of a table by what they hold; none where its names alone are more than a row may be."""
    [columns] = _rows(f"columns of {reader}", shard, apart)
    return columns.values if isinstance(columns, Row) else {}


ENDINGS: Mapping[str, str] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}

READERS: Mapping[str, Reader] = {
    "beir": read_beir,
    "csv": read_csv,
    "tsv": read_tsv,
    "jsonl": read_jsonl,
    "parquet": read_parquet,
    "datasets": read_saved,
    "documents": read_documents,
    "sql": read_sql,
}

# Readers of a part of something: of one document, of the columns of a table.
PIECES: Mapping[str, Reader] = {
    **DOCUMENTS,
    "columns of csv": csv_columns,
    "columns of tsv": tsv_columns,
    "columns of parquet": parquet_columns,
}

APART = frozenset(
    {"parquet", "columns of parquet", "datasets", "sql"}
)  # "documents" reads each PDF and HTML file apart

_NOTES = frozenset({"readme", "license", "licence", "notice", "changelog"})  # may lie beside tables and are no corpus
