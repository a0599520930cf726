"""A BEIR folder (Thakur et al. 2021): `corpus.jsonl`, perhaps gzipped, beside queries and judgements.

Each line has `_id`, `title`, `text` and `metadata`; the keys of `metadata` become columns of their own. A metadata key that
repeats a column of the line with the same value is left out; with another value it stays as `metadata.<key>`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from indexer.errors import UserError
from indexer.readers.jsonl import read_jsonl, unwritable
from indexer.records import Rejection, Row

NAMES = ("corpus.jsonl", "corpus.jsonl.gz")


def read_beir(source: Path) -> Iterator[Row | Rejection]:
    """BEIR folder: corpus.jsonl or corpus.jsonl.gz with _id, title, text and metadata."""
    for row in read_jsonl(corpus_file(source)):
        if isinstance(row, Rejection) or "metadata" not in row.values:
            yield row
            continue
        metadata = row.values.pop("metadata")
        if metadata is not None and not isinstance(metadata, dict):
            yield Rejection(row.file, row.number, "broken line", "metadata is not an object")
            continue
        if broken := unwritable(metadata or {}):
            yield Rejection(row.file, row.number, "lone surrogate", f"in the name of metadata {broken}")
            continue
        for name, value in (metadata or {}).items():
            if name not in row.values:
                row.values[name] = value
            elif row.values[name] != value:
                row.values[f"metadata.{name}"] = value
        yield row


def is_beir(folder: Path) -> bool:
    """Does the folder hold a corpus file?"""
    return any((folder / name).is_file() for name in NAMES)


def corpus_file(folder: Path) -> Path:
    """The one corpus file of a BEIR folder."""
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise UserError("The folder has two corpus files", folder, f"keep one of {' and '.join(NAMES)}")
    raise UserError("The folder has no corpus", folder, f"name a folder with {' or '.join(NAMES)}, or a file")
