"""A question as words: what each weighs in a collection, which of them a text holds, and how to name them to people."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from indexer.opened import OpenVersion

NAMED = 3  # words named in a reason
LONGEST = 40  # characters of a word named
_ASKING = (
    "a about am an and any are at be been but by can could did do does for from get got had has have he her his how i "
    "if in is it its may me might must my of on or our shall she should so some than that the their them then there "
    "these they this to too us was we were what when where which who whom whose why will with would you your"
)  # English words that ask and join
_NEVER_NAMED = frozenset(_ASKING.split())


class Words:
    """The terms of a question over one version of a collection, as its lexical analyzer makes them."""

    def __init__(self, version: OpenVersion, question: str) -> None:
        self._analyze = version.segments[0].lexical.terms
        written = re.findall(r"\w+", question)
        self._spelling = {term: _spelled(term, word) for word in reversed(written) for term in self._analyze(word)}
        documents = {term: _documents(version, term) for term in self._analyze(question)}
        self._weights = {term: _idf(found, version.rows) for term, found in documents.items()}
        self._total = sum(self._weights.values())
        self.unknown = frozenset(term for term, found in documents.items() if not found)

    def held(self, text: str) -> frozenset[str]:
        """The terms of the question that a text holds."""
        return frozenset(self._weights.keys() & set(self._analyze(text)))

    def share(self, held: Iterable[str]) -> float:
        """The share of all weight that the `held` terms carry; 0 for a question without a term."""
        return sum(self._weights[term] for term in held) / self._total if self._total else 0.0

    def spelled(self, terms: Iterable[str]) -> list[str]:
        """Terms as the question spells them, the rarest first, without those that only ask; no word twice."""
        known = [term for term in terms if self._spelling.get(term, "i").lower() not in _NEVER_NAMED]
        rarest = sorted(known, key=lambda term: (-self._weights[term], term))
        return list(dict.fromkeys(self._spelling[term] for term in rarest))


def listed(words: Sequence[str], joined: str = "and") -> str:
    """At most NAMED words in quotation marks, joined as one says them: “a”, “b” and “c”."""
    quoted = [f"“{word}”" for word in words[:NAMED]]
    return f" {joined} ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def _spelled(term: str, word: str) -> str:
    """A term as it is named: its word, cut when it is endless; a character of a script without spaces by itself."""
    if len(term) == 1 and not term.isascii():
        return term
    return word if len(word) <= LONGEST else f"{word[: LONGEST - 1]}…"


def _documents(version: OpenVersion, term: str) -> int:
    """How many documents hold a term."""
    return sum(segment.lexical.frequency(term) for segment in version.segments)


def _idf(documents: int, of: int) -> float:
    """BM25's weight of a term (Robertson & Spärck Jones), as tantivy has it: never negative, highest for 0 documents."""
    return math.log(1 + (of - documents + 0.5) / (documents + 0.5))
