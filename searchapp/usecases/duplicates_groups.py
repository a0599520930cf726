"""Groups of duplicates out of scored pairs, at a threshold that can be moved freely.

Taking everything that hangs together would merge too much: a is like b and b like c, yet a and c are two things. So inside
each connected component the two groups with the highest mean score between their members are merged first, again and
again, as long as that mean reaches the threshold (average linkage, Sokal and Michener 1958). A pair that was no candidate
counts as 0: neither retrieval found one near the other. Copies to the letter are one from the start. Nothing is random;
equal means are merged in order of the rows.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from indexer.opened import Rows
from searchapp.usecases.pairs import Pairs
from searchapp.usecases.pairs_bags import Floats

Score = dict[int, float]  # of one member with the others of its component


@dataclass(frozen=True, slots=True)
class Group:
    """Records that are the same thing: rows, ascending, with the weakest and the mean score of the pairs among them.

    `pairs` are the places, in the `Pairs` they were cut from, of all scored pairs inside the group.
    """

    members: tuple[int, ...]
    weakest: float
    mean: float
    pairs: tuple[int, ...]


def group(pairs: Pairs, threshold: float) -> tuple[Group, ...]:
    """The groups of two records and more at a threshold in [0, 1], surest (by mean, then first row) first."""
    owner = _owners(pairs, threshold)
    inside = np.flatnonzero(owner[pairs.a] == owner[pairs.b])
    if not len(inside):
        return ()
    places = inside[np.argsort(owner[pairs.a[inside]], kind="stable")]
    names, first, counts = np.unique(owner[pairs.a[places]], return_index=True, return_counts=True)
    weakest = np.minimum.reduceat(pairs.score[places], first).tolist()
    means = (np.add.reduceat(pairs.score[places], first) / counts).tolist()
    columns = zip(_members(owner, names), weakest, means, _split(places, first), strict=True)
    return tuple(sorted((Group(*column) for column in columns), key=lambda found: (-found.mean, found.members)))


def _members(owner: Rows, names: Rows) -> list[tuple[int, ...]]:
    """The rows of each of the groups called `names`, ascending."""
    rows = np.flatnonzero(np.isin(owner, names))
    rows = rows[np.argsort(owner[rows], kind="stable")]
    return _split(rows, np.searchsorted(owner[rows], names))


def _split(values: NDArray[np.int64], first: NDArray[np.int64]) -> list[tuple[int, ...]]:
    """The values from each `first` place up to the next."""
    edges, plain = [*first.tolist(), len(values)], values.tolist()
    return [tuple(plain[start:end]) for start, end in pairwise(edges)]


def _owners(pairs: Pairs, threshold: float) -> Rows:
    """The lowest row of each row's group, [rows up to the highest in a pair]."""
    rows = int(pairs.b.max(initial=-1)) + 1  # b is the higher row of a pair
    atom = connected(rows, pairs.a[pairs.copies], pairs.b[pairs.copies])
    strong = (pairs.score >= threshold) & ~pairs.copies
    component = connected(rows, atom[pairs.a[strong]], atom[pairs.b[strong]])
    owner = component[atom]
    within = ~pairs.copies & (owner[pairs.a] == owner[pairs.b])
    sizes = np.bincount(component[np.unique(atom)], minlength=rows)
    large = within & (sizes[owner[pairs.a]] > 2)
    for linked in _linked(atom[pairs.a[large]], atom[pairs.b[large]], pairs.score[large], owner, threshold):
        component[list(linked)] = min(linked)
    return component[atom]


def connected(rows: int, a: Rows, b: Rows) -> Rows:
    """For each row the lowest row it is connected with by the pairs (a, b), [rows]."""
    lowest = np.arange(rows)
    while True:
        least = np.minimum(lowest[a], lowest[b])
        before = lowest.copy()
        np.minimum.at(lowest, lowest[a], least)
        np.minimum.at(lowest, lowest[b], least)
        lowest = lowest[lowest]
        if (lowest == before).all():
            return lowest


def _linked(a: Rows, b: Rows, score: Floats, owner: Rows, threshold: float) -> Iterator[tuple[int, ...]]:
    """For each component of more than two members its groups."""
    components: dict[int, dict[int, Score]] = defaultdict(lambda: defaultdict(dict))
    for one, other, value in zip(a.tolist(), b.tolist(), score.tolist(), strict=True):
        members = components[int(owner[one])]
        members[one][other] = members[other][one] = value
    for scores in components.values():
        yield from average_linkage(scores, threshold)


def average_linkage(scores: dict[int, Score], threshold: float) -> list[tuple[int, ...]]:
    """Groups of the keys of `scores`, merged by highest mean score down to the threshold; a missing pair scores 0."""
    sums = {one: dict(others) for one, others in scores.items()}  # summed score of two groups, by their lowest members
    groups: dict[int, tuple[int, ...]] = {one: (one,) for one in scores}
    heap: list[tuple[float, int, int, int, int]] = []  # −mean, two groups, and the sizes they had when it was the mean

    def offer(one: int, other: int) -> None:
        one, other = min(one, other), max(one, other)
        sizes = len(groups[one]), len(groups[other])
        mean = sums[one][other] / (sizes[0] * sizes[1])
        if mean >= threshold:
            heapq.heappush(heap, (-mean, one, other, *sizes))

    for one, others in sums.items():
        for other in filter(one.__lt__, others):
            offer(one, other)
    while heap:
        _, one, other, *sizes = heapq.heappop(heap)
        if [len(groups.get(one, ())), len(groups.get(other, ()))] == sizes:  # neither has been merged since
            groups[one] += groups.pop(other)
            _add(sums, one, other)
            for third in sums[one]:
                offer(one, third)
    return [tuple(sorted(members)) for members in groups.values()]


def _add(sums: dict[int, Score], one: int, other: int) -> None:
    """Give the sums of one group to another."""
    for third, value in sums.pop(other).items():
        del sums[third][other]
        if third != one:
            sums[one][third] = sums[third][one] = sums[one].get(third, 0.0) + value
