"""Triplet margin: the positive must be more relevant to the anchor than the negative, by κ.

Jina Embeddings v1 (arXiv 2307.11224) keeps (q, p, n) iff r(q, p) − r(q, n) > κ, κ = .2, with a cross-encoder trained for
relevance (ms-marco-MiniLM-L-6-v2) as r. Here r is any CrossEncoder folder of sentence-transformers, its logit mapped to 0…1 by the
logistic function (the paper does not say on which scale its κ lives; this is our reading), or a bi-encoder folder
and the cosine.

Negation triplets (`negation` is true) are exempt unless asked otherwise: their negative is the positive with a "not" in it,
and a relevance model, asked what a text is about and not whether it is true, finds both equally relevant; κ would delete exactly the
triplets that teach negation. With several negatives the hardest decides: a row is kept whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from indexer.encode import Precision
from indexer.encode.models import resolve
from indexer.errors import UserError
from indexer.progress import Watcher
from trainer.filters.margin_scores import (
    bi_encoder_scores,
    cross_encoder_scores,
    is_cross_encoder,
    judge_triplets,
    scorer_identity,
    verdicts_of,
)
from trainer.filters.verdicts import Verdicts

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Margin:
    """Drops a triplet whose positive is not more relevant than its negative by at least `kappa`. Pairs pass unjudged.

    Negation triplets are exempt by default: a relevance model finds a sentence and its negation equally relevant."""

    model: str  # a CrossEncoder folder, a bi-encoder folder, or `minilm`
    kappa: float = 0.2
    negation: bool = False
    precision: Precision = "auto"  # of a bi-encoder

    name: ClassVar[str] = "margin"
    reasons: ClassVar[Mapping[str, str]] = {
        "small margin": "the positive is not clearly more relevant to the anchor than the negative"
    }

    def __post_init__(self) -> None:
        if not -2 <= self.kappa <= 2:
            raise UserError("margin: kappa is a difference of scores.", self.kappa, "The paper's is 0.2.")
        resolve(self.model)

    def settings(self) -> dict[str, Any]:
        """What decides; the model by its fingerprint (a CrossEncoder by the digest of its files)."""
        identity = scorer_identity(resolve(self.model), self.precision)
        return {"kappa": self.kappa, "negation": self.negation} | identity

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """Nothing: a row is judged by itself."""

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """Evidence: relevance of the positive, of the hardest negative, that negative, and how many are too relevant."""
        folder = resolve(self.model)
        scores = cross_encoder_scores(folder) if is_cross_encoder(folder) else bi_encoder_scores(folder, self.precision)
        found = judge_triplets(batch, scores, self.negation)
        return verdicts_of(found, lambda positive, negative: positive - negative <= self.kappa, "small margin")
