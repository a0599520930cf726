"""Vector search: `build_index` makes what a segment stores, `Index` answers from it and the memory-mapped vectors.

Whatever the plan, the last word belongs to the vectors: an index only proposes candidates, and `indexer.scan` orders them
by their exact scores. So plans differ in speed and in recall, never in what a score means, and an index keeps no copy of
the vectors. A search that allows only some rows (`among`) takes the path that is cheap and safe for that many: few rows
are scanned exactly, many go through the index with a selector or, where FAISS has none to trust, by asking the index for
more and dropping what is not allowed; a graph, which loses hits whichever way, is not asked at all. An index that comes back short, or whose guesses were too rough to settle the k-th
place, is asked for more and finally replaced by the exact scan; so every place is filled as long as rows are left.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from indexer.copies import COPIES
from indexer.errors import UserError
from indexer.hits import ABSENT, Hits, empty, top_k
from indexer.plan import IndexPlan
from indexer.proposer import Proposer, build_blob, capped_threads, load_index, sees_all
from indexer.scan import ROWS_AT_ONCE, Floats, Rows, scan, score

MAX_K: Final = 1_000_000
FACTOR = 5  # candidates for every place: recall@10 .998 on 100 000 real embeddings (performance.md)
FLOOR = 100  # candidates at least
SCAN_SHARE = 4  # an index asked for a quarter of the allowed rows saves nothing over reading them
# A row that was not proposed is guessed lower than all that were; it may still be better than guessed, by as much as theirs
# are: mean + DOUBT deviations. With 3, one filtered search in a hundred to twenty missed a row by the rough codes a factory
# string may ask for (RaBitQ, PCA8); with 4 one in 600 did, with 5 none. By the planned codes none did with 3 either, and 4
# costs 13 % of time (250 000 × 384). This also finds the right rows when everything near the query is forbidden: recall@10
# 1.0 instead of .06 (nearest half forbidden, 50 000 rows).
DOUBT, DOUBT_OF_FACTORY = 4, 5
TIE = 1e-6  # a row that may be as good as the k-th settles nothing: of equal rows the first ones are wanted
FEW = 10_000  # allowed rows up to which scanning them, .25 µs a row, costs no more than codes of 100 000 do
UNIT = 1e-2  # how far a length may be from 1: rounding to bf16 passes, a forgotten normalisation does not


def build_index(vectors: Floats, plan: IndexPlan, *, seed: int = 0, threads: int = 1) -> bytearray | None:
    """The index of `vectors` [rows, dim], serialised; None where the plan stores none.

    The same vectors, plan and seed give the same bytes, at any number of threads. Vectors are read block by block, so
    memory grows with the index only. UserError for a factory string FAISS cannot build here, and for a vector that is not
    finite or not of unit length.
    """
    _check_vectors(vectors, plan)
    if plan.kind == "exact":
        return None
    return build_blob(vectors, plan, seed=seed, threads=threads)


class Index:
    """Searches the rows of `vectors`, by way of the index in `blob` where the plan has one. Safe to share by threads.

    `vectors` [rows, dim] float32, row-major, unit length, usually memory-mapped; `blob` is what `build_index` returned,
    its digest already verified. `threads` caps what FAISS uses for one search (None leaves FAISS's own setting). UserError
    when blob, plan and vectors do not belong together.
    """

    def __init__(
        self, vectors: Floats, blob: bytes | bytearray | None, plan: IndexPlan, *, threads: int | None = None
    ) -> None:
        if vectors.ndim != 2 or vectors.dtype != np.float32 or not vectors.flags.c_contiguous:
            raise ValueError("vectors must be a row-major float32 array [rows, dim]")
        _check_shape(vectors.shape, plan)
        if (blob is None) != (plan.kind == "exact"):
            raise UserError(
                "plan and index disagree", f"a plan {plan.kind!r}, {_size(blob)}", "build the collection again"
            )
        self.plan, self._vectors, self._threads = plan, np.asarray(vectors), threads
        self._index = None if blob is None else load_index(blob, plan)
        self._doubt = DOUBT_OF_FACTORY if plan.kind == "factory" else DOUBT
        self._sees_all = self._index is not None and sees_all(self._index)

    def search(self, queries: Floats, k: int, *, among: Rows | None = None) -> Hits:
        """The `k` best rows for each of `queries` [queries, dim]; with `among` (sorted, unique rows), of those only.

        Hits are [queries, k], absent places last when fewer than `k` rows may be found. Scores are exact cosines. UserError
        for a k outside 1 … 1 000 000 and for queries of another dimension, not floats, not finite or not of unit length.
        """
        queries = _check_queries(queries, self._vectors.shape[1])
        k, among = _check_k(k), _check_among(among, len(self._vectors))
        allowed = len(self._vectors) if among is None else len(among)
        if self._index is None or allowed <= FEW or (among is not None and not self._sees_all):
            return scan(self._vectors, queries, k, among)
        with capped_threads(self._threads):
            return self._propose_and_rank(queries, k, allowed, among)

    def _propose_and_rank(self, queries: Floats, k: int, allowed: int, among: Rows | None) -> Hits:
        """Four times as many candidates for the queries that are not settled yet, until reading everything is cheaper."""
        proposer = Proposer(self._index, among)
        hits, left, wanted = empty(len(queries), k), np.arange(len(queries)), max(FLOOR, FACTOR * k)
        while left.size and wanted * SCAN_SHARE < allowed:
            proposed = zip(left.tolist(), *proposer.candidates(queries[left], wanted), strict=True)
            settled = [self._settle(hits, number, queries[number], rows, guesses) for number, rows, guesses in proposed]
            left, wanted = left[~np.array(settled)], 4 * wanted
        if left.size:
            found = scan(self._vectors, queries[left], k, among)
            hits.ids[left], hits.scores[left] = found.ids, found.scores
        return hits

    def _settle(self, hits: Hits, number: int, query: Floats, rows: Rows, guesses: Floats) -> bool:
        """Write the candidates' best into `hits`, unless a row that was not proposed may well belong there, or tie."""
        present, k = rows != ABSENT, hits.ids.shape[1]
        if present.sum() * 2 < max(FLOOR, FACTOR * k):
            return False
        order = np.argsort(rows[present])
        rows, guesses = rows[present][order], guesses[present][order]
        if not self._sees_all and np.unique(guesses, return_counts=True)[1].max() > COPIES:
            return False  # of more copies of a vector a graph does not know
        scores = score(self._vectors, query, rows)
        best, errors = top_k(scores[None], rows, k), scores - guesses
        if best.scores[0, -1] <= guesses.min() + errors.mean() + self._doubt * errors.std() + TIE:
            return False
        hits.ids[number], hits.scores[number] = best.ids[0], best.scores[0]
        return True


# Refusals at the door.


def _check_k(k: int) -> int:
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not 1 <= k <= MAX_K:
        raise UserError("k is the number of hits wanted", repr(k), f"give a whole number from 1 to {MAX_K:,}")
    return int(k)


def _check_queries(queries: Floats, dim: int) -> Floats:
    if not isinstance(queries, np.ndarray) or not np.issubdtype(queries.dtype, np.floating):
        kind = queries.dtype if isinstance(queries, np.ndarray) else type(queries).__name__
        raise UserError("queries must be an array of floats", kind, "encode them with the collection's model")
    if queries.ndim != 2 or queries.shape[1] != dim:
        given = f"an array of shape {list(queries.shape)}"
        raise UserError(f"queries must be [queries, {dim}]", given, "encode them with the collection's model")
    queries = np.ascontiguousarray(queries, np.float32)
    wrong = _first_not_unit(queries)
    if wrong is not None:
        given = f"query {wrong}, of length {np.linalg.norm(queries[wrong]):.4g}"
        raise UserError("a query is not finite or not of unit length", given, "normalise what the model gave")
    return queries


def _check_among(among: Rows | None, rows: int) -> Rows | None:
    """Ours to get right, not the user's: a ValueError."""
    if among is None:
        return None
    if among.ndim != 1 or among.dtype != np.int64 or (among.size > 1 and not (np.diff(among) > 0).all()):
        raise ValueError("`among` must be sorted, unique int64 rows")
    if among.size and not 0 <= among[0] <= among[-1] < rows:
        raise ValueError(f"`among` names row {among[0]} or {among[-1]}, outside of {rows} rows")
    return among


def _check_vectors(vectors: Floats, plan: IndexPlan) -> None:
    _check_shape(vectors.shape, plan)
    for start in range(0, len(vectors), ROWS_AT_ONCE):
        wrong = _first_not_unit(vectors[start : start + ROWS_AT_ONCE])
        if wrong is not None:
            given = f"vector {start + wrong}, of length {np.linalg.norm(vectors[start + wrong]):.4g}"
            raise UserError("a vector is not finite or not of unit length", given, "check the model that made it")


def _check_shape(shape: tuple[int, ...], plan: IndexPlan) -> None:
    if shape != (plan.rows, plan.dim):
        given = f"vectors of shape {list(shape)}, a plan for {[plan.rows, plan.dim]}"
        raise UserError("the vectors are not those the index was planned for", given, "build the collection again")


def _first_not_unit(vectors: Floats) -> int | None:
    lengths = np.linalg.norm(vectors, axis=1)
    wrong = np.flatnonzero(~(np.abs(lengths - 1) <= UNIT))  # a NaN is not within reach of 1 either
    return int(wrong[0]) if wrong.size else None


def _size(blob: bytes | bytearray | None) -> str:
    return "no index" if blob is None else f"an index of {len(blob):,} bytes"
