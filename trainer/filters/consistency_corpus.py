"""A prepared corpus: its distinct texts, their vectors, and how far the filter opens for each source."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from indexer.encode import Encoder
from indexer.files import canonical_json, write_bytes
from indexer.progress import Watcher
from trainer.filters.consistency_ranks import Rows, Scores, Vectors, exact_scores, rank
from trainer.filters.consistency_strangers import Opening, load, openings
from trainer.filters.consistency_texts import BLOCK, SIDES, STRANGERS, Keys, Texts
from trainer.filters.consistency_vectors import open_vectors, write_vectors

OPENINGS = "summary.json"  # goes into the card


@dataclass(frozen=True, slots=True)
class Ranked:
    """Per pair: cosine, rank (from 1), and the nearest passage of the sample other than its own (row −1: none)."""

    scores: Scores  # [n]
    ranks: Rows  # [n]
    neighbours: Rows  # [n]
    neighbour_scores: Scores  # [n]


@dataclass(frozen=True)
class Corpus:
    """What `prepare` left in `folder`; the sample is the first rows of the passages, which stand in the order of a hash."""

    folder: Path
    sample: int
    tolerance: float

    def ranked(self, anchors: Keys, positives: Keys) -> Ranked:
        """Score and rank of every pair, given by the hashes of its texts."""
        left, right = self._texts("anchor").rows_of(anchors), self._texts("positive").rows_of(positives)
        scores = exact_scores(self._anchors, self._passages, left, right)
        found = rank(self._anchors, left, right, scores, self._passages[: self.sample], self.tolerance)
        return Ranked(scores, found.ranks, found.neighbours, found.neighbour_scores)

    def open_wide(self, impurity: float) -> None:
        """Write down, per source, how far the filter opens for the accepted share of mismatched pairs among the kept."""
        own, strangers = (
            {source: self._ranks(pairs) for source, pairs in kind.items()}
            for kind in load(self.folder / "texts" / STRANGERS)
        )
        found = openings(own, strangers, impurity)
        write_bytes(self.folder / OPENINGS, canonical_json({source: asdict(one) for source, one in found.items()}))

    def _ranks(self, pairs: Sequence[tuple[bytes, bytes]]) -> list[int]:
        keys = np.array(pairs, "S16").reshape(-1, 2)
        ranks: list[int] = self.ranked(keys[:, 0], keys[:, 1]).ranks.tolist()
        return ranks

    def openings(self) -> dict[str, Opening]:
        """What `open_wide` found."""
        found = json.loads((self.folder / OPENINGS).read_text("utf-8"))
        return {source: Opening(**one) for source, one in found.items()}

    @property
    def passages(self) -> int:
        """How many distinct passages the corpus has."""
        return len(self._texts("positive").keys)

    @property
    def texts(self) -> int:
        """How many distinct texts the corpus has, anchors and passages."""
        return sum(len(self._texts(side).keys) for side in SIDES)

    def passage(self, row: int | None) -> str | None:
        """The text of a passage."""
        return None if row is None else self._texts("positive").text(row)

    def _texts(self, side: str) -> Texts:
        return self._sides[side]

    @cached_property
    def _sides(self) -> dict[str, Texts]:
        return {side: Texts(self.folder / "texts", side) for side in SIDES}

    @cached_property
    def _anchors(self) -> Vectors:
        return open_vectors(self.folder / "anchor.f4", len(self._texts("anchor").keys))

    @cached_property
    def _passages(self) -> Vectors:
        return open_vectors(self.folder / "positive.f4", len(self._texts("positive").keys))


def encode_corpus(folder: Path, opened: Callable[[], Encoder], watch: Watcher) -> None:
    """Vectors of all texts of `folder`, anchors as queries, passages as documents; those already there are kept."""
    if all((folder / f"{side}.f4").is_file() for side in SIDES):
        return
    encoder = opened()
    for side, encode in zip(SIDES, (encoder.encode_query, encoder.encode_document), strict=True):
        texts = Texts(folder / "texts", side)
        total = len(texts.keys)

        def block(number: int, texts: Texts = texts, encode: Callable[[list[str]], Vectors] = encode) -> Vectors:
            return encode(texts.block(number))

        def done(blocks: int, side: str = side, total: int = total) -> None:
            watch(f"encoding {side}s", min(blocks * BLOCK, total), total)

        write_vectors(folder / f"{side}.f4", -(-total // BLOCK), BLOCK * encoder.dim * 4, block, done)
