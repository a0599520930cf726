"""Which fields of a collection are shown where on a card: the price large, the brand above the title, the rest small.

Read off the names and types of the fields, so it works for any catalogue; a field without a role is still in the record.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.records import Columns

NUMBERS = ("integer", "number")
SMALL = 4  # fields without a role that fit under a text


@dataclass(frozen=True, slots=True)
class Roles:
    """Field names by what they are for; None where a collection has none."""

    price: str | None
    rating: str | None
    stock: str | None
    brand: str | None
    group: str | None
    plain: tuple[str, ...]  # short fields to show as they are


def roles(columns: Columns) -> Roles:
    """The roles of a collection's fields."""
    numbers = [name for name, kind in columns.fields.items() if kind in NUMBERS]
    texts = [name for name, kind in columns.fields.items() if kind == "text"]
    price = _named(numbers, ("price", "cost", "amount"))
    rating = _named(numbers, ("rating", "stars", "score"))
    stock = _named(numbers, ("stock", "quantity", "available"))
    brand = _named(texts, ("brand", "manufacturer", "maker", "vendor", "publisher"))
    group = _named(texts, ("department", "category", "topic", "type", "venue", "section"))
    taken = {price, rating, stock, brand, group, "sku", "id", "url"}
    plain = tuple(name for name in texts if name not in taken)[:SMALL]
    return Roles(price, rating, stock, brand, group, plain)


def _named(names: Sequence[str], wanted: Sequence[str]) -> str | None:
    """The first field with one of the names, exactly or as a part of it."""
    for word in wanted:
        for name in names:
            if name.casefold() == word:
                return name
    return next((name for word in wanted for name in names if word in name.casefold()), None)
