"""Exact search over vectors in a memory-mapped file, and the one definition of a score.

A score is the inner product of a query and a row (the cosine, since both have unit length), summed in double precision
and rounded once to float32. It depends on the query and the row and on nothing else: not on the batch, the block, the
thread or the index that proposed the row. So two copies of a vector tie exactly, a filtered search gives the scores of an
unfiltered one, and ties can be settled by row number.

Fast matrix products do not have that property: their last bits change with the shape of the batch. They are used here
only to rule rows out. `scan` keeps every row whose fast product comes within the rounding error of the k-th best, and
`rerank` scores those few properly.
"""

from __future__ import annotations

from collections.abc import Iterator

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.hits import ABSENT, Hits, empty, top_k

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

ROWS_AT_ONCE = 16_384  # 25 MB of vectors at 384 dimensions: large enough for BLAS, small enough to plan memory by
QUERIES_AT_ONCE = 64
PLACES_AT_ONCE = 4_000_000  # queries × k held while scanning: a huge k is answered query by query
# Below this many queries, one at a time on one thread beats a threaded matrix product, by far on a busy machine: 1.0 ms
# against 8.0 for a single query over 10 000 × 384. With 16 queries the product needs 35 ms, one at a time 59.
MATRIX_FROM = 8


def scan(vectors: Floats, queries: Floats, k: int, among: Rows | None = None) -> Hits:
    """The `k` best rows of `vectors` [rows, dim] for each of `queries` [queries, dim], exactly, ties by row.

    `among` (sorted, unique) restricts the search to those rows; only they are read. Both sides must have unit length.
    """
    hits = empty(len(queries), k)
    places = min(k, len(vectors) if among is None else len(among))
    if places == 0:
        return hits
    step = max(1, min(QUERIES_AT_ONCE, PLACES_AT_ONCE // places))
    for start in range(0, len(queries), step):
        block = queries[start : start + step]
        contenders = [_Contenders(places, _margin(query)) for query in block]
        for rows, products in _products(vectors, block, among):
            for contender, row_products in zip(contenders, products, strict=True):
                contender.offer(rows, row_products)
        for number, contender in enumerate(contenders, start):
            found = rerank(vectors, queries[number], contender.rows, places)
            hits.ids[number, :places], hits.scores[number, :places] = found.ids[0], found.scores[0]
    return hits


def rerank(vectors: Floats, query: Floats, candidates: Rows, k: int) -> Hits:
    """One query's `candidates` (rows in any order, −1 for none) by their exact scores: the best `k`, ties by row."""
    rows = np.unique(candidates[candidates != ABSENT])
    return top_k(score(vectors, query, rows)[None], rows, k)


def score(vectors: Floats, query: Floats, rows: Rows) -> Floats:
    """The score of `query` [dim] and each of `rows` [n] of `vectors`: [n], the same for a row in whatever company it comes."""
    scores, exact_query = np.empty(len(rows), np.float32), query.astype(np.float64)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        taken = vectors.take(rows[start : start + ROWS_AT_ONCE], axis=0)
        scores[start : start + len(taken)] = np.vecdot(taken.astype(np.float64), exact_query)
    return scores


class _Contenders:
    """The rows that may still be among one query's `k` best, judged by inexact products."""

    def __init__(self, k: int, margin: float) -> None:
        self.k, self.margin, self.floor = k, margin, -np.inf
        self.rows, self.products = np.empty(0, np.int64), np.empty(0, np.float32)

    def offer(self, rows: Rows, products: Floats) -> None:
        near = np.flatnonzero(products >= self.floor)
        if near.size == 0:
            return
        self.rows = np.concatenate([self.rows, rows[near]])
        self.products = np.concatenate([self.products, products[near]])
        if self.rows.size >= self.k:
            self.floor = float(np.partition(self.products, -self.k)[-self.k]) - self.margin
            near = np.flatnonzero(self.products >= self.floor)
            self.rows, self.products = self.rows[near], self.products[near]


def _margin(query: Floats) -> float:
    """How far below the k-th best product a row may lie and still belong to the k best.

    A float32 inner product of n terms errs by at most n·2⁻²⁴·|query|·|row| (Higham, Accuracy and Stability of Numerical
    Algorithms, 3.1), here for the row itself and for the k-th: twice. Doubled once more for lengths that are not quite 1.
    """
    return float(4 * len(query) * 2.0**-24 * np.linalg.norm(query))


def _products(vectors: Floats, queries: Floats, among: Rows | None) -> Iterator[tuple[Rows, Floats]]:
    """Blocks of rows with their inexact products [queries, rows of the block]."""
    total = len(vectors) if among is None else len(among)
    for start in range(0, total, ROWS_AT_ONCE):
        stop = min(start + ROWS_AT_ONCE, total)
        if among is None:
            yield np.arange(start, stop), _inner(queries, vectors[start:stop])
            continue
        rows = among[start:stop]
        first, span = int(rows[0]), int(rows[-1]) - int(rows[0]) + 1
        if 2 * span <= 3 * len(rows):  # reading on costs .14 µs a row, jumping .22 (one query, 384 dimensions)
            yield rows, _inner(queries, vectors[first : first + span])[:, rows - first]
        else:
            yield rows, _inner_at(queries, vectors, rows)


def _inner(queries: Floats, rows: Floats) -> Floats:
    if len(queries) >= MATRIX_FROM:
        return queries @ rows.T
    products = np.empty((len(queries), len(rows)), np.float32)
    for query, out in zip(queries, products, strict=True):
        pointers = [faiss.swig_ptr(array) for array in (out, query, rows)]
        faiss.fvec_inner_products_ny(*pointers, rows.shape[1], len(rows))
    return products


def _inner_at(queries: Floats, vectors: Floats, rows: Rows) -> Floats:
    if len(queries) >= MATRIX_FROM:
        return queries @ vectors.take(rows, axis=0).T
    products = np.empty((len(queries), len(rows)), np.float32)
    for query, out in zip(queries, products, strict=True):  # reads the rows where they lie: half the time of a copy
        pointers = [faiss.swig_ptr(array) for array in (out, query, vectors, rows)]
        faiss.fvec_inner_products_by_idx(*pointers, vectors.shape[1], 1, len(rows))
    return products
