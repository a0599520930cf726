"""Negation data: triplets whose negative is the negation of the positive, each with its counterweight.

A model trained on (anchor, entailment, negation of the entailment) alone learns that a small edit means the opposite. So
every triplet comes with one pair whose sides differ by a small edit and mean the same (a near-copy or a double flip), in
equal number because a sentence gives both or neither; and far-worded contradictions are negatives too, so that distance in
words carries no signal either way. Every choice is drawn by a seeded hash of the text, never by position.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, TypeVar

from trainer.examples import Pair, Triplet
from trainer.negation import negations
from trainer.negation_copies import double_flips, near_copies

Drawn = TypeVar("Drawn")
WORD = re.compile(r"\w+")
FAR = 0.25  # of the words of both, how many are shared by a far-worded contradiction at most


@dataclass(frozen=True, slots=True)
class Made:
    """What one pair gives: a triplet with its rule, and the counterweight with its kind."""

    triplet: Triplet
    rule: str
    counterweight: Pair
    kind: str


@dataclass(frozen=True, slots=True)
class Probe:
    """A row to measure on. EasyNegation: the positive is nearer to the anchor than the negative is. HardNegation: the
    positive is nearer to the anchor than to the negative, its own negation."""

    anchor: str
    positive: str
    negative: str
    split: Literal["train", "test"]


def made(pairs: Iterable[Pair], *, seed: int = 0) -> Iterator[Made]:
    """Negation triplets with their counterweights; pairs whose positive has not both give nothing."""
    for pair in pairs:
        if isinstance(pair.anchor, str) and isinstance(pair.positive, str):
            one = _made(pair, pair.anchor, pair.positive, seed)
            if one:
                yield one


def far_contradictions(triplets: Iterable[Triplet]) -> Iterator[Triplet]:
    """Of NLI triplets those whose contradiction shares few words with the entailment."""
    for triplet in triplets:
        positive, negative = triplet.positive, triplet.negatives[0]
        if isinstance(positive, str) and isinstance(negative, str) and _shared(positive, negative) <= FAR:
            yield triplet


def probes(pairs: Iterable[Pair], *, seed: int = 0) -> Iterator[Probe]:
    """Rows for EasyNegation and HardNegation, disjoint by sentence: a pair with its two texts on both sides gives none."""
    for pair in pairs:
        anchor, positive = pair.anchor, pair.positive
        if not isinstance(anchor, str) or not isinstance(positive, str) or split(anchor) != split(positive):
            continue
        negation = _draw(negations(positive), positive, seed)
        if negation is not None and negation.text is not None and _bare(anchor) != _bare(positive):
            yield Probe(anchor, positive, negation.text, split(positive))


def split(text: str) -> Literal["train", "test"]:
    """The fixed side of a sentence: one in five is for testing."""
    return "test" if blake2b(_bare(text).encode(), digest_size=8).digest()[0] % 5 == 0 else "train"


def _made(pair: Pair, anchor: str, positive: str, seed: int) -> Made | None:
    negation, same = _draw(negations(positive), positive, seed), _draw(_same(positive), positive, seed)
    if negation is None or negation.text is None or same is None:
        return None
    triplet = Triplet(anchor, positive, (negation.text,), pair.provenance, negation=True)
    return Made(triplet, negation.rule, Pair(positive, same[1], pair.provenance), same[0])


def _same(text: str) -> list[tuple[str, str]]:
    return double_flips(text) or near_copies(text)


def _draw(among: list[Drawn], text: str, seed: int) -> Drawn | None:
    if not among:
        return None
    digest = blake2b(f"{seed}\0{text}".encode(), digest_size=8).digest()
    return among[int.from_bytes(digest) % len(among)]


def _bare(text: str) -> str:
    return " ".join(WORD.findall(text.lower()))


def _shared(left: str, right: str) -> float:
    one, other = set(WORD.findall(left.lower())), set(WORD.findall(right.lower()))
    return len(one & other) / max(1, len(one | other))
