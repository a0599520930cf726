"""Further main verbs of a sentence: "glide smoothly and close silently", "the gym is open and the pool is heated"."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_clauses import Main, main_verb
from trainer.negation_forms import Token, tags
from trainer.negation_verbs import is_auxiliary, tense
from trainer.negation_words import (
    ADVERBS,
    AUXILIARIES,
    DETERMINERS,
    MODALS,
    PLURAL_ONLY,
    PREPOSITIONS,
    PRONOUNS,
    SUBJECTS,
    SUBORDINATORS,
)

JOINING = frozenset({"and", "but", "or", "so", ";", "yet"})


def main_verbs(tokens: Sequence[Token], start: int, end: int) -> list[Main]:
    """The main verb and those coordinated with it; none where there is no main verb."""
    first = main_verb(tokens, start, end)
    if first is None:
        return []
    found, inside = [first], False
    number = first.verb + 1
    while number < end - 1:
        low = tokens[number].low
        if low in (SUBORDINATORS - {"as", "since", "before", "after", "until", "than"}) | {"who", "which", "whose"}:
            inside = True
        elif (low in (",", ";") and tokens[number + 1].low in JOINING | {"which", "who", "where"}) or low == ";":
            inside = low == "," and tokens[number + 1].low not in JOINING
        elif low in JOINING and (not inside or _is_outside(tokens, found[-1], number)):
            other = _joined(tokens, number, end, found[-1])
            if other:
                found.append(other)
                number = other.verb
        number += 1
    return found


def _is_outside(tokens: Sequence[Token], main: Main, number: int) -> bool:
    """ "measures your heart while you sleep and sends …": a form that the main verb has and the clause between has not."""
    between = [token.low for token in tokens[main.verb + 1 : number]]
    after = tags(tokens[number + 1].low)
    third = "VBZ" in after and "NNS" not in after and "VBZ" in tags(tokens[main.verb].low)
    return third and not any("VBZ" in tags(low) or low in ("is", "has", "does") for low in between)


def _joined(tokens: Sequence[Token], number: int, end: int, earlier: Main) -> Main | None:
    verb = number + 1
    while verb < end and (tokens[verb].low in ADVERBS - {"both", "all", "each"} or tags(tokens[verb].low) == {"RB"}):
        verb += 1
    if verb >= end:
        return None
    if tokens[number].low != "so" and _same_tense(tokens, verb, end, earlier):
        return Main(verb, verb, earlier.plural)
    return _clause(tokens, number, verb, end)


def _same_tense(tokens: Sequence[Token], verb: int, end: int, earlier: Main) -> bool:
    low, possible = tokens[verb].low, tags(tokens[verb].low)
    after = tokens[verb + 1].low if verb + 1 < end else ""
    auxiliary = is_auxiliary(tokens, earlier.verb)
    if low in AUXILIARIES - {"'s", "'d", "have", "do", "be"}:
        return low not in MODALS - {"can", "will"} or tokens[verb].low in MODALS
    if auxiliary:
        past = "VBD" in possible and "VBN" not in possible
        present = "VBZ" in possible and ("NNS" not in possible or _goes_on(after))
        return (past or present) and tokens[earlier.verb].low not in MODALS
    form = tense(tokens, earlier)
    if form == "VBZ":
        return "VBZ" in possible and ("NNS" not in possible or _goes_on(after))
    if form == "VBD":
        return (
            "VBD" in possible and not ("JJ" in possible and tags(after) & {"NN", "NNS"}) and after not in (",", ".", "")
        ) or ("VBD" in possible and "VBN" not in possible)
    plural = "VB" in possible or low in ("have", "do")
    return plural and (not possible & {"NN", "JJ"} or after in DETERMINERS | PRONOUNS or tags(after) == {"RB"})


def _goes_on(after: str) -> bool:
    return after in DETERMINERS | PREPOSITIONS | PRONOUNS | {"to"} or after in ADVERBS or tags(after) == {"RB"}


def _clause(tokens: Sequence[Token], number: int, start: int, end: int) -> Main | None:
    """An independent clause with a subject of its own."""
    low = tokens[start].low
    comma = tokens[number - 1].low == "," or tokens[number].low == ";"
    if not (comma or low in DETERMINERS | SUBJECTS | PLURAL_ONLY) or low in PREPOSITIONS or low in SUBORDINATORS:
        return None
    found = main_verb(tokens, start, end)
    if found is None or found.verb == start:
        return None
    if not comma and any(token.low in JOINING | {","} for token in tokens[start : found.verb]):
        return None
    verb = tokens[found.verb].low
    after = tokens[found.verb + 1].low if found.verb + 1 < end else ""
    pronoun = tokens[found.verb - 1].low in SUBJECTS
    if (
        verb not in AUXILIARIES
        and not pronoun
        and tags(verb) & {"NN", "NNS", "JJ"}
        and not (_goes_on(after) or tags(after) & {"JJ"})
    ):
        return None
    return Main(found.verb, start, found.plural)
