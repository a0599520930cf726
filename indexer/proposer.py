"""What this project asks of FAISS: build an index from a factory string, load it back with care, propose candidates.

FAISS alone answers with whatever its index finds: too few hits, id −1, or a MemoryError. Here its answers are only
proposals, and a proposer can be asked again with more effort, until asking costs as much as reading the vectors.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import faiss
import numpy as np
from numpy.typing import NDArray

from indexer.errors import UserError
from indexer.plan import IndexPlan
from indexer.scan import ROWS_AT_ONCE, Floats, Rows

TRAIN_ROWS = 16_384  # 4-bit codes learn from 4 096 of these; inverted lists want more, see `_sample`
GRAPHS = ("HNSW", "NSG", "NNDescent")  # built by several threads, their links depend on who came first

_limits = threading.Lock()


def build_blob(vectors: Floats, plan: IndexPlan, *, seed: int, threads: int) -> bytearray:
    """Trained on a seeded sample, filled block by block, serialised. UserError for what FAISS cannot build here.

    Training takes one thread whatever `threads` says: its hundreds of small clusterings need 1.5 s so, and 20 to 80 s when two
    threads wait for each other on a busy machine. Codes learn in 10 rounds; FAISS's 25 find no more.
    """
    try:
        index = faiss.index_factory(plan.dim, plan.factory, faiss.METRIC_INNER_PRODUCT)
        _refuse_other_metrics(index, plan)
        if plan.kind == "fastscan":
            index.pq.cp.niter = 10
        with capped_threads(1):
            index.train(_sample(vectors, index, seed))
        with capped_threads(1 if any(graph in str(plan.factory) for graph in GRAPHS) else threads):
            for start in range(0, len(vectors), ROWS_AT_ONCE):
                index.add(np.ascontiguousarray(vectors[start : start + ROWS_AT_ONCE]))
        return _serialised(index)
    except (RuntimeError, MemoryError, AssertionError) as error:
        reason = str(error).rsplit("Error:", 1)[-1].strip() or "not enough memory"
        raise _unsupported(plan, f"FAISS says: {reason}") from error


def _serialised(index: faiss.Index) -> bytearray:
    """What `faiss.serialize_index` gives, without its two further copies."""
    content = bytearray()
    faiss.write_index(index, faiss.PyCallbackIOWriter(content.extend))
    return content


def load_index(blob: bytes | bytearray, plan: IndexPlan) -> faiss.Index:
    """The index in `blob`, whose digest was verified; UserError when it is not one, or not of the plan's vectors.

    No array inside a blob is longer than the blob, so FAISS is told to refuse one that claims to be: a wrong length then
    raises instead of allocating a terabyte.
    """
    with _limits:
        before = faiss.get_deserialization_vector_byte_limit()
        faiss.set_deserialization_vector_byte_limit(len(blob))
        try:
            index = faiss.deserialize_index(np.frombuffer(blob, np.uint8))
        except (RuntimeError, MemoryError) as error:
            raise UserError("the index is damaged", str(error).rsplit("Error:", 1)[-1].strip(), _REBUILD) from error
        finally:
            faiss.set_deserialization_vector_byte_limit(before)
    if (index.ntotal, index.d, index.metric_type) != (plan.rows, plan.dim, faiss.METRIC_INNER_PRODUCT):
        given = f"an index of {index.ntotal} vectors of {index.d} dimensions, a plan for {plan.rows} of {plan.dim}"
        raise UserError("the index is not that of these vectors", given, _REBUILD)
    return index


@contextmanager
def capped_threads(threads: int | None) -> Iterator[None]:
    """FAISS uses `threads` threads inside; None leaves its setting. OpenMP keeps the number per calling thread."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads or before)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


class Proposer:
    """Asks an index for candidates among the allowed rows; each time it is asked, it looks further.

    An inverted-file index takes a selector, and reads four times as many of its lists when asked again. Any other is asked
    for more candidates than wanted, and the forbidden ones are dropped: graphs lose hits under a selector (recall .23 with
    1 % allowed, reliability.md), and many kinds refuse one.
    """

    def __init__(self, index: faiss.Index, among: Rows | None) -> None:
        self._index, self._lists, self._reach = index, isinstance(index, faiss.IndexIVF), 1
        self._allowed = None if among is None else _mask(among, index.ntotal)
        self._share = 1.0 if among is None else len(among) / index.ntotal

    def candidates(self, queries: Floats, wanted: int) -> tuple[Rows, Floats]:
        """About `wanted` allowed rows for each query and the index's guess of their scores; row −1 where there is none."""
        if self._lists:
            guesses, found = self._index.search(queries, wanted, params=self._list_parameters())
            self._reach *= 4
            return found, guesses
        guesses, found = self._index.search(queries, int(wanted / self._share))
        if self._allowed is not None:
            found[~self._allowed[found]] = -1  # a −1 looks up the last row, and stays −1 whatever it finds there
        return found, guesses

    def _list_parameters(self) -> faiss.SearchParametersIVF:
        nprobe = min(self._index.nprobe * self._reach, self._index.nlist)
        if self._allowed is None:
            return faiss.SearchParametersIVF(nprobe=nprobe)
        selector = faiss.IDSelectorBitmap(np.packbits(self._allowed, bitorder="little"))
        return faiss.SearchParametersIVF(nprobe=nprobe, sel=selector)


_REBUILD = "build the collection again"


def _mask(among: Rows, rows: int) -> NDArray[np.bool_]:
    mask = np.zeros(rows, bool)
    mask[among] = True
    return mask


def _sample(vectors: Floats, index: faiss.Index, seed: int) -> Floats:
    """Training rows, drawn by `seed` and taken in their order in the file; 64 for every inverted list.

    Sets the number of lists a search reads as well (an eighth, at least 16), which the serialised index remembers.
    """
    wanted, lists = TRAIN_ROWS, faiss.try_extract_index_ivf(index)
    if lists is not None:
        wanted = max(wanted, 64 * lists.nlist)
        lists.nprobe = min(lists.nlist, max(16, lists.nlist // 8))
    if wanted >= len(vectors):
        return np.ascontiguousarray(vectors)
    rows = np.random.default_rng(seed).choice(len(vectors), wanted, replace=False)
    return vectors.take(np.sort(rows), axis=0)


def _refuse_other_metrics(index: faiss.Index, plan: IndexPlan) -> None:
    if index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise _unsupported(plan, "it does not rank by inner product")


def _unsupported(plan: IndexPlan, reason: str) -> UserError:
    return UserError(
        f"no index can be built from {plan.factory!r} here: {reason}",
        f"--index {plan.factory}, {plan.rows:,} vectors of {plan.dim} dimensions",
        "leave --index out, or give a FAISS factory string that ranks by inner product, such as HNSW32 or IVF256,Flat",
    )
