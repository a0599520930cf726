"""Word overlap of very many pairs at once: each record a set of word numbers, each word a weight, and NumPy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.opened import Rows

Floats = NDArray[np.float64]
CHUNK = 20_000  # pairs compared at once: some 100 MB at 50 words a record


@dataclass(frozen=True, slots=True, eq=False)
class Bags:
    """The word numbers of record r are `items[start[r]:start[r + 1]]`, ascending, each once."""

    start: NDArray[np.int64]  # [records + 1]
    items: NDArray[np.int64]
    weight: Floats  # [words] above zero
    mass: Floats  # [records] summed weight of a record's words

    @classmethod
    def gather(cls, bags: Sequence[NDArray[np.int64]], weight: Floats) -> Bags:
        """From one ascending array of word numbers per record."""
        start = np.concatenate(([0], np.cumsum([len(bag) for bag in bags]))).astype(np.int64)
        items = np.concatenate([*bags, np.empty(0, np.int64)])
        mass = np.array([weight[bag].sum() for bag in bags])
        return cls(start, items, weight, mass)

    def of(self, record: int) -> NDArray[np.int64]:
        """The word numbers of a record."""
        return self.items[self.start[record] : self.start[record + 1]]

    def plus(self, items: NDArray[np.int64], more: float) -> Bags:
        """One record more at the end, of these words and of others that weigh `more` and that no record shares."""
        start = np.append(self.start, self.start[-1] + len(items))
        mass = np.append(self.mass, self.weight[items].sum() + more)
        return Bags(start, np.append(self.items, items), self.weight, mass)

    def take(self, records: Rows) -> Bags:
        """The bags of some records only."""
        return Bags.gather([self.of(record) for record in records.tolist()], self.weight)

    def contained(self, a: Rows, b: Rows) -> Floats:
        """The share of the lighter record's weight that the other has too, [pairs] in [0, 1]; 0 where one has no words."""
        parts = [self._shared(a[i : i + CHUNK], b[i : i + CHUNK]) for i in range(0, len(a), CHUNK)]
        shared, less = np.concatenate([*parts, np.empty(0)]), np.minimum(self.mass[a], self.mass[b])
        share: Floats = np.divide(shared, less, out=np.zeros(len(a)), where=less > 0)
        return np.fmin(share, 1.0)  # summed in another order, a whole may pass 1 by a rounding

    def _shared(self, a: Rows, b: Rows) -> Floats:
        left, right = self._keys(a), self._keys(b)
        if not len(right):
            return np.zeros(len(a))
        place = np.minimum(np.searchsorted(right, left), len(right) - 1)
        pair, word = np.divmod(left[right[place] == left], len(self.weight))
        return np.bincount(pair, self.weight[word], minlength=len(a)).astype(np.float64)

    def _keys(self, rows: Rows) -> NDArray[np.int64]:
        """Pair number and word number in one integer, ascending, for every word of every row."""
        counts = self.start[rows + 1] - self.start[rows]
        skipped = self.start[rows] - np.concatenate(([0], np.cumsum(counts)[:-1]))
        items = self.items[np.arange(counts.sum()) + np.repeat(skipped, counts)]
        keys: NDArray[np.int64] = np.repeat(np.arange(len(rows)), counts) * len(self.weight) + items
        return keys
