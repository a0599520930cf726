"""Sentences that the rules leave alone, each with its reason: a denial would change more than one word, or could be meant otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from trainer.negation_forms import Token, tags
from trainer.negation_words import AUXILIARIES, PREPOSITIONS, words

NEGATIVE_STARTS = words("never rarely seldom hardly scarcely nowhere little")
ONLY_STARTS = words("then after when if once in by")
TAGS = words("is are do does did was were has have can will wo ca should could would")


def unclear(tokens: Sequence[Token]) -> str:
    """Why a sentence is left alone, or nothing."""
    lows = [token.low for token in tokens]
    pairs = set(pairwise(lows))
    if ("not", "only") in pairs:
        return "not only … but also"
    if {("nothing", "but"), ("anything", "but"), ("none", "but")} & pairs:
        return "nothing but"
    if lows[0] == "only" and len(lows) > 2 and lows[1] in ONLY_STARTS:
        return "only at the beginning inverts the clause"
    if _inverts(lows):
        return "a negation at the beginning inverts the clause"
    if _contrasts(lows):
        return "not … but"
    if (
        lows[0] == "the"
        and "," in lows
        and lows[lows.index(",") + 1 : lows.index(",") + 2] == ["the"]
        and _comparative(lows)
    ):
        return "the more … the more"
    if lows[0] == "either" and "or" in lows and _own_verbs(lows):
        return "either … or between clauses"
    return ""


def _inverts(lows: Sequence[str]) -> bool:
    """ "Never had she …", "Under no circumstances touch …"."""
    if lows[0] in NEGATIVE_STARTS:
        return any(low in AUXILIARIES for low in lows[1:4])
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


def is_tag_question(tokens: Sequence[Token]) -> bool:
    """ "It is cold, isn't it?"."""
    tail = [token.low for token in tokens[-6:]]
    return "," in tail[1:] and tail[tail.index(",", 1) + 1] in TAGS and len(tail) - tail.index(",", 1) <= 5
