"""What a filter says once it is read: typed predicates over known keys, joined by and, or, not.

Both spellings, text and JSON, end here. The values they hold are checked against the type of the key before a single row
is looked at, so evaluation never meets a surprise; conditions are frozen and hashable and serve as cache keys.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, TypeAlias, cast, get_args

from indexer.errors import UserError, shown
from indexer.records import Columns, FieldType
from searchapp.conditions.limits import Given, check_characters, check_depth
from searchapp.conditions.literals import DATE_LOOKS, read_date

Value: TypeAlias = str | int | float | bool | date  # date: a whole UTC day; datetime (a date, too): an instant in UTC
Op = Literal["=", "<", "<=", ">", ">=", "between", "in", "contains", "starts with", "missing"]


@dataclass(frozen=True, slots=True)
class Key:
    """A name as users write it, the table's column behind it, and the type of its values."""

    name: str
    column: str
    type: FieldType


@dataclass(frozen=True, slots=True)
class Predicate:
    """One test of one key. `values`: two for between, any number for in, none for missing, else one."""

    key: Key
    op: Op
    values: tuple[Value, ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """Every record that `part` does not hold for."""

    part: Condition


@dataclass(frozen=True, slots=True)
class And:
    """Two or more conditions that all hold."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Two or more conditions of which at least one holds."""

    parts: tuple[Condition, ...]


Condition: TypeAlias = Predicate | Not | And | Or

OPERATORS: dict[FieldType, tuple[Op, ...]] = {
    "text": ("=", "in", "contains", "starts with", "missing"),
    "integer": ("=", "<", "<=", ">", ">=", "between", "in", "missing"),
    "number": ("=", "<", "<=", ">", ">=", "between", "in", "missing"),
    "boolean": ("=", "in", "missing"),
    "date": ("=", "<", "<=", ">", ">=", "between", "in", "missing"),
}
NEGATED: dict[str, Op] = {"!=": "=", **{f"not {op}": op for op in get_args(Op) if op[0].isalpha()}}
_HOLDS: dict[FieldType, str] = {
    "text": "text",
    "integer": "whole numbers",
    "number": "numbers",
    "boolean": "true or false",
    "date": "dates",
}
_EXAMPLE: dict[FieldType, str] = {
    "text": 'a text in quotes, as in "oak"',
    "integer": "a number without quotes, as in 50",
    "number": "a number without quotes, as in 49.90",
    "boolean": "true or false, without quotes",
    "date": f"a date, as in {DATE_LOOKS}",
}


def keys_of(columns: Columns) -> dict[str, Key]:
    """Every name a filter may use; a column of the user's own wins over a built-in of the same name."""
    built_in = {name: Key(name, name, "text") for name in ("id", "title", "text")}
    sources = (("id", columns.id), ("title", columns.title), ("text", columns.text))
    became = {source: Key(source, column, "text") for column, source in sources if source is not None}
    fields = {name: Key(name, f"field.{name}", type_) for name, type_ in columns.fields.items()}
    return {**built_in, **became, **fields}


def find_key(name: str, keys: Mapping[str, Key], given: Given) -> Key:
    """The key of that name, or a `UserError` that names the nearest and lists all."""
    if name in keys:
        return keys[name]
    folded = {known.casefold(): known for known in keys}
    near = difflib.get_close_matches(name[:100].casefold(), folded, n=1, cutoff=0.0)
    more = f" and {len(keys) - 50} more" if len(keys) > 50 else ""
    raise UserError(
        f"this collection has no key {shown(name)}; the nearest is {shown(folded[near[0]])}",
        given(),
        f"use one of its keys: {', '.join(list(keys)[:50])}{more}",
    )


def check_operator(key: Key, op: Op, given: Given) -> None:
    """Refuse an operator that the key's type does not know."""
    if op not in OPERATORS[key.type]:
        words = ", ".join(OPERATORS[key.type])
        todo = f"use one of: {words}"
        if key.type == "text" and op in OPERATORS["number"]:
            todo += "; if the column holds numbers or dates, build the collection with that type for it"
        raise UserError(f"{shown(key.name)} holds {_HOLDS[key.type]}, which {shown(op)} cannot test", given(), todo)


def typed(key: Key, raw: object, given: Given) -> Value:
    """`raw` (a string, number, boolean or date as written) as a value of the key's type."""
    value: Value | None = None
    match key.type:
        case "text":
            value = raw if isinstance(raw, str) else None
        case "boolean":
            value = raw if isinstance(raw, bool) else None
        case "date":
            value = _day_or_instant(raw, given)
        case "integer" | "number":
            value = _finite(key, raw, given) if _is_number(raw) else None
    if value is None:
        raise UserError(
            f"{shown(key.name)} holds {_HOLDS[key.type]} and cannot be compared with {_kind(raw)}",
            given(),
            "ask for a value that is not there by missing" if raw is None else f"write {_EXAMPLE[key.type]}",
        )
    if isinstance(value, str):
        check_characters(value, given)
    return value


def check_size(condition: Condition, given: Given) -> Condition:
    """The condition itself, if its levels of and, or, not are within `MAX_DEPTH`; both spellings share this limit."""
    check_depth(_levels(condition), given)
    return condition


def _levels(condition: Condition) -> int:
    if isinstance(condition, Predicate):
        return 0
    parts = (condition.part,) if isinstance(condition, Not) else condition.parts
    return 1 + max(_levels(part) for part in parts)


def _day_or_instant(raw: object, given: Given) -> date | None:
    if isinstance(raw, datetime):
        return read_date(raw.isoformat(), given)
    if isinstance(raw, str):
        return read_date(raw, given)
    return raw if isinstance(raw, date) else None


def _is_number(raw: object) -> bool:
    return isinstance(raw, int | float | Decimal) and not isinstance(raw, bool)


def _finite(key: Key, raw: object, given: Given) -> int | float:
    """An int stays exact; a decimal becomes the nearest float, on whole numbers only if that changes no comparison."""
    number = cast(Decimal, raw)  # or an int or a float: all three compare with each other exactly
    most = sys.float_info.max
    if (isinstance(raw, Decimal) and raw.is_nan()) or not -most <= number <= most:  # a float that is NaN, too
        raise UserError(
            "the number is beyond what a float64 can hold", given(), "write a number between -1e308 and 1e308"
        )
    if isinstance(raw, int) or (key.type == "integer" and number == int(number)):
        return int(number)
    nearest = float(number)
    if key.type == "integer" and nearest.is_integer():
        todo = f"{shown(key.name)} holds whole numbers: write one"
        raise UserError("the number has more digits than a float64 can hold", given(), todo)
    return nearest


def _kind(raw: object) -> str:
    kinds = ((str, "a text"), (bool, "true or false"), (date, "a date"), (list, "a list"), (Mapping, "an object"))
    if raw is None:
        return "null"
    return next((words for kind, words in kinds if isinstance(raw, kind)), "a number")
