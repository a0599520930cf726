"""Negation data: triplets whose negative is the negation of the positive, each with its counterweight.

A model trained on (anchor, entailment, negation of the entailment) alone learns that a small edit means the opposite. So
every triplet comes with one pair whose sides differ by a small edit and mean the same (a near-copy or a double flip), in
equal number because a sentence gives both or neither; and far-worded contradictions are negatives too, so that distance in
words carries no signal either way. Every choice is drawn by a seeded hash of the text, never by position.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, TypeVar

from trainer.negation import negate, negations
from trainer.negation_copies import double_flips, near_copies
from trainer.negation_frames import opposite_frames, same_frames

Drawn = TypeVar("Drawn")
Split = Literal["train", "test"]
WORD = re.compile(r"\w+")
FAR = 0.25  # of the words of both, how many are shared by a far-worded contradiction at most


@dataclass(frozen=True, slots=True)
class Made:
    """What one pair gives: the negation of its positive with its rule, and a copy that means the same with its kind.

    `negation` is None where nothing can be negated, and `why` says why; `copy` is None where no near-copy is known."""

    negation: str | None
    rule: str
    why: str
    copy: str | None
    kind: str


def made_of(positive: str, *, seed: int = 0) -> Made:
    """The negation and the counterweight of a positive, each drawn among all that the rules know."""
    negation = _draw(negations(positive), positive, seed) or negate(positive)
    same = _draw(double_flips(positive) or near_copies(positive), positive, seed)
    kind, copy = same or ("", None)
    return Made(negation.text, negation.rule, negation.why, copy, kind)


@dataclass(frozen=True, slots=True)
class Contrast:
    """A sentence that says what a text says, and one that says the opposite; None where none is known."""

    same: str | None
    kind: str
    opposite: str | None
    rule: str


def contrast_of(text: str, *, seed: int = 0) -> Contrast:
    """A triplet around one text without any partner: a copy or a frame that keeps its meaning, and its negation.

    Frames make up a third of the copies and a tenth of the negations: enough to be learned, too few to be what is learned."""
    kind, same = same_of(text, seed=seed) or ("", None)
    denied = opposite_frames(text) if _chance(text, seed, "opposite") < 0.1 else []
    ways = [] if denied else negations(text) or [negate(text)]
    rule, opposite = _draw(denied or [(way.rule, way.text) for way in ways if way.text], text, seed) or ("", None)
    return Contrast(same, kind, opposite, rule)


def same_of(text: str, *, seed: int = 0) -> tuple[str, str] | None:
    """A copy or a frame that keeps the meaning, with its kind."""
    copies = [*double_flips(text), *near_copies(text)]
    frames = same_frames(text) if not copies or _chance(text, seed, "same") < 1 / 3 else []
    return _draw(frames or copies, text, seed)


def _chance(text: str, seed: int, of: str) -> float:
    drawn = blake2b(text.encode(), digest_size=8, key=f"{seed} {of}".encode()).digest()
    return int.from_bytes(drawn, "big") / 2**64


def shared_words(left: str, right: str) -> float:
    """Of the words of both texts, the share that stands in both (Jaccard)."""
    one, other = set(WORD.findall(left.lower())), set(WORD.findall(right.lower()))
    return len(one & other) / max(1, len(one | other))


def split_of(text: str) -> Split:
    """The fixed side of a sentence: one in five is for testing. Case and punctuation do not count."""
    return "test" if sentence_hash(text)[0] % 5 == 0 else "train"


def sentence_hash(text: str) -> bytes:
    """8 bytes that stand for the words of a sentence, without case and punctuation."""
    return blake2b(" ".join(WORD.findall(text.lower())).encode(), digest_size=8).digest()


def _draw(among: list[Drawn], text: str, seed: int) -> Drawn | None:
    if not among:
        return None
    digest = blake2b(f"{seed}\0{text}".encode(), digest_size=8).digest()
    return among[int.from_bytes(digest) % len(among)]
