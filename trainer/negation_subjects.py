"""Quantified subjects: negating "all guests ate" is "not all guests ate", and "nobody came" becomes "somebody came"."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_affirm import affirm_verb
from trainer.negation_clauses import Main
from trainer.negation_forms import Token, inflect, inflections, tags
from trainer.negation_scope import article, without_negation
from trainer.negation_verbs import Edits, negation_place
from trainer.negation_words import DETERMINERS, PRONOUNS, words

WIDE = words("all every each everyone everybody everything both many much everywhere only half")
NONE = {
    "someone": "no one", "somebody": "nobody", "something": "nothing", "anyone": "no one", "anybody": "nobody",
    "anything": "nothing", "some": "no", "any": "no", "several": "no",
}  # fmt: skip
TIMES = words(
    "day morning evening night week weekend month year summer winter spring autumn time hour minute monday sunday"
)
SOME = {"nobody": "somebody", "nothing": "something", "none": "some", "few": "many", "little": "much"}


def flip_subject(tokens: Sequence[Token], main: Main, end: int) -> tuple[Edits, str] | None:
    """The edits that negate by the subject's quantifier, or None if it has none."""
    place = main.start
    if place >= main.verb:
        return None
    low, after = tokens[place].low, tokens[place + 1].low
    if low == "all" and after in ("in", "at"):
        return None
    if negation_place(tokens, main.verb) is not None:
        return _of_negated(tokens, main, low, place)
    if low == "not" and after in WIDE | {"a", "one"}:
        return {place: ""}, "quantifier"
    if low in ("almost", "nearly", "practically") and after in WIDE:
        return {place: "not"}, "quantifier"
    if low == "hardly" and after in ("anyone", "anybody", "anything", "any"):
        every = {"anyone": "everyone", "anybody": "everybody", "anything": "everything", "any": "all"}[after]
        return {place: "almost", place + 1: every}, "quantifier"
    if low in ("every", "each", "all") and after in TIMES and _has_subject(tokens, place + 2, main.verb):
        return None
    if low == "either" and any(token.low == "or" for token in tokens[place : main.verb]):
        joint = next(n for n in range(place, main.verb) if tokens[n].low == "or")
        return {place: "neither", joint: "nor"}, "quantifier"
    if low == "either":
        return {place: "neither"}, "quantifier"
    if low in WIDE:
        return {place: "not every" if low == "each" and after != "of" else f"not {low}"}, "quantifier"
    if low in NONE:
        return {place: "none" if low in ("some", "any", "several") and after == "of" else NONE[low]}, "quantifier"
    return _of_none(tokens, main, low, after, end)


def _has_subject(tokens: Sequence[Token], start: int, end: int) -> bool:
    """ "every evening my grandfather …": the quantifier tells the time, and the subject follows."""
    return any(token.low in DETERMINERS | PRONOUNS or token.low == "," for token in tokens[start:end])


def _of_negated(tokens: Sequence[Token], main: Main, low: str, place: int) -> tuple[Edits, str] | None:
    """ "Some did not pass" → "all passed"."""
    affirmed = affirm_verb(tokens, main)
    wide = {"some": "all", "someone": "everyone", "somebody": "everybody", "something": "everything"}.get(low)
    return ({**affirmed[0], place: wide}, "quantifier") if affirmed and wide else None


def _of_none(tokens: Sequence[Token], main: Main, low: str, after: str, end: int) -> tuple[Edits, str] | None:
    place = main.start
    if low == "no" and after == "one":
        edits: Edits = {place: "someone", place + 1: ""}
    elif low == "no":
        plural = main.plural is True or any("NNS" in tags(token.low) for token in tokens[place + 1 : main.verb])
        edits = {place: "some" if plural else article(tokens, place + 1, main.verb) or "some"}
    elif low == "neither":
        return _both(tokens, main)
    elif low == "a" and after == "few":
        return {place: "no", place + 1: ""}, "quantifier"
    elif low in SOME:
        edits = {place: SOME[low], **(_plural_verb(tokens, main) if low == "none" else {})}
    else:
        return None
    return {**edits, **without_negation(tokens, main.verb + 1, end)}, "quantifier"


def _both(tokens: Sequence[Token], main: Main) -> tuple[Edits, str]:
    """ "Neither candidate wins" → "both candidates win", "neither A nor B is" → "both A and B are"."""
    edits: Edits = {main.start: "both", **_plural_verb(tokens, main)}
    nor = [number for number in range(main.start, main.verb) if tokens[number].low == "nor"]
    if nor:
        edits[nor[0]] = "and"
    elif tokens[main.start + 1].low != "of":
        noun = main.verb - 1
        edits[noun] = _plural_noun(tokens[noun].text)
    return edits, "quantifier"


def _plural_noun(word: str) -> str:
    from lemminflect import getInflection

    forms: tuple[str, ...] = getInflection(word, "NNS")
    return forms[0] if forms else f"{word}s"


def _plural_verb(tokens: Sequence[Token], main: Main) -> Edits:
    low = tokens[main.verb].low
    aux = {"is": "are", "was": "were", "has": "have", "does": "do"}.get(low)
    if aux:
        return {main.verb: aux}
    from trainer.negation_forms import base

    lemma = base(low)
    singular = lemma is not None and low in (*inflections(lemma, "VBZ"), inflect(lemma, "VBZ")) and "VBZ" in tags(low)
    return {main.verb: lemma} if singular and lemma else {}
