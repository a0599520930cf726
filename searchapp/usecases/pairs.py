"""How surely two records are the same thing: one score in [0, 1] for a pair, from several parts, without any labels.

**Likeness.** Cosine of the embeddings, counted twice, and the words in common: the share of the shorter record's words, by
weight, that the longer one has too. Numeric fields join with the weight they earn in this collection: see `pairs_fields`.

**Local scale.** In a dense corner (ten editions of one program) strangers are alike, in an empty one twins are not. So the
distance d = 1 − likeness is measured against the surroundings of both, by the self-tuning affinity of Zelnik-Manor and
Perona (2004): score = 2^(−d² / (s_a · s_b)), where s is a record's distance to its third neighbour. Two records no nearer
to each other than others are get 1/2, exact copies 1, in any collection: so a threshold means the same in each.

**Contradiction.** Where both have numbers that the other lacks, or one says the opposite, the score is lowered: the more,
the more words they share, because in near copies such a word decides and in free rewordings it seldom does.

The constants were chosen on training and validation pairs of two public sets, with a look at the demo questions for the
negations and the ceiling; the numbers are in docs/lab-log.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.opened import Rows
from searchapp.usecases.pairs_bags import CHUNK, Floats
from searchapp.usecases.pairs_evidence import Evidence
from searchapp.usecases.pairs_fields import field_agreement
from searchapp.usecases.pairs_marks import numbers_differ, says_opposite

DENSE, WORDS = 2, 1  # what the two views count; from 1 : 1 to 3 : 1 the F1 on development pairs stays within .015
NEIGHBOUR = 3  # whose distance is a record's scale: beyond a twin and one more copy, still in its surroundings
CEILING = 0.6  # of a scale, also that of a row with too few neighbours: where all is far, unrelated things would pass
FLOOR = 0.3  # of the median scale: in a nest of near copies the scale would shrink until they are strangers
CONTRADICTION = 0.75  # of the score a contradiction takes from two records whose words are otherwise the same
HOPELESS = 0.25  # a score below which contradictions are not looked for: it is no duplicate anyway


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Candidate pairs and why they score as they do; every array is [pairs]. Ordered by (a, b)."""

    a: Rows  # record rows, a < b
    b: Rows
    score: Floats  # [0, 1]
    dense: Floats  # cosine of the two records' vectors
    words: Floats  # share of the lighter record's words, by weight, that the other has
    fields: Floats  # weighted agreement of the numeric fields; nan where there is none to compare
    numbers: NDArray[np.bool_]  # both have a number that the other lacks
    opposite: NDArray[np.bool_]  # one says the opposite
    copies: NDArray[np.bool_]  # the same to the letter, all but the id

    def __len__(self) -> int:
        return len(self.a)

    def at(self, places: NDArray[np.int64]) -> Pairs:
        """Some of the pairs, in the order of `places`."""
        return Pairs(*(getattr(self, name)[places] for name in Pairs.__slots__))

    def parts(self, place: int) -> dict[str, float | bool | None]:
        """The parts of one pair's score, by name; None for what could not be compared."""
        fields = float(self.fields[place])
        return {
            "dense": float(self.dense[place]),
            "words": float(self.words[place]),
            "fields": None if np.isnan(fields) else fields,
            "numbers_differ": bool(self.numbers[place]),
            "opposite": bool(self.opposite[place]),
        }


def compare(evidence: Evidence, pairs: NDArray[np.int64]) -> Pairs:
    """Score pairs of originals, [pairs, 2], which hold all neighbours of every row among them, and add the copies."""
    return _with_copies(evidence, score_pairs(evidence, pairs))


def score_pairs(evidence: Evidence, pairs: NDArray[np.int64]) -> Pairs:
    """Score pairs, [pairs, 2], ascending, each once, as `compare` does."""
    a, b = pairs.T
    dense = _cosines(evidence.vectors, a, b)
    words = evidence.bags.contained(a, b)
    alike = (DENSE * np.clip(dense, 0, 1) + WORDS * words) / (DENSE + WORDS)
    agreement, weight = field_agreement(evidence, a, b, alike)
    alike = ((DENSE + WORDS) * alike + weight * np.nan_to_num(agreement)) / (DENSE + WORDS + weight)
    scale = scales(len(evidence.marks), a, b, 1 - alike)
    score = affinity(1 - alike, scale[a], scale[b])
    numbers, opposite = _contradictions(evidence, a, b, words, score)
    score = score * (1 - CONTRADICTION * words) ** (numbers.astype(int) + opposite)
    return Pairs(a, b, score, dense, words, agreement, numbers, opposite, np.zeros(len(a), np.bool_))


def _cosines(vectors: NDArray[np.float32], a: Rows, b: Rows) -> Floats:
    """[pairs], a chunk at a time: the vectors of two million pairs would be gigabytes."""
    cuts = [slice(first, first + CHUNK) for first in range(0, len(a), CHUNK)]
    parts = [np.einsum("ij,ij->i", vectors[a[cut]], vectors[b[cut]]) for cut in cuts]
    return np.concatenate([np.empty(0), *parts])


def affinity(distance: Floats, scale_a: Floats, scale_b: Floats) -> Floats:
    """2^(−d² / (s_a · s_b)); a distance of zero gives 1 on any scale."""
    found: Floats = np.exp2(-(distance**2) / np.maximum(scale_a * scale_b, 1e-12))
    return found


def scales(rows: int, a: Rows, b: Rows, distance: Floats) -> Floats:
    """Each row's distance to its NEIGHBOUR-th nearest, [rows], at most CEILING, which a row with fewer neighbours gets.

    None is below FLOOR times the median of the rows that have so many.
    """
    owner, far = np.concatenate([a, b]), np.concatenate([distance, distance])
    order = np.lexsort((far, owner))
    owner, far = owner[order], far[order]
    place = np.searchsorted(owner, np.arange(rows)) + NEIGHBOUR - 1
    enough = place < np.searchsorted(owner, np.arange(rows), side="right")
    found = np.full(rows, CEILING)
    found[enough] = np.minimum(far[place[enough]], CEILING)
    floor = FLOOR * float(np.median(found[enough])) if enough.any() else 0.0
    floored: Floats = np.maximum(found, floor)
    return floored


def _contradictions(
    evidence: Evidence, a: Rows, b: Rows, words: Floats, score: Floats
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    numbers, opposite = np.zeros(len(a), np.bool_), np.zeros(len(a), np.bool_)
    for place in np.flatnonzero(score >= HOPELESS).tolist():
        one, other = evidence.marks[a[place]], evidence.marks[b[place]]
        numbers[place], opposite[place] = numbers_differ(one, other), says_opposite(one, other, words[place])
    return numbers, opposite


def _with_copies(evidence: Evidence, pairs: Pairs) -> Pairs:
    """The pairs and, with score 1, every copy with its original, in order of (a, b)."""
    b = evidence.alive[evidence.copy_of[evidence.alive] != evidence.alive]
    ones, no = np.ones(len(b)), np.zeros(len(b), np.bool_)
    parts = (evidence.copy_of[b], b, ones, ones, ones, np.full(len(b), np.nan), no, no, ~no)
    columns = [getattr(pairs, name) for name in Pairs.__slots__]
    joined = [np.concatenate(two) for two in zip(columns, parts, strict=True)]
    order = np.lexsort((joined[1], joined[0]))
    return Pairs(*(column[order] for column in joined))
