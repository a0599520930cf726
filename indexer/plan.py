"""Which index a vector space gets: decided from its size alone, and said in one sentence.

Five kinds exist. `exact` stores no index: a query reads every vector, and the answer is right by construction; that is
the best plan while reading them all takes a few milliseconds. Beyond, `fastscan` keeps a 4-bit code of every vector (4 bits
for every two dimensions, a sixteenth of the vectors; for every single one where dimensions are few or odd), looks through
all those codes, and orders the best candidates again by the vectors themselves. Where even the codes are too many to look
through, `ivf` sorts them into lists and reads those around the query. `hnsw` is a graph, for whoever asks for it: wherever
it was measured, one of the others was as fast, smaller, and built in a fraction of the time. `factory` is the FAISS factory
string somebody asked for; its candidates are ordered again in the same way.
Nothing here needs FAISS, so a dry run plans without loading it; only a factory string is shown to FAISS at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from indexer.errors import UserError

Kind = Literal["exact", "fastscan", "ivf", "hnsw", "factory"]

# One core with AVX2 reads this many floats (48 MB) in 4 to 5 ms. From there on, codes answer in a tenth of the time.
EXACT_FLOATS = 12_000_000
# Below this dimension 4 bits for every two are too few: recall@10 of 100 candidates, real embeddings cut to 64 dimensions,
# is .974 so and 1.000 with 4 bits for each; at 32 dimensions .914 and .999, at 256 already 1.000 either way.
PAIRED_FROM = 256
# Looking through codes takes 5.7 ms for 96 MB of them (one core, 1 000 000 × 384); from there on lists are worth their recall.
CODE_BYTES = 100_000_000
LEAST_ROWS = 16  # 4 bits name 16 centroids, each learnt from a row at least
LIST_ROWS = 39  # rows for each list at least: FAISS warns below
GRAPH_LINKS = 32
FLOAT_BYTES = 4
ROW_NUMBER_BYTES = 8


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """How `rows` vectors of `dim` floats will be searched; plain values only, so a manifest can hold it.

    `memory_bytes` is what answering keeps in memory: for `exact` all vectors (mapped from their file, so the system may
    drop and re-read them), else the index. `disk_bytes` is the vectors and the index together.
    """

    kind: Kind
    factory: str | None  # what FAISS is asked to build; None for exact
    why: str
    rows: int
    dim: int
    memory_bytes: int
    disk_bytes: int


def plan_index(rows: int, dim: int, *, override: str = "auto", memory_bytes: int | None = None) -> IndexPlan:
    """The plan for `rows` vectors of dimension `dim`; `override` is `auto`, a kind by its name, or a factory string.

    `memory_bytes`, where given, is the memory an index may keep. UserError when nothing fits into it, or when the
    override cannot hold these vectors.
    """
    if override == "auto":
        return _within(_by_size(rows, dim), memory_bytes)
    plan = NAMED[override](rows, dim, "you asked for it") if override in NAMED else _factory(rows, dim, override)
    if memory_bytes is not None and plan.memory_bytes > memory_bytes:
        raise _too_large(plan, memory_bytes)
    return plan


def _by_size(rows: int, dim: int) -> IndexPlan:
    vectors, codes = rows * dim * FLOAT_BYTES, rows * _code_bytes(dim)
    if rows * dim <= EXACT_FLOATS:
        return _exact(rows, dim, f"reading all {_mb(vectors)} takes a few milliseconds a query")
    if rows < LEAST_ROWS:
        return _exact(rows, dim, f"they are too few to learn codes from, so a query reads all {_mb(vectors)}")
    if codes <= CODE_BYTES:
        return _fast_scan(rows, dim, f"reading the vectors themselves would be {_mb(vectors)} for every query")
    return _lists(rows, dim, f"looking through all codes would be {_mb(codes)} for every query")


def _exact(rows: int, dim: int, reason: str) -> IndexPlan:
    size = rows * dim * FLOAT_BYTES
    why = f"exact search over {rows:,} vectors of {dim} dimensions: {reason}"
    return IndexPlan("exact", None, why, rows, dim, size, size)


def _fast_scan(rows: int, dim: int, reason: str) -> IndexPlan:
    _refuse_few("fastscan", rows)
    codes = rows * (_code_bytes(dim) + ROW_NUMBER_BYTES)
    why = (
        f"4-bit codes of {rows:,} vectors of {dim} dimensions ({_mb(codes)}) propose, "
        f"the vectors themselves decide: {reason}{_of_odd(dim)}"
    )
    # One inverted list: the same codes and the same speed as PQ…x4fs alone, whose search refuses an id selector.
    return _indexed("fastscan", f"IVF1,PQ{_pieces(dim)}x4fs", why, rows, dim, codes)


def _lists(rows: int, dim: int, reason: str) -> IndexPlan:
    """Twice the root of the rows as lists, as a power of two, or as many as there are rows to learn them from."""
    _refuse_few("ivf", rows)
    lists = max(1, min(2 ** round(math.log2(2 * math.sqrt(rows))), rows // LIST_ROWS))
    code = _code_bytes(dim)
    unfilled = 16 * code  # codes lie in blocks of 32, and the last block of a list is half empty
    size = rows * (code + ROW_NUMBER_BYTES) + lists * (dim * FLOAT_BYTES + unfilled)
    why = (
        f"{lists:,} lists of 4-bit codes of {rows:,} vectors of {dim} dimensions ({_mb(size)}): those around the query "
        f"propose, the vectors themselves decide: {reason}{_of_odd(dim)}"
    )
    return _indexed("ivf", f"IVF{lists},PQ{_pieces(dim)}x4fs", why, rows, dim, size)


def _graph(rows: int, dim: int, reason: str) -> IndexPlan:
    """Over 8-bit copies of the vectors: a graph over floats would hold them once more."""
    _refuse_few("hnsw", rows)
    links = 2 * GRAPH_LINKS + GRAPH_LINKS / (GRAPH_LINKS - 1)  # the lowest layer, and what the layers above add
    size = round(rows * (dim + 4 * links + 12))
    why = (
        f"a graph of {rows:,} vectors of {dim} dimensions ({_mb(size)}) proposes, the vectors themselves decide, and "
        f"filtered searches read what they allow: {reason}"
    )
    return _indexed("hnsw", f"HNSW{GRAPH_LINKS},SQ8", why, rows, dim, size)


def _factory(rows: int, dim: int, factory: str) -> IndexPlan:
    from indexer.factory import check_factory  # asks FAISS, which only who gives a string waits for

    size = check_factory(factory, rows, dim)
    why = f"{factory} over {rows:,} vectors of {dim} dimensions proposes, the vectors decide: you asked for it"
    return _indexed("factory", factory, why, rows, dim, size)


def _indexed(kind: Kind, factory: str, why: str, rows: int, dim: int, size: int) -> IndexPlan:
    return IndexPlan(kind, factory, why, rows, dim, size, size + rows * dim * FLOAT_BYTES)


def _within(plan: IndexPlan, memory_bytes: int | None) -> IndexPlan:
    """`plan`, or where it keeps more than `memory_bytes` the codes alone: they are the smallest of all."""
    if memory_bytes is None or plan.memory_bytes <= memory_bytes:
        return plan
    if plan.rows >= LEAST_ROWS:
        codes = _fast_scan(plan.rows, plan.dim, f"anything else does not fit into the {_mb(memory_bytes)} allowed")
        if codes.memory_bytes <= memory_bytes:
            return codes
    raise _too_large(plan, memory_bytes)


def _too_large(plan: IndexPlan, memory_bytes: int) -> UserError:
    return UserError(
        f"an index of {plan.rows:,} vectors of {plan.dim} dimensions needs more memory than it may have",
        f"{_mb(memory_bytes)} allowed, {_mb(plan.memory_bytes)} needed",
        "allow more memory, use a model of fewer dimensions, or give a factory string with --index",
    )


def _refuse_few(name: str, rows: int) -> None:
    if rows < LEAST_ROWS:
        what = f"an index {name} learns from {LEAST_ROWS} vectors at least"
        raise UserError(what, f"--index {name}, {rows} vectors", "leave --index out, or give exact")


def _pieces(dim: int) -> int:
    """How many dimensions or pairs of them get 4 bits each. An odd dimension is not padded: each of its own gets them."""
    return dim // 2 if dim >= PAIRED_FROM and dim % 2 == 0 else dim


def _code_bytes(dim: int) -> int:
    return (_pieces(dim) + 1) // 2


def _of_odd(dim: int) -> str:
    return f"; {dim} dimensions do not pair, so each has 4 bits of its own" if dim >= PAIRED_FROM and dim % 2 else ""


def _mb(size: int) -> str:
    return f"{max(size, 1) / 1e6:,.0f} MB" if size >= 10_000_000 else f"{size / 1e6:,.1f} MB"


NAMED: dict[str, Callable[[int, int, str], IndexPlan]] = {
    "exact": _exact,
    "fastscan": _fast_scan,
    "ivf": _lists,
    "hnsw": _graph,
}
