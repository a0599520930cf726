"""Where a sentence asserts: its main finite verbs, found without a parser.

Read from left to right. Every word that opens a subordinate clause (who, which, because, "the house we …") owes a finite
verb; a finite verb pays the debt, and the first one found free of debt is the main verb. An opening adjunct is skipped at
its comma; brackets and quoted parts are skipped. Whether an ambiguous word is a verb ("fits", "drawers", "cost") is judged
by its neighbours and by agreement with the subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.negation_finite import Reading, is_finite
from trainer.negation_forms import Token, tags
from trainer.negation_words import (
    ADVERBS,
    AUXILIARIES,
    DETERMINERS,
    NOT,
    NUMBERS,
    PLURAL_PRONOUNS,
    POSSESSIVES,
    PREPOSITIONS,
    PRONOUNS,
    SINGULAR_PRONOUNS,
    STRONG_VERBS,
    SUBJECTS,
    SUBORDINATORS,
    WEAK_SUBORDINATORS,
    words,
)

COLLECTIVE = words("group couple crowd lot number pair variety bunch majority handful team range")
CLOSERS = {"(": ")", "[": "]", "“": "”", "«": "»", '"': '"'}


@dataclass(frozen=True, slots=True)
class Main:
    """A main finite verb: its number, where its clause starts, and whether its subject is plural (None: unknown)."""

    verb: int
    start: int
    plural: bool | None


def main_verb(tokens: Sequence[Token], start: int = 0, end: int | None = None) -> Main | None:
    """The main finite verb between two tokens, or that of the only subordinate clause if it stands alone."""
    end = len(tokens) if end is None else end
    after = after_adjunct(tokens, start, end)
    reading, found = _scan(tokens, after, end)
    if found is None and after > start:
        reading, found = _scan(tokens, start, end)
        after = start
    if (
        found is None
        and tokens[end - 1].low == "."
        and not any("VBG" in tags(token.low) for token in tokens[after:end])
    ):
        reading, found = _scan(tokens, after, end, lenient=True)
    if found is None and reading.paid and tokens[start].low in SUBORDINATORS | {"which", "who"}:
        return Main(reading.paid[0], start, reading.plural)
    return None if found is None else Main(found, after, reading.plural)


def _scan(tokens: Sequence[Token], start: int, end: int, lenient: bool = False) -> tuple[Reading, int | None]:
    reading = Reading(lenient=lenient)
    number = start
    while number < end:
        token = tokens[number]
        if token.low in CLOSERS and (past := _past(tokens, number, end)):
            reading.subject, number = True, past
            continue
        if token.low == "," and reading.owed and tokens[reading.owed[-1] - 1].low == ",":
            reading.owed.clear()  # a clause between commas ends at the second
        elif token.low in ",;:–—" and not reading.owed and token.low in ";:":
            reading = Reading(paid=reading.paid)
        elif _opens(tokens, number, start, end, reading):
            reading.owed.append(number)
            reading.closed = True
            reading.subject = reading.subject or number == start
            if token.low in SUBJECTS and is_finite(tokens, number + 1, end, reading):
                pass
        elif is_finite(tokens, number, end, reading):
            if not reading.owed:
                return reading, number
            reading.owed.pop()
            reading.paid.append(number)
            number = _group_end(tokens, number, end)
            continue
        _read(tokens, number, start, reading)
        number += 1
    return reading, None


def _past(tokens: Sequence[Token], number: int, end: int) -> int | None:
    closer = CLOSERS[tokens[number].low]
    return next((other + 1 for other in range(number + 1, end) if tokens[other].text == closer), None)


def _opens(tokens: Sequence[Token], number: int, start: int, end: int, reading: Reading) -> bool:
    """Whether a subordinate clause with a finite verb of its own begins here."""
    low = tokens[number].low
    before = tokens[number - 1].low if number > start else ""
    after = tokens[number + 1].low if number + 1 < end else ""
    if low in ("that", "those", "this"):
        return low == "that" and _is_clause_that(tokens, number, start, end)
    if low in ("who", "which", "whose", "whom"):
        return number > start
    if low in ("what", "whatever", "whoever", "how", "why", "whether", "if"):
        return not (low == "how" and after in ("to", "many", "much")) and after != "to"
    if low in WEAK_SUBORDINATORS or low in ("as", "than", "before", "after"):
        return (after in SUBJECTS and after != "one") or (low in ("as", "once") and after in ("soon",))
    if low in SUBORDINATORS:
        nxt = tags(after) if after else frozenset()
        return not ("VBG" in nxt or ("VBN" in nxt and not nxt & {"NN", "NNS"}) or (low == "where" and not before))
    return _is_bare_relative(tokens, number, start, reading)


def _is_clause_that(tokens: Sequence[Token], number: int, start: int, end: int) -> bool:
    after = tokens[number + 1].low if number + 1 < end else ""
    if number == start:
        return after in SUBJECTS or after in DETERMINERS
    return bool(tags(tokens[number - 1].low) & {"NN", "NNS", "JJ", "RB"}) or tokens[number - 1].low in PRONOUNS | {","}


def _is_bare_relative(tokens: Sequence[Token], number: int, start: int, reading: Reading) -> bool:
    """ "the campsite we stayed at", "the recipe my aunt wrote": a new subject straight after a noun."""
    low = tokens[number].low
    opens = low in SUBJECTS - {"there", "one"} or (low in POSSESSIVES - {"'s", "'", "her", "whose"})
    opens = opens or (low == "the" and "VB" not in tags(tokens[number - 1].low))
    adjunct = tokens[start].low in PREPOSITIONS or not reading.subject
    return (
        opens
        and number > start
        and not adjunct
        and number - 1 not in reading.paid
        and bool(tags(tokens[number - 1].low) & {"NN", "NNS"})
    )


def _read(tokens: Sequence[Token], number: int, start: int, reading: Reading) -> None:
    """Note the subject and its number as its words go by."""
    low = tokens[number].low
    if reading.closed:
        return
    if low == "of" and number and tokens[number - 1].low in COLLECTIVE:
        return
    if low == "of" and number and tokens[number - 1].low in COLLECTIVE:
        return
    if low in PREPOSITIONS or low in SUBORDINATORS or low == "to":
        if reading.subject:
            reading.closed = True
        return
    if low == "and" and reading.subject:
        reading.plural = True
        return
    if low in PRONOUNS - POSSESSIVES:
        reading.subject = True
        coordinated = reading.plural is True and number > start and tokens[number - 1].low == "and"
        reading.plural = coordinated or (low in PLURAL_PRONOUNS if low not in SINGULAR_PRONOUNS else False)
        return
    possible = tags(low)
    if "VBG" in possible and reading.subject and tags(tokens[number - 1].low) & {"NN", "NNS"}:
        reading.closed = True
        return
    noun = bool(possible & {"NN", "NNS", "VBG"}) or (
        not possible and low[0].isalpha() and low not in DETERMINERS and low not in NUMBERS and low not in ADVERBS
    )
    if noun or (possible and tokens[number].text[:1].isupper() and number > start):
        coordinated = any(token.low in ("and",) for token in tokens[start:number])
        reading.subject, reading.plural = True, coordinated or "NNS" in possible


def _group_end(tokens: Sequence[Token], number: int, end: int) -> int:
    """Past a verb group: has not been being searched."""
    other = number + 1
    while other < end and (
        tokens[other].low in NOT | {"be", "been", "being", "have", "had", "done"}
        or (
            tags(tokens[other].low) & {"VBN", "VBG"}
            and tokens[other - 1].low in AUXILIARIES | NOT | {"be", "been", "being"}
        )
    ):
        other += 1
    return other


def after_adjunct(tokens: Sequence[Token], start: int, end: int) -> int:
    """Past an opening adjunct and its comma: "If it rains, …", "By Friday, …", "To tighten the strap, …"."""
    if start >= end:
        return start
    first = tokens[start].low
    possible = tags(first)
    opens = (
        first in SUBORDINATORS | PREPOSITIONS | ADVERBS | {"to", "according", "thanks", "due", "made", "yes", "because"}
        or possible & {"VBG", "VBN", "RB"}
        or (start + 1 < end and tokens[start + 1].low == ",")
    )
    if not opens or first in SUBJECTS | {"there", "both", "all", "each", "either", "most", "more", "less"}:
        return start
    for number in range(start + 1, end - 1):
        if tokens[number].low == "," and _clause_starts(tokens, number + 1, end):
            return number + 1
    return start


def _clause_starts(tokens: Sequence[Token], number: int, end: int) -> bool:
    low = tokens[number].low
    if low in ("and", "or", "but", "which", "who", "whose", "where", "whom") or low in SUBORDINATORS - {"that"}:
        return False
    possible = tags(low)
    if low in DETERMINERS | SUBJECTS | PRONOUNS | AUXILIARIES or low in ("please", "let", "never", "always"):
        return (
            _scan(tokens, number, end)[1] is not None or "VB" in possible or low in ("please", "let", "never", "always")
        )
    after = tokens[number + 1].low if number + 1 < end else "."
    if "VB" in possible and (low in STRONG_VERBS or tags(after) <= {"RB"} or not possible & {"NN", "JJ", "RB"}):
        return True
    return _scan(tokens, number, end)[1] is not None
