"""Take a verb's negation away: does not come → comes, has never been → has been, no longer → still, rarely → often."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_clauses import Main
from trainer.negation_forms import Token, inflect, tags
from trainer.negation_tagging import tagged
from trainer.negation_verbs import LONG, Edits, like_first, negation_place, next_word
from trainer.negation_words import ADVERBS, NEGATIVE_ADVERBS, SUBORDINATORS


def affirm_verb(tokens: Sequence[Token], main: Main, question: bool = False) -> tuple[Edits, str] | None:
    """The edits that take the negation beside a verb away, or None if there is none."""
    place = negation_place(tokens, main.verb)
    if place is None:
        return None
    low, after = tokens[place].low, tokens[place + 1].low if place + 1 < len(tokens) else ""
    if low == "no":
        return {place: "still", place + 1: ""}, "no longer, still"
    if low in NEGATIVE_ADVERBS:
        often = "often" if after == "ever" else NEGATIVE_ADVERBS[low]
        return {place: often, **({place + 1: ""} if after == "ever" else {})}, "adverb"
    edits: Edits = {place: "already", place + 1: ""} if after == "yet" else {place: ""}
    if low == "not" and after in ("only", "just", "merely"):
        return {place: "", place + 1: tokens[place + 1].text}, "not away"
    if tokens[main.verb].low in LONG:
        edits[main.verb] = like_first(tokens[main.verb].text, _long(tokens, main.verb))
    if low != "never" and tokens[main.verb].low in ("do", "does", "did") and not question:
        _undo(tokens, main.verb, place, edits)
    return edits, "never away" if low == "never" else "not away"


def _long(tokens: Sequence[Token], verb: int) -> str:
    """ "wo" as "will"; "ain't seen" as "have seen", "ain't ready" as "is ready"."""
    if tokens[verb].low != "ai":
        return LONG[tokens[verb].low]
    before, after = tokens[verb - 1].low if verb else "", tags(next_word(tokens, verb + 1))
    plural = before in ("you", "we", "they") or "NNS" in tags(before)
    if "VBN" in after and "JJ" not in after:
        return "have" if plural or before == "i" else "has"
    return "are" if plural else "am" if before == "i" else "is"


def _undo(tokens: Sequence[Token], verb: int, place: int, edits: Edits) -> None:
    """does not come → comes."""
    number = place + 1
    while number < len(tokens) - 1 and (tokens[number].low in ADVERBS or tokens[number].low.endswith("ly")):
        number += 1
    form = {"does": "VBZ", "did": "VBD", "do": "VB"}[tokens[verb].low]
    low = tokens[number].low
    if "VB" in tags(low) or low in ("have", "be", "do", "like", "need"):
        written = (
            "had" if (low, form) == ("have", "VBD") else "did" if (low, form) == ("do", "VBD") else inflect(low, form)
        )
        edits[number] = like_first(tokens[number].text, written)
        edits[verb] = ""
        edits |= _joined_bases(tokens, number, form)


def _joined_bases(tokens: Sequence[Token], first: int, form: str) -> Edits:
    """ "did not call, write or visit" → "called, wrote and visited": the base forms that share the "did"."""
    read, edits = tagged(tuple(tokens)), dict[int, str]()
    for number in range(first + 1, len(tokens) - 1):
        low, after = tokens[number].low, tokens[number + 1].low
        if low in (",", "or", "and") and read[number + 1].tag in ("VB", "VBP") and "VB" in tags(after):
            edits[number + 1] = inflect(after, form)
            edits |= {number: "and"} if low == "or" else {}
        elif low in SUBORDINATORS or read[number].tag in ("WH", "SC", "TO"):
            break
    return edits
