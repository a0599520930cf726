"""Which index a vector space gets: decided from its size alone, and said in one sentence.

Three kinds exist. `exact` stores no index: a query reads every vector, and the answer is right by construction; that is
the best plan while reading them all takes a few milliseconds. Beyond, `fastscan` keeps a 4-bit code of every vector (4 bits
for every two dimensions, a sixteenth of the vectors; for every single one where dimensions are few), looks through all those
codes, and orders the best candidates again by the vectors themselves. `factory` is the FAISS factory string somebody asked for; its candidates are ordered again in the same way.
Nothing here needs FAISS, so a dry run plans without loading it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from indexer.errors import UserError

Kind = Literal["exact", "fastscan", "factory"]

# One core with AVX2 reads this many floats (48 MB) in 4 to 5 ms. From there on, codes answer in a tenth of the time.
EXACT_FLOATS = 12_000_000
# Below this dimension 4 bits for every two are too few: recall@10 of 100 candidates, real embeddings cut to 64 dimensions,
# is .974 so and 1.000 with 4 bits for each; at 32 dimensions .914 and .999, at 256 already 1.000 either way.
PAIRED_FROM = 256
FLOAT_BYTES = 4
ROW_NUMBER_BYTES = 8


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """How `rows` vectors of `dim` floats will be searched; plain values only, so a manifest can hold it.

    `memory_bytes` is what answering keeps in memory: for `exact` all vectors (mapped from their file, so the system may
    drop and re-read them), else the index. `disk_bytes` is the vectors and the index together. For a factory string
    somebody gave, both count the vectors and leave the index out: only building it tells.
    """

    kind: Kind
    factory: str | None  # what FAISS is asked to build; None for exact
    why: str
    rows: int
    dim: int
    memory_bytes: int
    disk_bytes: int


def plan_index(rows: int, dim: int, *, override: str = "auto", memory_bytes: int | None = None) -> IndexPlan:
    """The plan for `rows` vectors of dimension `dim`; `override` is `auto`, `exact`, `fastscan` or a factory string.

    `memory_bytes`, where given, is the memory an index may keep. UserError when nothing fits into it, or when the
    override cannot hold these vectors.
    """
    if override == "exact":
        return _exact(rows, dim, "you asked for it")
    if override == "fastscan":
        return _fast_scan(rows, dim, "you asked for it")
    if override != "auto":
        return _factory(rows, dim, override)
    plan = _by_size(rows, dim)
    if memory_bytes is not None and plan.memory_bytes > memory_bytes:
        return _smaller(plan, memory_bytes)
    return plan


def _by_size(rows: int, dim: int) -> IndexPlan:
    read = f"{_mb(rows * dim * FLOAT_BYTES)} for every query"
    if rows * dim <= EXACT_FLOATS:
        return _exact(rows, dim, f"reading all {_mb(rows * dim * FLOAT_BYTES)} takes a few milliseconds a query")
    if not _has_codes(dim):
        return _exact(rows, dim, f"4-bit codes take dimensions in pairs and {dim} is odd; this reads {read}, slowly")
    return _fast_scan(rows, dim, f"reading the vectors themselves would be {read}")


def _exact(rows: int, dim: int, reason: str) -> IndexPlan:
    size = rows * dim * FLOAT_BYTES
    why = f"exact search over {rows:,} vectors of {dim} dimensions: {reason}"
    return IndexPlan("exact", None, why, rows, dim, size, size)


def _fast_scan(rows: int, dim: int, reason: str) -> IndexPlan:
    if not _has_codes(dim):
        raise UserError("4-bit codes take dimensions in pairs", f"{dim} dimensions", "use --index exact, or auto")
    pieces = dim // 2 if dim >= PAIRED_FROM else dim
    codes = rows * ((pieces + 1) // 2 + ROW_NUMBER_BYTES)
    why = (
        f"4-bit codes of {rows:,} vectors of {dim} dimensions ({_mb(codes)}) propose, "
        f"the vectors themselves decide: {reason}"
    )
    # One inverted list: the same codes and the same speed as PQ…x4fs alone, whose search refuses an id selector.
    factory = f"IVF1,PQ{pieces}x4fs"
    return IndexPlan("fastscan", factory, why, rows, dim, codes, codes + rows * dim * FLOAT_BYTES)


def _factory(rows: int, dim: int, factory: str) -> IndexPlan:
    size = rows * dim * FLOAT_BYTES
    why = f"{factory} over {rows:,} vectors of {dim} dimensions proposes, the vectors decide: you asked for it"
    return IndexPlan("factory", factory, why, rows, dim, size, size)


def _smaller(plan: IndexPlan, memory_bytes: int) -> IndexPlan:
    """A plan within `memory_bytes` where `plan` is not: exact search gives way to codes."""
    rows, dim = plan.rows, plan.dim
    if plan.kind == "exact" and _has_codes(dim):
        codes = _fast_scan(rows, dim, f"the vectors do not fit into the {_mb(memory_bytes)} allowed")
        if codes.memory_bytes <= memory_bytes:
            return codes
    raise UserError(
        f"an index of {rows:,} vectors of {dim} dimensions needs more memory than it may have",
        f"{_mb(memory_bytes)} allowed, {_mb(plan.memory_bytes)} needed",
        "allow more memory, use a model of fewer dimensions, or give a factory string with --index",
    )


def _has_codes(dim: int) -> bool:
    return dim < PAIRED_FROM or dim % 2 == 0


def _mb(size: int) -> str:
    return f"{max(size, 1) / 1e6:,.0f} MB" if size >= 10_000_000 else f"{size / 1e6:,.1f} MB"
