"""From a recipe's sources to examples: which files a source has, what shape their rows have, and each row with its file.

Everything that can be known without reading the rows is checked first (files, formats, fields). Tables stream; NLI,
labelled and duplicate files are held in memory one at a time, because their examples need rows that stand far apart; of
BEIR folders only what is judged is held. A file that occurs twice with the same bytes in one source is read once.
Not yet: a Hugging Face `datasets` folder, SQL.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from indexer.errors import UserError
from indexer.files import sha256
from trainer.recipe import Holdout, Source
from trainer.sources_beir import beir_folder, is_beir, read_beir
from trainer.sources_shapes import Example, duplicates, labels, nli, pairs, resolved
from trainer.sources_tables import TABLES, Bad, columns, container, read_table

NEEDED: Mapping[str, tuple[str, ...]] = {
    "pairs": ("anchor", "positive"),
    "nli": ("anchor", "positive", "label"),
    "duplicates": ("anchor", "positive", "label"),
    "labels": ("text", "label"),
}
OPTIONAL = ("negative", "score", "negation")  # a JSONL file may have them in any row
SIGNS = (  # columns that give a shape away, strongest first
    ("nli", {"premise", "hypothesis", "label"}),
    ("duplicates", {"text1", "text2", "label"}),
    ("labels", {"text", "label"}),
)
Found = tuple[str, Example | Bad]  # with the first 16 digits of the SHA-256 of its file


def files_of(source: Source | Holdout) -> list[Path]:
    """Every file a source reads, in a fixed order. Raises UserError where a path leads nowhere."""
    if _is_beir(source):
        return [file for path in source.path for file in beir_folder(path, source.split).files]
    found = [file for path in source.path for file in _tables_at(path, source)]
    return list(dict.fromkeys(found))


def _is_beir(source: Source | Holdout) -> bool:
    return source.format == "beir" or (source.format == "auto" and all(is_beir(path) for path in source.path))


def _tables_at(path: Path, source: Source | Holdout) -> list[Path]:
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if container(file) and file.is_file())
    else:
        found = sorted(path.parent.glob(path.name)) if "*" in path.name else []
    if not found:
        raise UserError(f"Nothing to read for {source.name!r}.", path, f"name a file or folder of {', '.join(TABLES)}")
    return found


def check_source(source: Source | Holdout) -> None:
    """Refuse what can be refused before the first row: unknown files, formats and fields."""
    files = files_of(source)
    if not _is_beir(source):
        for file in files:
            shape_of(source, file)


def shape_of(source: Source | Holdout, file: Path) -> tuple[str, str | None, dict[str, str]]:
    """What the rows of a file are (pairs, nli, …), the kind of file, and which column holds which field."""
    kind = source.format if source.format in TABLES else container(file)
    if kind is None:
        raise UserError(
            f"{source.name!r}: this kind of file is not known.", file, f'set format = "{TABLES[0]}" or rename'
        )
    there = columns(file, kind)
    fields = resolved(there, source.fields)
    shape = _shape(source, there)
    for need in NEEDED[shape]:
        if need not in fields and there:
            raise UserError(
                f"{source.name!r}: no column for {need!r}.", f"{file}: {there}", f'fields = {{{need} = "…"}}'
            )
    absent = [name for name in source.fields.values() if kind != "jsonl" and name not in there]
    if absent:
        raise UserError(f"{source.name!r}: no such column.", f"{file}: {absent[0]!r}", f"columns: {', '.join(there)}")
    usual = {name: name for name in (*NEEDED[shape], *OPTIONAL)} if kind == "jsonl" else {}
    return shape, kind, usual | fields


def _shape(source: Source | Holdout, there: list[str]) -> str:
    if source.format in NEEDED:
        return source.format
    if source.format == "auto" and not {"anchor", "positive"} & set(source.fields):
        return next((shape for shape, signs in SIGNS if signs <= set(there)), "pairs")
    return "pairs"


def digests_of(source: Source | Holdout) -> dict[str, str]:
    """SHA-256 → name of every input file of a source; files with the same bytes count once."""
    return {sha256(file): file.name for file in reversed(files_of(source))}


def read_source(source: Source | Holdout, seed: int = 0) -> Iterator[Found]:
    """Every example and every bad row of a source, each with the digest of the file it stood in."""
    if _is_beir(source):
        yield from _beir(source)
        return
    seen: set[str] = set()
    for file in files_of(source):
        name = sha256(file)[:16]
        if name not in seen:
            seen.add(name)
            yield from ((name, entry) for entry in _shaped(source, file, seed))


def _beir(source: Source | Holdout) -> Iterator[Found]:
    for path in source.path:
        folder = beir_folder(path, source.split)
        names = {file: sha256(file)[:16] for file in folder.files}
        yield from ((names[file], entry) for file, entry in read_beir(folder))


def _shaped(source: Source | Holdout, file: Path, seed: int) -> Iterator[Example | Bad]:
    shape, kind, fields = shape_of(source, file)
    rows = read_table(file, kind)
    if shape == "nli":
        return nli(rows, fields)
    if shape == "duplicates":
        return duplicates(rows, fields)
    if shape == "labels":
        return labels(rows, fields, source.partners if isinstance(source, Source) else 1, seed)
    return pairs(rows, fields)
