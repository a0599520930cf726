"""Which of an anchor's nearest passages become its negatives: the rules of sentence-transformers' miner, in NumPy.

`sentence_transformers.util.mine_hard_negatives` (6.2) brings its own flat index, holds every text, vector and candidate in memory
and calls methods of a torch model, so neither our encoder nor our index can stand in it. Its rules are few, and are
kept here under its own names, in its order: candidates best first; its own positives go; then what is too near to be safely wrong,
by `absolute_margin`, `relative_margin` and `max_score`, and what is too far to be hard, by `min_score`; of what is left
the first `range_min` are skipped, and `num_negatives` are taken from the top or drawn at random. The margins count from the
weakest positive of an anchor, as there. A relative margin of .05 is NV-Retriever's best (arXiv 2407.15831).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from indexer.errors import UserError

Floats = NDArray[np.float32]
Rows = NDArray[np.int64]
Codes = NDArray[np.int8]
Accept = Callable[
    [Rows, Rows], NDArray[np.bool_]
]  # anchors of the block [m], their candidates [m] → which may be negatives

REASONS = (  # why a candidate is no negative; the code is the place
    "fit",
    "absent",
    "a positive of its anchor",
    "beyond range_max",
    "absolute_margin",
    "relative_margin",
    "max_score",
    "min_score",
    "guide",
)


@dataclass(frozen=True, slots=True)
class Rules:
    """The miner's settings, under the library's names. `range_max` counts candidates without the anchor's positives."""

    num_negatives: int = 3
    range_min: int = 0
    range_max: int = 100
    absolute_margin: float | None = None
    relative_margin: float | None = 0.05
    max_score: float | None = None
    min_score: float | None = None
    sampling_strategy: Literal["top", "random"] = "top"

    def __post_init__(self) -> None:
        given = f"range_min {self.range_min}, range_max {self.range_max}, num_negatives {self.num_negatives}"
        if self.num_negatives < 1 or self.range_min < 0 or self.range_max - self.range_min < self.num_negatives:
            todo = "leave at least num_negatives candidates between range_min and range_max"
            raise UserError("The range of candidates is too small.", given, todo)
        if self.sampling_strategy not in ("top", "random"):
            raise UserError("There is no such sampling strategy.", self.sampling_strategy, "top or random")


def judged(scores: Floats, own: NDArray[np.bool_], weakest: Floats, rules: Rules) -> Codes:
    """Why each candidate is no negative, or 0. `scores` [anchors, candidates] best first, absent ones −inf; `own`: the
    positives among them; `weakest` [anchors]: the score of each anchor's weakest positive."""
    bar = weakest[:, None]
    codes = np.zeros(scores.shape, np.int8)
    tests: list[tuple[int, NDArray[np.bool_]]] = [
        (1, ~np.isfinite(scores)),
        (2, own),
        (3, np.cumsum(~own, axis=1) > rules.range_max),
    ]
    if rules.absolute_margin is not None:
        tests.append((4, scores + np.float32(rules.absolute_margin) > bar))
    if rules.relative_margin is not None:
        tests.append((5, scores > bar - abs(bar) * np.float32(rules.relative_margin)))
    if rules.max_score is not None:
        tests.append((6, scores > rules.max_score))
    if rules.min_score is not None:
        tests.append((7, scores < rules.min_score))
    for code, failing in tests:
        codes[(codes == 0) & failing] = code
    return codes


def chosen(codes: Codes, rules: Rules, draw: np.random.Generator, accept: Accept | None) -> Rows:
    """Places of each anchor's negatives among its candidates [anchors, num_negatives], best first, −1 where there are too few.

    `accept` is asked about those candidates only that would be taken; what it refuses gets its code in `codes`."""
    found = np.full((len(codes), rules.num_negatives), -1, np.int64)
    waiting = [_order(row, rules, draw) for row in codes]
    taken: list[list[int]] = [[] for _ in waiting]
    while True:
        asked = [
            (anchor, place)
            for anchor, places in enumerate(waiting)
            for place in places[: rules.num_negatives - len(taken[anchor])]
        ]
        if not asked:
            break
        rows, places = (np.array(side, np.int64) for side in zip(*asked, strict=True))
        fit = accept(rows, places) if accept else np.ones(len(rows), bool)
        codes[rows[~fit], places[~fit]] = len(REASONS) - 1
        for anchor, count in zip(*np.unique(rows, return_counts=True), strict=True):
            waiting[anchor] = waiting[anchor][count:]
        for anchor, place in zip(rows[fit].tolist(), places[fit].tolist(), strict=True):
            taken[anchor].append(place)
    for anchor, own in enumerate(taken):
        found[anchor, : len(own)] = sorted(own)
    return found


def _order(codes: Codes, rules: Rules, draw: np.random.Generator) -> list[int]:
    """The candidates that are left of one anchor, in the order in which they are to be taken."""
    left = np.flatnonzero(codes == 0)[rules.range_min :]
    return list((draw.permutation(left) if rules.sampling_strategy == "random" else left).tolist())
