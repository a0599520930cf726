"""What a filter may cost, and how a refusal shows its place.

Filters come from the network, so the readers ask here before they go deeper or further. Each check takes `given`, a function
that shows the place in the user's own words, and calls it only when it refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from indexer.errors import UserError, shown

MAX_BYTES = 64 * 1024
MAX_DEPTH = 64
MAX_PREDICATES = 1_000  # ours: each costs a pass over the records
MAX_VALUES = 10_000
MAX_CHARACTERS = 500_000  # ours: each is folded, and folding takes longest where it can least be seen beforehand

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
    """Refuse a filter whose lists hold more than `MAX_VALUES` values."""
    if count > MAX_VALUES:
        raise UserError(f"the filter lists more than {MAX_VALUES} values", given(), "split the search into several")


def check_total(characters: int, given: Given) -> None:
    """Refuse a filter whose texts hold more than `MAX_CHARACTERS` together: JSON that was parsed already can be of any size."""
    if characters > MAX_CHARACTERS:
        raise UserError(
            f"the texts of the filter have more than {MAX_CHARACTERS} characters",
            given(),
            "split the search into several",
        )


def check_length(text: str) -> None:
    """Refuse a filter of more than `MAX_BYTES` in UTF-8."""
    size = len(text) if len(text) > MAX_BYTES else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_BYTES:
        todo = "shorten it; long lists of values can be passed as parsed JSON"
        raise UserError(f"the filter is longer than {MAX_BYTES // 1024} KiB", shown(text), todo)


def is_text(given: object) -> bool:
    """Whether this is text that a record can hold and Arrow compare: no number, no half characters (lone surrogates)."""
    try:
        return isinstance(given, str) and given.encode() is not None
    except UnicodeEncodeError:
        return False


def check_characters(text: str, given: Given) -> None:
    """Refuse half characters (lone surrogates)."""
    if not is_text(text):
        raise UserError("the filter holds half a character (a lone surrogate)", given(), "write it as valid Unicode")
