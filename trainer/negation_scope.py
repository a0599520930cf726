"""What else changes under a negation: some → any, too → either, and back; and objects that carry the negation ("no lid")."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_forms import Token, tags
from trainer.negation_verbs import Edits
from trainer.negation_words import MASS, SUBORDINATORS, TO_ANY, TO_SOME

NEGATIVE_OBJECTS = {
    "nothing": "something",
    "nobody": "somebody",
    "none": "some",
    "nowhere": "somewhere",
    "neither": "both",
}


def scope_end(tokens: Sequence[Token], start: int, end: int) -> int:
    """Where the clause's own words end: at a subordinate clause, a semicolon or the end of the sentence."""
    for number in range(start, end):
        if tokens[number].low in (SUBORDINATORS - {"as", "how", "why"}) | {"who", "which", "whose", ";", ":", "than"}:
            return number
    return end


def under_negation(tokens: Sequence[Token], start: int, end: int) -> Edits:
    """some → any, both … and → either … or, too → either."""
    edits: Edits = {}
    for number in range(start, scope_end(tokens, start, end)):
        low = tokens[number].low
        after = tokens[number + 1].low if number + 1 < len(tokens) else "."
        if (
            low in TO_ANY
            and not (low == "some" and (after in ("more", "of") or tokens[number - 1].low == "and"))
            and tokens[number - 1].low != "like"
            and not (low == "some" and tokens[number - 1].low == "in" and number > 1 and tokens[number - 2].low == ",")
        ):
            edits[number] = TO_ANY[low]
        elif low == "too" and after in (".", "!", "?", ""):
            edits[number] = "either"
    if "any" in edits.values():
        edits |= {
            n: "or" for n in range(start, scope_end(tokens, start, end)) if tokens[n].low == "and" and n > min(edits)
        }
    return edits


def without_negation(tokens: Sequence[Token], start: int, end: int) -> Edits:
    """any → some; "yet", "ever" and "at all" go; either → too."""
    edits: Edits = {}
    for number in range(start, end):
        low = tokens[number].low
        after = tokens[number + 1].low if number + 1 < len(tokens) else "."
        last = after in (".", "!", "?", "", ",") or number + 1 == len(tokens)
        if low in TO_SOME:
            more = low == "any" and after in ("more", "longer")
            edits |= {number: "", number + 1: ""} if more else {number: TO_SOME[low]}
        elif (low == "yet" and last) or (low == "ever") or low == "anymore":
            edits[number] = ""
        elif low == "at" and after == "all":
            edits |= {number: "", number + 1: ""}
        elif low == "either" and last:
            edits[number] = "too"
        elif low == "until":
            edits[number] = "before"
        elif low in SUBORDINATORS - {"as"}:
            break
    return edits


def negative_object(tokens: Sequence[Token], start: int, end: int) -> Edits | None:
    """ "requires no tools" → "requires tools", "saw nobody" → "saw somebody", "neither A nor B" → "both A and B"."""
    for number in range(start, scope_end(tokens, start, end)):
        low = tokens[number].low
        after = tokens[number + 1].low if number + 1 < len(tokens) else ""
        if low == "no" and after == "one":
            return {number: "someone", number + 1: ""}
        if (
            low == "no"
            and after[:1].isalnum()
            and after not in ("more", "less", "longer", "later", "matter", "fewer", "better")
        ):
            return {number: article(tokens, number + 1, end)}
        nor = next((other for other in range(number, end) if tokens[other].low == "nor"), None)
        if low == "neither" and nor is not None:
            return {number: "both", nor: "and"}
        if low in ("nobody", "nothing") and tokens[number - 1].low in ("almost", "practically", "virtually"):
            return {number: {"nobody": "everybody", "nothing": "everything"}[low]}
        if low in NEGATIVE_OBJECTS:
            return {number: NEGATIVE_OBJECTS[low]}
    return None


def article(tokens: Sequence[Token], start: int, end: int) -> str:
    """ "a" or "an" for a singular noun group that begins here, nothing for plurals and what cannot be counted."""
    head = start
    for number in range(start, end):
        possible = tags(tokens[number].low)
        if not possible & {"NN", "NNS", "JJ", "VBN", "VBG"}:
            break
        head = number
        if "NNS" in possible:
            break
    low = tokens[head].low
    if "NNS" in tags(low) or low in MASS or low.endswith(("ing", "ness", "ity", "ance", "ence", "ation")):
        return ""
    return "an" if tokens[start].low[:1] in "aeio" else "a"
