"""Words whose tag the words beside them decide, whatever is likely otherwise: "a while", "no longer", "such as", "have had"."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_forms import Token
from trainer.negation_lexicon import FINITE, candidates
from trainer.negation_places import ACRONYMS
from trainer.negation_words import ADVERBS, MODALS, words

HAVE = words("have has 've had 'd")
MODAL_NOUNS = words("may might can will")
DOING = words("do does did would will 'd might may could should to wo")
LASTING = words(
    "early late during when for up about over at all until much longer long well forever a two three several only between"
)
SEEMING = words("stays tastes feels keeps looks sounds smells works seems remains gets fits")
PLACES = words("inside outside past while top back front")  # nouns after an article


def forced(tokens: Sequence[Token], number: int) -> str:
    """The only tag a word can have where it stands, or nothing."""
    low, before = tokens[number].low, tokens[number - 1].low if number else ""
    if low in MODAL_NOUNS:
        return "MD" if tokens[number].text == low and not _after_article(before) else ""
    if low == "ages" and _next(tokens, number)[:1].isdigit():
        return "NNS"  # "for kids ages 3 and up"
    if low == "had":
        return "VBN" if _after_have(tokens, number) else ""
    if low == "like":
        return _likes(tokens, number, before)
    if low in ("last", "close"):
        return _lasts(tokens, number, before)
    if number == 0 and low in SEEMING and "JJ" in candidates(_next(tokens, 0) or "."):
        return "VBZ"
    if low in PLACES and before in ("a", "the"):
        return "NN" if low != "front" else ""
    if (low, before) == ("longer", "no") or (low == "no" and _next(tokens, number) == "longer"):
        return "RB"
    if tokens[number].text in ACRONYMS and any(other.text != other.text.upper() for other in tokens):
        return "NN"
    return _comparing(tokens, number, low, before)


def _likes(tokens: Sequence[Token], number: int, before: str) -> str:
    """ "you like jazz", "would not like", not "it is like snow"."""
    if before in ("i", "you", "we", "they", "who"):
        return "VBP" if number < 2 or tokens[number - 2].low not in DOING else "VB"
    if before in DOING:
        return "VB"
    return "VB" if before in ("not", "n't") and number > 1 and tokens[number - 2].low in DOING else ""


def _lasts(tokens: Sequence[Token], number: int, before: str) -> str:
    """ "the batteries last for months", "should last", not "last week"."""
    if before in MODALS | {"to"}:
        return "VB"
    return "VBP" if "NNS" in candidates(before or ".") and _next(tokens, number) in LASTING else ""


def _comparing(tokens: Sequence[Token], number: int, low: str, before: str) -> str:
    """ "such as" and "as big as" without a verb, "than the insurer had estimated" with one."""
    if low == "as" and before == "such":
        return "IN"
    if low == "as" and any(other.low == "as" for other in tokens[number + 1 : number + 4]):
        return "RB"
    if low == "as" and _next(tokens, number) in ("possible", "ever", "before"):
        return "IN"
    return "SC" if low in ("than", "as", "until", "till") and _verb_soon(tokens, number + 1) else ""


def _after_article(before: str) -> bool:
    return bool(before) and candidates(before)[0] in ("DT", "DTS", "POS")


def _after_have(tokens: Sequence[Token], number: int) -> bool:
    near = [token.low for token in tokens[max(number - 2, 0) : number]]
    return bool(near) and (near[-1] in HAVE or (near[0] in HAVE and near[-1] in ADVERBS | {"not", "n't"}))


def _next(tokens: Sequence[Token], number: int) -> str:
    return tokens[number + 1].low if number + 1 < len(tokens) else ""


def _verb_soon(tokens: Sequence[Token], start: int) -> bool:
    for token in tokens[start : start + 5]:
        if token.low in (",", "and", "but"):
            return False
        if set(candidates(token.low)) <= FINITE:
            return True
    return False
