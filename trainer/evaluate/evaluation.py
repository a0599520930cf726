"""Measuring a model on a suite: every figure with its 95 % interval, and two models on the same items compared in pairs."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexer.encode import Precision, load_encoder
from indexer.errors import UserError
from indexer.progress import Watcher, unwatched
from trainer.evaluate.bootstrap import Floats, Mean, draws_of, interval, value_of
from trainer.evaluate.evaluators import EVALUATORS, Embed, Found, spread
from trainer.evaluate.mteb import TaskScore
from trainer.evaluate.reading import Rows, read_set
from trainer.evaluate.suite import LOWER, Set, Side, Suite
from trainer.evaluate.vectors import Encodes, Vector, Vectors

View = tuple[int | None, int | None]  # tokens, dimensions; None: all
AVERAGE = "average"


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric on a set, its 95 % bootstrap interval, and of how many items; `dim`, `tokens` where something was cut."""

    set: str
    metric: str
    value: float
    low: float
    high: float
    n: int
    dim: int | None = None
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """A figure and what is needed to compare it with another model's on the same items."""

    figure: Figure
    items: str  # digest of the rows
    draws: Floats  # [1000] the figure on each resample; the same resamples for every model
    values: Floats | None  # [n] value of each item, of metrics that are a mean
    main: bool  # the first metric of its set, uncut, and the more the better: what an average is taken over


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All figures of one model. `rows`: the most rows that were taken of each set, if there was a limit."""

    model: str
    fingerprint: str
    precision: str
    measured: tuple[Measured, ...]
    seconds: float
    rows: int | None = None
    tasks: tuple[TaskScore, ...] = ()  # of mteb, where they were asked for

    @property
    def figures(self) -> list[Figure]:
        """The figures in the suite's order."""
        return [measured.figure for measured in self.measured]

    @property
    def by_name(self) -> dict[str, Figure]:
        """The uncut figures by "set metric", as a guard names them."""
        whole = [figure for figure in self.figures if figure.dim is None and figure.tokens is None]
        return {f"{figure.set} {figure.metric}": figure for figure in whole}


@dataclass(frozen=True, slots=True)
class Difference:
    """`model` minus `other` on the same items, with the 95 % interval of the paired bootstrap."""

    model: str
    other: str
    set: str
    metric: str
    difference: float
    low: float
    high: float
    n: int
    dim: int | None = None
    tokens: int | None = None


def evaluate(
    model: Encodes | Path,
    suite: Suite,
    watch: Watcher = unwatched,
    *,
    rows: int | None = None,
    precision: Precision = "auto",
    name: str | None = None,
) -> Evaluation:
    """Measure a model, a folder or an object with `encode_query` and `encode_document`, on every set of the suite.

    `rows`: at most so many rows of each set, by a seeded hash. Raises UserError for a set without enough rows, dimensions
    beyond the model's, a model that is not sound."""
    began = time.monotonic()
    encoder = load_encoder(model, precision=precision) if isinstance(model, Path) else model
    vectors = Vectors(encoder, watch)
    refuse_dims(suite, vectors.dim())
    measured = [found for entry in suite.sets for found in _measure(entry, suite, vectors, rows, watch)]
    return Evaluation(
        name or (str(model) if isinstance(model, Path) else type(model).__name__),
        getattr(encoder, "fingerprint", ""),
        getattr(encoder, "precision", ""),
        tuple(measured),
        time.monotonic() - began,
        rows,
    )


def compare(a: Evaluation, b: Evaluation) -> list[Difference]:
    """b − a for every figure that both have, with paired intervals; last the average of the sets' main metrics.

    Raises UserError when a set had other rows in the two evaluations."""
    of_a = {_place(measured.figure): measured for measured in a.measured}
    pairs = [(of_a[_place(m.figure)], m) for m in b.measured if _place(m.figure) in of_a]
    found, main = [], []
    for before, after in pairs:
        if before.items != after.items:
            raise UserError("The two models were measured on different rows.", after.figure.set, "evaluate both again")
        draws = after.draws - before.draws
        value = after.figure.value - before.figure.value
        f = after.figure
        found.append(Difference(b.model, a.model, f.set, f.metric, value, *interval(draws), f.n, f.dim, f.tokens))
        if after.main:
            main.append((value, draws))
    return found + ([_average(a, b, main)] if len(main) > 1 else [])


def _average(a: Evaluation, b: Evaluation, main: Sequence[tuple[float, Floats]]) -> Difference:
    """The mean over sets. Sets are drawn independently of each other, so their draws may be averaged one by one."""
    values, draws = [value for value, _ in main], np.mean([drawn for _, drawn in main], axis=0)
    return Difference(b.model, a.model, AVERAGE, "main metrics", float(np.mean(values)), *interval(draws), len(main))


def _place(figure: Figure) -> tuple[str, str, int | None, int | None]:
    return figure.set, figure.metric, figure.dim, figure.tokens


def refuse_dims(suite: Suite, dim: int) -> None:
    """Raise UserError if the suite cuts vectors to more dimensions than a model's."""
    if max(suite.dims, default=0) > dim:
        todo = f"ask for {dim} or fewer in `dims` of the suite"
        raise UserError("The suite asks for more dimensions than the model has.", max(suite.dims), todo)


def _measure(entry: Set, suite: Suite, vectors: Vectors, rows: int | None, watch: Watcher) -> Iterator[Measured]:
    watch(f"reading {entry.name}", 0, None)
    read = read_set(entry, rows, suite.seed)
    vectors.named(entry.name)
    for tokens, dim in _views(entry, suite):
        found = _metrics(entry, read, _embedder(vectors, entry.side, tokens, dim))
        for place, (metric, statistic) in enumerate(found.items()):
            draws = draws_of(statistic, [suite.seed, int(read.digest[:8], 16)])
            figure = Figure(entry.name, metric, value_of(statistic), *interval(draws), len(statistic), dim, tokens)
            values = statistic.values if isinstance(statistic, Mean) else None
            main = place == 0 and tokens is dim is None and metric not in LOWER
            yield Measured(figure, read.digest, draws, values, main)


def _views(entry: Set, suite: Suite) -> list[View]:
    """Uncut first, then fewer dimensions, then fewer tokens."""
    return [(None, None), *((None, dim) for dim in suite.dims), *((tokens, None) for tokens in entry.lengths)]


def _metrics(entry: Set, read: Rows, embed: Embed) -> Found:
    try:
        return EVALUATORS[entry.kind](read, embed) | (spread(read, embed) if entry.spread else {})
    except UserError as error:
        raise UserError(f"Set {entry.name!r}: {error.what}", error.given, error.todo) from error


def _embedder(vectors: Vectors, side: Side, tokens: int | None, dim: int | None) -> Embed:
    def embed(texts: Sequence[str], of: Side | None = None) -> Vector:
        return vectors.of(texts, of or side, tokens, dim)

    return embed
