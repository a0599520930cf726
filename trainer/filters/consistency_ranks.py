"""How many passages are nearer to an anchor than its own: exact counting by blocked matrix products.

The product of all anchors with all passages is never in memory, only a block of it. Products in float32 differ in their
last bits with the shape of the block, so a score that close to a decision is computed once more, by itself, in
float64: the rank of a row does not depend on the batch it stands in.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    for first in range(0, len(rows), _ANCHORS):
        part = slice(first, first + _ANCHORS)
        some = np.ascontiguousarray(anchors[rows[part]])
        view = Ranks(found.ranks[part], found.neighbours[part], found.neighbour_scores[part])
        for start in range(0, len(passages), _PASSAGES):
            _count(some, own[part], scores[part] + tolerance, passages[start : start + _PASSAGES], start, view)
    return found


def exact_scores(left: Vectors, right: Vectors, rows_left: Rows, rows_right: Rows) -> Scores:
    """Cosines of pairs of unit vectors by their rows, each computed by itself in float64."""
    scores = np.empty(len(rows_left))
    for first in range(0, len(scores), _GATHERED):
        part = slice(first, first + _GATHERED)
        scores[part] = np.multiply(left[rows_left[part]], right[rows_right[part]], dtype=np.float64).sum(axis=1)
    return scores


def _count(anchors: Vectors, own: Rows, bars: Scores, passages: Vectors, start: int, found: Ranks) -> None:
    """Add one block of passages, rows `start` onward, to what is `found`."""
    product = anchors @ passages.T  # [anchors, passages] float32
    inside = np.flatnonzero((own >= start) & (own < start + len(passages)))
    product[inside, own[inside] - start] = -np.inf
    above = product > (bars[:, None] + _SLACK).astype(np.float32)
    found.ranks[:] += above.sum(axis=1)
    for row, column in _where(~above & (product >= (bars[:, None] - _SLACK).astype(np.float32))):
        outranks = exact_scores(anchors, passages, row, column) > bars[row]
        np.add.at(found.ranks, row[outranks], 1)
    _nearest(anchors, passages, product, start, found)


def _nearest(anchors: Vectors, passages: Vectors, product: Vectors, start: int, found: Ranks) -> None:
    """The best neighbour so far; among equals the one with the smallest row."""
    floor = np.maximum(product.max(axis=1), found.neighbour_scores) - _SLACK
    for row, column in _where((product >= floor[:, None].astype(np.float32)) & np.isfinite(product)):
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
