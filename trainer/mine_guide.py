"""The guide of a mining: a second model that refuses candidates which may be right answers after all.

Another encoder embeds every text once; a cross-encoder reads anchor and candidate together, of those candidates only that would be taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.encode import load_encoder
from indexer.encode.models import resolve
from indexer.progress import Watcher
from trainer.filters.consistency_ranks import exact_scores
from trainer.filters.consistency_texts import SIDES, Texts
from trainer.filters.consistency_vectors import Vectors
from trainer.filters.margin_scores import cross_encoder_scores, is_cross_encoder
from trainer.mine import Mining
from trainer.mine_candidates import Block, Owned, encoded
from trainer.mine_choice import Accept

Rows = NDArray[np.int64]


class Scores(Protocol):
    """Scores of anchors and passages, given by their rows [m]."""

    def __call__(self, anchors: Rows, passages: Rows, /) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class Judge:
    """Refuses what scores above the weakest positive less `margin`."""

    scores: Scores
    belongs: Owned
    margin: float

    def accept(self, block: Block) -> Accept:
        """The question that `chosen` asks about a block's candidates."""

        def fits(rows: Rows, places: Rows) -> NDArray[np.bool_]:
            anchors = block.anchors[rows]
            bars = {anchor: self._bar(anchor) for anchor in np.unique(anchors).tolist() if anchor not in known}
            known.update(bars)
            bar = np.array([known[anchor] for anchor in anchors.tolist()])
            return np.asarray(self.scores(anchors, block.passages[rows, places]) <= bar - self.margin)

        known: dict[int, float] = {}
        return fits

    def _bar(self, anchor: int) -> float:
        own = self.belongs.of(anchor)
        return float(self.scores(np.full(len(own), anchor), own).min())


def guide_of(mining: Mining, belongs: Owned, texts: Path, folder: Path, watch: Watcher) -> Judge | None:
    """The guide that was asked for, ready to be asked."""
    if mining.guide is None:
        return None
    model = resolve(mining.guide.model)
    if is_cross_encoder(model):
        return Judge(_reading(model, texts), belongs, mining.guide.margin)
    vectors = encoded(texts, folder, load_encoder(model, precision=mining.precision), watch)
    return Judge(_measuring(vectors), belongs, mining.guide.margin)


def _measuring(vectors: tuple[Vectors, Vectors]) -> Scores:
    def scores(anchors: Rows, passages: Rows) -> NDArray[np.float64]:
        return exact_scores(*vectors, anchors, passages)

    return scores


def _reading(model: Path, texts: Path) -> Scores:
    read, (anchor_texts, passage_texts) = cross_encoder_scores(model), (Texts(texts, side) for side in SIDES)

    def scores(anchors: Rows, passages: Rows) -> NDArray[np.float64]:
        asked = [
            (anchor_texts.text(anchor), passage_texts.text(passage))
            for anchor, passage in zip(anchors.tolist(), passages.tolist(), strict=True)
        ]
        return np.asarray(read(asked), np.float64)

    return scores
