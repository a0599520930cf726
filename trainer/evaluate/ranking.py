"""Ranking a whole corpus exactly, and what a ranking is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from trainer.evaluate.evaluators import Embed

QUERIES = 256  # scored at a time


def best_first(queries: NDArray[np.float32], embed: Embed, texts: Sequence[str], k: int) -> list[NDArray[np.intp]]:
    """The places of each query's k best texts. Equal texts score exactly alike; of equal scores the earlier text leads."""
    different, place = np.unique(np.array(texts, object), return_inverse=True)
    vectors = embed(list(different), "document")
    found = []
    for start in range(0, len(queries), QUERIES):
        scores = queries[start : start + QUERIES] @ vectors.T
        found += [_top(row[place], min(k, len(texts))) for row in scores]
    return found


def _top(scores: NDArray[np.float32], k: int) -> NDArray[np.intp]:
    least = np.partition(scores, len(scores) - k)[len(scores) - k]
    near = np.flatnonzero(scores >= least)
    return near[np.argsort(-scores[near], kind="stable")][:k]


def ndcg(ranked: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    """Discounted cumulative gain over the best possible one (Järvelin & Kekäläinen 2002); gain = grade, linear."""
    best = sorted((max(grade, 0.0) for grade in grades.values()), reverse=True)
    return _dcg([max(grades.get(doc, 0.0), 0.0) for doc in ranked[:k]]) / _dcg(best[:k])


def _dcg(gains: Sequence[float]) -> float:
    return float(np.sum(np.array(gains) / np.log2(np.arange(2, len(gains) + 2))))


def recall(ranked: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    """The share of relevant documents (grade above 0) among the first k."""
    relevant = {doc for doc, grade in grades.items() if grade > 0}
    return len(relevant.intersection(ranked[:k])) / len(relevant)
