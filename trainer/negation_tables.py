"""The tables written by hand beside this module: antonyms, prefixed negations, synonyms, and -free / -less words."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Antonym:
    """The opposite of a word. `complementary`: not the one means the other; otherwise both may be false."""

    word: str
    complementary: bool


@cache
def antonyms() -> dict[tuple[str, str], Antonym]:
    """(word, part of speech) → its opposite; complementary ones first."""
    found: dict[tuple[str, str], Antonym] = {}
    for word, antonym, pos, kind in _rows("antonyms"):
        known = found.get((word, pos))
        if known is None or (kind == "complementary" and not known.complementary):
            found[word, pos] = Antonym(antonym, kind == "complementary")
    return found


@cache
def prefixes() -> dict[tuple[str, str], str]:
    """(word, part of speech) → with un-, in-, dis-, non-."""
    found: dict[tuple[str, str], str] = {}
    for word, negated, pos in _rows("prefixes"):
        found.setdefault((word, pos), negated)
    return found


@cache
def unprefixed() -> dict[tuple[str, str], str]:
    """(negated word, part of speech) → without its prefix."""
    return {(negated, pos): word for (word, pos), negated in prefixes().items()}


@cache
def synonyms() -> dict[tuple[str, str], tuple[str, ...]]:
    """(word, part of speech) → words that mean the same."""
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for word, synonym, pos in _rows("synonyms"):
        found[word, pos] = (*found.get((word, pos), ()), synonym)
    return found


@cache
def less() -> dict[str, str]:
    """with → without and without → with: wired → wireless, seamless → seamed."""
    found: dict[str, str] = {}
    for _, having, lacking in _rows("less"):
        found.setdefault(having, lacking)
        found.setdefault(lacking, having)
    return found


@cache
def leanings() -> dict[str, str]:
    """Words that may be noun or verb → which they mostly are, counted in the public training texts."""
    return dict(_rows("leanings"))


@cache
def tag_pairs() -> dict[str, dict[str, float]]:
    """tag → the tags after it → how often (`benchmarks/negation_tags.py`)."""
    return _counts("tag_pairs")


@cache
def tag_words() -> dict[str, dict[str, float]]:
    """A word that may have several tags → its tags → how often (`benchmarks/negation_tags.py`)."""
    return _counts("tag_words")


def _counts(name: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for one, other, seen in _rows(name):
        found.setdefault(one, {})[other] = float(seen)
    return found


def _rows(name: str) -> list[list[str]]:
    text = files("trainer").joinpath("tables", f"{name}.tsv").read_text(encoding="utf-8")
    return [row for row in csv.reader(text.splitlines()[1:], delimiter="\t", quoting=csv.QUOTE_NONE) if row]
