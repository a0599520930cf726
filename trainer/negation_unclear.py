"""Sentences that the rules leave alone, each with its reason: a denial would change more than one word, or could be meant otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from trainer.negation_forms import Token, tags
from trainer.negation_words import AUXILIARIES, PREPOSITIONS, words

NEGATIVE_STARTS = words("never rarely seldom hardly scarcely nowhere little")
ONLY_STARTS = words("then after when if once in by")
HERE, THERE = words("is are 's comes come goes"), words("goes go comes come stands stood lies")
WISHES = words("thank thanks congratulations congrats wishing welcome cheers sorry hello hi hey goodbye bravo hooray")
WISHED = words(
    "luck morning afternoon evening night day weekend week trip journey time birthday christmas easter anniversary new regards "
    "wishes holiday holidays stay flight meal summer winter"
)


def unclear(tokens: Sequence[Token]) -> str:
    """Why a sentence is left alone, or nothing."""
    lows = [token.low for token in tokens]
    return _by_pair(lows) or _by_beginning(lows) or _by_shape(lows)


def _by_pair(lows: Sequence[str]) -> str:
    """Two words beside each other that decide it."""
    pairs = set(pairwise(lows))
    if ("not", "only") in pairs:
        return "not only … but also"
    if ("but", "not") in pairs:
        return "but not"
    if {("nothing", "but"), ("anything", "but"), ("none", "but")} & pairs:
        return "nothing but"
    if {("hardly", "any"), ("barely", "any"), ("scarcely", "any")} & set(pairwise(lows[1:])):
        return "hardly any"
    if ("need", "n't") in pairs:
        return "needn't has no plain opposite"
    numbered = any(
        low == "no" and after == "." and number[:1].isdigit()
        for low, after, number in zip(lows, lows[1:], lows[2:], strict=False)
    )
    return "no. is a number" if numbered else ""


def _by_beginning(lows: Sequence[str]) -> str:
    """The first words that decide it."""
    first, second = lows[0], lows[1] if len(lows) > 1 else ""
    if first in ("anyone", "anybody") and "VB" in tags(second):
        return "a question without its verb"
    if first in ("hardly", "scarcely", "barely") and second in ("a", "an", "one"):
        return "hardly a"
    if (first, second) == ("never", "mind"):
        return "never mind"
    if (first == "here" and second in HERE) or (first == "there" and second in THERE):
        return f"{first} stands before its verb"
    if first == "somewhere" and "there" in lows:
        return "somewhere and there"
    if _is_wish(lows):
        return "a wish or a greeting"
    if first in ("almost", "nearly", "practically") and second in ("all", "every", "everyone", "everything"):
        return "almost all"
    if first == "only" and len(lows) > 2 and second in ONLY_STARTS:
        return "only at the beginning inverts the clause"
    return "a negation at the beginning inverts the clause" if _inverts(lows) else ""


def _by_shape(lows: Sequence[str]) -> str:
    """The sentence as a whole: records, contrasts, "the more … the more", clauses joined by "either … or"."""
    if any(low in ("{", "}", "_") for low in lows):
        return "a record, not a sentence"
    if _contrasts(lows):
        return "not … but"
    twice = lows[0] == "the" and "," in lows and lows[lows.index(",") + 1 : lows.index(",") + 2] == ["the"]
    if twice and _comparative(lows):
        return "the more … the more"
    return "either … or between clauses" if lows[0] == "either" and "or" in lows and _own_verbs(lows) else ""


def _is_wish(lows: Sequence[str]) -> bool:
    """ "Good luck!", "Have a nice day!", "Thank you", "Wishing you …", "Happy birthday"."""
    if lows[0] in WISHES and lows[1:2] != ["to"]:
        return True
    second = lows[1] if len(lows) > 1 else ""
    if lows[0] in ("good", "happy", "merry", "best") and second in WISHED:
        return True
    return lows[0] in ("have", "enjoy") and second in ("a", "an", "your", "the") and bool(WISHED & {*lows[2:6]})


def _inverts(lows: Sequence[str]) -> bool:
    """ "Never had she …", "Under no circumstances touch …"."""
    if lows[0] in NEGATIVE_STARTS:
        return any(low in AUXILIARIES for low in lows[1 : 8 if lows[0] == "nowhere" else 4])
    return (
        len(lows) > 3
        and lows[0] in PREPOSITIONS
        and lows[1] == "no"
        and lows[2] in ("circumstances", "account", "time", "way")
    )


def _contrasts(lows: Sequence[str]) -> bool:
    """ "not by car but on foot", "on foot, not by car"."""
    for number, low in enumerate(lows[:-1]):
        before, after = lows[number - 1] if number else "", lows[number + 1]
        if low == "not" and before == "," and (after in PREPOSITIONS or after in ("a", "an", "the")):
            return True
        if low == "not" and "but" in lows[number:]:
            joint = number + lows[number:].index("but")
            if (
                lows[joint - 1] != ","
                and joint + 1 < len(lows)
                and lows[joint + 1] in PREPOSITIONS | {"the", "a", "an"}
            ):
                return not any(other in AUXILIARIES for other in lows[number + 1 : joint])
    return False


def _comparative(lows: Sequence[str]) -> bool:
    return len(lows) > 1 and (
        lows[1] in ("more", "less", "better", "worse") or (lows[1].endswith("er") and "JJ" in tags(lows[1]) | {"JJ"})
    )


def _own_verbs(lows: Sequence[str]) -> bool:
    joint = lows.index("or")
    return any(low in AUXILIARIES for low in lows[:joint]) and any(low in AUXILIARIES for low in lows[joint:])
