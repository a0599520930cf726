"""Scores of a triplet's positive and negatives, by a cross-encoder or a bi-encoder, and what they say about the row.

Every distinct (anchor, passage) of a batch is scored once. Scores are rounded to four decimals before they are
compared, because a model's last bits differ with the texts that happen to share a batch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.encode import Precision, fingerprint, load_encoder
from indexer.errors import UserError
from indexer.files import digest, sha256
from trainer.filters.verdicts import Verdicts

if TYPE_CHECKING:
    import pyarrow as pa

Asked = tuple[str, str]  # anchor, passage
Scorer = Callable[[Sequence[Asked]], Sequence[float]]

_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Scored:
    """A triplet's scores; the negatives with their texts."""

    positive: float
    negatives: tuple[tuple[float, str], ...]


def judge_triplets(batch: pa.RecordBatch, score: Scorer, negation: bool) -> list[Scored | None]:
    """Scores of the rows that are to be judged: those with negatives, negation triplets only if `negation`."""
    columns = [batch.column(name).to_pylist() for name in ("anchor", "positive", "negatives", "negation")]
    rows = [(a, p, n) if n and (negation or not flagged) else None for a, p, n, flagged in zip(*columns, strict=True)]
    asked = sorted({(row[0], passage) for row in rows if row for passage in (row[1], *row[2])})
    scores = dict(zip(asked, score(asked), strict=True)) if asked else {}
    return [row and _scored(row, scores) for row in rows]


def _scored(row: tuple[str, str, list[str]], scores: dict[Asked, float]) -> Scored:
    anchor, positive, negatives = row
    found = tuple((round(float(scores[anchor, text]), _DECIMALS), text) for text in negatives)
    return Scored(round(float(scores[anchor, positive]), _DECIMALS), found)


def verdicts_of(rows: Sequence[Scored | None], bad: Callable[[float, float], bool], reason: str) -> Verdicts:
    """Drop the rows whose hardest negative is `bad(positive score, negative score)`; rows without scores are kept."""
    import pyarrow as pa

    hardest = [row and max(row.negatives) for row in rows]
    counts = [row and sum(bad(row.positive, score) for score, _ in row.negatives) for row in rows]
    evidence = {
        "positive_score": pa.array([row and row.positive for row in rows], pa.float64()),
        "negative_score": pa.array([found and found[0] for found in hardest], pa.float64()),
        "hardest_negative": pa.array([found and found[1] for found in hardest], pa.string()),
        "bad_negatives": pa.array(counts, pa.int64()),
        "all_negatives": pa.array([row and len(row.negatives) for row in rows], pa.int64()),
    }
    return Verdicts([reason if count else None for count in counts], evidence)


def bi_encoder_scores(folder: Path, precision: Precision) -> Scorer:
    """Cosines by a sentence-transformers folder."""

    def score(asked: Sequence[Asked]) -> Sequence[float]:
        encoder = _encoder(folder, precision)
        anchors, passages = (
            {text: row for row, text in enumerate(sorted(set(side)))} for side in zip(*asked, strict=True)
        )
        left, right = encoder.encode_query(list(anchors)), encoder.encode_document(list(passages))
        return [float(left[anchors[a]] @ right[passages[p]]) for a, p in asked]

    return score


def cross_encoder_scores(folder: Path) -> Scorer:
    """Relevance between 0 and 1 by a CrossEncoder folder: the logistic function of its one logit."""

    def score(asked: Sequence[Asked]) -> Sequence[float]:
        import torch

        found: Sequence[float] = _cross_encoder(folder).predict(
            list(asked), activation_fn=torch.nn.Sigmoid(), show_progress_bar=False
        )
        return found

    return score


def is_cross_encoder(folder: Path) -> bool:
    """Whether the folder holds a model that scores a pair of texts, going by what its config says."""
    config = _config(folder)
    return any(str(kind).endswith("ForSequenceClassification") for kind in config.get("architectures") or ())


def scorer_identity(folder: Path, precision: Precision) -> dict[str, Any]:
    """What decides about a model's scores: its fingerprint, or a digest of a cross-encoder's files."""
    from indexer.encode.linear import resolve_precision

    if not is_cross_encoder(folder):
        return {"model": fingerprint(folder), "kind": "bi-encoder", "precision": resolve_precision(precision, folder)}
    files = [file for file in sorted(folder.rglob("*")) if file.suffix in (".json", ".safetensors", ".txt", ".model")]
    return {"model": digest([[str(f.relative_to(folder)), sha256(f)] for f in files]), "kind": "cross-encoder"}


@lru_cache(maxsize=1)
def _encoder(folder: Path, precision: Precision) -> Any:
    return load_encoder(folder, precision=precision)


@lru_cache(maxsize=1)
def _cross_encoder(folder: Path) -> Any:
    """Nothing is fetched, no code of the folder runs, and only safetensors are read."""
    from sentence_transformers import CrossEncoder

    _refuse_unsafe(folder)
    try:
        model = CrossEncoder(
            str(folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError, RuntimeError, TypeError) as error:
        raise UserError(f"sentence-transformers cannot open this model: {error}", folder, "Save it again.") from error
    if model.num_labels != 1:
        raise UserError(
            "This cross-encoder gives several labels, not one relevance.", folder, "Use one with one label."
        )
    return model


def _refuse_unsafe(folder: Path) -> None:
    if not any(folder.glob("*.safetensors")):
        raise UserError("The model has no *.safetensors file.", folder, "Save it again as safetensors.")
    if _config(folder).get("auto_map"):
        raise UserError("This model wants to run code of its own.", folder, "Use a model that needs none.")


def _config(folder: Path) -> dict[str, Any]:
    file = folder / "config.json"
    found = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return found if isinstance(found, dict) else {}
