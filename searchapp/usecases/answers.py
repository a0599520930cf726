"""Answers: the passages that answer a question, document by document, and whether anything answers it at all.

Documents come from hybrid retrieval. Of each the passages nearly as near as its best one are shown in reading order,
the best statement of each highlighted (`sentences_best`); `around` gives the text before and after. Every passage has
an address that can stand in a link: it finds the passage again in any later version that holds the same words, and says
so when the words have changed. `confidence` decides whether to say "nothing here answers that"; the closest documents
are given even then.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import UserError, shown
from indexer.opened import OpenVersion, Rows
from indexer.passages import Span
from indexer.records import Record, as_json
from searchapp.opening import Opened
from searchapp.retrieve import Ranking, hybrid
from searchapp.schemas import Passage, Stage
from searchapp.usecases.confidence import JUDGED, judge
from searchapp.usecases.sentences_best import best_statements
from searchapp.usecases.words import Words

PASSAGES = 3  # of one document
NEARLY = 0.95  # of the best passage's cosine makes another passage of the document worth showing
DIGEST = 12  # hexadecimal digits of a passage's digest in its address
_PLACE = re.compile(rf"(\d{{1,9}})-(\d{{1,9}}):([0-9a-f]{{{DIGEST}}})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a passage stands: characters start to end of a record's text, and the digest of the words there.

    As text, `id:start-end:digest`; the id is whatever the record has, so put it in a link as any text is put there.
    """

    id: str
    start: int
    end: int
    digest: str

    def __str__(self) -> str:
        return f"{self.id}:{self.start}-{self.end}:{self.digest}"

    @classmethod
    def of(cls, record: Record, start: int, end: int) -> Address:
        """The address of a part of a record's text."""
        return cls(record.id, start, end, sha256(record.text[start:end].encode()).hexdigest()[:DIGEST])

    @classmethod
    def parse(cls, text: str) -> Address:
        """The inverse of `str`. UserError for what is no address."""
        id, *place = text.rsplit(":", 2) if isinstance(text, str) else ("",)
        found = _PLACE.fullmatch(":".join(place))
        if not id or found is None:
            raise UserError("this is not the address of a passage", shown(text), "take the address that an answer gave")
        return cls(id, int(found[1]), int(found[2]), found[3])


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A passage of an answer: `cosine` with the question, the best statement in it (None where there are no words)."""

    passage: Passage
    cosine: float
    statement: Span | None  # characters of the record's text
    address: Address


@dataclass(frozen=True, slots=True)
class Document:
    """A document of an answer, with its passages in reading order. `score` compares only within one answer."""

    id: str
    score: float
    stages: Mapping[str, Stage]
    record: Record
    excerpts: tuple[Excerpt, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question, best document first. Where nothing was `found`, the documents are only the closest texts."""

    collection: str
    version: int
    question: str
    took_ms: float
    found: bool
    confidence: float  # 0 to 1, at least .5 where found
    why: str
    documents: tuple[Document, ...]

    def as_json(self) -> dict[str, Any]:
        """For machines: plain values, stable keys."""
        return {
            "collection": self.collection,
            "version": self.version,
            "question": self.question,
            "took_ms": round(self.took_ms, 3),
            "found": self.found,
            "confidence": self.confidence,
            "why": self.why,
            "documents": [_as_json(document) for document in self.documents],
        }


def answer(opened: Opened, question: str, k: int = 5, among: Rows | None = None) -> Answer:
    """The `k` best documents `among` these rows (all where None) for a question that is some text, and how sure that is."""
    began = time.perf_counter()
    version, vector, words = opened.version, opened.encode(question), Words(opened.version, question)
    ranking = hybrid(opened, question, max(k, JUDGED), among)
    sure = judge(opened, words, vector, ranking.rows[:JUDGED])
    documents = _documents(opened, words, vector, ranking, ranking.rows[:k].tolist())
    took = (time.perf_counter() - began) * 1e3
    return Answer(version.collection, version.number, question, took, sure.found, sure.value, sure.why, documents)


def around(opened: Opened, id: str, ordinal: int, before: int = 1, after: int = 1) -> Passage:
    """A passage together with `before` passages before it and `after` after it, as far as the document goes.

    One piece of the record's text; its ordinal is that of its first passage. UserError for an unknown id or ordinal.
    """
    for count in (before, after):
        if not _is_number(count) or count < 0:
            raise UserError(
                "a number of passages is a whole number and cannot be negative", shown(count), "give 0 or more"
            )
    row = opened.row(id)
    spans = opened.version.spans(row)
    if not _is_number(ordinal) or not 0 <= ordinal < len(spans):
        raise UserError(
            f"{shown(id)} has no such passage", shown(ordinal), f"give a whole number from 0 to {len(spans) - 1}"
        )
    first, last = max(0, ordinal - before), min(len(spans) - 1, ordinal + after)
    text, start, end = opened.version.record(row).text, spans[first].start, spans[last].end
    return Passage.cut(text, start, end, first, len(spans))


def locate(opened: Opened, address: Address | str) -> Passage:
    """The passage at an address given in this or an earlier version of the collection.

    Found wherever the record still holds the same words at the same place, even when passages are now cut otherwise;
    the ordinal is that of the passage now holding its beginning. UserError when the record is gone or its text changed.
    """
    address = address if isinstance(address, Address) else Address.parse(address)
    row = opened.row(address.id)
    record, spans = opened.version.record(row), opened.version.spans(row)
    if Address.of(record, address.start, address.end) != address:
        raise UserError(
            f"the text of {shown(address.id)} has changed since this link was made",
            shown(str(address)),
            "ask again, or open the document and look for the passage",
        )
    starts = np.array([span.start for span in spans])
    ordinal = max(0, int(np.searchsorted(starts, address.start, side="right")) - 1)
    return Passage.cut(record.text, address.start, address.end, ordinal, len(spans))


def _is_number(given: object) -> bool:
    return isinstance(given, int) and not isinstance(given, bool)


def _documents(
    opened: Opened, words: Words, vector: NDArray[np.float32], ranking: Ranking, rows: Sequence[int]
) -> tuple[Document, ...]:
    """The first documents of a ranking, with the passages to show and the best statement of each."""
    version = opened.version
    records, cut = [version.record(row) for row in rows], [version.spans(row) for row in rows]
    shown = [_shown(version, row, vector) for row in rows]
    places = [(place, ordinal) for place, ordinals in enumerate(shown) for ordinal in ordinals]
    leading = sorted(places, key=lambda at: (list(shown[at[0]]).index(at[1]), at[0]))  # every document's best first
    passages = [(records[place].text, cut[place][ordinal]) for place, ordinal in leading]
    statement = dict(zip(leading, best_statements(opened, words, vector, passages), strict=True))
    documents = []
    for place, record in enumerate(records):
        excerpts = tuple(
            _excerpt(record, cut[place], ordinal, shown[place][ordinal], statement[place, ordinal])
            for ordinal in sorted(shown[place])
        )
        stages = _stages(ranking, place)
        documents.append(Document(record.id, stages["fusion"].score, stages, record, excerpts))
    return tuple(documents)


def _stages(ranking: Ranking, place: int) -> dict[str, Stage]:
    """What each stage thought of the document at a place of the ranking."""
    return {
        name: Stage(int(stage.ranks[place]) or None, float(stage.scores[place]))
        for name, stage in ranking.stages.items()
    }


def _shown(version: OpenVersion, row: int, vector: NDArray[np.float32]) -> dict[int, float]:
    """Ordinal → cosine of the passages of a document that are nearly as near as its best one, the best first."""
    cosines = version.vectors_of(row) @ vector[0]
    best = np.argsort(-cosines, kind="stable")[:PASSAGES]
    near = best[cosines[best] >= min(cosines[best[0]], NEARLY * cosines[best[0]])]
    return {int(ordinal): float(cosines[ordinal]) for ordinal in near}


def _excerpt(record: Record, spans: Sequence[Span], ordinal: int, cosine: float, statement: Span | None) -> Excerpt:
    span = spans[ordinal]
    passage = Passage.cut(record.text, span.start, span.end, ordinal, len(spans))
    return Excerpt(passage, cosine, statement, Address.of(record, span.start, span.end))


def _as_json(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "score": document.score,
        "stages": {name: asdict(stage) for name, stage in document.stages.items()},
        "passages": [_excerpt_as_json(document.record.text, excerpt) for excerpt in document.excerpts],
        "record": as_json(document.record),
    }


def _excerpt_as_json(text: str, excerpt: Excerpt) -> dict[str, Any]:
    span = excerpt.statement
    statement = None if span is None else {"text": text[span.start : span.end], "start": span.start, "end": span.end}
    return asdict(excerpt.passage) | {
        "cosine": excerpt.cosine,
        "statement": statement,
        "address": str(excerpt.address),
    }
