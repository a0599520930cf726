"""How good is the fusion, beside each retriever alone and beside the usual alternatives?

`python -m benchmarks.fusion FOLDER…` reads cached full score matrices, one folder per data set and split: D.npy (dense)
and L.npy (BM25), both [queries, documents] float32, and G.json, for each query its list of [document, gain]. It prints one
JSON line per folder: nDCG@10 of each way with a 95 % bootstrap interval over queries, and the hybrid's difference to the
better single retriever with the interval of the paired difference.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from searchapp.fusion import fuse

Floats = NDArray[np.float32]
DEPTH = 200  # candidates of each retriever
DISCOUNT = 1 / np.log2(np.arange(2, 12))


def _ranks(scores: Floats) -> NDArray[np.float64]:
    ranks: NDArray[np.float64] = np.argsort(np.argsort(-scores, kind="stable"), kind="stable").astype(np.float64)
    return ranks


def _reciprocal_ranks(dense: Floats, lexical: Floats) -> Floats:
    fused: Floats = (1 / (60 + _ranks(dense)) + 1 / (60 + _ranks(lexical))).astype(np.float32)
    return fused


def _min_max(dense: Floats, lexical: Floats) -> Floats:
    d, b = ((scores - scores.min()) / max(float(np.ptp(scores)), 1e-9) for scores in (dense, lexical))
    fused: Floats = (0.6 * d + 0.4 * b).astype(np.float32)
    return fused


WAYS: dict[str, Callable[[Floats, Floats], Floats]] = {
    "dense": lambda dense, lexical: dense,
    "lexical": lambda dense, lexical: lexical,
    "reciprocal ranks": _reciprocal_ranks,
    "min-max .6": _min_max,
    "hybrid": fuse,
}


def measure(folder: Path) -> dict[str, object]:
    """One data set: every way's nDCG@10 and interval, and the hybrid's distance to the better retriever."""
    dense, lexical = np.load(folder / "D.npy"), np.load(folder / "L.npy")
    gains = [dict(pairs) for pairs in json.loads((folder / "G.json").read_text())]
    per_query = {name: np.zeros(len(gains)) for name in WAYS}
    for query, gain in enumerate(gains):
        rows = _candidates(dense[query], lexical[query])
        for name, way in WAYS.items():
            fused = way(dense[query, rows], lexical[query, rows])
            per_query[name][query] = ndcg(rows[np.lexsort((rows, -fused))[:10]], gain)
    better = max(("dense", "lexical"), key=lambda name: float(per_query[name].mean()))
    return {
        "set": folder.name,
        "queries": len(gains),
        "nDCG@10": {name: interval(values) for name, values in per_query.items()},
        "hybrid minus better": interval(per_query["hybrid"] - per_query[better]),
    }


def _candidates(dense: Floats, lexical: Floats) -> NDArray[np.intp]:
    by_lexical = np.argsort(-lexical, kind="stable")[:DEPTH]
    return np.union1d(np.argsort(-dense, kind="stable")[:DEPTH], by_lexical[lexical[by_lexical] > 0])


def ndcg(ranked: NDArray[np.intp], gain: dict[int, float]) -> float:
    """nDCG@10 with linear gain; `gain` holds every judged positive, found or not."""
    found = np.array([gain.get(row, 0.0) for row in ranked.tolist()])
    ideal = np.sort(np.array(list(gain.values()), np.float64))[::-1][:10]
    return float(found @ DISCOUNT[: found.size] / (ideal @ DISCOUNT[: ideal.size]))


def interval(values: NDArray[np.float64]) -> list[float]:
    """Mean and the 95 % percentile bootstrap interval (2 000 resamples of queries, seed 0)."""
    drawn = np.random.default_rng(0).integers(0, values.size, (2000, values.size))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return [round(float(value), 4) for value in (values.mean(), low, high)]


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        print(json.dumps(measure(Path(argument))))
