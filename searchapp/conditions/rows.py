"""Which rows meet a condition: one pass of Arrow or NumPy per test, joined as bits.

A number, a date or a day becomes the closed range `first..last` of the column's own values that it stands for: 50 is
50..50, a day is its microseconds, and a number that lies between two values of the column is the empty range from the one above to the
one below. Each comparison then asks one question of one end, in the column's own type, so int64 and float64
never meet and nothing is rounded. Text is folded and compared once per distinct value: pieces of the column are encoded as codes into
their folded distinct values, and only the codes are as long as the column.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from searchapp.conditions.typed import And, Condition, Not, Op, Or, Predicate, Value

Rows: TypeAlias = NDArray[np.bool_]
Range: TypeAlias = tuple[int, int] | tuple[float, float]
_KEPT_BYTES = 64 * 1024 * 1024  # larger columns are folded again for each question: a copy would rival the vectors
_PIECE = 65_536
_DAY = 86_400_000_000  # microseconds
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class Folded:
    """A piece of a text column: `values[codes[row]]`, -1 where it is missing or empty."""

    codes: NDArray[np.int32]  # [rows of the piece]
    values: pa.Array  # strings, folded, from the distinct ones of the piece


FoldedColumns: TypeAlias = dict[str, list[Folded]]  # by column; belongs to one table


def holds(condition: Condition, table: pa.Table, folded: FoldedColumns) -> Rows:
    """`condition` for every row of `table`; text columns folded on the way are left in `folded`."""
    match condition:
        case Predicate():
            return _passes(condition, table, folded)
        case Not(part):
            return ~holds(part, table, folded)
        case And(parts):
            return reduce(np.logical_and, (holds(part, table, folded) for part in parts))
        case Or(parts):
            return reduce(np.logical_or, (holds(part, table, folded) for part in parts))


def fold(text: str) -> str:
    """The form in which texts are equal for readers: Unicode case folding, then composed (NFC)."""
    return unicodedata.normalize("NFC", text.casefold())


def _passes(test: Predicate, table: pa.Table, folded: FoldedColumns) -> Rows:
    column = table.column(test.key.column)
    if test.op == "missing":
        return ~_present(column)
    match test.key.type:
        case "text":
            return _text(test, column, folded)
        case "boolean":
            wanted = [pc.equal(column, value) for value in set(test.values)]
            return reduce(np.logical_or, map(_bits, wanted), np.zeros(len(column), dtype=np.bool_))
        case _:
            return _ordered(test, column)


def _present(column: pa.ChunkedArray) -> Rows:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return _bits(pc.greater(pc.binary_length(column), 0))
    return _bits(pc.is_valid(column))


def _bits(column: pa.ChunkedArray) -> Rows:
    rows: Rows = pc.fill_null(column, False).to_numpy()
    return rows


def _ordered(test: Predicate, column: pa.ChunkedArray) -> Rows:
    numbers = column.cast(pa.int64()) if test.key.type == "date" else column
    values = pc.fill_null(numbers, 0).to_numpy()
    ranges = [_range(value, values.dtype) for value in test.values]
    rows = _among(values, ranges) if test.op == "in" else _COMPARE[test.op](values, ranges)
    return rows & _present(column) if column.null_count else rows


# NumPy compares int64 with a Python int beyond int64 exactly.
_COMPARE: dict[Op, Callable[[NDArray[Any], list[Any]], Rows]] = {
    "=": lambda values, ranges: (values >= ranges[0][0]) & (values <= ranges[0][1]),
    "<": lambda values, ranges: values < ranges[0][0],
    "<=": lambda values, ranges: values <= ranges[0][1],
    ">": lambda values, ranges: values > ranges[0][1],
    ">=": lambda values, ranges: values >= ranges[0][0],
    "between": lambda values, ranges: (values >= ranges[0][0]) & (values <= ranges[1][1]),
}


def _among(values: NDArray[Any], ranges: list[Range]) -> Rows:
    """Whether each value lies in any of the ranges: the furthest end of those that begin at or before it decides."""
    within = sorted(r for r in ranges if r[0] <= r[1] and (values.dtype == np.float64 or r[0] in _INT64))
    if not within:
        return np.zeros(len(values), dtype=np.bool_)
    firsts, lasts = np.array(within, dtype=values.dtype).T
    place = np.searchsorted(firsts, values, side="right") - 1
    rows: Rows = (place >= 0) & (values <= np.maximum.accumulate(lasts)[place])
    return rows


def _range(value: Value, dtype: np.dtype[Any]) -> Range:
    match value:
        case datetime():
            instant = (value - _EPOCH) // timedelta(microseconds=1)
            return instant, instant
        case date():
            day = (value.toordinal() - _EPOCH.toordinal()) * _DAY
            return day, day + _DAY - 1
        case int() if dtype == np.float64:
            near = float(value)
            return (
                near if near >= value else math.nextafter(near, math.inf),
                near if near <= value else math.nextafter(near, -math.inf),
            )
        case float() if dtype != np.float64:
            return math.ceil(value), math.floor(value)
        case int() | float():
            return value, value
    raise TypeError(f"no range for {value!r}")


def _text(test: Predicate, column: pa.ChunkedArray, folded: FoldedColumns) -> Rows:
    question = _question(test)
    rows = np.zeros(len(column), dtype=np.bool_)
    start = 0
    for piece in _pieces(test.key.column, column, folded):
        passing = np.append(question(piece.values).to_numpy(zero_copy_only=False), False)
        rows[start : start + len(piece.codes)] = passing[piece.codes]  # code -1 reads the False at the end
        start += len(piece.codes)
    return rows


def _question(test: Predicate) -> Callable[[pa.Array], pa.Array]:
    wanted = [fold(str(value)) for value in test.values]
    match test.op:
        case "contains":
            return lambda values: pc.match_substring(values, wanted[0])
        case "starts with":
            return lambda values: pc.starts_with(values, wanted[0])
        case _:
            return lambda values: pc.is_in(values, value_set=pa.array(wanted, type=values.type))


def _pieces(name: str, column: pa.ChunkedArray, folded: FoldedColumns) -> Iterator[Folded]:
    if name in folded:
        return iter(folded[name])
    slices = (chunk.slice(at, _PIECE) for chunk in column.chunks for at in range(0, len(chunk), _PIECE))
    pieces = map(_folded, slices)
    if column.nbytes > _KEPT_BYTES:
        return pieces
    folded[name] = list(pieces)
    return iter(folded[name])


def _folded(piece: pa.Array) -> Folded:
    encoded = piece.dictionary_encode()
    distinct = encoded.dictionary
    code_of = np.where(pc.binary_length(distinct).to_numpy() > 0, np.arange(len(distinct)), -1)
    codes = np.append(code_of, -1)[pc.fill_null(encoded.indices, -1).to_numpy()]
    return Folded(codes.astype(np.int32), _fold_all(distinct))


def _fold_all(distinct: pa.Array) -> pa.Array:
    """Arrow lowers what is ASCII; the rest is folded one by one."""
    lowered, other = pc.ascii_lower(distinct), pc.invert(pc.string_is_ascii(distinct))
    if not pc.any(other).as_py():
        return lowered
    return pc.replace_with_mask(
        lowered, other, pa.array([fold(text) for text in distinct.filter(other).to_pylist()], distinct.type)
    )
