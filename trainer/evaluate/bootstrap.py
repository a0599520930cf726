"""Intervals by bootstrap: how far a figure would move had the items been drawn again (Efron 1979, percentile intervals).

A resample of n items with replacement is a row of n counts, so every statistic here is a function of counts [draws, n] →
values [draws], and all ones give the figure itself. Two models measured on the same items share the counts: the interval
of their difference is then paired, and says far more than two intervals side by side.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1_000
BLOCK = 2_000_000  # counts held at a time
Floats = NDArray[np.float64]


class Statistic(Protocol):
    """A figure as a function of how often each item counts."""

    def __len__(self) -> int:
        """Items: rows, queries or texts."""
        ...

    def __call__(self, counts: Floats) -> Floats:
        """Counts [draws, items] → values [draws]; NaN where a resample has no value (no positive, all alike)."""
        ...


def value_of(statistic: Statistic) -> float:
    """The figure: every item counts once."""
    return float(statistic(np.ones((1, len(statistic))))[0])


def draws_of(statistic: Statistic, seed: list[int]) -> Floats:
    """The statistic of 1 000 resamples. The same seed and number of items: the same resamples."""
    return np.concatenate([statistic(counts) for counts in _resamples(len(statistic), seed)])


def interval(draws: Floats) -> tuple[float, float]:
    """The middle 95 % of the draws."""
    low, high = np.nanpercentile(draws, [2.5, 97.5])
    return float(low), float(high)


def _resamples(items: int, seed: list[int]) -> Iterator[Floats]:
    chance = np.random.default_rng(seed)
    block = max(1, BLOCK // items)
    for start in range(0, RESAMPLES, block):
        draws = min(block, RESAMPLES - start)
        chosen = chance.integers(0, items, (draws, items)) + np.arange(draws)[:, None] * items
        yield np.bincount(chosen.ravel(), minlength=draws * items).reshape(draws, items).astype(np.float64)


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of one value per item."""

    values: Floats  # [items]

    def __len__(self) -> int:
        return len(self.values)

    def __call__(self, counts: Floats) -> Floats:
        return np.asarray(counts @ self.values / counts.sum(1))


class Spearman:
    """The correlation of ranks, ties at their average rank (Spearman 1904)."""

    def __init__(self, first: NDArray[Any], second: NDArray[Any]) -> None:
        self._ranked = (_Groups(first), _Groups(second))

    def __len__(self) -> int:
        return len(self._ranked[0].group)

    def __call__(self, counts: Floats) -> Floats:
        x, y = (ranked.midranks(counts) - counts.sum(1, keepdims=True) / 2 for ranked in self._ranked)
        return _ratio((counts * x * y).sum(1), np.sqrt((counts * x * x).sum(1) * (counts * y * y).sum(1)))


class AveragePrecision:
    """Area under precision by recall, Σ (R_k − R_{k−1}) · P_k over the distinct scores: equal scores count as one step."""

    def __init__(self, scores: NDArray[Any], labels: NDArray[np.bool_]) -> None:
        self._groups, self._labels = _Groups(-scores), labels

    def __len__(self) -> int:
        return len(self._labels)

    def __call__(self, counts: Floats) -> Floats:
        right = self._groups.sums(counts * self._labels)
        found, seen = right.cumsum(1), self._groups.sums(counts).cumsum(1)
        precision = found / np.maximum(seen, 1)
        return _ratio((right * precision).sum(1), found[:, -1])


class BestF1:
    """F1 at the best of all thresholds: an upper bound, chosen on the very items it is told of."""

    def __init__(self, scores: NDArray[Any], labels: NDArray[np.bool_]) -> None:
        self._groups, self._labels, self._scores = _Groups(-scores), labels, scores

    def __len__(self) -> int:
        return len(self._labels)

    def __call__(self, counts: Floats) -> Floats:
        return np.asarray(self._by_threshold(counts).max(1))

    def _by_threshold(self, counts: Floats) -> Floats:
        found, seen = self._groups.sums(counts * self._labels).cumsum(1), self._groups.sums(counts).cumsum(1)
        return np.asarray(2 * found / np.maximum(seen + found[:, -1:], 1))

    def threshold(self) -> float:
        """What the pairs called "same" score more than: half way to the next lower score; the strictest of equally good ones."""
        scores = np.unique(self._scores)[::-1]
        best = int(self._by_threshold(np.ones((1, len(self)))).argmax())
        if best + 1 == len(scores):  # all of them are called the same
            return float(np.nextafter(scores[best], -np.inf))
        return float(scores[best : best + 2].mean())


@dataclass(frozen=True, slots=True)
class F1:
    """2 · right / (predicted + true), of predictions already made."""

    predicted: NDArray[np.bool_]  # [items]
    labels: NDArray[np.bool_]  # [items]

    def __len__(self) -> int:
        return len(self.labels)

    def __call__(self, counts: Floats) -> Floats:
        both = 2 * (counts @ (self.predicted & self.labels))
        return np.asarray(both / np.maximum(counts @ self.predicted + counts @ self.labels, 1))


def _ratio(over: Floats, under: Floats) -> Floats:
    """NaN where there is nothing to divide by."""
    return np.asarray(np.divide(over, under, out=np.full(len(over), np.nan), where=under > 0))


class _Groups:
    """Items sorted upwards and cut where the value changes, so that equal values are one group."""

    def __init__(self, values: NDArray[Any]) -> None:
        _, self.group = np.unique(values, return_inverse=True)  # [items]
        self._order = np.argsort(self.group, kind="stable")
        self._starts = np.flatnonzero(np.diff(self.group[self._order], prepend=-1))

    def sums(self, counts: Floats) -> Floats:
        """Counts [draws, items] → [draws, groups]."""
        return np.asarray(np.add.reduceat(counts[:, self._order], self._starts, axis=1))

    def midranks(self, counts: Floats) -> Floats:
        """Each item's average rank in each resample, [draws, items], from ½ less than usual."""
        sums = self.sums(counts)
        return np.asarray((sums.cumsum(1) - sums / 2)[:, self.group])
