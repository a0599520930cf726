"""Whether a word is a finite verb where it stands, judged by its neighbours and by agreement with the subject.

"fits", "drawers" and "cost" can be verbs or nouns. What stands before and after decides, then whether the word is mostly a
noun or a verb in everyday text (`negation_tables.leanings`), then whether a surer verb follows.
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
    SUBJECTS,
    SUBORDINATORS,
    words,
)

FINITE = frozenset({"VB", "VBZ", "VBD"})
STATIVE = words("dressed covered seated surrounded located based situated entitled titled named clad aged")


@dataclass(slots=True)
class Reading:
    """What has been read of a clause so far."""

    subject: bool = False
    plural: bool | None = None
    lenient: bool = False  # take even words that are mostly nouns for verbs
    closed: bool = False  # the head of the subject is past: what follows are its attributes
    owed: list[int] = field(default_factory=list)  # where the open subordinate clauses began
    paid: list[int] = field(default_factory=list)  # their finite verbs


def is_finite(tokens: Sequence[Token], number: int, end: int, reading: Reading) -> bool:
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


def _is_finite_auxiliary(tokens: Sequence[Token], number: int, before: str, after: str, reading: Reading) -> bool:
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
    before: str, after: str, possible: frozenset[str], reading: Reading, tokens: Sequence[Token], number: int
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


def _verb_ahead(tokens: Sequence[Token], number: int, reading: Reading) -> bool:
    for other in range(number, len(tokens)):
        if tokens[other].low in AUXILIARIES:
            return True
        possible = tags(tokens[other].low)
        if possible and possible <= {"VBZ", "VBD", "VBN", "VB"}:
            return True
    return False


def _is_plural_present(
    before: str, after: str, possible: frozenset[str], reading: Reading, tokens: Sequence[Token], number: int
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
