"""What every search answers: `Hits`, the ids and scores of the best rows for each query.

There is one convention in this project, and this is where it is written down: best first, a higher score is better, and a
place that could not be filled holds id −1 with score −inf. Equal scores stand in the order of their ids, so the same
question always gets the same answer, whatever block, thread or segment found it. Vector search, lexical search, fusion
and reranking all take and give `Hits`, so each can be compared with the few lines of exact NumPy in the tests' oracle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ABSENT = -1


@dataclass(frozen=True, slots=True, eq=False)
class Hits:
    """The best `k` rows of each query: `ids` and `scores`, both [queries, k].

    Holds for every instance made by this module and by every search: scores never rise along a row; equal scores stand
    with the lower id first; an absent place has id −1 and score −inf, and nothing present follows it; no score is NaN.
    """

    ids: NDArray[np.int64]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        if self.ids.ndim != 2 or self.ids.shape != self.scores.shape:
            raise ValueError(f"ids {self.ids.shape} and scores {self.scores.shape} must both be [queries, k]")
        if self.ids.dtype != np.int64 or self.scores.dtype != np.float32:
            raise ValueError(f"ids are int64 and scores float32, not {self.ids.dtype} and {self.scores.dtype}")


def empty(queries: int, k: int) -> Hits:
    """Nothing found: every place absent."""
    return Hits(np.full((queries, k), ABSENT, np.int64), np.full((queries, k), -np.inf, np.float32))


def top_k(scores: NDArray[np.float32], ids: NDArray[np.int64], k: int) -> Hits:
    """The `k` best of `scores` [queries, n], whose ids are `ids` ([n] for all queries, or [queries, n]).

    A score of −inf or an id of −1 means "not a candidate", so masked scores can be handed in as they are. ValueError
    for NaN: it has no place in an order.
    """
    if np.isnan(scores).any():
        raise ValueError("a score is NaN, which cannot be ranked")
    hits = empty(len(scores), k)
    for row, (row_scores, row_ids) in enumerate(zip(scores, np.broadcast_to(ids, scores.shape), strict=True)):
        best = _best(row_scores, row_ids, k)
        hits.ids[row, : best.size], hits.scores[row, : best.size] = row_ids[best], row_scores[best]
    return hits


def fold(hits: Hits, owner: NDArray[np.int64], k: int) -> tuple[Hits, NDArray[np.int64]]:
    """Hits over passages → the `k` best documents, and the passage that made each so ([queries, k], −1 where absent).

    `owner[passage]` is the document a passage belongs to. A document scores what its best passage scores; of equally
    good passages the first one stands for it.
    """
    folded, passages = empty(len(hits.ids), k), np.full((len(hits.ids), k), ABSENT, np.int64)
    for row, (ids, scores) in enumerate(zip(hits.ids, hits.scores, strict=True)):
        present = ids != ABSENT
        documents, first = np.unique(owner[ids[present]], return_index=True)  # first = best: hits stand best first
        best = _best(scores[present][first], documents, k)
        folded.ids[row, : best.size], folded.scores[row, : best.size] = documents[best], scores[first[best]]
        passages[row, : best.size] = ids[first[best]]
    return folded, passages


def merge(parts: Sequence[Hits], k: int) -> Hits:
    """The `k` best over several parts (segments), whose ids are already global and which share no id."""
    if not parts:
        raise ValueError("merging needs at least one part, to know how many queries there are")
    scores = np.concatenate([part.scores for part in parts], axis=1)
    return top_k(scores, np.concatenate([part.ids for part in parts], axis=1), k)


def _best(scores: NDArray[np.float32], ids: NDArray[np.int64], k: int) -> NDArray[np.intp]:
    """Positions of the `k` best candidates of one query, in order; fewer when there are fewer."""
    kept = np.flatnonzero((scores > -np.inf) & (ids != ABSENT))
    if kept.size > k:  # everything that ties with the k-th stays in, so that the ids decide and not the partition
        kth = np.partition(scores[kept], kept.size - k)[kept.size - k]
        kept = kept[scores[kept] >= kth]
    order: NDArray[np.intp] = np.lexsort((ids[kept], -scores[kept]))[:k]
    return kept[order]
