"""Does `answer` know when nothing here answers a question, and how fast is it?

Every collection is asked some of its own judged test queries and as many of every other collection's. AUROC says how
often an own query gets the higher confidence of the two; at the cut, `false_nothing` is the share of own queries that
are told "nothing here answers that" and `false_answer` the share of foreign ones that are not. Queries of a collection
on the same subject are foreign here even where this one does answer them (both PEPs and the language reference speak of
Python), so those pairs read too low. Collections are built in the home on the first run and kept.

    python -m benchmarks.answers --home DIR --data DIR [--sets scifact,peps] [--extra BEIR_FOLDER ...]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine
from indexer.build import build
from indexer.home import Home
from indexer.progress import Progress
from indexer.settings import BuildSettings
from searchapp.evaluate import read_qrels, read_queries
from searchapp.opening import Opened
from searchapp.service import SearchService
from searchapp.usecases.answers import answer
from searchapp.usecases.confidence import confidence

SETS = "scifact,epqa,cosqa,xquad_sentences_en,dedup_amazon_google,qmsum,peps,pubmedqa"
TIMED = 40  # own queries answered in full under the clock


@dataclass(frozen=True, slots=True)
class Row:
    """One collection: AUROC against each other set's queries, the two error rates, and milliseconds of an answer."""

    auroc: dict[str, float]
    false_nothing: float
    false_answer: float
    first_ms: int
    median_ms: float
    p95_ms: float


def main() -> None:
    """Build what is missing, ask every collection everything, print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True, help="the folder of the BEIR folders named in --sets")
    parser.add_argument("--sets", default=SETS)
    parser.add_argument("--extra", type=Path, nargs="*", default=[], help="further BEIR folders, each a set")
    parser.add_argument("--queries", type=int, default=100, help="of each set")
    given = parser.parse_args()
    folders = {folder.name: folder for folder in [*(given.data / name for name in given.sets.split(",")), *given.extra]}
    questions = {name: _questions(folder, given.queries) for name, folder in folders.items()}
    home = Home(given.home.resolve())
    for name, folder in folders.items():
        build(BuildSettings(source=folder, name=name), home, Progress())
    service = SearchService(home)
    rows = {name: _row(service.opened(name), name, questions) for name in folders}
    pairs = sorted((score, own, other) for own, row in rows.items() for other, score in row.auroc.items())
    summary = {"mean": round(statistics.mean(score for score, *_ in pairs), 4), "worst": pairs[:5]}
    sets = {name: asdict(row) for name, row in rows.items()}
    print(json.dumps({"question": "is anything here an answer?", **summary, "sets": sets, "machine": machine()}))


def _questions(folder: Path, count: int) -> list[str]:
    """Judged test queries, the same for the same count."""
    texts = read_queries(folder)
    queries = sorted(read_qrels(folder, "test"), key=lambda query: hashlib.sha256(query.encode()).digest())
    return [texts[query] for query in queries[:count]]


def _row(opened: Opened, name: str, questions: Mapping[str, list[str]]) -> Row:
    began = time.perf_counter()
    answer(opened, questions[name][0])
    first = time.perf_counter() - began
    times = [answer(opened, question).took_ms for question in questions[name][:TIMED]]
    sure = {other: [confidence(opened, question) for question in asked] for other, asked in questions.items()}
    values = {other: np.array([each.value for each in found]) for other, found in sure.items()}
    foreign = [each.found for other, found in sure.items() if other != name for each in found]
    return Row(
        auroc={other: round(_auroc(values[name], values[other]), 4) for other in questions if other != name},
        false_nothing=round(1 - statistics.mean(each.found for each in sure[name]), 4),
        false_answer=round(statistics.mean(foreign), 4),
        first_ms=round(first * 1e3),
        median_ms=round(statistics.median(times), 1),
        p95_ms=round(sorted(times)[int(len(times) * 0.95)], 1),
    )


def _auroc(own: NDArray[np.float64], foreign: NDArray[np.float64]) -> float:
    """The chance that an own query's value is above a foreign one's, a tie counting half."""
    above, tie = own[:, None] > foreign, own[:, None] == foreign
    return float(above.mean() + tie.mean() / 2)


if __name__ == "__main__":
    main()
