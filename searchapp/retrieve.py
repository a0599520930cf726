"""The three ways to rank a collection's documents for a query: dense, lexical, and the fusion of both.

Each gives a `Ranking` of the same shape, so what shows a result does not know how it came about. Hybrid takes candidates
from both retrievals, completes the score that either did not give (the dense score of a lexical candidate and the other
way round), and lets `fusion` order them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.hits import ABSENT, Hits, fold
from indexer.opened import OpenVersion, Rows
from searchapp.fusion import fuse
from searchapp.opening import Opened
from searchapp.schemas import Hit, Passage, Stage

DEPTH = 200  # documents each retrieval proposes to fusion, at least


@dataclass(frozen=True, slots=True)
class StageScores:
    """One stage's view of the ranked rows: rank among its own candidates (from 1; 0 = not one of them) and score."""

    ranks: NDArray[np.int64]
    scores: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ranking:
    """Record rows, best first, with every stage's scores; finding the passages to show is left to whoever shows them."""

    rows: Rows
    stages: Mapping[str, StageScores]  # in the order they ran; the last one's scores are the ranking's
    best_passages: Callable[[Rows], NDArray[np.int64]]  # the ordinal of the passage that speaks for each of some rows

    def hits(self, version: OpenVersion) -> tuple[Hit, ...]:
        """The ranked documents with their records and passages attached."""
        ordinals = self.best_passages(self.rows).tolist()
        return tuple(self._hit(version, place, ordinal) for place, ordinal in enumerate(ordinals))

    def _hit(self, version: OpenVersion, place: int, ordinal: int) -> Hit:
        row = int(self.rows[place])
        record, spans = version.record(row), version.spans(row)
        span = spans[ordinal]
        stages = {
            name: Stage(int(stage.ranks[place]) or None, float(stage.scores[place]))
            for name, stage in self.stages.items()
        }
        passage = Passage.cut(record.text, span.start, span.end, ordinal, len(spans))
        return Hit(record.id, list(stages.values())[-1].score, stages, passage, record)


def dense(opened: Opened, query: str, k: int, among: Rows | None) -> Ranking:
    """By the cosine of the query with each document's best passage."""
    return nearest(opened.version, opened.encode(query), k, among)


def nearest(version: OpenVersion, vectors: NDArray[np.float32], k: int, among: Rows | None) -> Ranking:
    """By the highest cosine of any of `vectors` [n, dim] with any passage of a document."""
    hits = _one_list(version.dense(vectors, k, among), version.rows, k)
    rows, scores = _present(hits)
    return Ranking(rows, {"dense": _listed(scores)}, lambda rows: version.dense_scores(vectors, rows)[1])


def lexical(opened: Opened, query: str, k: int, among: Rows | None) -> Ranking:
    """By BM25 over title and text. Needs no model."""
    version = opened.version
    rows, scores = _present(version.lexical(query, k, among))
    return Ranking(rows, {"lexical": _listed(scores)}, lambda rows: _passages_by_terms(version, query, rows))


def hybrid(opened: Opened, query: str, k: int, among: Rows | None) -> Ranking:
    """By the fusion of both. `searchapp.fusion` says how."""
    version, vector = opened.version, opened.encode(query)
    depth = max(DEPTH, k)
    by_dense, by_lexical = version.dense(vector, depth, among), version.lexical(query, depth, among)
    rows = np.union1d(_present(by_dense)[0], _present(by_lexical)[0])
    dense_scores = version.dense_scores(vector, rows)[0]
    lexical_scores = version.lexical_scores(query, rows)
    fused = fuse(dense_scores, lexical_scores)
    best = np.lexsort((rows, -fused))[:k]
    stages = {
        "dense": StageScores(_ranks(by_dense, rows[best]), dense_scores[best]),
        "lexical": StageScores(_ranks(by_lexical, rows[best]), lexical_scores[best]),
        "fusion": _listed(fused[best]),
    }
    return Ranking(rows[best], stages, lambda rows: version.dense_scores(vector, rows)[1])


def _present(hits: Hits) -> tuple[Rows, NDArray[np.float32]]:
    there = hits.ids[0] != ABSENT
    return hits.ids[0][there], hits.scores[0][there]


def _one_list(hits: Hits, rows: int, k: int) -> Hits:
    """Hits of several vectors for the same question → the best of all, each document once."""
    if len(hits.ids) == 1:
        return hits
    scores, ids = hits.scores.reshape(1, -1), hits.ids.reshape(1, -1)
    order = np.argsort(-scores, kind="stable")
    together = Hits(np.take_along_axis(ids, order, 1), np.take_along_axis(scores, order, 1))
    return fold(together, np.arange(rows), k)[0]


def _listed(scores: NDArray[np.float32]) -> StageScores:
    return StageScores(np.arange(1, len(scores) + 1), scores)


def _ranks(hits: Hits, rows: Rows) -> NDArray[np.int64]:
    """The rank of each row in a list, 0 where it is not in it."""
    ids = _present(hits)[0]
    order = np.argsort(ids)
    place = np.minimum(np.searchsorted(ids, rows, sorter=order), max(0, len(ids) - 1))
    if not len(ids):
        return np.zeros(len(rows), np.int64)
    return np.where(ids[order[place]] == rows, order[place] + 1, 0)


def _passages_by_terms(version: OpenVersion, query: str, rows: Rows) -> NDArray[np.int64]:
    """The passage of each record that holds most of the query's terms; the first of several."""
    analyze = version.segments[0].lexical.terms
    wanted = set(analyze(query))
    best = []
    for row in rows.tolist():
        spans = version.spans(row)
        text = version.record(row).text if len(spans) > 1 else ""
        counts = [len(wanted & set(analyze(text[span.start : span.end]))) for span in spans]
        best.append(int(np.argmax(counts)))
    return np.array(best, np.int64)
