"""From a source on disk to rows: one reader per kind of source, all of the same shape.

A reader takes the source's path and gives `Row`s and `Rejection`s in the order of the file, in bounded memory: a row that
cannot be read becomes a rejection with file, line and reason, and the rest goes on. READERS at the bottom is the whole list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from indexer.errors import UserError
from indexer.readers.beir import corpus_file, read_beir
from indexer.readers.delimited import read_csv, read_tsv
from indexer.readers.jsonl import read_jsonl
from indexer.records import Rejection, Row

Reader = Callable[[Path], Iterator[Row | Rejection]]


def choose_reader(source: Path) -> str:
    """The name in READERS for a source: by what a folder holds, or by a file's ending, `.gz` left aside.

    Raises UserError when there is nothing at the path, or nothing that a reader knows.
    """
    if source.is_dir():
        corpus_file(source)
        return "beir"
    if not source.is_file():
        raise UserError("The source is not there", source, "name a BEIR folder or a file that exists")
    endings = [ending.lower() for ending in source.suffixes]
    if endings and endings[-1] == ".gz":
        endings.pop()
    reader = ENDINGS.get(endings[-1]) if endings else None
    if reader is None:
        raise UserError(
            "The kind of this file is not known", source, f"rename it to end in {', '.join(ENDINGS)} (or .gz)"
        )
    return reader


ENDINGS: Mapping[str, str] = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}

READERS: Mapping[str, Reader] = {
    "beir": read_beir,
    "csv": read_csv,
    "tsv": read_tsv,
    "jsonl": read_jsonl,
}
