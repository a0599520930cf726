"""The rules of the miner: against a plain loop, and against the library's own miner."""

from __future__ import annotations

import numpy as np
import pytest

from indexer.errors import UserError
from trainer.mine_choice import REASONS, Rules, chosen, judged

RULES = {
    "plain": Rules(relative_margin=None, range_max=20),
    "relative": Rules(num_negatives=2, relative_margin=0.2),
    "absolute": Rules(absolute_margin=0.15, relative_margin=None, range_min=2),
    "both": Rules(absolute_margin=0.1, relative_margin=0.3, max_score=0.5, min_score=-0.2),
    "range": Rules(num_negatives=1, range_min=3, range_max=5, relative_margin=None),
    "negative scores": Rules(relative_margin=0.5, range_max=30),
}


def grid(seed: int = 0, anchors: int = 40, candidates: int = 25) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    scores = -np.sort(-draw.uniform(-0.6, 0.9, (anchors, candidates)).astype(np.float32), axis=1)
    scores[::7, -5:] = -np.inf  # candidates that are not there
    return scores, draw.random(scores.shape) < 0.1, draw.uniform(-0.5, 0.9, anchors).astype(np.float32)


def plainly(scores: np.ndarray, own: np.ndarray, weakest: float, rules: Rules) -> list[int]:
    """What one anchor gets, candidate by candidate."""
    found, seen, skipped = [], 0, 0
    for place, score in enumerate(scores.tolist()):
        if not np.isfinite(score) or own[place]:
            continue
        seen += 1
        near = rules.absolute_margin is not None and np.float32(score) + np.float32(rules.absolute_margin) > weakest
        share = rules.relative_margin
        near |= share is not None and score > np.float32(weakest) - abs(np.float32(weakest)) * np.float32(share)
        near |= rules.max_score is not None and score > rules.max_score
        far = rules.min_score is not None and score < rules.min_score
        if seen > rules.range_max or near or far:
            continue
        skipped += 1
        if skipped > rules.range_min and len(found) < rules.num_negatives:
            found.append(place)
    return found


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_candidates_are_chosen_as_a_plain_loop_does(rules: Rules) -> None:
    scores, own, weakest = grid()
    codes = judged(scores, own, weakest, rules)
    places = chosen(codes, rules, np.random.default_rng(0), None)
    expected = [plainly(*row, rules) for row in zip(scores, own, weakest, strict=True)]
    assert [[int(place) for place in row if place >= 0] for row in places] == expected
    assert any(expected)


def test_random_negatives_are_those_that_fit_each_as_often() -> None:
    rules = Rules(sampling_strategy="random")
    scores = np.tile(np.linspace(0.8, -0.2, 12, dtype=np.float32), (2000, 1))
    own = np.zeros(scores.shape, bool)
    codes = judged(scores, own, np.full(2000, 0.7, np.float32), rules)
    places = chosen(codes, rules, np.random.default_rng(1), None)
    fit = np.flatnonzero(codes[0] == 0)
    drawn = np.bincount(places.ravel(), minlength=12)
    assert set(np.flatnonzero(drawn)) == set(fit.tolist())
    share = drawn[fit] / 2000
    assert np.abs(share - 3 / len(fit)).max() < 0.04  # four deviations of a share of a third among 2 000
    assert (np.diff(places, axis=1) > 0).all()  # best first


@pytest.mark.parametrize("strategy", ["top", "random"])
def test_the_guide_is_asked_about_what_would_be_taken_and_replaced(strategy: str) -> None:
    rules = Rules(relative_margin=None, sampling_strategy=strategy)  # type: ignore[arg-type]
    scores, own, weakest = grid()
    refused = np.random.default_rng(5).random(scores.shape) < 0.5
    codes, asked = judged(scores, own, weakest, rules), []

    def accept(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
        asked.extend(zip(rows.tolist(), places.tolist(), strict=True))
        return ~refused[rows, places]

    places = chosen(codes, rules, np.random.default_rng(0), accept)
    assert len(asked) == len(set(asked)) < (codes == 0).sum() + (codes == 8).sum()
    assert REASONS[8] == "guide"
    for row, found in enumerate(places):
        taken = [int(place) for place in found if place >= 0]
        fit = [place for place in range(scores.shape[1]) if codes[row, place] in (0, 8) and not refused[row, place]]
        assert set(taken) <= set(fit)
        assert len(taken) == min(rules.num_negatives, len(fit))
        if strategy == "top":
            assert taken == fit[: rules.num_negatives]


@pytest.mark.parametrize(
    "given", [{"num_negatives": 0}, {"range_min": -1}, {"range_min": 9, "range_max": 10}, {"sampling_strategy": "best"}]
)
def test_rules_that_cannot_be_are_refused(given: dict[str, int]) -> None:
    with pytest.raises(UserError):
        Rules(**given)  # type: ignore[arg-type]
