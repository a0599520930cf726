"""From seeds to figures: means with 95 % intervals by Student's t, and differences taken seed by seed.

The cells of one seed share data, noise, first weights and order of rows, so their differences vary less than they do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.975  # the upper end of a two-sided 95 % interval


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over seeds and its 95 % interval; one seed has no interval: `low` and `high` are None."""

    mean: float
    low: float | None
    high: float | None
    n: int

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def mean_of(values: Sequence[float]) -> Mean:
    """Mean of n independent values and t(n − 1) · s / √n on both sides (Student 1908)."""
    from scipy.special import stdtrit  # type: ignore[import-untyped]

    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return Mean(mean, None, None, n)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(stdtrit(n - 1, LEVEL)) * spread / math.sqrt(n)
    return Mean(mean, mean - half, mean + half, n)


def paired(values: dict[int, float], base: dict[int, float]) -> Mean | None:
    """Mean of value − base over the seeds that both have; None where there is none."""
    shared = sorted(values.keys() & base.keys())
    return mean_of([values[seed] - base[seed] for seed in shared]) if shared else None
