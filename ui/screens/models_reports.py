"""Evaluations that lie on this machine, read: which models were measured, their figures, and their paired differences.

`trainer evaluate MODEL --compare OTHER --suite SUITE.toml --out DIR` writes `evaluation.json`. Models of one report were measured
on the same rows, and their differences have a paired interval. Models of two reports can only be put side by side.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from indexer.errors import UserError
from trainer.evaluate.suite import LOWER
from ui.screens.models_reading import folder_at, number, read_json

FILE = "evaluation.json"
TODO = "give the folder that `trainer evaluate MODEL --suite SUITE.toml --out DIR` wrote"


@dataclass(frozen=True, slots=True)
class Place:
    """What was measured: a metric on a set, of inputs cut or not."""

    set: str
    metric: str
    dim: int | None = None
    tokens: int | None = None

    @property
    def cut(self) -> str:
        """In words; empty where nothing was cut."""
        found = ((self.dim, "dimensions"), (self.tokens, "tokens"))
        return ", ".join(f"{count:,} {what}" for count, what in found if count)

    @property
    def less_is_better(self) -> bool:
        return self.metric in LOWER


@dataclass(frozen=True, slots=True)
class Value:
    """A number with its 95 % interval, over n items."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Measured:
    """A model in a report. `report` tells reports apart; `label` is what a person reads."""

    report: str
    model: str
    fingerprint: str
    figures: dict[Place, Value]

    @property
    def label(self) -> str:
        """A model's name, or the last part of its path."""
        return Path(self.model).name or self.model if self.model.count("/") > 1 else self.model

    @property
    def key(self) -> str:
        """What the address calls it."""
        return f"{self.report}:{self.model}"


@dataclass(frozen=True, slots=True)
class Report:
    """An evaluation.json: models in order, and for (model, other) the differences model − other."""

    folder: Path
    models: tuple[Measured, ...]
    differences: dict[tuple[str, str], dict[Place, Value]]


def read_report(given: str) -> Report:
    """The report at a path as a person types it. Raises UserError where there is none, or no model in it."""
    folder = folder_at(given, TODO)
    if not (folder / FILE).is_file():
        raise UserError("no evaluation lies in this folder", f"{folder} has no {FILE}", TODO)
    return read_json(folder / FILE, lambda told: _shaped(told, folder), "an evaluation")


def found_reports(folders: Iterable[Path]) -> list[Path]:
    """Of these folders, the ones that hold an evaluation; each once, in order."""
    return [folder for folder in dict.fromkeys(folders) if (folder / FILE).is_file()]


def _shaped(told: Any, folder: Path) -> Report:
    figures: dict[str, dict[Place, Value]] = {str(one["model"]): {} for one in told["models"]}
    for row in told["figures"]:
        figures[str(row["model"])][_place(row)] = _value(row, "value")
    differences: dict[tuple[str, str], dict[Place, Value]] = {}
    for row in told.get("differences", ()):
        pair = str(row["model"]), str(row["other"])
        differences.setdefault(pair, {})[_place(row)] = _value(row, "difference")
    prints = {str(one["model"]): str(one.get("fingerprint", "")) for one in told["models"]}
    if not figures:
        raise ValueError("it names no model")
    models = tuple(Measured(folder.name, name, prints[name], found) for name, found in figures.items())
    return Report(folder, models, differences)


def told_apart(reports: Iterable[Report]) -> list[Report]:
    """The same reports; where two folders have one name, they are called by their paths."""
    found = list(reports)
    names = [report.folder.name for report in found]
    return [
        report
        if names.count(report.folder.name) == 1
        else replace(report, models=tuple(replace(model, report=str(report.folder)) for model in report.models))
        for report in found
    ]


def _place(row: dict[str, Any]) -> Place:
    dim, tokens = row.get("dim"), row.get("tokens")
    return Place(str(row["set"]), str(row["metric"]), dim and int(number(dim)), tokens and int(number(tokens)))


def _value(row: dict[str, Any], key: str) -> Value:
    return Value(number(row[key]), number(row["low"]), number(row["high"]), int(number(row["n"])))
