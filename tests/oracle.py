"""Exact answers in a few lines of NumPy, with nothing shared with the code they judge.

Scores are inner products in double precision, rounded to float32 as the search promises; equal scores stand in the order
of their ids. Absent places hold id −1 and score −inf.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]


def search(vectors: Floats, queries: Floats, k: int, among: Ids | None = None) -> tuple[Ids, Floats]:
    """The `k` best rows of each query, among those allowed: ids and scores [queries, k]."""
    rows = np.arange(len(vectors)) if among is None else np.asarray(among, np.int64)
    scores = (queries.astype(np.float64) @ vectors[rows].astype(np.float64).T).astype(np.float32)
    return rank(scores, rows, k)


def rank(scores: Floats, ids: Ids, k: int) -> tuple[Ids, Floats]:
    """The `k` best of `scores` [queries, n] for `ids` [n], ties by id."""
    best_ids, best_scores = np.full((len(scores), k), -1, np.int64), np.full((len(scores), k), -np.inf, np.float32)
    for query, row in enumerate(scores):
        order = np.lexsort((ids, -row))[:k]
        best_ids[query, : order.size], best_scores[query, : order.size] = ids[order], row[order]
    return best_ids, best_scores


def documents(
    vectors: Floats, queries: Floats, owner: Ids, k: int, among: Ids | None = None
) -> tuple[Ids, Floats, Ids]:
    """The `k` best documents by their best passage: document ids, scores and passages, each [queries, k].

    `owner[row]` is the document of passage `row`; `among` holds the allowed passages.
    """
    passage_ids, passage_scores = search(vectors, queries, len(vectors), among)
    ids, passages = np.full((len(queries), k), -1, np.int64), np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    for query in range(len(queries)):
        best: dict[int, tuple[float, int]] = {}
        for passage, score in zip(passage_ids[query].tolist(), passage_scores[query].tolist(), strict=True):
            if passage >= 0:
                best.setdefault(int(owner[passage]), (score, passage))
        ranked = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))[:k]
        for place, (document, (score, passage)) in enumerate(ranked):
            ids[query, place], scores[query, place], passages[query, place] = document, score, passage
    return ids, scores, passages


def recall(found: Ids, right: Ids) -> float:
    """Share of the right ids that were found, over all queries; absent places do not count, and of none all are found."""
    hits = sum(len(set(a[a >= 0].tolist()) & set(b[b >= 0].tolist())) for a, b in zip(found, right, strict=True))
    expected = int((right >= 0).sum())
    return hits / expected if expected else 1.0
