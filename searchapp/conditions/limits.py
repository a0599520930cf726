"""What a filter may cost, and how a refusal shows its place.

Filters come from the network, so the readers ask here before they go deeper or further. Each check takes `given`, a function
that shows the place in the user's own words, and calls it only when it refuses.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import TypeAlias

from indexer.errors import UserError

MAX_BYTES = 64 * 1024
MAX_DEPTH = 64
MAX_PREDICATES = 1_000  # ours: each costs a pass over the records
MAX_VALUES = 10_000

Given: TypeAlias = Callable[[], str]


def check_depth(depth: int, given: Given) -> None:
    """Refuse what is nested deeper than `MAX_DEPTH` before the reader follows it down."""
    if depth > MAX_DEPTH:
        raise UserError(f"the filter is nested more than {MAX_DEPTH} levels deep", given(), "write it flatter")


def check_count(predicates: int, given: Given) -> None:
    """Refuse a filter of more than `MAX_PREDICATES` tests."""
    if predicates > MAX_PREDICATES:
        todo = "ask for many values of one key by in (...)"
        raise UserError(f"the filter has more than {MAX_PREDICATES} tests", given(), todo)


def check_values(count: int, given: Given) -> None:
    """Refuse an `in` of more than `MAX_VALUES` values."""
    if count > MAX_VALUES:
        raise UserError(f"the list has more than {MAX_VALUES} values", given(), "split the search into several")


def check_length(text: str) -> None:
    """Refuse a filter of more than `MAX_BYTES` in UTF-8."""
    size = len(text) if len(text) > MAX_BYTES else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        todo = "shorten it; long lists of values can be passed as parsed JSON"
        raise UserError(f"the filter is longer than {MAX_BYTES // 1024} KiB", shown(text), todo)


def check_characters(text: str, given: Given) -> None:
    """Refuse half characters (lone surrogates), which no record holds and Arrow cannot compare."""
    if not text.isascii() and any("\ud800" <= sign <= "\udfff" for sign in text):
        raise UserError("the filter holds half a character (a lone surrogate)", given(), "write it as valid Unicode")


def shown(value: object) -> str:
    """A short, printable, bounded picture of anything a user may have sent, for error messages."""
    if isinstance(value, str):
        cut = value if len(value) <= 60 else value[:57] + "…"
        return '"' + "".join(sign if sign.isprintable() else "�" for sign in cut) + '"'
    return reprlib.repr(value)
