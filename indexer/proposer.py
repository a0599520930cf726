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

from indexer.copies import displaced, surplus_rows
from indexer.errors import UserError
from indexer.factory import faiss_reason, table_bytes, unsupported
from indexer.plan import IndexPlan
from indexer.scan import ROWS_AT_ONCE, Floats, Rows

TRAIN_ROWS = 16_384  # 4-bit codes learn from 4 096 of these; inverted lists want more, see `_sample`
GRAPHS = ("HNSW", "NSG", "NNDescent")  # built by several threads, their links depend on who came first
# The part of the lists a search reads first. 1 000 000 real and mixed embeddings, 2 048 lists: recall@10 .968 at 1/32, .976 at
# 1/16, .982 at 1/8 (1.2 ms), .987 at 1/4 (2.4 ms), .990 of all (8.2 ms). Reading on until nothing changes cost as much.
LIST_SHARE = 8
GRAPH_REACH = 256  # rows a graph search keeps in view: recall@10 .985 on 110 000 real embeddings, .968 with 100

_limits = threading.Lock()


def build_blob(vectors: Floats, plan: IndexPlan, *, seed: int, threads: int) -> bytearray:
    """Trained on a seeded sample, filled block by block, serialised. UserError for what FAISS cannot build here.

    Training takes one thread whatever `threads` says: its hundreds of small clusterings need 1.5 s so, and 20 to 80 s when two
    threads wait for each other on a busy machine. Codes learn in 10 rounds; FAISS's 25 find no more.
    """
    try:
        index = faiss.index_factory(plan.dim, plan.factory, faiss.METRIC_INNER_PRODUCT)
        _set_up(index, plan)
        with capped_threads(1):
            index.train(_sample(vectors, index, seed))
        with capped_threads(1 if any(graph in str(plan.factory) for graph in GRAPHS) else threads):
            surplus = surplus_rows(vectors) if is_graph(index) else np.empty(0, np.int64)
            for start in range(0, len(vectors), ROWS_AT_ONCE):
                index.add(displaced(vectors[start : start + ROWS_AT_ONCE], start, surplus))
        return _serialised(index)
    except (RuntimeError, MemoryError, AssertionError) as error:
        raise unsupported(plan.factory, plan.rows, plan.dim, f"FAISS says: {faiss_reason(error)}") from error


def _set_up(index: faiss.Index, plan: IndexPlan) -> None:
    """What a factory string does not say: how long to learn, and how far a search looks (kept in the serialised index)."""
    if index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise unsupported(plan.factory, plan.rows, plan.dim, "it does not rank by inner product")
    if plan.kind in ("fastscan", "ivf"):
        index.pq.cp.niter = 10
    if plan.kind == "hnsw":
        index.hnsw.efSearch = GRAPH_REACH
    lists = faiss.try_extract_index_ivf(index)
    if lists is not None:
        lists.nprobe = min(lists.nlist, max(16, lists.nlist // LIST_SHARE))


def _serialised(index: faiss.Index) -> bytearray:
    """What `faiss.serialize_index` gives, without its two further copies."""
    content = bytearray()
    faiss.write_index(index, faiss.PyCallbackIOWriter(content.extend))
    return content


def load_index(blob: bytes | bytearray, plan: IndexPlan) -> faiss.Index:
    """The index in `blob`, whose digest was verified; UserError when it is not one, or not of the plan's vectors.

    No array inside a blob is longer than the blob, so FAISS is told to refuse one that claims to be: a wrong length then
    raises instead of allocating a terabyte. (The limit counts a table beside lists of codes too, which inner products need not.)
    """
    table = table_bytes(str(plan.factory), plan.rows, plan.dim) if plan.kind in ("ivf", "factory") else 0
    with _limits:
        before = faiss.get_deserialization_vector_byte_limit()
        faiss.set_deserialization_vector_byte_limit(max(len(blob), table))
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


def sees_all(index: faiss.Index) -> bool:
    """Whether the index can be made to look at every row: codes and lists can, a graph follows its links and may miss some."""
    part = faiss.downcast_index(index)  # not its owner: `index` must stay alive beside it
    if isinstance(part, faiss.IndexPreTransform):
        return sees_all(part.index)
    if isinstance(part, faiss.IndexIVF):
        return sees_all(part.quantizer)
    return not (is_graph(part) or isinstance(part, faiss.IndexRefine))


def is_graph(index: faiss.Index) -> bool:
    """Whether the vectors themselves, transformed or not, are linked to each other."""
    part = faiss.downcast_index(index)
    if isinstance(part, faiss.IndexPreTransform):
        return is_graph(part.index)
    return isinstance(part, (faiss.IndexHNSW, faiss.IndexNSG, faiss.IndexNNDescent))


class Proposer:
    """Asks an index for candidates among the allowed rows; each time it is asked, it looks further.

    Inverted lists take a selector. Without one the lists around the query are read, four times as many when asked again;
    with one all of them are, since the lists around the query may hold nothing that is allowed. Any other index is asked
    for more candidates than wanted, and the forbidden ones are dropped. A graph is not for filtered searches at all: it
    loses hits under a selector (recall .23 with 1 % allowed, reliability.md), and `sees_all` says so.
    """

    def __init__(self, index: faiss.Index, among: Rows | None) -> None:
        self._index, self._lists, self._reach = index, _lists_of(index), 1
        self._allowed = None if among is None else _mask(among, index.ntotal)
        self._share = 1.0 if among is None else len(among) / index.ntotal

    def candidates(self, queries: Floats, wanted: int) -> tuple[Rows, Floats]:
        """About `wanted` allowed rows for each query and the index's guess of their scores; row −1 where there is none."""
        if self._lists is not None:
            guesses, found = self._index.search(queries, wanted, params=self._list_parameters())
            self._reach *= 4
            return found, guesses
        guesses, found = self._index.search(queries, int(wanted / self._share))
        if self._allowed is not None:
            found[~self._allowed[found]] = -1  # a −1 looks up the last row, and stays −1 whatever it finds there
        return found, guesses

    def _probes(self, lists: faiss.IndexIVF) -> int:
        return int(lists.nlist if self._allowed is not None else min(lists.nprobe * self._reach, lists.nlist))

    def _list_parameters(self) -> faiss.SearchParameters:
        parameters = faiss.SearchParametersIVF(nprobe=self._probes(self._lists))
        if self._allowed is not None:
            parameters.sel = faiss.IDSelectorBitmap(np.packbits(self._allowed, bitorder="little"))
        if self._lists is self._index:
            return parameters
        return faiss.SearchParametersPreTransform(index_params=parameters)


def _lists_of(index: faiss.Index) -> faiss.IndexIVF | None:
    """The inverted lists of an index, also those behind a transformation; None where it has none."""
    if isinstance(index, faiss.IndexPreTransform):
        inner = faiss.downcast_index(index.index)
        return inner if isinstance(inner, faiss.IndexIVF) else None
    return index if isinstance(index, faiss.IndexIVF) else None


_REBUILD = "build the collection again"


def _mask(among: Rows, rows: int) -> NDArray[np.bool_]:
    mask = np.zeros(rows, bool)
    mask[among] = True
    return mask


def _sample(vectors: Floats, index: faiss.Index, seed: int) -> Floats:
    """Training rows, drawn by `seed` and taken in their order in the file; 64 for every inverted list."""
    lists = faiss.try_extract_index_ivf(index)
    wanted = TRAIN_ROWS if lists is None else max(TRAIN_ROWS, 64 * lists.nlist)
    if wanted >= len(vectors):
        return np.ascontiguousarray(vectors)
    rows = np.random.default_rng(seed).choice(len(vectors), wanted, replace=False)
    return vectors.take(np.sort(rows), axis=0)
