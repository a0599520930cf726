"""Negation triplets come with counterweights in equal number, drawn by text, and probes are disjoint by sentence."""

from __future__ import annotations

import pytest

from trainer.examples import Pair, Provenance, Triplet
from trainer.negation_copies import double_flips, near_copies
from trainer.negation_data import far_contradictions, made, probes, split

FROM = Provenance("nli", "0" * 64, 1, "CC0-1.0", "text-matching")
TEXTS = [
    "The door is open.", "The big dog sleeps.", "The shop isn't open today.", "She bought bread from men and women.",
    "The answer is correct.", "He began to sing.", "It's a small car.", "The children start school.",
]  # fmt: skip
PAIRS = [Pair(f"Someone says: {text}", text, FROM) for text in TEXTS]


def test_a_triplet_has_its_counterweight_and_the_negation_is_marked() -> None:
    found = list(made(PAIRS))
    assert len(found) >= 4
    for one in found:
        assert one.triplet.negation
        assert one.triplet.negatives[0] not in (one.triplet.positive, one.counterweight.positive)
        assert one.counterweight.anchor == one.triplet.positive


def test_the_order_of_pairs_changes_nothing() -> None:
    assert set(made(PAIRS)) == set(made(PAIRS[::-1]))


def test_double_flips_keep_the_meaning() -> None:
    assert ("double flip", "The door is not closed.") in double_flips("The door is open.")
    assert ("double flip", "The answer is not incorrect.") in double_flips("The answer is correct.")


@pytest.mark.parametrize(
    ("text", "copy"),
    [
        ("The shop isn't open today.", ("expansion", "The shop is not open today.")),
        ("She left yesterday.", ("time moved", "Yesterday she left.")),
        ("It helps against frost and hail.", ("order", "It helps against hail and frost.")),
    ],
)
def test_near_copies(text: str, copy: tuple[str, str]) -> None:
    assert copy in near_copies(text)


def test_only_far_worded_contradictions_are_taken() -> None:
    near = Triplet("a", "The dog sleeps.", ("The dog does not sleep.",), FROM)
    far = Triplet("a", "The dog sleeps.", ("Some horses run around outside.",), FROM)
    assert list(far_contradictions([near, far])) == [far]


def test_probes_are_disjoint_by_sentence() -> None:
    found = list(probes(PAIRS))
    assert found
    sides = {
        side: {text for p in found if p.split == side for text in (p.anchor, p.positive)} for side in ("train", "test")
    }
    assert not sides["train"] & sides["test"]
    assert all(probe.split == split(probe.anchor) == split(probe.positive) for probe in found)
