"""BEIR folders: queries × judgements × corpus → pairs; what was judged irrelevant → negatives of the query's positives.

The judgements are read first, so that only the queries and documents they name are held in memory. The line of an
example is the line of its judgement.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.errors import UserError
from trainer.sources_shapes import Example, against, unfit
from trainer.sources_tables import Bad, Row, read_table


@dataclass
class Folder:
    """The three files of a BEIR folder and a split of its judgements."""

    corpus: Path
    queries: Path
    qrels: Path

    @property
    def files(self) -> tuple[Path, Path, Path]:
        """Judgements first: an example's provenance names their file."""
        return self.qrels, self.queries, self.corpus


@dataclass
class Judged:
    """Judgements by query: (line, document) judged relevant, and judged not."""

    relevant: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    irrelevant: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))

    def documents(self) -> set[str]:
        """The ids of every document that was judged."""
        return {doc for kind in (self.relevant, self.irrelevant) for found in kind.values() for _, doc in found}


def is_beir(path: Path) -> bool:
    """Does the folder hold a corpus and queries as BEIR has them?"""
    return path.is_dir() and any((path / f"corpus.jsonl{end}").is_file() for end in ("", ".gz"))


def beir_folder(path: Path, split: str) -> Folder:
    """The files of a BEIR folder. Raises UserError if one is not there."""
    qrels = path / "qrels" / f"{split}.tsv"
    if not qrels.is_file():
        splits = sorted(file.stem for file in (path / "qrels").glob("*.tsv"))
        raise UserError(
            "The folder has no judgements of this split.", qrels, f"splits that are there: {', '.join(splits)}"
        )
    return Folder(_either(path, "corpus"), _either(path, "queries"), qrels)


def _either(path: Path, name: str) -> Path:
    for end in ("", ".gz"):
        if (file := path / f"{name}.jsonl{end}").is_file():
            return file
    raise UserError("This is no BEIR folder.", path, f"it needs {name}.jsonl or {name}.jsonl.gz")


def read_beir(folder: Folder) -> Iterator[tuple[Path, Example | Bad]]:
    """Every judgement as a pair or a triplet, or why not; bad lines of queries and corpus too, under their own file."""
    judged, bad = judgements(folder.qrels)
    yield from ((folder.qrels, entry) for entry in bad)
    texts: list[dict[str, str]] = []
    for path, wanted in ((folder.queries, {*judged.relevant, *judged.irrelevant}), (folder.corpus, judged.documents())):
        found, bad = texts_by_id(path, wanted)
        texts.append(found)
        yield from ((path, entry) for entry in bad)
    yield from ((folder.qrels, entry) for entry in _examples(judged, *texts))


def judgements(path: Path) -> tuple[Judged, list[Bad]]:
    """The judgements of a file `query-id  corpus-id  score`, and its bad lines."""
    judged, bad = Judged(), []
    for entry in read_table(path, "tsv"):
        if isinstance(entry, Bad):
            bad.append(entry)
            continue
        line, row = entry
        try:
            kind = judged.relevant if _grade(row["score"]) > 0 else judged.irrelevant
            kind[row["query-id"]].append((line, row["corpus-id"]))
        except KeyError as error:
            raise UserError(
                "The judgements lack a column.", f"{path}: {error}", "columns: query-id corpus-id score"
            ) from error
        except ValueError:
            bad.append(unfit(line, "wrong type", row))
    return judged, bad


def _grade(text: str) -> float:
    grade = float(text)
    if not math.isfinite(grade):
        raise ValueError(text)
    return grade


def texts_by_id(path: Path, wanted: set[str] | None) -> tuple[dict[str, str], list[Bad]]:
    """Title and text of the wanted ids (None: of all)."""
    texts: dict[str, str] = {}
    bad: list[Bad] = []
    for entry in read_table(path, "jsonl"):
        fault = entry if isinstance(entry, Bad) else _fault(entry)
        if fault is not None:
            bad.append(fault)
        elif not isinstance(entry, Bad) and (wanted is None or entry[1]["_id"] in wanted):
            texts[entry[1]["_id"]] = f"{entry[1].get('title') or ''} {entry[1]['text']}".strip()
    return texts, bad


def _fault(entry: Row) -> Bad | None:
    line, row = entry
    parts: list[Any] = [row.get("_id"), row.get("text"), row.get("title") or ""]
    if parts[0] is None or parts[1] is None:
        return unfit(line, "missing field", row)
    if not all(isinstance(part, str) for part in parts):
        return unfit(line, "wrong type", row)
    try:
        "".join(parts).encode()
    except UnicodeEncodeError:
        return unfit(line, "broken text", row)
    return None


def _examples(judged: Judged, queries: dict[str, str], corpus: dict[str, str]) -> Iterator[Example | Bad]:
    known: tuple[dict[str, list[tuple[int, str]]], ...] = (defaultdict(list), defaultdict(list))
    for kind, kept in zip((judged.relevant, judged.irrelevant), known, strict=True):
        for query, found in kind.items():
            for line, doc in found:
                if query in queries and doc in corpus:
                    kept[queries[query]].append((line, corpus[doc]))
                else:
                    yield Bad(line, "unknown id", f"{query}\t{doc}")
    yield from (Example(line, query, text) for query, found in known[0].items() for line, text in found)
    yield from against(*known)
