"""What can be said of a word's place before any tag is known: which words stand before it, whether the sentence asks.

The tagger's state is a tag and two counts; what it cannot hold, and the words alone tell, is noted here once per sentence.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from trainer.negation_forms import Token
from trainer.negation_lexicon import candidates
from trainer.negation_words import PREPOSITIONS, WH, words

CAUSING = words(
    "help helps helped helping let lets make makes made making see saw watch watches watched hear heard have has had"
)
PASSIVE = words("is are was were am 're 's be been being has have had 've get gets got")
ACRONYMS = words("WHO IT US ALL OR AM IN IS DO")
SOFTENING = words("so and but then well please ok okay hi hello approximately about roughly exactly")
BREAKS = words(", : ; - – —")
OPENING = words("IN SC SE RB TO VBG VBN")
ASKING = words("do does did can could will would should may might must shall")
POINTING = words("this that these those")


class Place(NamedTuple):
    """What the words around say, whatever their tags."""

    low: str
    before: str
    causes: bool  # help, let, see … have gone by: "help them sell"
    bases: bool  # a modal, "do" or "to" has gone by
    participles: bool  # a form of be or have has gone by
    pending: bool  # a determiner still waits for its noun
    first_comma: bool  # the sentence's first comma stands before
    second_comma: bool  # the second comma stands before, that may close what the first opened
    adjunct_ends: bool  # this is the first comma of a sentence that begins with an adjunct
    fronted: bool  # the sentence begins with an adjunct, and no comma has ended it
    in_adjunct: bool  # before the first comma of a sentence that begins with "after", "since", …
    only_adverbs: bool  # nothing but adverbs stands before
    last: bool
    caption: bool
    asks: bool  # this is the question word
    inverted: bool  # the sentence is a question with its verb before its subject


def is_caption(tokens: Sequence[Token]) -> bool:
    """Whether the text begins as captions do: with "a", a number, "several", or "not"."""
    first = tokens[0].low if tokens else ""
    if len(tokens) > 1 and tokens[1].low == "of":
        return False  # "two of the swimmers"
    return first in ("a", "an", "some", "not") or bool(first and {"CD", "DTP"} & {*candidates(first)})


def places(tokens: Sequence[Token]) -> Iterator[Place]:
    """What the words around each word say."""
    asks, caption = asking_place(tokens), is_caption(tokens)
    adjunct = bool(tokens) and candidates(tokens[0].low)[0] in ("IN", "VBG", "VBN", "TO", "RB", "NOT")
    clause = any(token.low == "," for token in tokens) and {"IN", "SC"} <= {*candidates(tokens[0].low)}
    before, commas, adverbs = "", 0, 0
    causes = bases = participles = pending = near = False
    for number, token in enumerate(tokens):
        only_adverbs, ends = number == adverbs > 0, token.low == "," and commas == 0 and adjunct
        yield Place(
            token.low,
            before,
            causes,
            bases,
            participles,
            pending,
            near and commas == 1,
            near and commas == 2,
            ends,
            adjunct and commas == 0,
            clause and commas == 0,
            only_adverbs,
            number + 1 == len(tokens),
            caption,
            number == asks,
            asks is not None,
        )
        found = candidates(token.low)
        bases = bases or found[0] in ("MD", "DO", "TO")
        near = token.low == "," or (near and found == ("RB",))
        before, commas = token.low, commas + (token.low == ",")
        causes, participles = causes or token.low in CAUSING, participles or token.low in PASSIVE
        pending = (found[0] in ("DT", "DTS") and len(found) == 1) or (pending and set(found) <= {"JJ", "RB"})
        adverbs += number == adverbs and found == ("RB",) and token.low != "there"


def is_inverted(tokens: Sequence[Token]) -> bool:
    """Whether the sentence asks, its verb before its subject: with a question mark, or by "why does …", "can you …"."""
    return asking_place(tokens) is not None


def asking_place(tokens: Sequence[Token]) -> int | None:
    """Where a question's first word stands, at the beginning or behind an opening adjunct."""
    lows = [token.low for token in tokens]
    marked = "?" in lows[-2:]
    if is_condition(tokens):
        return None
    for number, low in enumerate(lows[:-1]):
        if number and lows[number - 1] not in BREAKS and lows[0] not in (*SOFTENING, *PREPOSITIONS):
            continue
        if number and lows[number - 1] == "," and not OPENING & {*candidates(lows[0])} and lows[0] not in SOFTENING:
            continue
        after = candidates(lows[number + 1])
        if tokens[number].text in ACRONYMS or number > 40:
            return None
        if low in ASKING and (
            marked or "PRP" in after or "PRS" in after or after[0] in ("DT", "DTS", "DTP", "NNS", "PN")
        ):
            requested = low == "do" and lows[-1] in (".", "!") and "PRP" not in after
            predicate = (
                low in ("does", "did")
                and not marked
                and after[0][:2] == "DT"
                and not _base_soon(lows[2 + (lows[1] not in POINTING) :])
            )
            return number if marked or (number == 0 and not requested and not predicate) else None
        if number == 0 and low in ("does", "did") and _asks_of_noun(lows):
            return 0
        if marked and number and lows[number - 1] != "," and {"BE", "HV"} & {*candidates(low)}:
            return number
        if low in WH and marked is False and number == 0 and _asks_plainly(lows):
            return 0
        if low in WH and (
            lows[number + 1] in ASKING or (marked and (low not in ("when", "where") or "BE" in after or "HV" in after))
        ):
            return number if marked or number == 0 else None
        if number == 0 and low not in SOFTENING and not BREAKS & {*lows} and candidates(low)[0] != "IN":
            return None
    return None


def _asks_of_noun(lows: Sequence[str]) -> bool:
    """ "does aspirin thin the blood": a noun, and a base form soon."""
    noun = bool({"NN", "NNS"} & {*candidates(lows[1])}) and "RB" not in candidates(lows[1])
    return noun and _base_soon(lows[2:6])


def _base_soon(lows: Sequence[str]) -> bool:
    return any("VB" in candidates(low) for low in lows)


def is_condition(tokens: Sequence[Token]) -> bool:
    """ "Had she asked, …", "Should you need help, …": an inversion that means "if"."""
    if len(tokens) < 4 or tokens[0].low not in ("had", "should", "were") or tokens[-1].low == "?":
        return False
    subject = {"PRP", "PRS", "DT", "DTS", "PN", "NN", "NNS"} & {*candidates(tokens[1].low)}
    return bool(subject) and any(token.low == "," for token in tokens[2:])


def _asks_plainly(lows: Sequence[str]) -> bool:
    """ "what is the limit", "how long do transfers take": questions without their mark."""
    beyond = candidates(lows[2])[0] if len(lows) > 2 else ""
    if lows[1] in ("is", "are", "was", "were"):
        return beyond in ("DT", "DTS", "PRP", "PRS") and lows[-1] not in ".!"
    return len(lows) > 3 and lows[2] in ASKING and bool({"JJ", "NN", "RB"} & {*candidates(lows[1])})


def is_titled(tokens: Sequence[Token]) -> bool:
    """Whether Most Words Begin With a Capital Letter, as in titles."""
    long = [token for token in tokens if len(token.text) > 3 and token.text[0].isalpha()]
    if len(tokens) < 5 and (not tokens or tokens[-1].low not in (".", "!", "?")):
        return len(long) > 1 and all(token.text[0].isupper() for token in long)
    if len(long) > 1 and tokens[-1].low not in (".", "!", "?") and all(token.text[0].isupper() for token in long):
        return sum(token.text[0].isupper() for token in long if token is not tokens[0]) > 1
    return len(long) > 2 and sum(token.text[0].isupper() for token in long) >= 0.75 * len(long)
