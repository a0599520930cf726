"""Groups out of scored pairs, against a plain average linkage that looks at everything again after each merge."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from searchapp.usecases.duplicates_groups import connected, group
from searchapp.usecases.pairs import Pairs

Scores = dict[tuple[int, int], float]


def pairs_of(scores: Scores, copies: tuple[tuple[int, int], ...] = ()) -> Pairs:
    """Pairs with these scores; nothing but the score and the copies matters to groups."""
    rows = sorted([*scores, *copies])
    a, b = np.array(rows, np.int64).reshape(-1, 2).T
    score = np.array([scores.get(pair, 1.0) for pair in rows])
    no = np.zeros(len(rows), np.bool_)
    return Pairs(a, b, score, score, score, score, no, no, np.array([pair in copies for pair in rows], np.bool_))


def members(scores: Scores, threshold: float, copies: tuple[tuple[int, int], ...] = ()) -> list[tuple[int, ...]]:
    return [found.members for found in group(pairs_of(scores, copies), threshold)]


def mean(scores: Scores, one: tuple[int, ...], other: tuple[int, ...]) -> float:
    return sum(scores.get((min(i, j), max(i, j)), 0.0) for i in one for j in other) / (len(one) * len(other))


def oracle(scores: Scores, threshold: float) -> list[tuple[int, ...]]:
    """Average linkage in the obvious way: all groups against all, the best first, lower rows first among equals."""
    groups = [(row,) for row in sorted({row for pair in scores for row in pair})]
    while len(groups) > 1:
        best = min(
            combinations(sorted(groups), 2), key=lambda two: (-round(mean(scores, *two), 9), two[0][0], two[1][0])
        )
        if mean(scores, *best) < threshold - 1e-9:
            break
        groups = [each for each in groups if each not in best] + [tuple(sorted(best[0] + best[1]))]
    return sorted(found for found in groups if len(found) > 1)


def test_chain_is_not_one_group() -> None:
    assert members({(0, 1): 0.9, (1, 2): 0.7}, 0.6) == [(0, 1)]  # 2 with (0, 1): (0 + .7) / 2
    assert members({(0, 1): 0.9, (1, 2): 0.7, (0, 2): 0.2}, 0.6) == [(0, 1)]
    assert members({(0, 1): 0.9, (1, 2): 0.7, (0, 2): 0.5}, 0.6) == [(0, 1, 2)]  # (.5 + .7) / 2


def test_pair_below_the_threshold_counts_in_the_mean_of_its_group() -> None:
    (found,) = group(pairs_of({(0, 1): 0.9, (1, 2): 0.7, (0, 2): 0.5}), 0.6)
    assert (found.weakest, found.mean, found.pairs) == (0.5, pytest.approx(0.7), (0, 1, 2))


def test_threshold_is_reached_by_an_equal_score_and_splits_as_it_rises() -> None:
    scores = {(0, 1): 0.9, (0, 2): 0.6, (1, 2): 0.6, (4, 7): 0.5}
    assert members(scores, 0.5) == [(0, 1, 2), (4, 7)]
    assert members(scores, 0.6) == [(0, 1, 2)]
    assert members(scores, 0.61) == [(0, 1)]
    assert members(scores, 0.91) == []
    assert members({}, 0.5) == []


def test_surest_group_comes_first_and_equal_ones_in_order_of_their_rows() -> None:
    assert members({(5, 6): 0.7, (1, 2): 0.7, (8, 9): 0.95}, 0.5) == [(8, 9), (1, 2), (5, 6)]


def test_copies_are_one_from_the_start_and_weigh_once() -> None:
    copies = tuple((0, row) for row in range(10, 40))  # thirty copies of row 0
    found = group(pairs_of({(0, 1): 0.8}, copies), 0.75)
    assert [one.members for one in found] == [(0, 1, *range(10, 40))]
    assert found[0].weakest == 0.8
    assert members({(0, 1): 0.8}, 0.9, copies) == [(0, *range(10, 40))]


@given(
    st.dictionaries(
        st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda pair: pair[0] < pair[1]),
        st.integers(0, 1000).map(lambda value: value / 1000),
        max_size=20,
    ),
    st.sampled_from([0.2, 0.5, 0.55, 0.8]),
)
def test_groups_equal_plain_average_linkage(scores: Scores, threshold: float) -> None:
    found = members(scores, threshold)
    strong = {pair: value for pair, value in scores.items() if value > 0}
    assert sorted(found) == oracle(strong, threshold)


def test_components_of_a_long_path_are_found() -> None:
    rows = np.random.default_rng(0).permutation(2_000)
    lowest = connected(2_001, rows[:-1], rows[1:])
    assert (lowest[:2_000] == 0).all()
    assert lowest[2_000] == 2_000
