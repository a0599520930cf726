"""How many passages are nearer to an anchor than its own: exact counting by blocked matrix products.

The product of all anchors with all passages is never in memory, only a block of it. Products in float32 differ in their
last bits with the shape of the block, so a score that close to a decision is computed once more, by itself, in
float64: the rank of a row does not depend on the batch it stands in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Rows = NDArray[np.int64]
Scores = NDArray[np.float64]

_ANCHORS = 1024  # × _PASSAGES × 4 bytes: the block of the product in memory, 32 MB
_PASSAGES = 8192
_SLACK = 2e-5  # float32 products of unit vectors, up to some thousand dimensions, are exact to half of this
_GATHERED = 8192  # pairs of vectors in memory at a time while scores are computed once more


@dataclass(frozen=True, slots=True)
class Ranks:
    """Per anchor: rank of its own passage (from 1), and the nearest other passage (row −1: there is none)."""

    ranks: Rows  # [n]
    neighbours: Rows  # [n]
    neighbour_scores: Scores  # [n]


def rank(anchors: Vectors, rows: Rows, own: Rows, scores: Scores, passages: Vectors, tolerance: float) -> Ranks:
    """Rank 1 + the number of `passages`, other than row `own[i]`, whose cosine with anchor `rows[i]` is above
    `scores[i] + tolerance`. Vectors are unit length; passages hold no text twice. `own` may lie beyond them."""
    found = Ranks(np.ones(len(rows), np.int64), np.full(len(rows), -1), np.full(len(rows), -np.inf))
    asked = np.ascontiguousarray(anchors[rows])
    for start in range(0, len(passages), _PASSAGES):
        block = np.array(passages[start : start + _PASSAGES])
        against = products_with(block)
        for first in range(0, len(rows), _ANCHORS):
            part = slice(first, first + _ANCHORS)
            view = Ranks(found.ranks[part], found.neighbours[part], found.neighbour_scores[part])
            product = against(asked[part])
            inside = np.flatnonzero((own[part] >= start) & (own[part] < start + len(block)))
            product[inside, own[part][inside] - start] = -np.inf
            _count(product, asked[part], scores[part] + tolerance, block, view)
            _nearest(product, asked[part], block, start, view)
    return found


def products_with(passages: Vectors) -> Callable[[Vectors], Vectors]:
    """anchors [n, dim] → float32 [n, passages], on the matrix product that is fastest here."""
    import torch

    from indexer.encode.linear import Linear

    linear = Linear(torch.from_numpy(passages), torch.zeros(len(passages)))

    def product(anchors: Vectors) -> Vectors:
        with torch.inference_mode():
            found: Vectors = linear(torch.from_numpy(anchors)).numpy()
        return found

    return product


def exact_scores(left: Vectors, right: Vectors, rows_left: Rows, rows_right: Rows) -> Scores:
    """Cosines of pairs of unit vectors by their rows, each computed by itself in float64."""
    scores = np.empty(len(rows_left))
    for first in range(0, len(scores), _GATHERED):
        part = slice(first, first + _GATHERED)
        scores[part] = np.multiply(left[rows_left[part]], right[rows_right[part]], dtype=np.float64).sum(axis=1)
    return scores


def _count(product: Vectors, anchors: Vectors, bars: Scores, passages: Vectors, found: Ranks) -> None:
    """Add the passages of a block that are above the bars; those too close to tell are scored again."""
    close = product >= (bars[:, None] - _SLACK).astype(np.float32)
    found.ranks[:] += [np.count_nonzero(row) for row in close]
    close &= product <= (bars[:, None] + _SLACK).astype(np.float32)
    for row, column in _where(close):
        below = exact_scores(anchors, passages, row, column) <= bars[row]
        np.subtract.at(found.ranks, row[below], 1)


def _nearest(product: Vectors, anchors: Vectors, passages: Vectors, start: int, found: Ranks) -> None:
    """The best neighbour so far; among equals the one with the smallest row."""
    best = product.max(axis=1)
    floor = np.maximum(best, found.neighbour_scores) - _SLACK
    rows = np.flatnonzero((best >= floor) & np.isfinite(best))
    for place, column in _where(product[rows] >= floor[rows, None].astype(np.float32)):
        row = rows[place]
        scores = exact_scores(anchors, passages, row, column)
        order = np.lexsort((-column, scores, row))
        last = order[np.flatnonzero(np.append(np.diff(row[order]), 1))]  # per anchor the best of this block
        better = last[scores[last] > found.neighbour_scores[row[last]]]
        found.neighbours[row[better]] = column[better] + start
        found.neighbour_scores[row[better]] = scores[better]


def _where(mask: NDArray[np.bool_]) -> Iterator[tuple[Rows, Rows]]:
    """Rows and columns of the true cells, a bounded number at a time, in order of row."""
    flat = np.flatnonzero(mask)
    for first in range(0, len(flat), 64 * _GATHERED):
        row, column = np.divmod(flat[first : first + 64 * _GATHERED], mask.shape[1])
        yield row, column
