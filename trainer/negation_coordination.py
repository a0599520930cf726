"""Further main verbs of a sentence: "glide smoothly and close silently", "the gym is open and the pool is heated"."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_clauses import Main, main_verb, opens, paying_verb, plural_subject
from trainer.negation_forms import Token, tags
from trainer.negation_lexicon import FINITE, INTRANSITIVE
from trainer.negation_tables import tag_words
from trainer.negation_tagging import Tagged, tagged
from trainer.negation_words import PREPOSITIONS

ARTICLES = frozenset({"a", "an", "the", "this", "its", "every"})
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
                    found += _series(tokens, read, found[-1], number) if other == number + 1 else []
                    found.append(Main(other, number + 1, plural_subject(read, other)))
                number, inside = other, False
        elif opens(read, number):
            inside = True
        elif tokens[number].low == "and" and not inside and _ends_series(tokens, read, found, number):
            found += _series(tokens, read, found[-1], number)
            if read[found[0].verb].tag in tags(tokens[number + 1].low):
                found.append(Main(number + 1, number + 1, found[0].plural))
                number += 1
        elif tokens[number].low == "and" and not inside and _may_go_on(tokens, read, found[-1], number):
            found.append(Main(number + 1, number + 1, found[-1].plural))
            number += 1
        number += 1
    return found


def _series(tokens: Sequence[Token], read: Sequence[Tagged], first: Main, joint: int) -> list[Main]:
    """The verbs between commas that were read as something else: "breathes, stretches and dries", "packed, locked the door and
    left"."""
    tag = read[first.verb].tag
    if tag not in ("VBZ", "VBD"):
        return []
    starts = [number + 1 for number in range(first.verb + 1, joint - 1) if tokens[number].low == ","]
    return [Main(n, n, first.plural) for n in starts if tag in tags(tokens[n].low) and _acts(tokens, read, n, joint)]


def _ends_series(tokens: Sequence[Token], read: Sequence[Tagged], found: Sequence[Main], joint: int) -> bool:
    """Whether the word behind "and" ends a series: "packed, locked the door and left.", "smiled, took her coat and left."."""
    ends = joint + 2 < len(tokens) and tokens[joint + 2].low in (".", "!")
    third = len(found) > 1 and ends and read[found[0].verb].tag in tags(tokens[joint + 1].low)
    return third or bool(_series(tokens, read, found[-1], joint))


def _acts(tokens: Sequence[Token], read: Sequence[Tagged], number: int, joint: int) -> bool:
    """Whether a word behind a comma goes on as verbs do: alone before "and", or with an object, an adverb, or unmistakably."""
    low, after = tokens[number].low, read[number + 1].tag
    if number + 1 == joint or tokens[number + 1].low == ",":
        return read[joint + 1].tag in FINITE
    if "VBN" in tags(low) and low not in INTRANSITIVE:
        return after in ("DT", "DTS", "DTP", "CD", "PRX")
    return after in ("DT", "DTS", "DTP", "CD", "PRX", "RB", "IN", "TO")


def _may_go_on(tokens: Sequence[Token], read: Sequence[Tagged], first: Main, joint: int) -> bool:
    """ "runs along the river and ends at a chapel": a plural noun by its tag, but what it would join has an article."""
    if read[first.verb].tag != "VBZ" or read[joint - 1].tag != "NN" or joint + 2 >= len(tokens):
        return False
    verb = "VBZ" in tags(tokens[joint + 1].low) and read[joint + 1].tag == "NNS"
    article = any(token.low in ARTICLES for token in tokens[joint - 3 : joint - 1])
    seen = tag_words().get(tokens[joint + 1].low, {})
    usual = seen.get("VBZ", 0) > 0.4 * max(5, sum(seen.values()))  # "works", hardly "stamps"
    return verb and (article or usual) and tokens[joint + 2].low in PREPOSITIONS - {"of"}


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
