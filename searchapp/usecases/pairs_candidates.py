"""Which pairs of a collection are worth comparing: each record with its nearest by vector and by rare words.

All pairs of 100 000 records are 5 billion; nearly all duplicates are among a few neighbours (of the labelled ones .996 on
dedup_amazon_google, all on dedup_dblp_acm; of the demo's questions, reworded on purpose, .80). Records that read the same
to the letter are compared once: the first stands for its copies.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from indexer.hits import ABSENT
from indexer.opened import OpenVersion, Rows
from indexer.progress import Watcher
from searchapp.usecases.pairs_evidence import Evidence

NEAREST = 20  # neighbours by vector
ALIKE = 10  # neighbours by words
HEAVIEST = 12  # terms of a record to look for others by: its rarest, which are quickly looked up
BATCH = 256  # records whose nearest are searched at once


def candidates(version: OpenVersion, evidence: Evidence, watch: Watcher) -> NDArray[np.int64]:
    """Pairs of living rows, [pairs, 2], the lower row first, ascending, each once; copies are not among them."""
    rows = originals(evidence)
    found = []
    for first in range(0, len(rows), BATCH):
        watch("finding neighbours", first, len(rows))
        batch = rows[first : first + BATCH]
        found.append(paired(batch, neighbours_of(version, evidence, batch)))
    watch("finding neighbours", len(rows), len(rows))
    return unique_pairs(found)


def originals(evidence: Evidence) -> Rows:
    """The living rows that are nobody's copy."""
    rows: Rows = evidence.alive[evidence.copy_of[evidence.alive] == evidence.alive]
    return rows


def neighbours_of(version: OpenVersion, evidence: Evidence, rows: Rows) -> NDArray[np.int64]:
    """For each of `rows` the originals found by both retrievals, [rows, NEAREST + ALIKE + 2]; −1 where there are fewer.

    A row itself is among its own.
    """
    near = by_vector(version, evidence, evidence.vectors[rows], NEAREST + 1)
    words = [by_words(version, evidence, evidence.bags.of(row), ALIKE + 1) for row in rows.tolist()]
    return np.concatenate([near, np.concatenate(words)], axis=1)


def by_vector(version: OpenVersion, evidence: Evidence, vectors: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    """The `k` originals nearest to each of `vectors`, [vectors, k]."""
    found = originals(evidence)
    return version.dense(vectors, k, None if len(found) == version.rows else found).ids


def by_words(version: OpenVersion, evidence: Evidence, items: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """The originals of the `k` best records for the rarest of some words, [1, k].

    Copies may take places here: leaving them out of each of 100 000 lexical searches would cost more than they do.
    """
    ids = version.lexical(" ".join(heaviest(evidence, items)), k).ids
    found: NDArray[np.int64] = np.where(ids == ABSENT, ABSENT, evidence.copy_of[ids])
    return found


def heaviest(evidence: Evidence, items: NDArray[np.int64]) -> list[str]:
    """The rarest HEAVIEST of these words, what to look for others by; of equally rare ones those that came up first."""
    best = items[np.lexsort((items, -evidence.bags.weight[items]))[:HEAVIEST]]
    return [evidence.names[item] for item in best.tolist()]


def unique_pairs(found: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Several [n, 2] as one: the lower row first, ascending, each pair once."""
    pairs = np.sort(np.concatenate([*found, np.empty((0, 2), np.int64)]), axis=1)
    rows = int(pairs.max(initial=0)) + 1
    return np.stack(np.divmod(np.unique(pairs[:, 0] * rows + pairs[:, 1]), rows), axis=1)


def paired(rows: Rows, found: NDArray[np.int64]) -> NDArray[np.int64]:
    """[pairs, 2] out of rows [n] and what was found for each [n, k], without absent places and pairs of a row with itself."""
    pairs = np.stack([np.repeat(rows, found.shape[1]), found.ravel()], axis=1)
    there: NDArray[np.int64] = pairs[(pairs[:, 1] != ABSENT) & (pairs[:, 0] != pairs[:, 1])]
    return there
