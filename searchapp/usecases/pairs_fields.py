"""How much the numeric fields of two records agree, and how much that says in this collection.

Without labels, the collection itself tells which field is worth listening to: pairs that are each other's best are mostly
duplicates, the other neighbours mostly not, so a field counts by how much more often the former agree on it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexer.opened import Rows
from searchapp.usecases.pairs_bags import Floats
from searchapp.usecases.pairs_evidence import Evidence

KNOWN = 30  # pairs of either kind in which both have a field, at least, before its agreement is trusted


def field_agreement(evidence: Evidence, a: Rows, b: Rows, views: Floats) -> tuple[Floats, Floats]:
    """Weighted agreement of the numeric fields (nan where none is known) and the summed weight behind it, both [pairs]."""
    mutual = _mutual_best(len(evidence.marks), a, b, views)
    total, weight = np.zeros(len(a)), np.zeros(len(a))
    for name, values in evidence.fields.items():
        agreement = _agreement(values[a], values[b], name in evidence.graded)
        known = ~np.isnan(agreement)
        if min((known & mutual).sum(), (known & ~mutual).sum()) < KNOWN:
            continue
        kappa = _kappa(float(agreement[known & mutual].mean()), float(agreement[known & ~mutual].mean()))
        total[known] += kappa * agreement[known]
        weight[known] += kappa
    return np.divide(total, weight, out=np.full(len(a), np.nan), where=weight > 0), weight


def _agreement(x: Floats, y: Floats, graded: bool) -> Floats:
    """1 for equal values; for graded ones the ratio of the smaller to the larger, 0 across signs; nan where one is missing."""
    known = ~np.isnan(x) & ~np.isnan(y)
    agreement = np.where(known, (x == y).astype(float), np.nan)
    if graded:
        ratio = known & (x * y > 0)
        small, large = np.minimum(abs(x[ratio]), abs(y[ratio])), np.maximum(abs(x[ratio]), abs(y[ratio]))
        agreement[ratio] = small / large
    return agreement


def _kappa(mutual: float, others: float) -> float:
    """Agreement beyond what neighbours have anyway (Cohen 1960), not below 0."""
    return max(0.0, (mutual - others) / (1 - others)) if others < 1 else 0.0


def _mutual_best(rows: int, a: Rows, b: Rows, views: Floats) -> NDArray[np.bool_]:
    """Whether each of the two is the other's best, [pairs]; of equally good pairs the first."""
    owner, pair = np.concatenate([a, b]), np.tile(np.arange(len(a)), 2)
    order = np.lexsort((pair, -views[pair], owner))
    owners, first = np.unique(owner[order], return_index=True)
    best = np.full(rows, -1)
    best[owners] = pair[order][first]
    pairs = np.arange(len(a))
    mutual: NDArray[np.bool_] = (best[a] == pairs) & (best[b] == pairs)
    return mutual
