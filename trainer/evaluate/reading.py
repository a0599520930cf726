"""The rows of a set, checked and in an order of their own.

Rows are sorted by a seeded hash of what they say: so neither a figure nor its interval depends on the order in the file,
the first N rows are a fair sample, and two models measured on the same rows can be compared pair by pair. A test set is
no place for broken rows: the first one is refused with its line.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl

from indexer.errors import UserError
from indexer.files import canonical_json
from trainer.evaluate.suite import BEIR, COUNTERWEIGHTS, ROLES, Set, dev_file, file_of, is_prepared
from trainer.negation_data import split_of
from trainer.negation_stage import NEGATION, SAME
from trainer.sources_beir import Folder, beir_folder, is_beir, texts_by_id
from trainer.sources_tables import Bad, read_table

Row = dict[str, Any]
LISTS = ("candidates", "labels")
NUMBERS = ("score", "label", "labels")


@dataclass(frozen=True, slots=True)
class Rows:
    """What is measured: rows by role; `corpus`: id → text; `dev`: rows to choose a threshold on; `digest`: of the rows."""

    rows: list[Row]
    digest: str
    corpus: dict[str, str] = field(default_factory=dict)
    dev: list[Row] = field(default_factory=list)

    def texts(self, role: str) -> list[str]:
        """A role's value in every row."""
        return [row[role] for row in self.rows]


def read_set(entry: Set, rows: int | None = None, seed: int = 0) -> Rows:
    """The rows of a set, at most `rows` of them. Raises UserError where there are fewer than two."""
    judged = entry.kind in BEIR and is_beir(entry.path)
    if judged:
        found = _judged(entry, seed)
    else:
        found = _counterweights(entry) if is_prepared(entry) else _table(entry, file_of(entry), seed)
    if entry.fold is not None:
        first = "query" if judged else ROLES[entry.kind][0]
        found = replace(found, rows=[row for row in found.rows if split_of(row[first]) == entry.fold])
    most = min(rows or len(found.rows), entry.rows or len(found.rows))
    found = _chosen(found, most, entry, seed)
    if len(found.rows) < 2:
        given = f"{len(found.rows)} rows in {entry.path}, split {entry.split}"
        raise UserError(f"Set {entry.name!r} has too few rows to measure.", given, "give at least two rows")
    return replace(found, dev=_table(entry, dev_file(entry), seed, split=False).rows) if entry.dev else found


def _chosen(found: Rows, most: int, entry: Set, seed: int) -> Rows:
    keys = [_key(seed, row) for row in found.rows]
    order = sorted(range(len(keys)), key=keys.__getitem__)[:most]
    rows, corpus = [found.rows[place] for place in order], found.corpus
    if entry.distractors is not None:
        judged = {doc for row in rows for doc, grade in row["judged"].items() if grade > 0}
        others = sorted((doc for doc in corpus if doc not in judged), key=lambda doc: _key(seed, doc))
        corpus = {doc: corpus[doc] for doc in sorted(judged.union(others[: entry.distractors]))}
    digest = hashlib.sha256(b"".join([*(keys[place] for place in order), *map(str.encode, corpus)]))
    return Rows(rows, digest.hexdigest(), corpus)


def _key(seed: int, value: Any) -> bytes:
    return hashlib.sha256(canonical_json([seed, value])).digest()


def _table(entry: Set, file: Path, seed: int, split: bool = True) -> Rows:
    rows, splits = [], set()
    for found in read_table(file):
        if isinstance(found, Bad):
            raise _broken(entry, file, found.line, found.reason)
        line, row = found
        if entry.source is not None and row.get("source") != entry.source:
            continue
        if split and entry.split is not None and "split" in row:
            splits.add(row["split"])
            if row["split"] != entry.split:
                continue
        rows.append(_roles(entry, file, line, row))
    if not rows and splits:
        raise UserError(f"Set {entry.name!r} has no row of its split.", entry.split, f"choose of {sorted(splits)}")
    kept = [row for row in rows if any(row["labels"])] if entry.kind == "reranking" else rows
    return Rows(kept, "")


def _counterweights(entry: Set) -> Rows:
    """Of a preparation: each sentence with the copy that keeps its meaning and the negation made of it."""
    pairs, triplets = (pl.read_parquet(entry.path / name) for name in COUNTERWEIGHTS)
    copies = pairs.filter(pl.col("source").str.ends_with(SAME)).select(
        pl.col("source").str.strip_suffix(SAME), sentence="anchor", copy="positive"
    )
    negations = triplets.filter(pl.col("source").str.ends_with(NEGATION)).select(
        pl.col("source").str.strip_suffix(NEGATION), sentence="positive", negated=pl.col("negatives").list.first()
    )
    key = ["source", "sentence"]
    found = copies.unique(key, keep="first").join(negations.unique(key, keep="first"), on=key)
    if entry.source is not None:
        found = found.filter(pl.col("source") == entry.source)
    return Rows(found.drop("source").to_dicts(), "")


def _roles(entry: Set, file: Path, line: int, row: Row) -> Row:
    """The row by role: texts as texts, grades as numbers."""
    try:
        made = {role: _typed(entry, role, row[entry.column(role)]) for role in ROLES[entry.kind]}
    except (KeyError, TypeError, ValueError) as error:
        raise _broken(entry, file, line, f"{type(error).__name__}: {error}") from error
    if entry.kind == "reranking" and len(made["candidates"]) != len(made["labels"]):
        raise _broken(entry, file, line, "not one label for each candidate")
    return made


def _typed(entry: Set, role: str, value: Any) -> Any:
    if role in LISTS:
        return [_one(entry, role, part) for part in _list(value)]
    alone = role == "negative" and isinstance(value, list) and len(value) == 1  # as `trainer prepare` writes triplets
    return _one(entry, role, value[0] if alone else value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list is needed")
    return value


def _one(entry: Set, role: str, value: Any) -> Any:
    if role in NUMBERS and entry.kind != "labels":
        return _number(role, value)
    if role == "label":
        return str(value)
    if not isinstance(value, str):
        raise TypeError(f"{role} must be a text")
    value.encode()  # a lone surrogate is no text
    return value


def _number(role: str, value: Any) -> float:
    number = float(value)
    if not math.isfinite(number) or (role != "score" and number not in (0.0, 1.0)):
        raise ValueError(f"{role} must be {'a number' if role == 'score' else '0 or 1'}")
    return number


def _broken(entry: Set, file: Path, line: int, reason: str) -> UserError:
    return UserError(f"Set {entry.name!r} has a broken row.", f"{file}, row {line}: {reason}", "mend or remove the row")


def _judged(entry: Set, seed: int) -> Rows:
    """A BEIR folder's split: a row per query with a positive; for reranking the judged documents are the candidates."""
    folder = beir_folder(entry.path, entry.split or "test")
    judged = {query: docs for query, docs in _qrels(entry, folder).items() if max(docs.values()) > 0}
    queries = _texts(entry, folder.queries, set(judged))
    wanted = {doc for docs in judged.values() for doc in docs}
    corpus = _texts(entry, folder.corpus, wanted, everything=entry.kind == "retrieval")
    if entry.kind == "retrieval":
        return Rows([{"id": id, "query": queries[id], "judged": judged[id]} for id in sorted(judged)], "", corpus)
    return Rows([_candidates(queries[id], judged[id], corpus) for id in sorted(judged)], "")


def _candidates(query: str, judged: dict[str, float], corpus: dict[str, str]) -> Row:
    grades = [float(judged[doc] > 0) for doc in sorted(judged)]
    return {"query": query, "candidates": [corpus[doc] for doc in sorted(judged)], "labels": grades}


def _qrels(entry: Set, folder: Folder) -> dict[str, dict[str, float]]:
    judged: dict[str, dict[str, float]] = {}
    for found in read_table(folder.qrels, "tsv"):
        if isinstance(found, Bad):
            raise _broken(entry, folder.qrels, found.line, found.reason)
        line, row = found
        try:
            judged.setdefault(row["query-id"], {})[row["corpus-id"]] = _number("score", row["score"])
        except (KeyError, ValueError) as error:
            raise _broken(entry, folder.qrels, line, f"{type(error).__name__}: {error}") from error
    return judged


def _texts(entry: Set, file: Path, wanted: set[str], everything: bool = False) -> dict[str, str]:
    """id → text, by id: of the wanted ids, or of all; all wanted ones must be there."""
    texts, bad = texts_by_id(file, None if everything else wanted)
    if bad:
        raise _broken(entry, file, bad[0].line, bad[0].reason)
    missing = sorted(wanted - texts.keys())
    if missing:
        given = f"{file}: {', '.join(missing[:5])}"
        raise UserError(f"Set {entry.name!r} judges texts that are not there.", given, "mend the BEIR folder")
    return {id: texts[id] for id in sorted(texts)}
