"""`searchapp evaluate`: how good a collection's answers are, on judged queries in the BEIR layout.

Measures by ir-measures (gain = the judged score); queries without a relevant document are left out, as BEIR does. Speed is
what a user sees: one query at a time, encoding included. Intervals are percentile bootstrap over queries.
"""

from __future__ import annotations

import csv
import gzip
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import ir_measures
import numpy as np
from ir_measures import AP, RR, R, nDCG
from numpy.typing import NDArray

from indexer.catalog import Catalog, Figure
from indexer.errors import UserError, shown
from indexer.progress import Watcher, unwatched
from searchapp.service import Mode, SearchService

MEASURES = (nDCG @ 10, R @ 100, RR @ 10, AP @ 100)
K = 100
RESAMPLES = 2_000


@dataclass(frozen=True, slots=True)
class ModeScores:
    """One mode's figures: the mean of each measure, its 95 % interval, and speed."""

    means: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    queries_per_second: float
    per_query: dict[str, NDArray[np.float64]]  # measure → [queries], in the order of the queries


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All modes on one split."""

    collection: str
    version: int
    split: str
    queries: int
    modes: dict[str, ModeScores]

    def as_json(self) -> dict[str, object]:
        """For machines: plain values, stable keys."""
        return {
            "collection": self.collection,
            "version": self.version,
            "split": self.split,
            "queries": self.queries,
            "modes": {
                mode: {**scores.means, "queries_per_second": round(scores.queries_per_second, 2)}
                for mode, scores in self.modes.items()
            },
            "intervals": {mode: scores.intervals for mode, scores in self.modes.items()},
        }


def evaluate(
    service: SearchService,
    collection: str,
    folder: Path,
    split: str = "test",
    modes: Sequence[Mode] = ("dense", "lexical", "hybrid"),
    watch: Watcher = unwatched,
) -> Evaluation:
    """Run every judged query of a BEIR folder's split through the service and measure the answers."""
    qrels = read_qrels(folder, split)
    texts = read_queries(folder)
    missing = [query for query in qrels if query not in texts]
    if missing:
        raise UserError("judged queries are not in the queries file", ", ".join(missing[:5]), "mend the BEIR folder")
    queries = {query: texts[query] for query in qrels}
    version = service.catalog.version(collection).number
    scores: dict[str, ModeScores] = {
        mode: _measure(service, collection, version, queries, qrels, mode, watch) for mode in modes
    }
    return Evaluation(collection, version, split, len(queries), scores)


def remember(catalog: Catalog, found: Evaluation, judgements: str) -> None:
    """Keep the figures with the version they were measured on, so that whoever looks at it later sees them."""
    figures = [
        Figure(f"{judgements}/{found.split}", found.queries, mode, measure, value, *scores.intervals[measure])
        for mode, scores in found.modes.items()
        for measure, value in scores.means.items()
    ]
    catalog.remember_figures(found.collection, found.version, figures)


def read_qrels(folder: Path, split: str) -> dict[str, dict[str, int]]:
    """query id → document id → judged score, for queries with at least one relevant document, in file order."""
    files = {file.stem: file for file in sorted((folder / "qrels").glob("*.tsv"))}
    if split not in files:  # looked up and never made into a path: a split's name leads nowhere else
        known = ", ".join(files) or "none"
        raise UserError(
            "there are no judgements for this split", shown(split), f"choose a split that is there: {known}"
        )
    qrels: dict[str, dict[str, int]] = {}
    with files[split].open(encoding="utf-8", newline="") as file:
        try:
            for row in csv.DictReader(file, delimiter="\t"):
                qrels.setdefault(row["query-id"], {})[row["corpus-id"]] = _grade(row["score"])
        except (KeyError, TypeError, ValueError) as error:  # ValueError: no number, or no UTF-8
            given = f"{files[split].name}, about row {sum(map(len, qrels.values())) + 2}: {error}"
            raise UserError(
                "the judgements cannot be read", given, "columns query-id, corpus-id, score; whole grades"
            ) from None
    judged_at_all = {query: judged for query, judged in qrels.items() if max(judged.values()) > 0}
    if not judged_at_all:
        raise UserError("no query has a relevant document", files[split].name, "judge some, with a score above 0")
    return judged_at_all


def _grade(text: str) -> int:
    grade = float(text)
    if not grade.is_integer():
        raise ValueError(f"{text} is no whole grade")
    return int(grade)


def read_queries(folder: Path) -> dict[str, str]:
    """query id → text, from queries.jsonl or queries.jsonl.gz."""
    for path in (folder / "queries.jsonl.gz", folder / "queries.jsonl"):
        if path.is_file():
            try:
                return {str(row["_id"]): str(row["text"]) for row in _json_lines(path)}
            except (KeyError, TypeError, ValueError, EOFError, gzip.BadGzipFile) as error:
                given = f"{path.name}: {error}"
                raise UserError("the queries cannot be read", given, "one object a line, with _id and text") from None
    raise UserError("there is no queries file", str(folder), "give a BEIR folder: corpus, queries, qrels/<split>.tsv")


def bootstrap(values: NDArray[np.float64], seed: int = 0) -> tuple[float, float]:
    """The 95 % percentile interval of the mean of `values` [queries], over resampled queries."""
    draws = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return round(float(low), 4), round(float(high), 4)


def _refuse_another(answered: int, number: int) -> None:
    """Figures of two versions, kept as those of one, would be wrong for both."""
    if answered != number:
        raise UserError(
            "the collection changed while it was measured",
            f"version {number} at first, then {answered}",
            "measure again once nothing is being published",
        )


def _measure(
    service: SearchService,
    collection: str,
    number: int,
    queries: dict[str, str],
    qrels: dict[str, dict[str, int]],
    mode: Mode,
    watch: Watcher,
) -> ModeScores:
    service.rank(collection, next(iter(queries.values())), 1, mode)  # open and warm up outside the clock
    service.opened(collection).forget_queries()
    run: dict[str, dict[str, float]] = {}
    began = time.perf_counter()
    for count, (query, text) in enumerate(queries.items(), 1):
        opened, ranking = service.rank(collection, text, K, mode)
        _refuse_another(opened.version.number, number)
        ids = map(opened.version.id, ranking.rows.tolist())
        run[query] = {id: float(K - rank) for rank, id in enumerate(ids)}  # ranks, so that ties keep our order
        watch(f"evaluating {mode}", count, len(queries))
    seconds = time.perf_counter() - began
    measured = per_query(qrels, run)
    return ModeScores(
        means={name: round(float(values.mean()), 4) for name, values in measured.items()},
        intervals={name: bootstrap(values) for name, values in measured.items()},
        queries_per_second=len(queries) / seconds,
        per_query=measured,
    )


def per_query(qrels: dict[str, dict[str, int]], run: dict[str, dict[str, float]]) -> dict[str, NDArray[np.float64]]:
    """Each measure's value for every query of `qrels`, in its order; 0 for a query that found nothing."""
    place = {query: position for position, query in enumerate(qrels)}
    values = {str(measure): np.zeros(len(qrels)) for measure in MEASURES}
    for metric in ir_measures.iter_calc(MEASURES, qrels, run):
        values[str(metric.measure)][place[metric.query_id]] = metric.value
    return values


def _json_lines(path: Path) -> Iterator[dict[str, object]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        for line in file:
            if line.strip():
                yield json.loads(line)
