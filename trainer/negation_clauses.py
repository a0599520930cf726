"""Where a sentence asserts: its main finite verbs, found without a parser.

Read from left to right. Every word that opens a subordinate clause (who, which, because, "the house we …") owes a finite
verb; a finite verb pays the debt, and the first one found free of debt is the main verb. An opening adjunct is skipped at
its comma; brackets and quoted parts are skipped. Whether an ambiguous word is a verb ("fits", "drawers", "cost") is judged
by its neighbours and by agreement with the subject.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from trainer.negation_forms import Token, tags
from trainer.negation_tables import leanings
from trainer.negation_words import (
    ADVERBS,
    AUXILIARIES,
    DETERMINERS,
    MODALS,
    NOT,
    NUMBERS,
    PARTICLES,
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

FINITE = frozenset({"VB", "VBZ", "VBD"})
COLLECTIVE = words("group couple crowd lot number pair variety bunch majority handful team range")
STATIVE = words("dressed covered seated surrounded located based situated entitled titled named clad aged")
CLOSERS = {"(": ")", "[": "]", "“": "”", "«": "»", '"': '"'}


@dataclass(frozen=True, slots=True)
class Main:
    """A main finite verb: its number, where its clause starts, and whether its subject is plural (None: unknown)."""

    verb: int
    start: int
    plural: bool | None


@dataclass
class _Reading:
    """What has been read of a clause so far."""

    subject: bool = False
    plural: bool | None = None
    lenient: bool = False  # take even words that are mostly nouns for verbs
    closed: bool = False  # the head of the subject is past: what follows are its attributes
    owed: list[int] = field(default_factory=list)  # where the open subordinate clauses began
    paid: list[int] = field(default_factory=list)  # their finite verbs


def main_verb(tokens: Sequence[Token], start: int = 0, end: int | None = None) -> Main | None:
    """The main finite verb between two tokens, or that of the only subordinate clause if it stands alone."""
    end = len(tokens) if end is None else end
    after = _after_adjunct(tokens, start, end)
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


def _scan(tokens: Sequence[Token], start: int, end: int, lenient: bool = False) -> tuple[_Reading, int | None]:
    reading = _Reading(lenient=lenient)
    number = start
    while number < end:
        token = tokens[number]
        if token.low in CLOSERS and (past := _past(tokens, number, end)):
            reading.subject, number = True, past
            continue
        if token.low == "," and reading.owed and tokens[reading.owed[-1] - 1].low == ",":
            reading.owed.clear()  # a clause between commas ends at the second
        elif token.low in ",;:–—" and not reading.owed and token.low in ";:":
            reading = _Reading(paid=reading.paid)
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


def _opens(tokens: Sequence[Token], number: int, start: int, end: int, reading: _Reading) -> bool:
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


def _is_bare_relative(tokens: Sequence[Token], number: int, start: int, reading: _Reading) -> bool:
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


def is_finite(tokens: Sequence[Token], number: int, end: int, reading: _Reading) -> bool:
    """Whether the word is a finite verb where it stands."""
    low = tokens[number].low
    before = tokens[number - 1].low if number else ""
    after = tokens[number + 1].low if number + 1 < end else ""
    if low in AUXILIARIES:
        return _is_finite_auxiliary(tokens, number, before, after, reading)
    if low == "like":
        return before in ("i", "you", "we", "they") or (
            reading.plural is True and "NNS" in tags(before) and not _verb_ahead(tokens, number + 1, reading)
        )
    possible = tags(low)
    owed = bool(reading.owed) and reading.owed[-1] >= number - 2
    if not possible & FINITE or not (reading.subject or owed) or number == 0:
        return False
    if (
        before in (DETERMINERS - PRONOUNS) | POSSESSIVES | PREPOSITIONS | NUMBERS | {"to"} | MODALS | NOT
        or before == "the"
    ) and (before not in PRONOUNS or before in POSSESSIVES or (before == "one" and "VB" in possible)):
        return False
    if low in STATIVE and after in PREPOSITIONS:
        return False
    if "VBD" in possible and not ("VB" in possible and reading.plural is not False):
        if before == "," and "VBN" in possible and after in PREPOSITIONS and not reading.paid:
            return False  # ", designed by him, is": a participle, unless the comma closes a relative clause
        return _is_past(tokens, number, end, before, after, possible)
    if "VBZ" in possible:
        return _is_third_person(before, after, possible, reading, tokens, number)
    return _is_plural_present(before, after, possible, reading, tokens, number)


def _is_finite_auxiliary(tokens: Sequence[Token], number: int, before: str, after: str, reading: _Reading) -> bool:
    low = tokens[number].low
    if low == "'s":
        return _is_verbal_s(tokens, number, before, after)
    if low in ("can", "will", "might", "may", "must", "have", "do") and number:
        nominal = before in (DETERMINERS - PRONOUNS) | {"to"} | (MODALS - {"can"}) | {"'s"}
        month = low == "may" and tokens[number].text == "May" and (before in PREPOSITIONS or not reading.subject)
        return not nominal and not month
    return not (low in ("does", "did", "had") and before == "to")


def _is_verbal_s(tokens: Sequence[Token], number: int, before: str, after: str) -> bool:
    if before in ("let",):
        return False
    if before in SUBJECTS | {
        "that",
        "what",
        "who",
        "here",
        "where",
        "how",
        "this",
        "everyone",
        "everything",
        "something",
    }:
        return True
    nxt = tags(after) if after else frozenset()
    return after in ("a", "an", "the", "not", "been", "in", "on", "at", "to", "so", "too", "very", "n't") or (
        nxt <= {"VBG", "VBN", "VBD"} and bool(nxt)
    )


def _is_past(tokens: Sequence[Token], number: int, end: int, before: str, after: str, possible: frozenset[str]) -> bool:
    if before in SUBJECTS | {"who", "which"}:
        return True  # no participle follows "she" or "who"
    earlier = _tags_at(tokens, number - 1)
    if before and not (earlier & {"NN", "NNS", "RB", "VBN"} or before in PRONOUNS or before in ",)”\"'" or not earlier):
        return False
    if earlier == {"JJ"} or (earlier and "RB" in earlier and number == 1 and before != "there"):
        return False
    if "VBN" in possible and tags(after) & {"NN", "NNS"} and after not in DETERMINERS and earlier & {"JJ"}:
        return not _finite_follows(tokens, number + 1, end)
    if "VBN" in possible and tags(after) & {"NN", "NNS"} and after not in DETERMINERS and earlier & {"JJ"}:
        return not _finite_follows(tokens, number + 1, end)
    if "VBN" in possible and after and (after in PREPOSITIONS or tags(after) & {"RB"} or after == "to"):
        return not _finite_follows(tokens, number + 1, end)
    return True


def _finite_follows(tokens: Sequence[Token], number: int, end: int) -> bool:
    """A participle is a reduced relative clause ("goods sold by us cost less") when a surer verb follows at its level."""
    for other in range(number, end):
        low, before = tokens[other].low, tokens[other - 1].low
        joined = before in ("and", ",") and (low in DETERMINERS or low in SUBJECTS)
        if (
            joined
            or low in SUBORDINATORS | {";", "than", "who", "which", "whose", "but", "or", ":", "("}
            or low in SUBJECTS
        ):
            return False
        if low in AUXILIARIES - {"'s", "'d", "ca", "wo", "do"}:
            return before not in ("to", "and") and low != "have"
        if _is_sure_verb(tokens, other, end) and before not in DETERMINERS | {"and"}:
            return True
    return False


def _is_sure_verb(tokens: Sequence[Token], number: int, end: int) -> bool:
    low, after = tokens[number].low, tokens[number + 1].low if number + 1 < end else ""
    possible = tags(low)
    if possible and possible <= {"VBZ", "VBD"}:
        return True
    goes_on = after in DETERMINERS | PREPOSITIONS or tags(after) == {"RB"}
    return "VBZ" in possible and leanings().get(low) != "noun" and goes_on


def _is_third_person(
    before: str, after: str, possible: frozenset[str], reading: _Reading, tokens: Sequence[Token], number: int
) -> bool:
    if before in PLURAL_PRONOUNS - {"this", "you"} and before not in SINGULAR_PRONOUNS:
        return before in ("which", "who", "that")
    if not possible & {"NNS", "NN"}:
        return True
    leaning = leanings().get(tokens[number].low)
    gerund = "VBG" in tags(before) and (leaning == "noun" or (leaning is None and number == 1))
    if before[:1].isdigit() or gerund or before in SUBORDINATORS - {"that", "what", "where"}:
        return False
    if before == "and" or (leanings().get(tokens[number].low) == "noun" and not _surely_verb(before, after)):
        return (
            before != "and"
            and not reading.closed
            and _surely_goes_on(after)
            and not _verb_ahead(tokens, number + 1, reading)
        )
    if reading.plural is True and not reading.owed:
        return False
    following = tags(after) if after else frozenset()
    if after in AUXILIARIES or after == "of" or (following and following <= {"VBZ", "VBD", "VB"}):
        return False
    if before in SINGULAR_PRONOUNS | {"which", "who", "that"} or before in ADVERBS:
        return True
    if not tags(before) & {"NN", "VBG", "RB"} and tags(before):
        return False
    return after not in (",", "and", "or", "'", ".", "") or not _verb_ahead(tokens, number + 1, reading)


def _tags_at(tokens: Sequence[Token], number: int) -> frozenset[str]:
    """The tags of a word where it stands: with a capital inside the sentence it may be a name."""
    found = tags(tokens[number].low) if number >= 0 else frozenset()
    return found | {"NN"} if number > 0 and tokens[number].text[:1].isupper() and "NNS" not in found else found


def _surely_goes_on(after: str) -> bool:
    return after in PREPOSITIONS | DETERMINERS | ADVERBS | PARTICLES | {"to"} or bool(tags(after) & {"NNS", "RB"})


def _surely_verb(before: str, after: str) -> bool:
    """Around a word that is mostly a noun: only these make it a verb."""
    return before in SUBJECTS | {"who", "which"} or after in (DETERMINERS | {"it", "them", "him", "me", "us"}) - {
        "that"
    }


def _verb_ahead(tokens: Sequence[Token], number: int, reading: _Reading) -> bool:
    for other in range(number, len(tokens)):
        if tokens[other].low in AUXILIARIES:
            return True
        possible = tags(tokens[other].low)
        if possible and possible <= {"VBZ", "VBD", "VBN", "VB"}:
            return True
    return False


def _is_plural_present(
    before: str, after: str, possible: frozenset[str], reading: _Reading, tokens: Sequence[Token], number: int
) -> bool:
    if before in SUBJECTS - {"he", "she", "it", "there", "one"} or before in ("who", "which", "that"):
        return True
    if reading.owed and reading.owed[-1] == number - 1:
        return False
    if before in PLURAL_PRONOUNS - {"you", "us", "them"}:
        return True
    if reading.plural is not True and not reading.owed:
        return False
    earlier, nominal = _tags_at(tokens, number - 1), possible & {"NN", "JJ"}
    leaning = leanings().get(tokens[number].low) if nominal else None
    if leaning == "noun" and not _surely_verb(before, after):
        return False
    if leaning == "verb" and after != "of" and (earlier & {"NN", "NNS"} or (not earlier and before != "and")):
        return True
    if not nominal:
        return bool(earlier & {"NN", "NNS", "RB"}) or before in (",", "", ")") or before in ADVERBS
    if before in ADVERBS or "NNS" in earlier:
        return not (after in AUXILIARIES and after not in ("do",)) and before != "'s"
    good = after in DETERMINERS | PREPOSITIONS | PRONOUNS | ADVERBS | {"to", ".", ""} or bool(
        tags(after) & {"RB", "NNS"}
    )
    if before in (",", ")"):
        return good
    return "NN" in earlier and good and "JJ" not in earlier and not _verb_ahead(tokens, number + 1, reading)


def _read(tokens: Sequence[Token], number: int, start: int, reading: _Reading) -> None:
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


def _after_adjunct(tokens: Sequence[Token], start: int, end: int) -> int:
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
