"""Rows that are one copy too many of a vector, for indexes that lose their way among equal vectors.

A graph links a vector to its nearest ones. Of ten thousand equal vectors each is linked to other copies and to nothing
else, so whoever comes to them does not get away, and what lies beyond is never found (recall@10 .34 with 10 000 copies
among 14 000 rows). So only the first few copies take their place in a graph; `displaced` moves the others to anywhere.
That costs no answer: the graph only proposes, and a search that meets as many equal candidates reads the vectors instead.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexer.scan import ROWS_AT_ONCE, Floats, Rows

COPIES = 8  # equal vectors that may stand in a graph: well below the links of any


def surplus_rows(vectors: Floats) -> Rows:
    """Sorted rows of `vectors` [rows, dim] that at least `COPIES` earlier ones equal, bit for bit."""
    marks = np.concatenate([_marks(vectors[at : at + ROWS_AT_ONCE]) for at in range(0, len(vectors), ROWS_AT_ONCE)])
    order = np.argsort(marks, kind="stable")
    starts = np.flatnonzero(np.diff(marks[order], prepend=marks[order[:1]] + np.uint64(1)))
    lengths = np.diff(starts, append=len(marks))
    place = np.arange(len(marks)) - np.repeat(starts, lengths)  # 0 for the first of equal rows, 1 for the second, …
    return np.sort(order[place >= COPIES]).astype(np.int64)


def displaced(block: Floats, first: int, surplus: Rows) -> Floats:
    """A copy of `block` [n, dim], which begins at row `first`, with its surplus rows at places of their own."""
    block = np.array(block, np.float32)
    for row in surplus[np.searchsorted(surplus, first) : np.searchsorted(surplus, first + len(block))]:
        place = np.random.default_rng(int(row)).standard_normal(block.shape[1])
        block[row - first] = place / np.linalg.norm(place)
    return block


def _marks(vectors: Floats) -> NDArray[np.uint64]:
    """64 bits for each row: equal rows have equal ones, and others in one of 10¹⁹ cases."""
    factors = np.random.default_rng(0).integers(2**63, size=vectors.shape[1], dtype=np.uint64) * 2 + 1
    bits = np.ascontiguousarray(vectors).view(np.uint32).astype(np.uint64)
    bits ^= bits >> np.uint64(15)
    marks: NDArray[np.uint64] = (bits * factors).sum(axis=1, dtype=np.uint64)
    return marks
