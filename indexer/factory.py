"""A FAISS factory string is looked at before anything is embedded: can it be built, from how many rows, how large will it be?

FAISS itself says so late or never: it takes whatever memory a string asks for already while reading it, misses training
rows only when the vectors are there, and builds indexes that rank by something else or cannot tell the vectors apart. So
the numbers in a string are bounded first, FAISS makes the empty index then, and that index is walked through, part by part:
what a row takes, what is taken once, how many rows the training needs. A part that is not in the table below is refused,
since what it takes cannot be foretold.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import faiss

from indexer.errors import UserError

LONGEST = 100  # characters
LARGEST = 8_192  # any number in a string, but that of inverted lists: those may be as many as rows
MOST_BITS = 8  # of one code: FAISS learns 2^bits centroids for each; 12 bits took minutes for 5 000 rows
LIST_ROW_BYTES = 8  # the row number that an inverted list holds beside a code
ABSURD_FIXED, ABSURD_ROW = 64 << 20, 1_024  # bytes in all and for each row, beside twice the vectors


@dataclass(frozen=True, slots=True)
class Needs:
    """What an index asks for: bytes for each row, bytes once, rows to learn from, and bits it keeps of a vector."""

    row_bytes: float
    once_bytes: float = 0
    train_rows: int = 1
    bits: float = math.inf


def check_factory(factory: str, rows: int, dim: int) -> int:
    """Bytes that an index of `rows` vectors of `dim` floats made from `factory` takes in memory, within a few percent.

    UserError when FAISS cannot read the string, when metric, dimension or number of rows do not suit it, when it keeps too
    little to tell the vectors apart, and when it takes out of all proportion to the vectors.
    """
    _refuse_numbers(factory, rows, dim)
    try:
        index = faiss.index_factory(dim, factory, faiss.METRIC_INNER_PRODUCT)
        if index.metric_type != faiss.METRIC_INNER_PRODUCT:
            raise unsupported(factory, rows, dim, "it does not rank by inner product")
        needs = _needs(index, rows)
    except _UnfitError as refusal:
        raise unsupported(factory, rows, dim, str(refusal)) from None
    except (RuntimeError, MemoryError, AssertionError) as error:
        raise unsupported(factory, rows, dim, f"FAISS says: {faiss_reason(error)}") from error
    return _checked(needs, factory, rows, dim)


def table_bytes(factory: str, rows: int, dim: int) -> int:
    """The table that FAISS would like to keep beside lists of codes when it loads them; its size limits what it loads."""
    try:
        _refuse_numbers(factory, rows, dim)
    except UserError:  # a manifest by another hand: nothing is made of it
        return 0
    index = faiss.index_factory(dim, factory, faiss.METRIC_INNER_PRODUCT)  # owns what is taken out of it below
    lists = faiss.try_extract_index_ivf(index)
    quantiser = None if lists is None else getattr(faiss.downcast_index(lists), "pq", None)
    return 0 if quantiser is None else 4 * int(lists.nlist * quantiser.M * quantiser.ksub) + 8  # has to stay below it


def unsupported(factory: str | None, rows: int, dim: int, reason: str) -> UserError:
    """The refusal of a factory string, whoever finds out."""
    shown = str(factory) if len(str(factory)) <= LONGEST else f"{str(factory)[:LONGEST]}…"
    return UserError(
        f"no index can be built from {shown!r} here: {reason}",
        f"--index {shown}, {rows:,} vectors of {dim} dimensions",
        "leave --index out, or give exact, fastscan, ivf, hnsw or a FAISS factory string that ranks by inner product, "
        "such as HNSW32 or IVF256,Flat",
    )


def faiss_reason(error: Exception) -> str:
    """What FAISS says, without the names of its functions and files."""
    text = str(error).rsplit("Error:", 1)[-1].strip()
    if "could not parse" in text or text.startswith("Error in"):
        return "it cannot read it"
    return text or "not enough memory"


class _UnfitError(Exception):
    """Why an index cannot be built, before string, rows and dimension are added."""


def _refuse_numbers(factory: str, rows: int, dim: int) -> None:
    """Before FAISS reads the string: `IVF999999999,Flat` and `PQ8x24` take gigabytes while it is read."""
    if not re.fullmatch(rf"[A-Za-z0-9_,().+-]{{1,{LONGEST}}}", factory):
        raise unsupported(factory, rows, dim, f"a factory string has 1 to {LONGEST} letters, digits and _,().+-")
    for name, digits in re.findall(r"([A-Za-z_]*)(\d+)", factory):
        number, bits = int(digits), name.endswith("x")
        if number == 0:
            raise unsupported(factory, rows, dim, "nothing can be 0 in it")
        if name == "IVF" and number > rows:
            raise unsupported(factory, rows, dim, f"{number:,} lists need as many rows to learn from at least")
        if number > MOST_BITS if bits else number > LARGEST and name != "IVF":
            limit = f"{MOST_BITS} bits a code" if bits else f"{LARGEST:,}"
            raise unsupported(factory, rows, dim, f"{digits} is too large a number, the limit is {limit}")


def _checked(needs: Needs, factory: str, rows: int, dim: int) -> int:
    size = round(rows * needs.row_bytes + needs.once_bytes)
    if needs.train_rows > rows:
        raise unsupported(factory, rows, dim, f"it learns from {needs.train_rows:,} rows at least")
    if rows > 1 and needs.bits < math.log2(rows):
        raise unsupported(factory, rows, dim, f"it keeps {needs.bits:.0f} bits of a vector, too few to tell them apart")
    if size > ABSURD_FIXED + rows * (ABSURD_ROW + 8 * dim):
        given = f"{size / 1e6:,.0f} MB, of {rows * dim * 4 / 1e6:,.0f} MB of vectors"
        raise unsupported(factory, rows, dim, f"it takes memory out of all proportion: {given}")
    return size


# The parts an index is made of.


def _needs(index: faiss.Index, rows: int) -> Needs:
    part = faiss.downcast_index(index)
    name = type(part).__name__
    if name not in _PARTS:
        raise _UnfitError(_KNOWN_UNFIT.get(name, f"{name} is not among what is known here"))
    return _PARTS[name](part, rows)


def _flat(index: faiss.Index, rows: int) -> Needs:
    return Needs(4 * index.d)


def _codes(index: faiss.Index, rows: int) -> Needs:
    return _learnt(index, index.code_size)


def _learnt(index: faiss.Index, row_bytes: float) -> Needs:
    """Codes, and the centroids they are learnt as where there are any."""
    quantiser = getattr(index, "pq", None)
    if quantiser is None:
        return Needs(row_bytes, 8 * index.d, 1, 8 * index.code_size)
    return Needs(row_bytes, 4 * index.d * quantiser.ksub, quantiser.ksub, 8 * index.code_size)


def _lists(index: faiss.Index, rows: int) -> Needs:
    """Inverted lists: a code and a row number for each row; lists of fast codes are filled up to whole blocks."""
    codes = _learnt(index, index.code_size + LIST_ROW_BYTES)
    coarse = _needs(index.quantizer, index.nlist)
    unfilled = getattr(index, "bbs", 0) / 2 * index.code_size
    once = codes.once_bytes + coarse.once_bytes + index.nlist * (coarse.row_bytes + LIST_ROW_BYTES + unfilled)
    return Needs(codes.row_bytes, once, max(codes.train_rows, index.nlist), codes.bits + math.log2(index.nlist))


def _graph(index: faiss.Index, rows: int) -> Needs:
    """A layered graph over stored vectors or codes: 2M links for each row, M more on each layer, which an Mth reaches."""
    links = index.hnsw.nb_neighbors(0) // 2
    stored = _needs(index.storage, rows)
    row_bytes = stored.row_bytes + 4 * (2 * links + links / (links - 1)) + 12
    return Needs(row_bytes, stored.once_bytes, stored.train_rows, stored.bits)


def _transformed(index: faiss.Index, rows: int) -> Needs:
    inner, once, train_rows = _needs(index.index, rows), 0.0, 1
    for number in range(index.chain.size()):
        step = faiss.downcast_VectorTransform(index.chain.at(number))
        if isinstance(step, faiss.PCAMatrix):
            train_rows = max(train_rows, step.d_out)
            if step.d_out > step.d_in:
                raise _UnfitError(f"{step.d_in} dimensions cannot become {step.d_out}")
        if isinstance(step, faiss.OPQMatrix):
            train_rows = max(train_rows, 256)
        once += 4 * step.d_in * step.d_out
    return Needs(inner.row_bytes, inner.once_bytes + once, max(train_rows, inner.train_rows), inner.bits)


_ORDERED_AGAIN = "the vectors themselves order again what is found, so leave the refining part out"
_KNOWN_UNFIT = {"IndexRefine": _ORDERED_AGAIN, "IndexRefineFlat": _ORDERED_AGAIN}
_PARTS: dict[str, Callable[[faiss.Index, int], Needs]] = {
    "IndexFlat": _flat,
    "IndexFlatIP": _flat,
    "IndexScalarQuantizer": _codes,
    "IndexPQ": _codes,
    "IndexPQFastScan": _codes,
    "IndexRaBitQ": _codes,
    "IndexIVFFlat": _lists,
    "IndexIVFScalarQuantizer": _lists,
    "IndexIVFPQ": _lists,
    "IndexIVFPQFastScan": _lists,
    "IndexIVFRaBitQ": _lists,
    "IndexHNSWFlat": _graph,
    "IndexHNSWSQ": _graph,
    "IndexPreTransform": _transformed,
}
