"""How good are the answers on real judged queries, and is hybrid ever much worse than the better of its two halves?

For each data set: nDCG@10 of dense, lexical and hybrid on the test split, reciprocal rank fusion of the same two lists as
the named peer, and the paired difference of hybrid and the better half, each with its 95 % bootstrap interval. Collections
are built in the home on the first run and kept.

    python -m benchmarks.quality --home DIR [--sets scifact,peps]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine
from indexer.build import build
from indexer.hits import ABSENT, Hits
from indexer.home import Home
from indexer.progress import Progress
from indexer.settings import BuildSettings
from searchapp.evaluate import K, bootstrap, evaluate, per_query, read_qrels, read_queries
from searchapp.retrieve import DEPTH
from searchapp.service import SearchService

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = "xquad_sentences_en,dedup_amazon_google,scifact,epqa,cosqa,qmsum,peps"
MEASURE = "nDCG@10"


def main() -> None:
    """Build what is missing, measure every set, print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--sets", default=SETS)
    given = parser.parse_args()
    home = Home(given.home.resolve())
    table = {}
    for name in given.sets.split(","):
        build(BuildSettings(source=DATA / name, name=name), home, Progress())
        table[name] = _row(SearchService(home), name)
    better = np.mean([row["better"] for row in table.values()])
    hybrid = np.mean([row["hybrid"]["mean"] for row in table.values()])
    means = {"better": round(float(better), 4), "hybrid": round(float(hybrid), 4)}
    print(json.dumps({"question": "nDCG@10 on test", "sets": table, "means": means, "machine": machine()}))


def _row(service: SearchService, name: str) -> dict[str, object]:
    found = evaluate(service, name, DATA / name, "test", watch=Progress())
    values = {mode: scores.per_query[MEASURE] for mode, scores in found.modes.items()}
    values["RRF"] = _reciprocal_rank_fusion(service, name)
    better = max(("dense", "lexical"), key=lambda mode: float(values[mode].mean()))
    return {
        **{way: _cell(scores) for way, scores in values.items()},
        "better": round(float(values[better].mean()), 4),
        "hybrid_minus_better": _cell(values["hybrid"] - values[better]),
        "queries_per_second": {mode: round(scores.queries_per_second, 1) for mode, scores in found.modes.items()},
    }


def _cell(values: NDArray[np.float64]) -> dict[str, object]:
    return {"mean": round(float(values.mean()), 4), "interval": bootstrap(values)}


def _reciprocal_rank_fusion(service: SearchService, name: str, constant: int = 60) -> NDArray[np.float64]:
    """nDCG@10 of each query under plain RRF (Cormack et al. 2009) of the same two candidate lists."""
    qrels, texts, opened = read_qrels(DATA / name, "test"), read_queries(DATA / name), service.opened(name)
    run = {}
    for query in qrels:
        lists = (
            opened.version.dense(opened.encode(texts[query]), DEPTH),
            opened.version.lexical(texts[query], DEPTH),
        )
        scores = _sum_of_reciprocal_ranks(lists, constant)
        best = sorted(scores, key=lambda row: (-scores[row], row))[:K]
        run[query] = {opened.version.id(row): float(K - rank) for rank, row in enumerate(best)}
    return per_query(qrels, run)[MEASURE]


def _sum_of_reciprocal_ranks(lists: tuple[Hits, ...], constant: int) -> dict[int, float]:
    scores: dict[int, float] = {}
    for hits in lists:
        for rank, row in enumerate(hits.ids[0][hits.ids[0] != ABSENT].tolist(), 1):
            scores[row] = scores.get(row, 0.0) + 1 / (constant + rank)
    return scores


if __name__ == "__main__":
    main()
