"""What `trainer evaluate` does: models by name, the suite, mteb's tasks where they are asked for, and the comparisons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from indexer.encode import Precision, load_encoder
from indexer.encode.folder import read_folder
from indexer.encode.models import resolve
from indexer.errors import UserError
from indexer.home import Home
from indexer.progress import Watcher
from trainer.evaluate.evaluation import Difference, Evaluation, compare, evaluate, refuse_dims
from trainer.evaluate.mteb import Task, measure_tasks, opened, parse_tasks
from trainer.evaluate.suite import Suite, load_suite


@dataclass(frozen=True, slots=True)
class Asked:
    """What to measure: the model first, the others after it; a suite, tasks of mteb, or both."""

    names: tuple[str, ...]
    suite: Path | None
    mteb: str | None = None
    rows: int | None = None
    precision: Precision = "auto"


def measured(asked: Asked, watch: Watcher) -> tuple[list[Evaluation], list[Difference]]:
    """Measure the models, and say how the first differs from each of the others.

    Raises UserError, before anything is measured, for what is not there."""
    if asked.suite is None and asked.mteb is None:
        raise UserError(
            "There is nothing to measure on.", "no --suite, no --mteb", "add --suite recipes/dev-guards.toml"
        )
    folders = [resolve(name, Home.find().models) for name in asked.names]
    suite = load_suite(asked.suite) if asked.suite is not None else Suite(())
    for folder in folders:
        refuse_dims(suite, read_folder(folder).dim)
    tasks = _tasks(asked.mteb) if asked.mteb is not None else ()
    found = []
    for name, folder in zip(asked.names, folders, strict=True):
        encoder = load_encoder(folder, precision=asked.precision)
        one = evaluate(encoder, suite, watch, rows=asked.rows, name=name)
        found.append(replace(one, tasks=tuple(measure_tasks(encoder, tasks, watch))) if tasks else one)
    return found, [difference for other in found[1:] for difference in compare(other, found[0])]


def _tasks(asked: str) -> tuple[Task, ...]:
    tasks = parse_tasks(asked)
    opened()  # an absent package is told before the first text is encoded
    return tasks


def names_of(models: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """The model, then the others: `--compare A B` gives A as an option and B as a further word."""
    if len(models) > 1 and not others:
        raise UserError("Several models were named.", ", ".join(models), "name the others after --compare")
    names = (models[0], *others, *models[1:])
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError("A model was named twice.", twice, "name each model once")
    return names
