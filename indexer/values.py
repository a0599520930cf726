"""What one value of a source means: which type it looks like, and the value of that type.

Sources rarely say what they hold: a CSV has only strings, and JSON often writes "413.99" where 413.99 was meant. So a string
counts as what it looks like: `413.99` is a number, `true` a boolean, `2024-01-31` a date. What would lose something by that
stays text: leading zeros and plus signs (`00123`, a code), integers beyond 64 bits, yes and no. `look` and `convert` agree:
a value converts to exactly the types that its look fits (`FITS`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from indexer.records import FieldType, Value

Look = Literal["boolean", "integer", "long", "number", "date", "text"]  # long: an integer that float64 would round

FITS: Mapping[FieldType, frozenset[Look]] = {  # narrowest first
    "boolean": frozenset({"boolean"}),
    "integer": frozenset({"integer", "long"}),
    "number": frozenset({"integer", "number"}),
    "date": frozenset({"date"}),
    "text": frozenset({"boolean", "integer", "long", "number", "date", "text"}),
}
_SPACE = " \t"  # around anything but text it means nothing
_STARTS = frozenset("-.0123456789tTfF" + _SPACE)  # no other character begins anything but text
_LONGEST = 64  # characters; a longer string is text whatever it looks like
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_NUMBER = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:[T ](?:[01][0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_INT64 = range(-(2**63), 2**63)
_EXACT = range(-(2**53), 2**53 + 1)  # float64 holds every integer of these
_remembered = lru_cache(maxsize=4096)  # short values repeat: years, ratings, prices, days


def look(value: object) -> Look | None:
    """The narrowest thing that `value` looks like; None when it is missing (null, an empty string, only spaces)."""
    if isinstance(value, str):
        if value and (value[0] not in _STARTS or len(value) > _LONGEST):
            return "text"
        return _look_of_text(value.strip(_SPACE))
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return _look_of_integer(value)
    return "number" if isinstance(value, float) and math.isfinite(value) else "text"


def convert(value: object, kind: FieldType) -> Value:
    """`value`, not None, as a value of type `kind`; None when it is only spaces and `kind` is not text.

    A date without an offset is UTC; fractions of a second are kept to the microsecond. Lists and objects become canonical
    JSON text. Raises ValueError, saying what was found, when the value does not fit.
    """
    if kind == "text":
        return value if isinstance(value, str) else canonical_json(value)
    if not isinstance(value, str):
        result = _from_json(value, kind)
    elif len(value) > _LONGEST:
        result = None
    else:
        value = value.strip(_SPACE)
        if not value:
            return None
        result = _PARSE[kind](value)
    if result is None:
        raise ValueError(f"{_shown(value)} is not {_A[kind]}")
    return result


def canonical_json(value: object) -> str:
    """One text for one JSON value: keys sorted, no spaces. Raises ValueError when it is nested too deeply."""
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except RecursionError:
        raise ValueError("lists or objects nested too deeply") from None


@_remembered
def _look_of_text(text: str) -> Look | None:
    if not text:
        return None
    if _INTEGER.fullmatch(text):
        return _look_of_integer(int(text))
    if _number(text) is not None:
        return "number"
    if _date(text) is not None:
        return "date"
    return "text" if _boolean(text) is None else "boolean"


def _look_of_integer(value: int) -> Look:
    return "integer" if value in _EXACT else "long" if value in _INT64 else "text"


def _from_json(value: object, kind: FieldType) -> Value:
    """A value that is no string, if it has the type: JSON's 3.0 is a number and no integer."""
    seen = look(value)
    if seen not in FITS[kind] or not isinstance(value, int | float):
        return None
    return float(value) if kind == "number" else value


@_remembered
def _integer(text: str) -> int | None:
    if _INTEGER.fullmatch(text) is None:
        return None
    value = int(text)
    return value if value in _INT64 else None


@_remembered
def _number(text: str) -> float | None:
    """A finite float64; an integer only if float64 holds it exactly."""
    if _NUMBER.fullmatch(text) is None:
        return None
    if text.lstrip("-").isdigit() and int(text) not in _EXACT:
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _boolean(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())


@_remembered
def _date(text: str) -> datetime | None:
    """The instant; None for a 30 February, a leap second or an offset that leaves the years 1 to 9999."""
    if _DATE.fullmatch(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else canonical_json(value)
    return ascii(text if len(text) <= 40 else text[:40] + "…")


_PARSE: Mapping[FieldType, Callable[[str], Value]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
}
_A: Mapping[FieldType, str] = {
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "date": "a date",
}
