"""From a recipe's sources to examples: which tables a source has, what shape their rows have, and each row with its table.

Everything that can be known without reading the rows is checked first (files, formats, fields, whether a query runs).
Tables stream, wherever they lie: files, saved data sets, databases. NLI, labelled and duplicate sets are held in memory
one at a time, because their examples need rows that stand far apart; of BEIR folders only what is judged is held. A table
that occurs twice with the same content in one source is read once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from indexer.errors import UserError
from indexer.files import sha256
from indexer.readers.cells import Classes, classes_of
from indexer.readers.saved import is_saved
from trainer.negation_data import split_of
from trainer.recipe import Source
from trainer.sources_arrow import named, opened_parquet
from trainer.sources_beir import beir_folder, is_beir, read_beir
from trainer.sources_contrasts import ELSEWHERE, opposites, running_text
from trainer.sources_datasets import named_table, saved_table
from trainer.sources_origin import Origin
from trainer.sources_shapes import OPTIONAL, Example, duplicates, labels, nli, pairs, resolved, unfit
from trainer.sources_sql import QueryTable, query_table
from trainer.sources_tables import TABLES, Bad, Row, columns, container, read_table, unpacked

NEEDED: Mapping[str, tuple[str, ...]] = {
    "pairs": ("anchor", "positive"),
    "nli": ("anchor", "positive", "label"),
    "duplicates": ("anchor", "positive", "label"),
    "labels": ("text", "label"),
    "opposites": ("text", "negated"),
    "sentences": ("text",),
}
SIGNS = (  # columns that give a shape away, strongest first
    ("nli", {"premise", "hypothesis", "label"}),
    ("duplicates", {"text1", "text2", "label"}),
    ("labels", {"text", "label"}),
    ("opposites", {"sentence", "negated"}),
)
Found = tuple[str, Example | Bad]  # with the first 16 digits of the SHA-256 of its table


class Table(Protocol):
    """Rows with named columns, wherever they lie."""

    @property
    def shown(self) -> str:
        """Its name in the card and in errors: no path, no password."""

    def columns(self) -> list[str]:
        """The names of the columns; of a JSONL file those of its first rows."""

    def classes(self) -> Classes:
        """Columns that hold classes as numbers, and the names of the classes."""

    def rows(self, digest: str) -> Iterator[Row | Bad]:
        """Every row with its number. What can change meanwhile is refused if it is not what `digest` was taken of."""

    def digest(self) -> str:
        """SHA-256 of the content, hex."""

    def size(self) -> int:
        """About how many bytes the rows have."""


@dataclass(frozen=True, slots=True)
class FileTable:
    """A file of rows."""

    path: Path
    kind: str

    @property
    def shown(self) -> str:
        """The file's name."""
        return self.path.name

    def columns(self) -> list[str]:
        """Header, schema, or the keys of the first objects."""
        return columns(self.path, self.kind)

    def classes(self) -> Classes:
        """Parquet files of the `datasets` library may have some."""
        return classes_of(opened_parquet(self.path).schema_arrow) if self.kind == "parquet" else {}

    def rows(self, digest: str) -> Iterator[Row | Bad]:
        """The rows with their lines."""
        return read_table(self.path, self.kind)

    def digest(self) -> str:
        """Of the bytes."""
        return sha256(self.path)

    def size(self) -> int:
        """Unpacked: known for Parquet, guessed for gzip."""
        return unpacked(self.path, self.kind)


def tables_of(source: Origin) -> list[Table]:
    """Every table a source reads, in a fixed order; none of a BEIR folder. Raises UserError where nothing is there."""
    if source.url is not None:
        return [query_table(source)]
    if source.dataset is not None:
        return [named_table(source)]
    return [table for path in source.path for table in _tables_at(path, source)]


def _tables_at(path: Path, source: Origin) -> list[Table]:
    if source.format == "datasets" or (path.is_dir() and is_saved(path)):
        return [saved_table(path, source.split)]
    if path.is_file():
        files = [path]
    elif path.is_dir():
        files = sorted(file for file in path.rglob("*") if container(file) and file.is_file())
    else:
        files = sorted(path.parent.glob(path.name)) if "*" in path.name else []
    if not files:
        raise UserError(f"Nothing to read for {source.name!r}.", path, f"name a file or folder of {', '.join(TABLES)}")
    return [FileTable(file, _kind(file, source)) for file in files]


def _kind(file: Path, source: Origin) -> str:
    kind = source.format if source.format in TABLES else container(file)
    if kind is None:
        todo = f'set format = "{TABLES[0]}" or rename'
        raise UserError(f"{source.name!r}: this kind of file is not known.", file, todo)
    return kind


def _is_beir(source: Origin) -> bool:
    if source.format == "auto":
        return bool(source.path) and all(is_beir(path) for path in source.path)
    return source.format == "beir"


def check_source(source: Origin) -> None:
    """Refuse what can be refused before the first row: unknown files, formats and fields, a query that does not run."""
    if _is_beir(source):
        for path in source.path:
            beir_folder(path, source.split)
        return
    for table in tables_of(source):
        shape_of(source, table)


def shape_of(source: Origin, table: Table) -> tuple[str, dict[str, str]]:
    """What the rows of a table are (pairs, nli, …), and which column holds which field."""
    there = table.columns()
    fields = resolved(there, source.fields)
    shape = _shape(source, there)
    for need in NEEDED[shape]:
        if need not in fields and there:
            todo = f'fields = {{{need} = "…"}}'
            raise UserError(f"{source.name!r}: no column for {need!r}.", f"{table.shown}: {there}", todo)
    twice = next((name for name in fields.values() if there.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{source.name!r}: two columns have one name.", f"{table.shown}: {twice!r}", "rename one")
    loose = isinstance(table, FileTable) and table.kind == "jsonl"  # any row may have any key
    absent = next((name for name in source.fields.values() if not loose and name not in there), None)
    if absent is not None:
        todo = f"columns: {', '.join(there)}"
        raise UserError(f"{source.name!r}: no such column.", f"{table.shown}: {absent!r}", todo)
    usual = {name: name for name in (*NEEDED[shape], *OPTIONAL)} if loose else {}
    return shape, usual | fields


def _shape(source: Origin, there: list[str]) -> str:
    if source.format in NEEDED:
        return source.format
    guessed = source.format in ("auto", "datasets", "sql") and not {"anchor", "positive"} & set(source.fields)
    return next((shape for shape, signs in SIGNS if guessed and signs <= set(there)), "pairs")


def digests_of(source: Origin) -> dict[str, str]:
    """SHA-256 → name of every input of a source; what has the same content counts once."""
    if _is_beir(source):
        return {sha256(file): file.name for file in reversed(_beir_files(source))}
    return {table.digest(): table.shown for table in reversed(tables_of(source))}


def size_of(source: Origin) -> int:
    """About how many bytes the rows of a source have, unpacked; for a database an estimate."""
    if _is_beir(source):
        return sum(unpacked(file, None) for file in _beir_files(source))
    return sum(table.size() for table in tables_of(source))


def _beir_files(source: Origin) -> list[Path]:
    return [file for path in source.path for file in beir_folder(path, source.split).files]


def read_source(source: Origin, seed: int = 0, inputs: Collection[str] = ()) -> Iterator[Found]:
    """Every example and every bad row of a source, each with the digest of the table it stood in.

    `inputs`: what `digests_of` said before. A table that is another one by now is refused.
    """
    fold = source.fold if isinstance(source, Source) else None
    for digest, entry in _all(source, seed, inputs):
        if fold is None or isinstance(entry, Bad) or split_of(entry.anchor) == fold:
            yield digest, entry
        else:
            yield digest, unfit(entry.line, ELSEWHERE, entry.anchor)


def _all(source: Origin, seed: int, inputs: Collection[str]) -> Iterator[Found]:
    if _is_beir(source):
        yield from _beir(source, inputs)
        return
    seen: set[str] = set()
    for table in tables_of(source):
        # A query checks its own rows as they pass: where one digest is promised, that saves reading it twice.
        promised = next(iter(inputs)) if len(inputs) == 1 and isinstance(table, QueryTable) else None
        digest = promised or _unchanged(source, table.shown, table.digest(), inputs)
        if digest not in seen:
            seen.add(digest)
            yield from ((digest[:16], entry) for entry in _shaped(source, table, digest, seed))


def _unchanged(source: Origin, shown: str, digest: str, inputs: Collection[str]) -> str:
    if inputs and digest not in inputs:
        raise UserError(f"{source.name!r} changed after it was checked.", shown, "run again")
    return digest


def _beir(source: Origin, inputs: Collection[str]) -> Iterator[Found]:
    for path in source.path:
        folder = beir_folder(path, source.split)
        names = {file: _unchanged(source, file.name, sha256(file), inputs)[:16] for file in folder.files}
        yield from ((names[file], entry) for file, entry in read_beir(folder))


def _shaped(source: Origin, table: Table, digest: str, seed: int) -> Iterator[Example | Bad]:
    shape, fields = shape_of(source, table)
    rows = table.rows(digest)
    if shape == "duplicates":  # "same" is the number 1 here, whatever a set calls it
        return duplicates(rows, fields)
    rows = named(rows, table.classes())
    if shape == "nli":
        return nli(rows, fields)
    if shape == "labels":
        return labels(rows, fields, source.partners if isinstance(source, Source) else 1, seed)
    if shape == "opposites":
        return opposites(rows, fields, source.split, seed)
    if shape == "sentences":
        return running_text(rows, fields, source.partners if isinstance(source, Source) else 1, seed)
    return pairs(rows, fields)
