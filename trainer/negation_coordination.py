"""Further main verbs of a sentence: "glide smoothly and close silently", "the gym is open and the pool is heated"."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_clauses import Main, main_verb, opens, paying_verb, plural_subject
from trainer.negation_forms import Token
from trainer.negation_lexicon import FINITE
from trainer.negation_tagging import Tagged, tagged

JOINING = frozenset({"CV", "CMV", "SMV"})


def main_verbs(tokens: Sequence[Token], start: int, end: int) -> list[Main]:
    """The main verb and those coordinated with it; none where there is no main verb."""
    first = main_verb(tokens, start, end)
    if first is None:
        return []
    read = tagged(tuple(tokens))
    found, inside, number = [first], False, first.verb + 1
    while number < end - 1:
        if read[number].tag in JOINING:
            own = _own_subject(read, number)
            inside = inside and not (own and (tokens[number - 1].low == "," or read[number].tag != "CV"))
            other = paying_verb(read, number + 1, end)
            if other and not own and read[other].tag == "VBP" and not _takes_base(tokens, read, found[-1]):
                other = None
            if other and (not inside or _fits_outside(tokens, read, found[-1].verb, number, other)):
                if read[number].tag == "CV" or not _asks(read, number + 1):
                    found.append(Main(other, number + 1, plural_subject(read, other)))
                number, inside = other, False
        elif opens(read, number):
            inside = True
        number += 1
    return found


def _own_subject(read: Sequence[Tagged], joint: int) -> bool:
    """Whether a subject follows the joint, and not at once a verb."""
    number = joint + 1
    while number < len(read) - 1 and read[number].tag in ("RB", "NOT"):
        number += 1
    return read[number].tag not in FINITE


def _takes_base(tokens: Sequence[Token], read: Sequence[Tagged], main: Main) -> bool:
    """Whether a present plural form may go on from the verb: not after "should use" (it shares the modal), nor "is"."""
    return read[main.verb].tag not in ("MD", "DO", "VBZ") and tokens[main.verb].low not in ("is", "was", "has")


def _asks(read: Sequence[Tagged], number: int) -> bool:
    return read[number].tag in ("DO", "MD", "WH", "SC")


def _fits_outside(tokens: Sequence[Token], read: Sequence[Tagged], main: int, joint: int, verb: int) -> bool:
    """ "measures your heart while you sleep and sends …": a form that the main verb has and the clause between has not."""
    between = {read[number].tag for number in range(main + 1, joint)} & FINITE
    return not _own_subject(read, joint) and read[verb].tag == read[main].tag and read[verb].tag not in between
