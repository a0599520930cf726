"""Fusion against a literal reading of its formula, and what must hold for any scores."""

from __future__ import annotations

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from searchapp.fusion import DENSE_SHARE, fuse
from tests.trials import trials

Scores = NDArray[np.float32]
pairs = st.lists(st.tuples(st.floats(-1, 1, width=16), st.floats(0, 60, width=16)), min_size=1, max_size=40)


def columns(made: list[tuple[float, float]]) -> tuple[Scores, Scores]:
    both = np.array(made, np.float32).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def oracle(dense: Scores, lexical: Scores) -> list[float]:
    def standard(scores: list[float]) -> list[float]:
        spread = statistics.pstdev(scores)
        return [(score - statistics.fmean(scores)) / spread if spread else 0.0 for score in scores]

    both = zip(standard(dense.tolist()), standard(lexical.tolist()), strict=True)
    return [DENSE_SHARE * d + (1 - DENSE_SHARE) * b for d, b in both]


@settings(max_examples=trials(500))
@given(pairs)
def test_equals_the_formula(made: list[tuple[float, float]]) -> None:
    dense, lexical = columns(made)
    np.testing.assert_allclose(fuse(dense, lexical), oracle(dense, lexical), rtol=1e-4, atol=1e-5)


@settings(max_examples=trials(500))
@given(pairs)
def test_the_order_of_candidates_does_not_show(made: list[tuple[float, float]]) -> None:
    dense, lexical = columns(made)
    order = np.random.default_rng(len(made)).permutation(len(made))
    assert fuse(dense[order], lexical[order]).tolist() == fuse(dense, lexical)[order].tolist(), "bit for bit"


@settings(max_examples=trials(500))
@given(pairs)
def test_as_good_in_both_is_never_behind(made: list[tuple[float, float]]) -> None:
    dense, lexical = columns(made)
    fused = fuse(dense, lexical)
    as_good = (dense[:, None] >= dense) & (lexical[:, None] >= lexical)
    assert (fused[:, None] >= fused)[as_good].all()


@settings(max_examples=trials(500))
@given(pairs, st.booleans())
def test_scores_all_alike_leave_the_order_to_the_other(made: list[tuple[float, float]], silent: bool) -> None:
    dense, lexical = columns(made)
    zero = np.zeros_like(dense)
    kept, fused = (dense, fuse(dense, zero)) if silent else (lexical, fuse(zero, lexical))
    assert (np.diff(fused[np.argsort(kept, kind="stable")]) >= 0).all()
    assert (fused[kept == kept.max()] == fused.max()).all(), "equal scores stay equal: the ids decide"


def test_a_clear_winner_speaks_louder_than_a_narrow_one() -> None:
    narrow, clear = np.array([0.5, 0.499, 0.3, 0.3, 0.3, 0.3], np.float32), np.array([1, 30, 1, 1, 1, 1], np.float32)
    assert fuse(narrow, clear).argmax() == 1, "dense hardly prefers 0, lexical surely prefers 1"
    clear, narrow = np.array([0.8, 0.5, 0.3, 0.3, 0.3, 0.3], np.float32), np.array([29, 30, 1, 1, 1, 1], np.float32)
    assert fuse(clear, narrow).argmax() == 0, "the other way round"


def test_no_candidates() -> None:
    assert fuse(np.zeros(0, np.float32), np.zeros(0, np.float32)).shape == (0,)


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        fuse(np.zeros(2, np.float32), np.zeros(3, np.float32))
    with pytest.raises(ValueError, match="complete both"):
        fuse(np.array([0, -np.inf], np.float32), np.zeros(2, np.float32))
