"""A training's folder, read: its card, its README, and its log as curves of the loss and of the guard's figures.

A training that is under way, or was interrupted, has no card yet; its log so far lies in `.work`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.errors import UserError
from ui.screens.models_reading import folder_at, number, read_json, read_text

TODO = "give the folder that `trainer train RECIPE.toml --out DIR` wrote"


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a step; `part` is the phase the step belongs to."""

    step: int
    value: float
    part: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points in the order of their steps. `more` is said beside the title."""

    title: str
    points: tuple[Point, ...]
    more: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """A training: `card` is None while it is not finished; `torn` counts lines of the log that could not be read."""

    folder: Path
    card: Mapping[str, Any] | None
    readme: str
    losses: tuple[Curve, ...]
    guards: tuple[Curve, ...]
    torn: int = 0

    @property
    def models(self) -> dict[str, Path]:
        """The published models by branch, as far as their folders are there."""
        places = {"model": self.folder / "model"} | {
            file.parent.parent.name: file.parent for file in sorted(self.folder.glob("*/model/modules.json"))
        }
        return {name: place for name, place in places.items() if (place / "modules.json").is_file()}


def read_run(given: str) -> Run:
    """The training at a path as a person types it. Raises UserError where there is none."""
    folder = folder_at(given, TODO)
    if folder.name == "model" and not (folder / "card.json").is_file():
        folder = folder.parent  # the model itself was named
    logs = _logs(folder)
    file = folder / "card.json"
    if not file.is_file() and not logs:
        raise UserError("no training lies in this folder", f"{folder} has no card.json and no log.jsonl", TODO)
    card = read_json(file, _shaped, "the card of a training") if file.is_file() else None
    lines, torn = _lines(logs)
    readme = read_text(folder / "README.md") if (folder / "README.md").is_file() else ""
    return Run(folder, card, readme, tuple(losses(lines)), tuple(guards(card)) if card else (), torn)


def _logs(folder: Path) -> list[Path]:
    whole = folder / "log.jsonl"
    return [whole] if whole.is_file() else sorted(folder.glob(".work/*/log.jsonl"))


def _shaped(card: Any) -> Mapping[str, Any]:
    """The card itself, when it has all that the page shows. KeyError, TypeError or ValueError for another one."""
    for data in card["data"]:
        str(data["name"]), list(data["filters"]), [told["licence"] for told in data["sources"].values()]
    for model in card["models"].values():
        number(model["steps"]), str(model["fingerprint"]), dict(model["loss"]), dict(model["phases"])
    number(card["result"]["steps"]), number(card["timing"]["seconds"])
    str(card["precision"]), str(card["start"]["name"]), dict(card["settings"])
    found: Mapping[str, Any] = card
    return found


def _lines(logs: Iterable[Path]) -> tuple[list[dict[str, Any]], int]:
    """The lines that can be read, and how many cannot: the last one is torn while somebody writes it."""
    kept, torn = [], 0
    for log in logs:
        for line in read_text(log).splitlines():
            try:
                told = json.loads(line)
                kept.append(told | {"done": int(number(told["done"])), "loss": number(told["loss"])})
            except (ValueError, KeyError, TypeError, RecursionError):
                torn += 1
    return kept, torn


def losses(lines: Iterable[Mapping[str, Any]]) -> list[Curve]:
    """A curve per branch and objective: losses of different objectives have different scales."""
    found: dict[str, list[Point]] = {}
    for line in lines:
        branch, objective = str(line.get("branch", "model")), str(line.get("objective", "training"))
        title = f"{objective} loss" if branch == "model" else f"{branch}: {objective} loss"
        found.setdefault(title, []).append(Point(line["done"], line["loss"], str(line.get("phase", ""))))
    return [Curve(title, tuple(sorted(points, key=lambda point: point.step))) for title, points in found.items()]


def guards(card: Mapping[str, Any]) -> list[Curve]:
    """A curve per branch and figure of the guard, with what the recipe lets it fall by."""
    guard = card["settings"].get("guard")
    limits = guard.get("limits") if isinstance(guard, dict) else {}
    found = []
    for branch, model in card["models"].items():
        points: dict[str, list[Point]] = {}
        for look in model.get("guard") or ():
            for name, value in look["figures"].items():
                points.setdefault(str(name), []).append(Point(int(number(look["step"])), number(value)))
        for name, seen in points.items():
            more = f"may fall by {limits[name]}" if isinstance(limits, dict) and name in limits else ""
            found.append(Curve(name if branch == "model" else f"{branch}: {name}", tuple(seen), more))
    return found
