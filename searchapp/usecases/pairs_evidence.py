"""What two records of a collection are compared by: their vectors, their words, their numeric fields and their marks.

Read once per open version, because thresholds are moved and texts are pasted many times. A record's words are the terms
of its title, its text and its text fields, each once: a brand in one record's title and in the other's brand field is the
same word. A word weighs its inverse document frequency in this collection. A record's vector is the mean of its passages'.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from indexer.arrow import from_batch
from indexer.opened import OpenVersion, Rows
from indexer.progress import EVERY, Watcher
from indexer.records import Record, Value
from searchapp.usecases.pairs_bags import Bags, Floats
from searchapp.usecases.pairs_marks import Marks, marks, number

Terms = Callable[[str], list[str]]
DAY = 86_400  # seconds


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """A version's records, ready to be compared. Every array's first axis is the version's rows, dead ones included."""

    alive: Rows  # rows that may be found, ascending
    vectors: NDArray[np.float32]  # [rows, dim], unit length
    bags: Bags
    unknown: float  # what a word weighs that no record has
    vocabulary: dict[str, int]  # term → its number in the bags, in order of first appearance
    names: list[str]  # the terms by number
    marks: list[Marks]
    fields: dict[str, Floats]  # numbers as they are, dates in days, booleans 0 or 1; nan where missing
    graded: frozenset[str]  # the fields in which near values agree nearly; in the others only equal ones agree
    copy_of: Rows  # the first living row that reads the same, field by field; a row's own where it is the first

    def numbered(self, terms: Iterable[str]) -> NDArray[np.int64]:
        """The numbers of those terms that the collection has, ascending, each once."""
        return np.unique(np.array([self.vocabulary[term] for term in terms if term in self.vocabulary], np.int64))

    def take(self, rows: Rows) -> Evidence:
        """Some rows only, numbered from 0, without fields and copies."""
        found = [self.marks[row] for row in rows.tolist()]
        own = np.arange(len(rows))
        vectors, bags = self.vectors[rows], self.bags.take(rows)
        return Evidence(own, vectors, bags, self.unknown, self.vocabulary, self.names, found, {}, frozenset(), own)

    def plus(self, text: str, terms: Iterable[str], vector: NDArray[np.float32]) -> Evidence:
        """One row more at the end: a text with its terms and its vector [1, dim], without title, fields and copies."""
        terms = set(terms)
        strange = len(terms - self.vocabulary.keys())  # in no record, so never shared, but they weigh
        own = np.arange(len(self.marks) + 1)
        return Evidence(
            own,
            np.concatenate([self.vectors, vector]),
            self.bags.plus(self.numbered(terms), strange * self.unknown),
            self.unknown,
            self.vocabulary,
            self.names,
            [*self.marks, marks("", text)],
            {},
            frozenset(),
            own,
        )


def read_evidence(version: OpenVersion, watch: Watcher) -> Evidence:
    """Read every record once. `watch` is told of the records read."""
    terms: Terms = version.segments[0].lexical.terms
    vocabulary: dict[str, int] = {}
    bags, found, values, copy_of = [], [], [], []
    seen: dict[bytes, int] = {}
    alive = version.alive
    for row, record in enumerate(_records(version)):
        if row % EVERY == 0:
            watch("reading records", row, version.rows)
        numbers = [vocabulary.setdefault(term, len(vocabulary)) for term in _terms(record, terms)]
        bags.append(np.unique(np.array(numbers, np.int64)))
        found.append(marks_of(record))
        values.append([_as_number(value) for value in record.fields.values()])
        copy_of.append(seen.setdefault(_digest(record), row) if alive[row] else row)
    watch("reading records", version.rows, version.rows)
    held = np.bincount(np.concatenate([*bags, np.empty(0, np.int64)]), minlength=len(vocabulary)).astype(np.float64)
    types = {name: kind for name, kind in version.columns.fields.items() if kind != "text"}
    columns = np.array(values, np.float64).reshape(len(bags), len(version.columns.fields))
    where = list(version.columns.fields)
    return Evidence(
        np.flatnonzero(alive),
        _vectors(version),
        Bags.gather(bags, _idf(held, len(bags))),
        float(_idf(np.zeros(1), len(bags))[0]),
        vocabulary,
        list(vocabulary),
        found,
        {name: columns[:, where.index(name)] for name in types},
        frozenset(name for name, kind in types.items() if kind == "number"),
        np.array(copy_of, np.int64),
    )


def marks_of(record: Record) -> Marks:
    """A record's marks; numbers that repeat one of its fields are left to the comparison of that field."""
    values = (
        value for value in record.fields.values() if isinstance(value, int | float) and not isinstance(value, bool)
    )
    return marks(record.title, record.text, frozenset(number(f"{value}") for value in values))


def _terms(record: Record, terms: Terms) -> list[str]:
    texts = [record.title, record.text, *(value for value in record.fields.values() if isinstance(value, str))]
    return terms("\n".join(texts))


def _records(version: OpenVersion) -> Iterator[Record]:
    for segment in version.segments:
        for batch in segment.records.table().to_batches():
            yield from from_batch(batch, segment.columns)


def _as_number(value: Value) -> float:
    if isinstance(value, datetime):
        return value.timestamp() / DAY
    return math.nan if value is None or isinstance(value, str) else float(value)


def _digest(record: Record) -> bytes:
    """Equal for records that differ in nothing but their id."""
    return sha256(repr((record.title, record.text, sorted(record.fields.items()))).encode("utf-8", "replace")).digest()


def _idf(held: Floats, records: int) -> Floats:
    """BM25's inverse document frequency, always above zero (Robertson and Zaragoza 2009, with Lucene's 1 +)."""
    found: Floats = np.log(1 + (records - held + 0.5) / (held + 0.5))
    return found


def _vectors(version: OpenVersion) -> NDArray[np.float32]:
    """The mean of each record's passage vectors, brought to unit length."""
    parts = []
    for segment in version.segments:
        if len(segment.passages) == segment.records.rows:
            parts.append(np.asarray(segment.vectors))
            continue
        sums = np.add.reduceat(segment.vectors, segment.passages.first[:-1], axis=0)
        parts.append(sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
