"""What a search answers, as values: the record, its best passage with its place, and every stage's rank and score.

Scores of different stages are never mixed into a percentage: a hit says what dense retrieval, lexical retrieval and
fusion each thought of it, and what is missing was not found by that stage.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from indexer.records import Record, as_json

PAGE_END = "\f"


@dataclass(frozen=True, slots=True)
class Stage:
    """What one stage thought of a record: its rank (from 1; None when it was not among the stage's own candidates) and score."""

    rank: int | None
    score: float


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of a record's text: characters start to end, the `ordinal`-th of `of` passages (from 0).

    `page` is the one it begins on, from 1, where the text has pages: a form feed (U+000C) ends one, as in what is read of
    a PDF. None where it has none.
    """

    text: str
    start: int
    end: int
    ordinal: int
    of: int
    page: int | None = None

    @classmethod
    def cut(cls, text: str, start: int, end: int, ordinal: int, of: int) -> Passage:
        """Characters `start` to `end` of a record's text."""
        piece = text[start:end]
        begins = start + len(piece) - len(piece.lstrip())
        page = 1 + text.count(PAGE_END, 0, begins) if PAGE_END in text else None
        return cls(piece, start, end, ordinal, of, page)


@dataclass(frozen=True, slots=True)
class Hit:
    """One document. `score` is that of the last stage; compare it only within one answer."""

    id: str
    score: float
    stages: Mapping[str, Stage]
    passage: Passage
    record: Record

    def as_json(self) -> dict[str, Any]:
        """For machines: plain values, stable keys."""
        return {
            "id": self.id,
            "score": self.score,
            "stages": {name: asdict(stage) for name, stage in self.stages.items()},
            "passage": asdict(self.passage),
            "record": as_json(self.record),
        }


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The answer to one query, best first."""

    collection: str
    version: int
    took_ms: float
    hits: tuple[Hit, ...]

    def as_json(self) -> dict[str, Any]:
        """For machines: plain values, stable keys."""
        return {
            "collection": self.collection,
            "version": self.version,
            "took_ms": round(self.took_ms, 3),
            "hits": [hit.as_json() for hit in self.hits],
        }
