"""The card of prepared data: what went in, what every filter took and why, what came out, how long it took.

All of it but `timing` and `files` follows from inputs and settings alone; `digest` is taken over that part.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.files import digest
from trainer.normal import as_series

if TYPE_CHECKING:
    import pyarrow as pa

    from trainer.prepare import Planned
    from trainer.prepare_stages import Stage

STEPS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
PASSING = ("timing", "files", "digest")


class Lengths:
    """Words per side of the kept rows: how many texts have up to 1, 2, 4 … 4096 words, and how many more."""

    def __init__(self) -> None:
        self.counts = {side: [0] * (len(STEPS) + 1) for side in ("anchor", "positive")}

    def see(self, batch: pa.RecordBatch) -> None:
        """Count a batch of kept rows."""
        import numpy as np

        for side, counts in self.counts.items():
            words = as_series(batch.column(side)).str.count_matches(r"\S+").to_numpy()
            places = np.bincount(np.searchsorted(STEPS, words), minlength=len(counts))
            self.counts[side] = [before + int(more) for before, more in zip(counts, places, strict=True)]

    def shown(self) -> dict[str, dict[str, int]]:
        """{side: {"≤ 8": texts}}, without the empty steps."""
        names = [*(f"≤ {step}" for step in STEPS), f"> {STEPS[-1]}"]
        return {
            side: {name: count for name, count in zip(names, counts, strict=True) if count}
            for side, counts in self.counts.items()
        }


def finished_card(out: Path, identity: str) -> dict[str, Any] | None:
    """The card in a folder, if it is of exactly this run and its files are there."""
    try:
        card: dict[str, Any] = json.loads((out / "card.json").read_bytes())
    except (OSError, ValueError):
        return None
    whole = all((out / f"{name}.parquet").is_file() for name in ("pairs", "triplets", "dropped"))
    return card if whole and card.get("identity") == identity else None


def card_of(
    planned: Planned,
    identity: str,
    read: list[Stage],
    judged: list[Stage],
    kept: dict[str, dict[str, int]],
    lengths: Lengths,
) -> dict[str, Any]:
    """The card of a finished run."""
    card: dict[str, Any] = {
        "format": 1,
        "identity": identity,
        "kept": {kind: sum(counts[kind] for counts in kept.values()) for kind in ("pairs", "triplets")},
        "dropped": _dropped(read, judged),
        "sources": _sources(planned, read, judged, kept),
        "settings": {
            "seed": planned.recipe.seed,
            "batch_budget": planned.recipe.batch_budget,
            "filters": [
                {"name": step.name, "label": step.label, "settings": made.settings()} for step, made in planned.filters
            ],
        },
        "reasons": {step.label: dict(made.reasons) for step, made in planned.filters},
        "lengths": lengths.shown(),
        "languages": _languages(judged),
        "learned": _learned(judged),
        "negation": negation_summary(judged),
        "versions": {name: version(name) for name in ("searchapp", "polars", "pyarrow", "rensa")},
    }
    card["digest"] = digest(card)
    return card | {"timing": _timing(read, judged), "files": planned.inputs}


def _dropped(read: list[Stage], judged: list[Stage]) -> dict[str, dict[str, int]]:
    summed: dict[str, dict[str, int]] = {"read": {}}
    for stage in read:
        _add(summed["read"], stage.counts["bad"])
    for stage in judged:
        summed[stage.label] = {}
        for reasons in stage.counts["dropped"].values():
            _add(summed[stage.label], reasons)
    return summed


def _languages(judged: list[Stage]) -> dict[str, Any]:
    """{source: {"anchor": {language: texts}}}, by the language filters of the recipe, in order of number."""
    found: dict[str, Any] = {}
    for stage in judged:
        for source, columns in stage.counts["counted"].items():
            for column, languages in columns.items():
                if column.endswith("_language"):
                    ordered = sorted(languages.items(), key=lambda entry: (-entry[1], entry[0]))
                    found.setdefault(source, {})[column.removesuffix("_language")] = dict(ordered)
    return found


def _learned(judged: list[Stage]) -> dict[str, Any]:
    """What filters that look at the whole corpus found out about it: `summary.json` of what they learned."""
    found = ((stage.label, stage.folder / "learned" / "summary.json") for stage in judged if stage.label != "negation")
    return {label: json.loads(path.read_bytes()) for label, path in found if path.is_file()}


def negation_summary(judged: list[Stage]) -> dict[str, Any] | None:
    """What the negation stage made and why not more, where there is one."""
    stage = negation_stage(judged)
    if stage is None:
        return None
    told: dict[str, Any] = json.loads((stage.folder / "learned" / "summary.json").read_bytes())
    far = {source: columns["contradiction"]["far"] for source, columns in stage.counts["counted"].items()}
    return told | {"far_contradictions": far}


def negation_stage(judged: list[Stage]) -> Stage | None:
    """The last stage, if it is the one that makes negation data."""
    return judged[-1] if judged and judged[-1].label == "negation" else None


def _add(total: dict[str, int], more: dict[str, int]) -> None:
    for reason, number in more.items():
        total[reason] = total.get(reason, 0) + number


def _sources(
    planned: Planned, read: list[Stage], judged: list[Stage], kept: dict[str, dict[str, int]]
) -> dict[str, Any]:
    weights = {source.name: source.weight for source in planned.recipe.sources}
    mass = sum(weights[name.partition("/")[0]] * sum(counts.values()) for name, counts in kept.items())
    budget = planned.recipe.batch_budget
    told: dict[str, Any] = {}
    for source, stage in zip(planned.recipe.sources, read, strict=True):
        fallen = {other.label: other.counts["dropped"].get(source.name, {}) for other in judged}
        common = {"weight": source.weight, "licence": source.licence, "task": source.task}
        told[source.name] = {
            "rows": stage.counts["rows"],
            "inputs": sorted(planned.inputs[source.name]),
            "kept": kept[source.name],
            "dropped": {"read": stage.counts["bad"]} | fallen,
            "epochs": _epochs(budget, source.weight, mass, kept[source.name]),
            **common,
        }
    for name, counts in kept.items():  # made of another source's rows
        if name not in told:
            origin = told[name.partition("/")[0]]
            common = {key: origin[key] for key in ("weight", "licence", "task", "inputs")}
            epochs = _epochs(budget, origin["weight"], mass, counts)
            told[name] = {"rows": sum(counts.values()), "kept": counts, "dropped": {}, "epochs": epochs, **common}
    return told


def _epochs(budget: int | None, weight: float, mass: float, kept: Mapping[str, int]) -> float | None:
    """How often a source's rows are seen when `budget` examples are drawn by size × weight."""
    return round(budget * weight / mass, 6) if budget and mass and sum(kept.values()) else None


def _timing(read: list[Stage], judged: list[Stage]) -> dict[str, Any]:
    stages = [(f"read {stage.label}", stage, stage.counts["rows"]) for stage in read]
    stages += [(stage.label, stage, stage.counts["judged"]) for stage in judged]
    return {
        name: {
            "seconds": round(stage.seconds, 3),
            "rows_per_second": round(rows / stage.seconds) if stage.seconds else None,
        }
        for name, stage, rows in stages
    }
