"""Fragments and titles without a main verb: with → without, "not suitable", "batteries not included", "how not to …"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from trainer.negation_clauses import Main
from trainer.negation_forms import Token, tags
from trainer.negation_moods import lowered
from trainer.negation_scope import article, without_negation
from trainer.negation_tables import prefixes, unprefixed
from trainer.negation_verbs import Edits, negate_verb, titled
from trainer.negation_words import ADVERBS, AUXILIARIES, DETERMINERS, NUMBERS, PREPOSITIONS, PRONOUNS, words

INTRANSITIVE = words("arrived worked died happened looked stayed lasted lived worked tasted smelled came")
ASLEEP = words("asleep awake alone afraid alive aware unaware able unable available")
PROOF = ("proof", "resistant", "friendly", "safe", "compatible")


def flip_fragment(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """The edits that negate a text without a main verb, or None: most names and noun groups have no negation."""
    for rule in (_not_away, _with, _start, _infinitive, _participle, _inner_with, _adjective_title):
        found = rule(tokens, end)
        if found:
            return found
    return None


def _not(tokens: Sequence[Token]) -> str:
    return "Not" if titled(tokens) else "not"


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
        if low == "no" and after not in ("matter", "."):
            return {number: article(tokens, number + 1, end)}, "determiner no away"
        if low.startswith("non-") and len(low) > 6:
            return {number: tokens[number].text[4:]}, "prefix"
    return None


def _with(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    first = tokens[0].low
    if any(one.low == "or" and two.low == "without" for one, two in pairwise(tokens)):
        return None
    if first == "with":
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
    if first == "out" and after == "of":
        return {0: _like(tokens[0].text, "in"), 1: ""}, "antonym"
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
    if "VBZ" in possible and "NN" not in possible and (_goes_on(after) or bare) and not titled(tokens):
        return negate_verb(tokens, Main(0, 0, False))
    if (
        "VBD" in possible
        and ("VBN" not in possible or first in INTRANSITIVE)
        and _goes_on(after)
        and not titled(tokens)
    ):
        return negate_verb(tokens, Main(0, 0, False))
    if possible & {"VBN", "VBG"} and (_goes_on(after) or not after):
        return _lead(tokens, 0)
    if "VBG" in possible and "NN" not in possible and "NNS" in tags(after):
        return _lead(tokens, 0)
    if "JJ" in possible and (after in PREPOSITIONS | {"to", "and", "or", ",", "", ".", "enough", "!", "when", "if"}):
        return _coordinated(tokens, end) if not ({"NN"} & possible and after in (",",)) else None
    if (
        possible & {"RB"}
        and first not in ("here", "now")
        and end > 1
        and tags(after) & {"JJ", "VBN", "VBG"}
        and first not in ("how",)
    ):
        beyond = tokens[2].low if end > 2 else ""
        return _lead(tokens, 0) if beyond in PREPOSITIONS | {"to", "", ".", "and", ","} else None
    return None


def _goes_on(after: str) -> bool:
    return after in PREPOSITIONS | DETERMINERS | ADVERBS | PRONOUNS | NUMBERS | {"to"} or bool(tags(after) & {"RB"})


def _lead(tokens: Sequence[Token], number: int) -> tuple[Edits, str]:
    text = tokens[number].text if titled(tokens) and number else lowered(tokens[number])
    not_ = "Not" if tokens[number].text[:1].isupper() else "not"
    return {number: f"{not_} {tokens[number].text if titled(tokens) else text}"}, "fragment not"


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
                not_ = "Not" if titled(tokens) else "not"
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


def _participle(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """ "Two dogs running …", "batteries included", "Sprinter banned after …"."""
    for number in range(1, end):
        low, possible = tokens[number].low, tags(tokens[number].low)
        before = tokens[number - 1].low
        after = tokens[number + 1].low if number + 1 < end else ""
        if (low in PREPOSITIONS and tokens[0].low not in DETERMINERS | NUMBERS) or low == ",":
            return None
        worn = low in ("wearing", "holding", "carrying") and any("VBG" in tags(t.low) for t in tokens[number + 1 : end])
        if worn:
            continue
        if low in ASLEEP:
            return _insert(tokens, number), "fragment not"
        nominal = (bool(tags(before) & {"NN", "NNS"}) and before not in ADVERBS) or before in PRONOUNS
        last = after in ("", ".", "!")
        if nominal and "VBN" in possible and (last or _goes_on(after) or after in ("at",)):
            return _insert(tokens, number), "participle not"
        if (
            nominal
            and "VBG" in possible
            and (
                _goes_on(after)
                or (last and "NN" not in possible)
                or "NN" not in possible
                or tokens[0].low in DETERMINERS | NUMBERS
            )
            and not titled(tokens)
        ):
            return {**_insert(tokens, number), **_second(tokens, number, end)}, "participle not"
    return None


def _insert(tokens: Sequence[Token], number: int) -> Edits:
    return {number: f"{_not(tokens)} {tokens[number].text}"}


def _second(tokens: Sequence[Token], number: int, end: int) -> Edits:
    for other in range(number + 1, end - 1):
        if tokens[other].low == "and" and "VBG" in tags(tokens[other + 1].low):
            return _insert(tokens, other + 1)
    return {}


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
    negated = prefixes().get((low, "adj")) if tokens[-1].low != "!" else None
    return ({start: _like(text, negated)}, "prefix") if negated else None
