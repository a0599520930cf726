"""Fragments and titles without a main verb: with → without, "not suitable", "batteries not included", "how not to …"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from trainer.negation_captions import INTRANSITIVE, flip_caption
from trainer.negation_clauses import Main
from trainer.negation_forms import Token, tags
from trainer.negation_moods import lowered
from trainer.negation_places import is_titled
from trainer.negation_scope import article, without_negation
from trainer.negation_tables import less, prefixes, unprefixed
from trainer.negation_tagging import tagged
from trainer.negation_verbs import Edits, negate_verb
from trainer.negation_words import ADVERBS, AUXILIARIES, DETERMINERS, NUMBERS, PREPOSITIONS, PRONOUNS, words

BECOMING = words("felt looked seemed got became went kept stayed")
PROOF = ("proof", "resistant", "friendly", "safe", "compatible")


def flip_fragment(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """The edits that negate a text without a main verb, or None: most names and noun groups have no negation."""
    for rule in (_specification, _not_away, _with, _start, _infinitive, flip_caption, _inner_with, _adjective_title):
        found = rule(tokens, end)
        if found:
            return found
    return None


def _not(tokens: Sequence[Token]) -> str:
    return "Not" if is_titled(tokens) else "not"


def _specification(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """ "Battery included: yes" → "Battery included: no"."""
    last = end - 1 if tokens[end - 1].low != "." else end - 2
    opposite = {"yes": "no", "no": "yes", "none": "yes"}.get(tokens[last].low)
    if opposite and last > 1 and tokens[last - 1].low == ":":
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
        if low in ("not", "never"):
            edits: Edits = {number: "", **without_negation(tokens, number + 1, end)}
            return edits, "fragment, not away"
        if low == "no" and after == "longer":
            return {number: "still", number + 1: ""}, "no longer, still"
        if low == "no" and number and after != "matter":
            return {number: article(tokens, number + 1, end)}, "determiner no away"
        if low == "no" and end > 2 and "VBN" in tags(tokens[end - 1].low):
            return {number: ""}, "determiner no away"
        if low == "no" and after not in ("matter", "."):
            return {number: article(tokens, number + 1, end)}, "determiner no away"
        if low.startswith("non-") and len(low) > 6:
            return {number: tokens[number].text[4:]}, "prefix"
    return None


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


def _start(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """Predicates that lack their subject: "suitable for …", "made in …", "fits under …", "would recommend"."""
    first = tokens[0].low
    after = tokens[1].low if end > 1 else ""
    possible = tags(first)
    if first in ("dear", "happy", "wishing", "sincerely", "yours") or (tokens[-1].low == "!" and "VBG" in possible):
        return None
    if first == "out" and after == "of":
        return {0: _like(tokens[0].text, "in"), 1: ""}, "antonym"
    if first == "unlike":
        return {0: _like(tokens[0].text, "like")}, "prefix"
    if is_titled(tokens) and first in PREPOSITIONS - {"for"}:
        return None
    if tagged(tuple(tokens))[0].tag == "VBZ" and not is_titled(tokens) and (end < 3 or "JJ" in tags(after)):
        return negate_verb(tokens, Main(0, 0, False))
    positive = unprefixed().get((first, "adj"))
    if positive and after in PREPOSITIONS | {"to", ""}:
        return {0: _like(tokens[0].text, positive)}, "prefix"
    if first in AUXILIARIES and not first.startswith("'"):
        return negate_verb(tokens, Main(0, 0, False if first in ("is", "has", "does", "was") else None))
    if first in (
        "for",
        "from",
        "in",
        "within",
        "under",
        "by",
        "on",
        "at",
        "worth",
        "like",
        "into",
        "of",
        "as",
        "over",
        "above",
        "below",
        "near",
        "inside",
        "outside",
        "up",
    ):
        return _lead(tokens, 0)
    bare = not possible & {"NN", "NNS"} and bool(tags(after) & {"NN", "NNS", "JJ"})
    if "VBZ" in possible and "NN" not in possible and (_goes_on(after) or bare) and not is_titled(tokens):
        return negate_verb(tokens, Main(0, 0, False))
    if (
        "VBD" in possible
        and ("VBN" not in possible or first in INTRANSITIVE | BECOMING)
        and (_goes_on(after) or (first in BECOMING and "JJ" in tags(after)))
        and not is_titled(tokens)
    ):
        return negate_verb(tokens, Main(0, 0, False))
    if possible & {"VBN", "VBG"} and (
        _goes_on(after)
        or not after
        or (first in ("having", "being") and "VBN" in tags(after))
        or (after == "," and "VBN" in possible)
    ):
        return _lead(tokens, 0)
    if "VBG" in possible and "NN" not in possible and "NNS" in tags(after):
        return _lead(tokens, 0)
    if "JJ" in possible and (after in PREPOSITIONS | {"to", "and", "or", ",", "", ".", "enough", "!", "when", "if"}):
        return _coordinated(tokens, end) if not ({"NN"} & possible and after in (",",)) else None
    return _start_adverb(tokens, end)


def _start_adverb(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """ "very easy to assemble", "currently in stock", "lightly roasted"."""
    first, after = tokens[0].low, tokens[1].low if end > 1 else ""
    if first == "more" and after == "than":
        return _lead(tokens, 0)
    if "RB" not in tags(first) or first in ("here", "now", "how", "yes", "no", "then", "well"):
        return None
    beyond = tokens[2].low if end > 2 else ""
    if tags(after) & {"JJ", "VBN", "VBG"}:
        ends = beyond in PREPOSITIONS | {"to", "", ".", "and", ","} or "VBN" in tags(after)
        return _lead(tokens, 0) if ends else None
    return _lead(tokens, 0) if after in PREPOSITIONS and first.endswith("ly") else None


def _goes_on(after: str) -> bool:
    return after in PREPOSITIONS | DETERMINERS | ADVERBS | PRONOUNS | NUMBERS | {"to"} or bool(tags(after) & {"RB"})


def _lead(tokens: Sequence[Token], number: int) -> tuple[Edits, str]:
    text = tokens[number].text if is_titled(tokens) and number else lowered(tokens[number])
    not_ = "Not" if tokens[number].text[:1].isupper() else "not"
    return {number: f"{not_} {tokens[number].text if is_titled(tokens) else text}"}, "fragment not"


def _coordinated(tokens: Sequence[Token], end: int) -> tuple[Edits, str]:
    edits, rule = _lead(tokens, 0)
    if end > 2 and tokens[1].low == "and" and "JJ" in tags(tokens[2].low):
        edits[1] = "or"
    return edits, rule


def _infinitive(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """ "How to prune" → "how not to prune", "Mayor to reopen baths" → "Mayor not to reopen baths"."""
    for number in range(min(end - 1, 8)):
        if tokens[number].low == "to" and (
            "VB" in tags(tokens[number + 1].low) or tokens[number + 1].low in ("be", "have", "do")
        ):
            before = tokens[number - 1].low if number else ""
            if before in ("how", "what", "where", "when", "which", "") or is_headline(tokens, number):
                not_ = "Not" if is_titled(tokens) else "not"
                word = "to" if number else lowered(tokens[0])
                return {number: f"{not_} {word}"}, "infinitive not"
        if tokens[number].low in PREPOSITIONS:
            return None
    return None


def is_headline(tokens: Sequence[Token], place: int) -> bool:
    """A subject without articles, as newspapers write: "Mayor to …", "Sprinter banned after …"."""
    if place < 4 and tokens[-1].low not in ".!?" and "NNS" in tags(tokens[place - 1].low) and place == len(tokens) - 1:
        return True
    plain = all(token.low not in DETERMINERS | AUXILIARIES | {","} for token in tokens[:place])
    return (
        plain
        and place > 0
        and bool(tags(tokens[place - 1].low) & {"NN", "NNS"} or not tags(tokens[place - 1].low))
        and tokens[0].text[:1].isupper()
    )


def _inner_with(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    for number in range(1, end):
        if tokens[number].low == "with":
            return _without(tokens, number)
    return None


def _adjective_title(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """ "Waterproof hiking jacket" → "non-waterproof hiking jacket", "Visible seam" → "invisible seam"."""
    start = 1 if tokens[0].low in ("a", "an", "the") else 0
    if start >= end - 1:
        return None
    low, text = tokens[start].low, tokens[start].text
    if low.endswith(PROOF) and len(low) > 6:
        return {start: f"{_like(text, 'non')}-{text}"}, "prefix"
    if low.endswith("less") and low in less():
        return {start: _like(text, less()[low])}, "-less"
    negated = prefixes().get((low, "adj")) if tokens[-1].low != "!" else None
    return ({start: _like(text, negated)}, "prefix") if negated else None
