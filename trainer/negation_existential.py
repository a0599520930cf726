"""There is a … → there is no …, and back."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_affirm import affirm_verb
from trainer.negation_clauses import Main
from trainer.negation_forms import Token, tags
from trainer.negation_scope import article, without_negation
from trainer.negation_tagging import tagged
from trainer.negation_verbs import Edits, negation_place
from trainer.negation_words import DETERMINERS, NUMBERS, PRONOUNS


def flip_existential(tokens: Sequence[Token], main: Main, end: int) -> tuple[Edits, str] | None:
    """There is a … → there is no …, and back."""
    verb = main.verb
    if (
        verb == 0
        or tokens[verb - 1].low != "there"
        or tagged(tuple(tokens))[verb - 1].tag == "RB"
        or tokens[verb].low not in ("is", "are", "was", "were", "'s")
    ):
        return None
    after = verb + 1
    if after < end and tokens[after].low in ("n't", "not"):
        if tokens[after + 1].low in ("any", "anything", "anyone", "anybody", "anywhere", "enough", "many", "much"):
            return {after: "", **without_negation(tokens, after + 1, end)}, "existential"
        return {after: ""}, "existential"
    if negation_place(tokens, verb) is not None:
        return affirm_verb(tokens, main)
    return _existential_object(tokens, after, end)


def _existential_object(tokens: Sequence[Token], after: int, end: int) -> tuple[Edits, str] | None:
    low = tokens[after].low if after < end else ""
    nxt = tokens[after + 1].low if after + 1 < end else ""
    if low == "no" and nxt == "one":
        return {after: "someone", after + 1: ""}, "existential"
    if low == "no":
        some = article(tokens, after + 1, end)
        plain = some or ("some" if "NNS" not in tags(nxt) else "")
        return {after: plain, **without_negation(tokens, after + 1, end)}, "existential"
    opposite = {
        "nothing": "something", "nobody": "somebody", "something": "nothing", "somebody": "nobody", "someone": "no one",
        "everything": "not everything", "few": "many", "little": "much", "none": "some",
    }  # fmt: skip
    if low in opposite:
        return {after: opposite[low]}, "existential"
    if low == "a" and nxt in ("few", "little", "lot", "number", "couple"):
        return {after: "no", after + 1: "", **({after + 2: ""} if nxt in ("lot", "number") else {})}, "existential"
    if low in ("a", "an", "some", "any", "several", "plenty"):
        of = {after + 1: ""} if low == "plenty" and nxt == "of" else {}
        return {after: "no", **of}, "existential"
    if low in DETERMINERS | NUMBERS or low in PRONOUNS or not tags(low) & {"NN", "NNS", "JJ"}:
        return None
    return {after: f"no {tokens[after].text}"}, "existential"
