"""What tells two records apart: the fields whose values differ, and the words that only one of them has, where they stand.

Words are compared as `pairs_marks` reads them, each record's title and text together, so a word that moved from the title
to the text is no difference. What often makes a near copy another thing is marked by its kind: a number, a size, a
negation, the opposite of a word in the other record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from indexer.records import Record, Value, as_json
from searchapp.usecases.pairs_marks import is_negation, is_number, number, opposite, plain, words

Kind = Literal["word", "number", "size", "negation", "opposite"]
SIZES = frozenset({
    "xxs", "xs", "s", "m", "l", "xl", "xxl", "xxxl", "small", "medium", "large", "mini", "midi", "maxi", "single", "double",
    "twin", "king", "queen", "mm", "cm", "km", "inch", "inches", "ft", "feet", "g", "kg", "mg", "oz", "lb", "lbs", "ml",
    "cl", "litre", "litres", "liter", "liters", "pint", "pints", "w", "kw", "v", "mah", "gb", "mb", "tb",
})  # fmt: skip
LITTLE = frozenset({"a", "an", "and", "the", "of"})  # say nothing when only one record has them
_PLURAL = re.compile(r"(?<=[^\Ws]{3})s$")  # stools, but not glass or gas


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """A field in which two records differ; None where one has no value."""

    name: str
    a: Value
    b: Value


@dataclass(frozen=True, slots=True)
class Mark:
    """Characters `start` to `end` of a title or text: a word that the other record does not have."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Differences:
    """What tells records a and b apart. `titles` and `texts` hold a's marks, then b's, each in order of the text."""

    fields: tuple[FieldDifference, ...]
    titles: tuple[tuple[Mark, ...], tuple[Mark, ...]]
    texts: tuple[tuple[Mark, ...], tuple[Mark, ...]]


def differences(a: Record, b: Record) -> Differences:
    """What tells two records of a collection apart. Their ids do not count."""
    has_a, has_b = _words(a), _words(b)
    return Differences(
        tuple(differing_fields(a, b)),
        (tuple(_marks(a.title, has_a, has_b)), tuple(_marks(b.title, has_b, has_a))),
        (tuple(_marks(a.text, has_a, has_b)), tuple(_marks(b.text, has_b, has_a))),
    )


def differing_fields(a: Record, b: Record) -> Iterator[FieldDifference]:
    """The fields whose values differ, in the order of the collection's fields."""
    names = dict.fromkeys([*a.fields, *b.fields])
    for name in names:
        one, other = a.fields.get(name), b.fields.get(name)
        if one != other:
            yield FieldDifference(name, one, other)


def fields_as_json(found: tuple[FieldDifference, ...]) -> dict[str, dict[str, object]]:
    """For machines: `{"price": {"a": 9.5, "b": 12}}`, dates as `as_json` of a record writes them."""
    one = as_json(Record("", "", "", {difference.name: difference.a for difference in found}))["fields"]
    other = as_json(Record("", "", "", {difference.name: difference.b for difference in found}))["fields"]
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    return {name: {"a": one[name], "b": other[name]} for name in one}


def _words(record: Record) -> frozenset[str]:
    return frozenset(_form(match[0]) for match in words(f"{record.title}\n{record.text}"))


def _form(word: str) -> str:
    """A word as two records share it: numbers by value, and without a plural's s."""
    word = plain(word)
    return number(word) if is_number(word) else _PLURAL.sub("", word) if word.endswith("s") else word


def _marks(text: str, own: frozenset[str], others: frozenset[str]) -> Iterator[Mark]:
    strange = others - own
    for match in words(text):
        word = _form(match[0])
        if word not in others and word not in LITTLE:
            yield Mark(match.start(), match.end(), _kind(match[0], strange))


def _kind(word: str, strange: frozenset[str]) -> Kind:
    word = plain(word)
    if is_number(word):
        return "number"
    if is_negation(word):
        return "negation"
    if opposite(word, strange) is not None:
        return "opposite"
    return "size" if word in SIZES else "word"
