"""Where a sentence asserts: its main finite verbs, read off the tags.

The tagger says which words are finite verbs and where a clause opens (`negation_tagging`). Read from left to right, a
clause that opens is put on a pile and a finite verb takes the top one off; the verb that takes the sentence's own place off
is the main verb. An opening adjunct ("If it rains, …") is skipped at its comma.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.negation_forms import Token, tags
from trainer.negation_lexicon import FINITE, OPENERS
from trainer.negation_places import is_condition
from trainer.negation_tagging import Tagged, tagged
from trainer.negation_words import ADVERBS, PREPOSITIONS, SUBJECTS, SUBORDINATORS, words

ATTRIBUTING = words(
    "says say said suggests suggest finds find shows show warns warn reveals reveal claims claim reports report"
)


@dataclass(frozen=True, slots=True)
class Main:
    """A main finite verb: its number, where its clause starts, and whether its subject is plural (None: unknown)."""

    verb: int
    start: int
    plural: bool | None


def main_verb(tokens: Sequence[Token], start: int = 0, end: int | None = None) -> Main | None:
    """The main finite verb between two tokens, or that of the only subordinate clause if it stands alone."""
    end = len(tokens) if end is None else end
    read = tagged(tuple(tokens))
    after = after_adjunct(tokens, start, end)
    verb = paying_verb(read, after, end)
    if verb is None and after > start:
        after, verb = start, paying_verb(read, start, end)
    if verb is None and start < end and (tokens[start].low in SUBORDINATORS or read[start].tag in ("WH", "SC", "WHD")):
        verb = next((number for number in range(start, end) if read[number].tag in FINITE), None)
    if verb is None:
        return None
    colon = max((number + 1 for number in range(after, verb) if tokens[number].low == ":"), default=after)
    return Main(verb, colon, plural_subject(read, verb))


def attribution_start(tokens: Sequence[Token]) -> int | None:
    """The comma before who said it: "Dolphins Use Names, Study Suggests", "The plan is dead, she said."."""
    last = len(tokens) - 1 - (tokens[-1].low == ".")
    comma = max((number for number in range(2, last) if tokens[number].low == ","), default=None)
    if comma is None or last - comma > 5:
        return None
    says = [number for number in range(comma + 1, last + 1) if tokens[number].low in ATTRIBUTING]
    plain = not any(token.low in ("and", "but", "or", "who", "which", "not", "n't") for token in tokens[comma:])
    return comma if plain and says and says[0] in (comma + 1, last) and last > comma + 1 else None


def paying_verb(read: Sequence[Tagged], start: int, end: int) -> int | None:
    """The finite verb of the clause that begins at `start`, past the clauses inside it."""
    open_clauses = 1
    for number in range(start, end):
        open_clauses += opens(read, number) if number > start or number == 0 else read[number].tag in OPENERS
        if read[number].tag in FINITE:
            open_clauses -= 1
            if open_clauses == 0:
                return number
    return None


def opens(read: Sequence[Tagged], number: int) -> bool:
    """Whether a clause opens at a word: a relative, a subordinator, a joining "and", or a subject straight after a noun."""
    owed_before = read[number - 1].owed if number else 1
    if read[number].tag == "CV":
        return read[number].owed > owed_before  # not where a sentence begins with "but" or "ok so"
    return read[number].tag in OPENERS or (number > 0 and read[number].owed > owed_before)


def plural_subject(read: Sequence[Tagged], verb: int) -> bool | None:
    """The number of the subject before a verb, None where another clause stands between."""
    number = read[verb - 1].number if verb else ""
    return {"p": True, "P": True, "s": False, "S": False, "d": False}.get(number)


def after_adjunct(tokens: Sequence[Token], start: int, end: int) -> int:
    """Past an opening adjunct and its comma: "If it rains, …", "By Friday, …", "To tighten the strap, …"."""
    if start >= end:
        return start
    first = tokens[start].low
    opening = (
        first in SUBORDINATORS | PREPOSITIONS | ADVERBS | {"to", "according", "thanks", "due", "made", "yes", "not"}
        or tags(first) & {"VBG", "VBN", "RB"}
        or (start + 1 < end and tokens[start + 1].low == ",")
    )
    if start == 0 and is_condition(tokens):
        return next(number for number in range(2, end) if tokens[number].low == ",") + 1
    if not opening or first in SUBJECTS | {"there", "both", "all", "each", "either", "most", "more", "less"}:
        return start
    read = tagged(tuple(tokens))
    if read[start].tag in FINITE:
        return start
    for number in range(start + 1, end - 1):
        if tokens[number].low == "," and _clause_starts(tokens, read, number + 1, end):
            return number + 1
    return start


def _clause_starts(tokens: Sequence[Token], read: Sequence[Tagged], number: int, end: int) -> bool:
    tag = read[number].tag
    if tag[:2] == "CC" or tag in ("CV", "WH", "WHD") or tokens[number].low in SUBORDINATORS - {"that"}:
        return False
    if tag == "VB" or tokens[number].low in ("please", "let", "never", "always"):
        return True
    return tag not in FINITE - {"DO", "MD", "BE", "HV"} and paying_verb(read, number, end) is not None
