"""One function per kind of set: rows and a way to embed texts in, statistics by metric out; the first is the set's main one.

Scores are cosines. Where a figure is a share of rows ("EasyNegation"), it is told as a fraction of one, and equal scores
count against the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.errors import UserError
from trainer.evaluate.bootstrap import F1, AveragePrecision, BestF1, Floats, Mean, Spearman, Statistic, value_of
from trainer.evaluate.pairs import PairPrecision
from trainer.evaluate.ranking import best_first, ndcg, recall
from trainer.evaluate.reading import Row, Rows
from trainer.evaluate.suite import Side

SPREAD_PAIRS = 10_000
Vector = NDArray[np.float32]
Found = dict[str, Statistic]


class Embed(Protocol):
    """Texts to unit vectors [n, dim]; without a side, that of the set."""

    def __call__(self, texts: Sequence[str], side: Side | None = None, /) -> Vector: ...


Evaluator = Callable[[Rows, Embed], Found]


def sts(rows: Rows, embed: Embed) -> Found:
    """Spearman correlation of the cosine and the judged similarity."""
    gold = np.array([row["score"] for row in rows.rows])
    if len(np.unique(gold)) < 2:
        raise UserError("All rows have the same similarity.", gold[0], "give rows of at least two grades")
    return {"spearman": Spearman(_cosines(rows, embed, "sentence1", "sentence2"), gold)}


def retrieval(rows: Rows, embed: Embed) -> Found:
    """nDCG@10 (gain = judged score) and recall@100 over the whole corpus, queries without a positive left out."""
    queries = embed(rows.texts("query"), "query")
    ids, texts = list(rows.corpus), list(rows.corpus.values())
    found = best_first(queries, embed, texts, 100)
    judged = [row["judged"] for row in rows.rows]
    ranked = [[ids[place] for place in places] for places in found]
    return {
        "nDCG@10": Mean(np.array([ndcg(docs, grades, 10) for docs, grades in zip(ranked, judged, strict=True)])),
        "recall@100": Mean(np.array([recall(docs, grades, 100) for docs, grades in zip(ranked, judged, strict=True)])),
    }


def reranking(rows: Rows, embed: Embed) -> Found:
    """Mean over queries of the average precision of their own candidates."""
    queries = embed(rows.texts("query"), "query")
    vectors = embed([text for row in rows.rows for text in row["candidates"]], "document")
    ends = np.cumsum([len(row["candidates"]) for row in rows.rows])[:-1]
    precisions = [
        value_of(AveragePrecision(_rowwise(of, query), np.array(row["labels"]) > 0))
        for query, of, row in zip(queries, np.split(vectors, ends), rows.rows, strict=True)
    ]
    return {"mAP": Mean(np.array(precisions))}


def duplicates(rows: Rows, embed: Embed) -> Found:
    """Average precision and best F1 of "same"; with `dev`, F1 at the threshold that is best there."""
    scores, labels = _pairs(rows.rows, embed)
    found: Found = {"AP": AveragePrecision(scores, labels), "best F1": BestF1(scores, labels)}
    if rows.dev:
        threshold = BestF1(*_pairs(rows.dev, embed)).threshold()
        found["F1"] = F1(scores > threshold, labels)
    return found


def negation(rows: Rows, embed: Embed) -> Found:
    """EasyNegation s(a, p) > s(a, n), HardNegation s(a, p) > s(p, n) (Günther et al. 2023), negation error s(a, p) ≤ s(a, n)."""
    right, wrong = _cosines(rows, embed, "anchor", "positive"), _cosines(rows, embed, "anchor", "negative")
    between = _cosines(rows, embed, "positive", "negative")
    shares = {"HardNegation": right > between, "EasyNegation": right > wrong, "negation error": right <= wrong}
    return {metric: _share(rows_right) for metric, rows_right in shares.items()}


def copies(rows: Rows, embed: Embed) -> Found:
    """How often a copy that keeps the meaning is nearer to its sentence than the sentence's negation."""
    same, negated = _cosines(rows, embed, "sentence", "copy"), _cosines(rows, embed, "sentence", "negated")
    return {"same kept": _share(same > negated)}


def triplets(rows: Rows, embed: Embed) -> Found:
    """How often the anchor is nearer to its positive than to its negative."""
    right, wrong = _cosines(rows, embed, "anchor", "positive"), _cosines(rows, embed, "anchor", "negative")
    return {"triplet accuracy": _share(right > wrong)}


def labels(rows: Rows, embed: Embed) -> Found:
    """Average precision of "same label" over all pairs of texts; resampled by text."""
    classes = np.unique(rows.texts("label"), return_inverse=True)[1]
    return {"AP": PairPrecision(embed(rows.texts("text")), classes)}


def spread(rows: Rows, embed: Embed) -> Found:
    """Average cosine of random pairs of different texts: near 0 the space is used, near 1 everything is alike."""
    texts = sorted({text for row in rows.rows for text in _texts(row)} | set(rows.corpus.values()))
    if len(texts) < 2:
        raise UserError("A spread needs two different texts.", len(texts), "give more texts")
    chance = np.random.default_rng(0)
    first = chance.integers(0, len(texts), SPREAD_PAIRS)
    second = (first + chance.integers(1, len(texts), SPREAD_PAIRS)) % len(texts)
    drawn, places = np.unique([first, second], return_inverse=True)
    vectors = embed([texts[place] for place in drawn])[places.reshape(2, -1)]
    return {"spread": Mean(_rowwise(vectors[0], vectors[1]))}


def _texts(row: Row) -> list[str]:
    """Every text of a row that stands on the document's side."""
    plain = [value for role, value in row.items() if isinstance(value, str) and role not in ("id", "query", "label")]
    return plain + list(row.get("candidates", []))


def _share(right: NDArray[np.bool_]) -> Mean:
    return Mean(right.astype(np.float64))


def _pairs(rows: list[Row], embed: Embed) -> tuple[Floats, NDArray[np.bool_]]:
    same = np.array([row["label"] for row in rows]) > 0
    if same.all() or not same.any():
        raise UserError(
            "Duplicates need pairs of both labels.", f"{same.sum()} of {len(same)} are the same", "add some"
        )
    return _rowwise(embed([row["text1"] for row in rows]), embed([row["text2"] for row in rows])), same


def _cosines(rows: Rows, embed: Embed, one: str, other: str) -> Floats:
    return _rowwise(embed(rows.texts(one)), embed(rows.texts(other)))


def _rowwise(one: Vector, other: Vector) -> Floats:
    """Inner products row by row in double precision: equal pairs of texts score exactly the same."""
    return np.asarray((one.astype(np.float64) * other).sum(-1))


EVALUATORS: dict[str, Evaluator] = {
    "sts": sts,
    "retrieval": retrieval,
    "reranking": reranking,
    "duplicates": duplicates,
    "negation": negation,
    "copies": copies,
    "triplets": triplets,
    "labels": labels,
    "spread": spread,
}
