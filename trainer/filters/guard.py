"""False-negative guard: a negative that is as near to the anchor as the positive is probably a second positive.

Mined negatives are near by construction, and some of them are simply unlabelled answers; trained on, they teach the model to
push right answers away. A guide, a bi-encoder that is trusted more than the model to be trained, compares: a
negative goes when s(q, n) > s(q, p) − `margin`. Margin and guide are ours to choose (sentence-transformers'
GISTEmbed loss does the same inside a batch). A filter drops rows, not parts of them, so a triplet goes when its hardest negative is
too near; the evidence counts how many of its negatives were, so that a miner can draw others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from indexer.encode import Precision, fingerprint
from indexer.encode.models import resolve
from indexer.errors import UserError
from indexer.progress import Watcher
from trainer.filters.margin_scores import bi_encoder_scores, judge_triplets, verdicts_of
from trainer.filters.verdicts import Verdicts

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Guard:
    """Drops a triplet with a negative that is nearer to the anchor than the positive is, less a margin. Pairs pass unjudged.

    Negation triplets are exempt by default: a bi-encoder sees a negation of the positive as nearly the same text."""

    margin: float = 0.0
    model: str = "minilm"  # a name or a folder
    negation: bool = False
    precision: Precision = "auto"  # how the model computes

    name: ClassVar[str] = "guard"
    reasons: ClassVar[Mapping[str, str]] = {
        "false negative": "a negative is about as near to the anchor as the positive: it may well be an answer too"
    }

    def __post_init__(self) -> None:
        if not -2 <= self.margin <= 2:
            raise UserError(
                "guard: margin is a difference of cosines.", self.margin, "Give a number such as 0 or 0.05."
            )
        resolve(self.model)

    def settings(self) -> dict[str, Any]:
        """What decides; the model by its fingerprint."""
        from indexer.encode.linear import resolve_precision

        folder = resolve(self.model)
        return {
            "margin": self.margin,
            "model": fingerprint(folder),
            "negation": self.negation,
            "precision": resolve_precision(self.precision, folder),
        }

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """Nothing: a row is judged by itself."""

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """Evidence: cosine of the positive, of the hardest negative, that negative, and how many negatives are too near."""
        found = judge_triplets(batch, bi_encoder_scores(resolve(self.model), self.precision), self.negation)
        return verdicts_of(found, lambda positive, negative: negative > positive - self.margin, "false negative")
