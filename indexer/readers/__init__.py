"""From a source to rows: one reader per kind of source, all of the same shape.

A reader takes the source (a path, or a query to a database) and gives `Row`s and `Rejection`s in the order of the source, in
bounded memory: a row that cannot be read becomes a rejection with file, row and reason, and the rest goes on. READERS at
the bottom is the whole list. Those in APART stand on large libraries, which a file made for it could make swell or crash:
`read_rows` runs them in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from indexer.database import known_url
from indexer.errors import UserError
from indexer.readers.apart import Apart, StoppedError
from indexer.readers.beir import corpus_file, is_beir, read_beir
from indexer.readers.delimited import read_csv, read_tsv
from indexer.readers.documents import KINDS, PIECES, files_of, read_documents
from indexer.readers.jsonl import read_jsonl
from indexer.readers.parquet import read_parquet
from indexer.readers.saved import is_saved, read_saved
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
    endings = [ending.lower() for ending in source.suffixes]
    packed = endings[-1:] == [".gz"]
    reader = ENDINGS.get(endings[-1 - packed]) if len(endings) > packed else None
    if reader is None:
        raise UserError(
            "The kind of this file is not known", source, f"rename it to end in {', '.join(ENDINGS)} (or .gz)"
        )
    if packed and reader == "parquet":
        raise UserError("Parquet is packed by itself and is not read from .gz", source, "unpack it")
    return reader


def _folder_reader(folder: Path) -> str:
    if is_saved(folder):
        return "datasets"
    if is_beir(folder):
        corpus_file(folder)
        return "beir"
    if any(True for _ in files_of(folder)):
        return "documents"
    todo = f"name a BEIR folder (it has a corpus), a saved data set, or a folder with {', '.join(KINDS)} files"
    raise UserError("The folder has no corpus and no documents", folder, todo)


def read_rows(reader: str, source: Source) -> Iterator[Row | Rejection]:
    """What the reader of this name in READERS makes of the source, within limits that no file can break.

    Raises UserError where the source cannot be read at all, or would take more memory than a reader may have.
    """
    if reader not in APART:
        yield from READERS[reader](source)
        return
    with Apart() as apart:
        try:
            yield from apart.read(reader, source)
        except StoppedError as error:
            todo = "if it is sound, write it in smaller parts (row groups, batches), or as JSON lines"
            raise UserError("The source breaks the limits of reading", f"{source}: {error}", todo) from None


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

APART = frozenset({"parquet", "datasets", "sql"})  # "documents" reads each PDF and HTML file apart
