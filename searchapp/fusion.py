"""Fusion: one order out of what dense and lexical retrieval each say of the same candidates.

Every candidate of either retrieval comes with BOTH scores: the one its list did not give is completed by the caller, so
"not in the other list" never stands for "worthless". Each kind of score is then measured in its own currency for this
query, as standard deviations above the mean candidate (standard scores; Montague & Aslam 2001), and the fused score is
their convex combination (Bruch et al. 2023 on why that beats reciprocal ranks: ranks forget the margins). A retriever
that finds one clear winner so speaks louder for it than one whose candidates are all alike.

The one constant, the share of dense retrieval, was chosen on training and development queries only and needs no judged
query of a user; docs/lab-log.md has the numbers and what else was tried.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

DENSE_SHARE = 0.7


def fuse(
    dense: NDArray[np.float32], lexical: NDArray[np.float32], *, dense_share: float = DENSE_SHARE
) -> NDArray[np.float32]:
    """The fused score [n] of n candidates of one query, from their complete `dense` (cosine) and `lexical` (BM25) scores.

    Higher is better. A candidate at least as good in both scores is never behind. Where one kind of score does not tell
    the candidates apart, such as BM25 of a query without a known word, the other decides alone. Adding a constant to all
    scores of a kind, or a positive factor, changes nothing. ValueError for shapes that differ or a score not finite.
    """
    if dense.ndim != 1 or dense.shape != lexical.shape:
        raise ValueError(f"both scores are [candidates], not {dense.shape} and {lexical.shape}")
    if not (np.isfinite(dense).all() and np.isfinite(lexical).all()):
        raise ValueError("a candidate lacks a score: complete both before fusing")
    fused = dense_share * _standard(dense) + (1 - dense_share) * _standard(lexical)
    return fused.astype(np.float32)


def _standard(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    """Standard deviations above the mean; all 0 where the scores are alike. Summed in sorted order: any order in, same out."""
    exact = np.sort(scores.astype(np.float64))
    if not exact.size or exact[0] == exact[-1]:
        return np.zeros(scores.size)
    standard: NDArray[np.float64] = (scores - exact.mean()) / exact.std()
    return standard
