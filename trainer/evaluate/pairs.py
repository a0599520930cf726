"""Average precision over all pairs of n texts: "do these two mean the same?", asked n (n − 1) / 2 times.

Pairs of one text are not independent, so texts are resampled, not pairs: a pair counts as often as its two texts do
together. Pairs are sorted once; a resample then is two look-ups per pair.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from indexer.encode.threads import usable_cores
from indexer.errors import UserError
from trainer.evaluate.bootstrap import Floats

MOST = 8_000  # texts: 32 million pairs


class PairPrecision:
    """Average precision of "same class" by cosine over all pairs of texts; equal scores count as one step."""

    def __init__(self, vectors: NDArray[np.float32], classes: NDArray[np.intp]) -> None:
        if len(classes) > MOST:
            raise UserError("Too many texts for all their pairs.", len(classes), f"set rows = {MOST} or less")
        first, second = (half.astype(np.uint16) for half in np.triu_indices(len(classes), 1))
        same = classes[first] == classes[second]
        if same.all() or not same.any():
            raise UserError("Labels need two texts of one label and two of different ones.", len(classes), "add some")
        scores = _scores(vectors, first, second)
        order = np.argsort(-scores, kind="stable")
        self._items = len(classes)
        self._same, self._starts, self._same_starts, needed = _segments(scores[order], same[order])
        self._first, self._second = first[order[:needed]], second[order[:needed]]

    def __len__(self) -> int:
        return self._items

    def __call__(self, counts: Floats) -> Floats:
        with ThreadPoolExecutor(usable_cores()) as workers:  # NumPy lets go of the interpreter in the long loops
            return np.array(list(workers.map(self._one, counts)))

    def _one(self, counts: Floats) -> float:
        weights = counts.astype(np.uint16)  # small numbers: half the time of floats
        pairs = weights[self._first] * weights[self._second]
        seen = np.add.reduceat(pairs, self._starts, dtype=np.uint32).cumsum(dtype=np.float64)
        right = np.add.reduceat(pairs[self._same], self._same_starts, dtype=np.uint32).astype(np.float64)
        found = right.cumsum()
        precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
        return float((right * precision).sum() / found[-1]) if found[-1] else float("nan")


def _scores(vectors: NDArray[np.float32], first: NDArray[np.uint16], second: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Cosines of the pairs. Equal texts are scored once, and in one order, so that they tie exactly."""
    different, place = np.unique(vectors, axis=0, return_inverse=True)
    one, other = place[first], place[second]
    return np.asarray((different @ different.T)[np.minimum(one, other), np.maximum(one, other)])


def _segments(
    scores: NDArray[np.float32], same: NDArray[np.bool_]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp], int]:
    """Sorted pairs cut after every group of equal scores that holds a positive: only there precision is read.

    Returns the places of the positives, where segments start, where the positives of a segment start among them, and how
    many pairs are needed: those after the last positive change nothing."""
    groups = np.cumsum(np.diff(scores, prepend=scores[0]) != 0)  # [pairs]
    places = np.flatnonzero(same)
    holding = np.unique(groups[places])
    ends = np.searchsorted(groups, holding, side="right")  # one past each group's last pair
    starts = np.concatenate([[0], ends[:-1]])
    return places, starts, np.searchsorted(places, starts), int(ends[-1])
