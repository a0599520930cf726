"""Candidates for negatives: the distinct texts of prepared pairs, their vectors, and the nearest passages by our index.

Texts and vectors lie on disk, the index proposes and the exact scores decide (`indexer.index`), and anchors are answered in blocks: memory
holds the index, one block and a few numbers per pair, whatever the texts are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from indexer.encode import Encoder
from indexer.index import Index, build_index
from indexer.plan import IndexPlan, plan_index
from indexer.progress import Watcher
from trainer.filters.consistency_ranks import exact_scores
from trainer.filters.consistency_texts import BLOCK, SIDES, Texts, keys_of
from trainer.filters.consistency_vectors import Vectors, open_vectors, write_vectors

Rows = NDArray[np.int64]
SEED = 0  # of the hashes that order the texts


@dataclass(frozen=True, slots=True)
class Owned:
    """Which passages belong to which anchor: those of anchor i are `passages[starts[i] : starts[i + 1]]`, sorted."""

    starts: Rows  # [anchors + 1]
    passages: Rows

    def of(self, anchor: int) -> Rows:
        """The passages of one anchor."""
        return self.passages[self.starts[anchor] : self.starts[anchor + 1]]

    @property
    def most(self) -> int:
        """How many the anchor with most of them has."""
        return int(np.diff(self.starts).max(initial=0))


@dataclass(frozen=True, slots=True)
class Block:
    """Some anchors with their candidates, best first: rows −1 and score −inf where there are no more."""

    anchors: Rows  # [b]
    passages: Rows  # [b, k]
    scores: NDArray[np.float32]  # [b, k]
    own: NDArray[np.bool_]  # [b, k] a positive of the anchor, or the anchor's own text
    weakest: NDArray[np.float32]  # [b] score of the weakest positive


def pair_batches(file: Path, sources: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The pairs of a preparation, of these sources only where some are named."""
    wanted = pa.array(sources, pa.string())
    for batch in pq.ParquetFile(file).iter_batches():
        yield batch.filter(pc.is_in(batch.column("source"), wanted)) if sources else batch


def owned(file: Path, sources: Sequence[str], texts: Path) -> Owned:
    """Read the pairs once more, as rows of the distinct texts."""
    sides = [Texts(texts, side) for side in SIDES]
    pairs = [
        np.stack([side.rows_of(keys_of(batch.column(side.side), SEED)) for side in sides], axis=1)
        for batch in pair_batches(file, sources)
    ]
    both = np.unique(np.concatenate(pairs), axis=0) if pairs else np.empty((0, 2), np.int64)
    return Owned(np.searchsorted(both[:, 0], np.arange(len(sides[0].keys) + 1)), np.ascontiguousarray(both[:, 1]))


def encoded(texts: Path, folder: Path, encoder: Encoder, watch: Watcher) -> tuple[Vectors, Vectors]:
    """Vectors of anchors (as queries) and passages (as documents), written into `folder`; a killed run goes on."""
    folder.mkdir(parents=True, exist_ok=True)
    return _side(texts, folder, encoder, SIDES[0], watch), _side(texts, folder, encoder, SIDES[1], watch)


def _side(texts: Path, folder: Path, encoder: Encoder, side: str, watch: Watcher) -> Vectors:
    found = Texts(texts, side)
    encode, total = encoder.encode_query if side == SIDES[0] else encoder.encode_document, len(found.keys)
    write_vectors(
        folder / f"{side}.f4",
        -(-total // BLOCK),
        BLOCK * encoder.dim * 4,
        lambda number: encode(found.block(number)),
        lambda blocks: watch(f"encoding {side}s", min(blocks * BLOCK, total), total),
    )
    return open_vectors(folder / f"{side}.f4", total)


def planned(passages: Vectors, override: str) -> IndexPlan:
    """How the passages are searched: exactly while they are few, by codes where they are many."""
    return plan_index(*passages.shape, override=override)


def blocks(
    vectors: tuple[Vectors, Vectors], belongs: Owned, same: Rows, plan: IndexPlan, wanted: int, watch: Watcher
) -> Iterator[Block]:
    """All anchors, block by block. `wanted`: candidates beside an anchor's own; `same` [anchors]: the passage that is the
    anchor's own text, or −1."""
    anchors, passages = vectors
    index = Index(passages, build_index(passages, plan), plan)
    for first in range(0, len(anchors), BLOCK // 2):
        rows = np.arange(first, min(first + BLOCK // 2, len(anchors)))
        k = min(wanted + int(np.diff(belongs.starts)[rows].max()) + 1, len(passages))
        hits = index.search(np.array(anchors[rows]), k)
        own = np.stack(
            [np.isin(ids, np.append(belongs.of(int(row)), same[row])) for row, ids in zip(rows, hits.ids, strict=True)]
        )
        yield Block(rows, hits.ids, hits.scores, own & (hits.ids >= 0), _weakest(vectors, belongs, rows))
        watch("mining", int(rows[-1]) + 1, len(anchors))


def _weakest(vectors: tuple[Vectors, Vectors], belongs: Owned, rows: Rows) -> NDArray[np.float32]:
    counts = np.diff(belongs.starts)[rows]
    part = belongs.passages[belongs.starts[rows[0]] : belongs.starts[rows[-1] + 1]]
    scores = exact_scores(*vectors, np.repeat(rows, counts), part)
    return np.minimum.reduceat(scores, np.cumsum(counts) - counts).astype(np.float32)


def own_texts(texts: Path) -> Rows:
    """The passage that says the same as each anchor, −1 where there is none."""
    anchors, passages = (Texts(texts, side).keys for side in SIDES)
    if not len(passages):
        return np.full(len(anchors), -1, np.int64)
    rows = np.minimum(np.searchsorted(passages, anchors), len(passages) - 1)
    return np.where(passages[rows] == anchors, rows, -1)
