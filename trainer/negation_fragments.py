"""Fragments and titles without a main verb: with → without, "not suitable", "batteries not included", "how not to …"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from trainer.negation_captions import flip_caption
from trainer.negation_forms import Token, tags
from trainer.negation_headlines import is_headline
from trainer.negation_moods import lowered
from trainer.negation_places import is_titled
from trainer.negation_predicates import flip_predicate
from trainer.negation_scope import article, without_negation
from trainer.negation_tables import less, prefixes, unprefixed
from trainer.negation_tagging import tagged
from trainer.negation_verbs import Edits
from trainer.negation_words import PREPOSITIONS, words

PROOF = ("proof", "resistant", "friendly", "safe", "compatible")
ANSWERS = {"yes": "no", "no": "yes", "none": "yes"}
BEFORE_INFINITIVES = words("how what where when which whether way ways things")
SWITCHED = {"on": "off", "off": "on"}
PRAISING = words(
    "remarkable considerable comfortable enjoyable valuable fashionable favourable favorable likeable lovable adorable notable "
    "affordable preferable reasonable honourable suitable capable amicable"
)  # judgements, and what takes another prefix
STATES = words("open closed shut up down attached removed missing included raised lowered")  # "with the door closed"


def flip_fragment(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """The edits that negate a text without a main verb, or None: most names and noun groups have no negation."""
    for rule in (_answer, _not_away, _with, flip_predicate, _infinitive, flip_caption, _inner_with, _adjective_title):
        found = rule(tokens, end)
        if found:
            return found
    return None


def _not(tokens: Sequence[Token]) -> str:
    return "Not" if is_titled(tokens) else "not"


def _answer(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """ "Battery included: yes" → "Battery included: no", "Yes." → "No."."""
    last = end - 1 if tokens[end - 1].low not in (".", "!") else end - 2
    opposite = ANSWERS.get(tokens[last].low)
    if opposite and (last == 0 or (last > 1 and tokens[last - 1].low == ":")):
        return {last: _like(tokens[last].text, opposite)}, "yes, no"
    return None


def _not_away(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    opening = {"nothing": "something", "nobody": "somebody", "nowhere": "somewhere"}.get(tokens[0].low)
    if opening:
        return {0: _like(tokens[0].text, opening)}, "quantifier"
    for number in range(end):
        low, after = tokens[number].low, tokens[number + 1].low if number + 1 < end else ""
        if low == "not" and after == "yet":
            return {number: "already", number + 1: ""}, "fragment, not away"
        if low == "never" and number and tokens[number - 1].low == "than":
            return None  # "better late than never"
        if low in ("not", "never"):
            edits: Edits = {number: "", **without_negation(tokens, number + 1, end)}
            return edits, "fragment, not away"
        if low == "no":
            return _no_away(tokens, number, end, after)
        if low.startswith("non-") and len(low) > 6 and "JJ" in tags(low[4:]):
            return {number: tokens[number].text[4:]}, "prefix"
    return None


def _no_away(tokens: Sequence[Token], number: int, end: int, after: str) -> tuple[Edits, str] | None:
    """ "no longer made" → "still made", "no sugar added" → "sugar added"; not "part no. 12"."""
    if after in ("matter", ".", ":", "") or after[:1].isdigit():
        return None
    if after == "longer":
        return {number: "still", number + 1: ""}, "no longer, still"
    if number == 0 and end > 2 and "VBN" in tags(tokens[end - 1].low):
        return {number: ""}, "determiner no away"
    return {number: article(tokens, number + 1, end)}, "determiner no away"


def _with(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    first = tokens[0].low
    if any(one.low == "or" and two.low == "without" for one, two in pairwise(tokens)):
        return None
    if first == "with" and not any(token.low == "," for token in tokens[: end - 1]):
        return _without(tokens, 0)
    for number in range(end):
        if tokens[number].low == "without":
            after = tokens[number + 1].low if number + 1 < end else ""
            edits: Edits = {number: _like(tokens[number].text, "with")}
            return edits | ({number + 1: ""} if after == "any" else {}), "without, with"
    return None


def _without(tokens: Sequence[Token], number: int) -> tuple[Edits, str]:
    after = tokens[number + 1].low if number + 1 < len(tokens) else ""
    edits: Edits = {number: _like(tokens[number].text, "without")}
    if after == "some":
        edits[number + 1] = "any"
    return edits, "with, without"


def _like(pattern: str, text: str) -> str:
    return text.capitalize() if pattern[:1].isupper() else text


def _infinitive(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """ "How to prune" → "how not to prune", "Mayor to reopen baths" → "Mayor not to reopen baths"."""
    for number in range(min(end - 1, 8)):
        if tokens[number].low == "to" and (
            "VB" in tags(tokens[number + 1].low) or tokens[number + 1].low in ("be", "have", "do")
        ):
            before = tokens[number - 1].low if number else ""
            if not before or before in BEFORE_INFINITIVES or _names(tokens, number):
                word = "to" if number else lowered(tokens[0])
                return {number: f"{_not(tokens)} {word}"}, "infinitive not"
        if tokens[number].low in PREPOSITIONS:
            return None
    return None


def _names(tokens: Sequence[Token], number: int) -> bool:
    """Whether a subject or a plural noun stands before "to": "Mayor to …", "foods to eat"."""
    plain = tokens[-1].low not in ".!?" and tags(tokens[number - 1].low) == {"NNS"} and number <= 2
    return plain or is_headline(tokens, number)


def _inner_with(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """ "a coat with a hood"; not a list ("bag with zips, pockets, strap"), where it would be unclear how far it reaches."""
    number = next((number for number in range(1, end) if tokens[number].low == "with"), None)
    if number is None or [token.low for token in tokens[number:]].count(",") > 1:
        return None
    return _state(tokens, number, end) or _without(tokens, number)


def _state(tokens: Sequence[Token], number: int, end: int) -> tuple[Edits, str] | None:
    """ "with the lid off" → "with the lid on", "with the door closed" → "with the door not closed"."""
    last = end - 1 if tokens[end - 1].word else end - 2
    if last < number + 2 or tagged(tuple(tokens))[last - 1].tag not in ("NN", "NNS"):
        return None
    low = tokens[last].low
    if low in SWITCHED:
        return {last: SWITCHED[low]}, "antonym"
    return ({last: f"not {tokens[last].text}"}, "participle not") if low in STATES else None


def _adjective_title(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """ "Waterproof hiking jacket" → "non-waterproof hiking jacket", "Visible seam" → "invisible seam" and back."""
    start = 1 if tokens[0].low in ("a", "an", "the") else 0
    if start >= end - 1 or tokens[-1].low == "!" or tokens[start + 1].low == ",":
        return None
    low, text = tokens[start].low, tokens[start].text
    if low.endswith(PROOF) and len(low) > 6:
        return {start: f"{_like(text, 'non')}-{lowered(tokens[start])}"}, "prefix"
    other = less().get(low, "") if low.endswith("less") else ""
    if other and " " not in other:
        return _replaced(tokens, start, other, "-less")
    other = prefixes().get((low, "adj")) or unprefixed().get((low, "adj")) or ""
    if other:
        return _replaced(tokens, start, other, "prefix")
    able = _from_verb(low) and tags(low) == {"JJ"}
    return ({start: f"{_like(text, 'non')}-{lowered(tokens[start])}"}, "prefix") if able and start == 0 else None


def _from_verb(low: str) -> bool:
    """ "foldable", "rechargeable", not "terrible" or "remarkable"."""
    stem = low[:-4]
    plain = low.endswith("able") and len(stem) > 2 and low not in PRAISING
    return plain and any("VB" in tags(verb) for verb in (stem, f"{stem}e", stem[:-1]))


def _replaced(tokens: Sequence[Token], start: int, other: str, rule: str) -> tuple[Edits, str]:
    """The adjective replaced, and the article before it fitted to its sound."""
    edits: Edits = {start: _like(tokens[start].text, other)}
    if start and tokens[0].low in ("a", "an"):
        edits[0] = _like(tokens[0].text, "an" if other[0] in "aeiou" else "a")
    return edits, rule
