"""Frames around a whole statement: "It is true that …" keeps its meaning, "It is not true that …" turns it round.

A frame leaves every word of the statement alone, so it is right whatever the statement says; and a false frame around a
statement's negation says the statement again. That gives texts that mean the same with one, two or three negations more, which is
what a model needs that counts "not" instead of reading it. Only statements have a truth value: questions, requests and titles have no frame.
"""

from __future__ import annotations

from functools import lru_cache

from trainer.negation import Negation, negate
from trainer.negation_words import DETERMINERS, PREPOSITIONS, PRONOUNS, SUBORDINATORS

KEEPING = (
    "It is true that {}",
    "It is the case that {}",
    "It is a fact that {}",
    "It is not false that {}",
    "In fact, {}",
    "Indeed, {}",
    "As it happens, {}",
    "It turns out that {}",
    "There is no doubt that {}",
    "Nobody denies that {}",
)
TURNING = (
    "It is not true that {}",
    "It isn't true that {}",
    "It is false that {}",
    "It is untrue that {}",
    "It is not the case that {}",
    "It is wrong that {}",
    "There is no truth in the claim that {}",
)
_SMALL = (DETERMINERS | PREPOSITIONS | PRONOUNS | SUBORDINATORS) - {"i"}  # never names, so no capital inside a sentence
_MOODS = ("imperative", "headline", "with, without")


@lru_cache(maxsize=1)  # both lists are asked for the same text, one after the other
def _denied(text: str) -> Negation | None:
    """The negation of a whole sentence that the rule negator reads as a statement; None of anything else."""
    found = negate(text) if text.rstrip().endswith(".") else None
    return found if found and found.text and not found.rule.startswith(_MOODS) else None


def same_frames(text: str) -> list[tuple[str, str]]:
    """(kind, text) that say the statement again: in a keeping frame, or its negation in a turning one."""
    denied = _denied(text)
    if denied is None or denied.text is None:
        return []
    kept = [("frame", frame.format(_inside(text))) for frame in KEEPING]
    return kept + [("denied negation", frame.format(_inside(denied.text))) for frame in TURNING]


def opposite_frames(text: str) -> list[tuple[str, str]]:
    """(kind, text) that deny the statement."""
    return [("denied", frame.format(_inside(text))) for frame in TURNING] if _denied(text) else []


def _inside(text: str) -> str:
    first, space, rest = text.partition(" ")
    return f"{first.lower()}{space}{rest}" if first.lower() in _SMALL else text
