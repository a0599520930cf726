"""The plan of batches: one source each, no repeated text, passes before repeats, and all of it from the seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import UserError
from tests.trials import trials
from trainer.train.plan import Ints, cut, make_plan


@dataclass(frozen=True)
class Source:
    """A source of made-up rows."""

    name: str
    quality: float
    hashes: Ints
    lengths: Ints


def source(rows: int, seed: int = 0, quality: float = 1.0, texts: int | None = None) -> Source:
    """`texts`: so many different texts; None: every text another."""
    draw = np.random.default_rng(seed)
    hashes = np.arange(2 * rows).reshape(rows, 2) if texts is None else draw.integers(0, texts, (rows, 2))
    return Source(f"source {seed}", quality, hashes.astype(np.int64), draw.integers(1, 400, rows))


sizes = st.integers(8, 60)


@given(
    rows=st.lists(sizes, min_size=1, max_size=4),
    batch=st.integers(2, 4),
    window=st.integers(1, 5),
    seed=st.integers(0, 99),
)
def test_no_text_is_twice_in_a_batch(rows: list[int], batch: int, window: int, seed: int) -> None:
    sources = [source(size, number, texts=6 * size) for number, size in enumerate(rows)]
    plan = make_plan(sources, trials(20, 200), batch, window, [seed])
    for chosen, drawn in zip(plan.sources, plan.rows, strict=True):
        assert drawn.min() >= 0
        assert drawn.max() < rows[chosen]
        assert len(set(drawn.tolist())) == batch
        sets = [set(sources[chosen].hashes[row].tolist()) for row in drawn]
        assert len(set.union(*sets)) == sum(map(len, sets))


@given(rows=sizes, batch=st.integers(2, 8), window=st.integers(1, 5), seed=st.integers(0, 99))
def test_no_row_is_ever_two_passes_behind_another(rows: int, batch: int, window: int, seed: int) -> None:
    plan = make_plan([source(rows)], 60, batch, window, [seed])
    assert plan.left_out == (0,)
    counts = np.zeros(rows, int)
    for drawn in plan.rows:
        counts[drawn] += 1
        assert counts.max() - counts.min() <= 1


def test_one_pass_without_repeats_is_a_permutation() -> None:
    plan = make_plan([source(64)], 8, 8, 3, [5])
    assert sorted(plan.rows.reshape(-1).tolist()) == list(range(64))


def test_sources_are_drawn_by_size_and_quality() -> None:
    sources = [source(100, 0), source(300, 1), source(100, 2, quality=4.0)]
    plan = make_plan(sources, 8_000, 2, 1, [1])
    shares = [plan.drawn(number) / plan.rows.size for number in range(3)]
    assert shares == pytest.approx([1 / 8, 3 / 8, 4 / 8], abs=0.02)


def test_windows_group_by_length_and_one_batch_does_not() -> None:
    def spread(window: int) -> float:
        one = source(3_200)
        plan = make_plan([one], 100, 32, window, [1])
        lengths = one.lengths[plan.rows]
        return float((lengths.max(1) / lengths.mean(1)).mean())

    assert spread(25) < 1.15 < 1.7 < spread(1)


def test_the_seed_decides_everything() -> None:
    sources = [source(50, 0), source(70, 1)]
    one, same, other = (make_plan(sources, 50, 8, 4, [seed]) for seed in (1, 1, 2))
    assert np.array_equal(one.rows, same.rows)
    assert np.array_equal(one.sources, same.sources)
    assert not np.array_equal(one.rows, other.rows)


def test_a_shorter_plan_is_the_beginning_of_a_longer_one_of_one_source() -> None:
    longer, shorter = (make_plan([source(50)], steps, 8, 4, [1]) for steps in (40, 10))
    assert np.array_equal(longer.rows[:10], shorter.rows)


def test_one_row_has_nothing_to_be_told_from() -> None:
    with pytest.raises(UserError, match="one row"):
        make_plan([source(1)], 5, 2, 1, [1])


def test_a_source_of_one_repeated_text_cannot_fill_a_batch() -> None:
    same = Source("same", 1.0, np.zeros((50, 2), np.int64), np.ones(50, np.int64))
    with pytest.raises(UserError, match="cannot fill one batch"):
        make_plan([same], 5, 2, 4, [1])


def test_what_repeats_too_often_is_left_out_and_counted() -> None:
    hashes = np.arange(200).reshape(100, 2)
    hashes[:60, 0] = 0  # sixty rows with one anchor: at most one in each of about five batches
    often = Source("often", 1.0, hashes.astype(np.int64), np.ones(100, np.int64))
    plan = make_plan([often], 40, 8, 4, [1])
    assert plan.left_out[0] > 0


def test_cut_keeps_the_order_and_loses_nothing() -> None:
    hashes = np.array([[0, 1], [0, 2], [3, 4], [5, 6], [7, 8]])
    made, unfinished, repeats = cut(np.arange(5), hashes, 2)
    assert [batch.tolist() for batch in made] == [[0, 2], [1, 3]]
    assert (unfinished.tolist(), repeats.tolist()) == ([4], [])
