"""Pairs whose sides say the same in the same words (jina v3): nothing to learn but copying.

A pair goes when at least 80 % of the words of its shorter side, and at least four of them, are substrings of the longer.
That is the paper's rule, and against long passages it is harsh: the words of a good question all occur somewhere in a
page that answers it. So by default (ours) only sides of like size are compared: `ratio = 0` is the paper's setting.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from indexer.errors import UserError
from indexer.progress import Watcher
from trainer.filters.verdicts import Verdicts
from trainer.normal import as_series, normalised

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Overlap:
    """Drops a pair by the share of words of the shorter side that occur inside the longer. Triplets are left alone."""

    name: ClassVar[str] = "overlap"
    reasons: ClassVar[Mapping[str, str]] = {"overlap": "nearly all words of its shorter side occur in the longer"}
    share: float = 0.8
    words: int = 4
    ratio: float = 2.0  # the longer side has at most so many times the words of the shorter; 0: any

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1 or self.words < 1 or self.ratio < 0:
            raise UserError(
                "overlap: share must lie in (0, 1], words above zero.", asdict(self), "share = 0.8, words = 4"
            )

    def settings(self) -> dict[str, Any]:
        """Share, words and ratio."""
        return asdict(self)

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """Nothing to learn."""

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """Look for each word of the shorter side in the longer."""
        import pyarrow as pa

        sides = [normalised(as_series(batch.column(side))).to_list() for side in ("anchor", "positive")]
        pairs = [not found for found in batch.column("negatives").to_pylist()]
        shares = [self._share(*texts) if pair else None for *texts, pair in zip(*sides, pairs, strict=True)]
        reasons = [None if share is None else "overlap" for share in shares]
        return Verdicts(reasons, {"share": pa.array(shares, pa.float64())})

    def _share(self, anchor: str, positive: str) -> float | None:
        """The share if it is high enough to drop the pair."""
        short, long = sorted((anchor, positive), key=len)
        words = short.split()
        if len(words) < self.words or 0 < self.ratio * len(words) < len(long.split()):
            return None
        inside = sum(word.strip(".,;:!?\"'()") in long for word in words)
        return (
            round(inside / len(words), 4) if inside >= self.words and inside >= self.share * len(words) - 1e-9 else None
        )
