"""Facets: for each field of a collection, which values the records at hand have, and how many have each.

Text is counted by value, upper and lower case together under the spelling most records use; numbers and dates are
measured: smallest, largest, and a histogram between them. What a choice lets through is decided by the filter language
itself (`searchapp.conditions`), so a facet and a written filter never disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from indexer.errors import UserError, shown
from indexer.opened import Rows
from indexer.records import FieldType, iso
from searchapp import conditions
from searchapp.conditions.rows import fold
from searchapp.conditions.typed import Predicate
from searchapp.opening import Opened
from searchapp.usecases.facets_fields import Measured, read_column

BINS = 20  # of a histogram; fewer where whole numbers leave no room for so many
MOST_VALUES = 200  # values one facet lists; those with most records
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Range:
    """Numbers or dates from `low` to `high`, both included, a plain date with its whole day (UTC).

    None leaves an end open, both None choose nothing.
    """

    low: float | date | None = None  # a datetime is a date
    high: float | date | None = None


Choice: TypeAlias = tuple[str | bool, ...] | Range  # any of these values (none: no choice), or within the range


@dataclass(frozen=True, slots=True)
class FacetValue:
    """A value of a text or boolean field, and how many of the records at hand have it."""

    value: str | bool
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Facet:
    """One field, counted over the records that pass every choice but its own.

    Text and booleans have `values`, most frequent first (booleans: true, false); those of no record are left out unless
    chosen, and text beyond MOST_VALUES is counted in `left_out`. Numbers and dates have `low` and `high`, and in `bins` the
    counts of equal steps between them (None and () where no record has a value).
    """

    key: str
    type: FieldType
    values: tuple[FacetValue, ...] = ()
    missing: int = 0
    low: float | datetime | None = None
    high: float | datetime | None = None
    bins: tuple[int, ...] = ()
    left_out: int = 0

    def as_json(self) -> dict[str, Any]:
        """For machines: plain values, stable keys; a facet has either values or a range with its bins."""
        told: dict[str, Any] = {"key": self.key, "type": self.type, "missing": self.missing}
        if self.type in ("text", "boolean"):
            return told | {"values": [asdict(value) for value in self.values], "left_out": self.left_out}
        low, high = (iso(end) if isinstance(end, datetime) else end for end in (self.low, self.high))
        return told | {"low": low, "high": high, "bins": list(self.bins)}


def count(opened: Opened, key: str, rows: Rows, choice: Choice | None) -> Facet:
    """The facet of one field over `rows`, its own choice marked."""
    kind, column = opened.version.columns.fields[key], read_column(opened, key)
    if isinstance(column, Measured):
        return _measure(key, kind, column, rows)
    chosen = {_same(value) for value in choice} if isinstance(choice, tuple) else set()
    counts = np.bincount(column.codes[rows] + 1, minlength=len(column.values) + 1)
    shown = [
        FacetValue(value, n, _same(value) in chosen)
        for value, n in zip(column.values, counts[1:].tolist(), strict=True)
        if n or (chosen and _same(value) in chosen)
    ]
    shown.sort(key=lambda each: -int(each.value) if kind == "boolean" else -each.count)
    listed = tuple(each for place, each in enumerate(shown) if place < MOST_VALUES or each.chosen)
    return Facet(key, kind, listed, int(counts[0]), left_out=len(shown) - len(listed))


def passing(opened: Opened, key: str, choice: Choice) -> NDArray[np.bool_] | None:
    """Which rows of the table a choice lets through; None when it chooses nothing. UserError for a wrong one."""
    kind = opened.version.columns.fields[key]
    ranged = kind not in ("text", "boolean")
    if not isinstance(choice, Range if ranged else tuple):
        todo = "choose a range, low to high" if ranged else "choose one or several of its values"
        raise UserError(f"{key!r} holds {kind} values, which are not chosen this way", shown(choice), todo)
    test = _test(key, choice)
    if test is None:
        return None
    condition = conditions.parse(test, opened.version.columns)
    if test["op"] == "between" and isinstance(condition, Predicate):
        _check_order(key, choice, *condition.values)
    allowed = np.zeros(opened.version.rows, np.bool_)
    allowed[opened.among(test)] = True
    return allowed


def check_fields(opened: Opened, keys: Sequence[str]) -> None:
    """UserError for a key that is no field of the collection."""
    fields = opened.version.columns.fields
    for key in keys:
        if not isinstance(key, str) or key not in fields:
            known = ", ".join(list(fields)[:50]) or "none: this collection has no fields"
            raise UserError("there is no such field to filter by", shown(key), f"choose one of: {known}")


def _same(value: str | bool) -> str | bool:
    return fold(value) if isinstance(value, str) else value


def _measure(key: str, kind: FieldType, column: Measured, rows: Rows) -> Facet:
    numbers = column.numbers[rows][column.present[rows]]
    missing = len(rows) - len(numbers)
    if not len(numbers):
        return Facet(key, kind, missing=missing)
    low, high = numbers.min().item(), numbers.max().item()
    bins = tuple(_histogram(numbers, low, high, min(BINS, high - low + 1) if kind == "integer" else BINS))
    if kind == "date":
        low, high = _EPOCH + low * _MICROSECOND, _EPOCH + high * _MICROSECOND
    return Facet(key, kind, missing=missing, low=low, high=high, bins=bins)


def _histogram(numbers: NDArray[Any], low: float, high: float, bins: int) -> list[int]:
    """Counts in equal steps; the last holds `high`. Halves, so that the widest span of float64 is still a number."""
    if float(low) == float(high):
        return [len(numbers)]
    half = 0.5 if abs(low) > 1e300 or abs(high) > 1e300 else 1.0
    place = (numbers.astype(np.float64) * half - low * half) / (high * half - low * half)
    counts: list[int] = np.bincount(np.minimum((place * bins).astype(np.int64), bins - 1), minlength=bins).tolist()
    return counts


def _test(key: str, choice: Choice) -> dict[str, object] | None:
    """The choice as a test of the filter language."""
    if not isinstance(choice, Range):
        return {"key": key, "op": "in", "value": list(choice)} if choice else None
    match choice.low, choice.high:
        case None, None:
            return None
        case low, None:
            return {"key": key, "op": ">=", "value": low}
        case None, high:
            return {"key": key, "op": "<=", "value": high}
        case low, high:
            return {"key": key, "op": "between", "value": [low, high]}


def _check_order(key: str, choice: Choice, low: Any, high: Any) -> None:
    """Refuse an empty range; a plain date as its lower end begins with the day, as its upper end closes with it."""
    first = datetime.combine(low, time.min, UTC) if type(low) is date else low
    last = datetime.combine(high, time.max, UTC) if type(high) is date else high
    if first > last:
        raise UserError(f"the range of {key!r} ends before it begins", shown(choice), "put the lower end first")
