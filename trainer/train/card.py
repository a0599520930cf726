"""The card of a training, for machines and in plain words: what went in, what was done, what came out.

All of it but `timing` follows from recipe, data and start. Licences and filters come from the cards of the prepared data.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer.train.recipe import Data, Training, plain
from trainer.train.starting import start_fingerprint, start_name

if TYPE_CHECKING:
    from trainer.train.branch import Outcome
    from trainer.train.ready import Planned

LIBRARIES = ("searchapp", "torch", "transformers", "sentence-transformers", "peft", "accelerate", "numpy", "polars")


def versions() -> dict[str, str]:
    """Of everything that decides the numbers."""
    return {name: version(name) for name in LIBRARIES}


def card_of(
    training: Training,
    identity: str,
    inputs: Mapping[str, str],
    made: Mapping[str, list[Planned]],
    outcomes: Mapping[str, Outcome],
    ready: Path,
) -> dict[str, Any]:
    """The card of a finished training."""
    from trainer.train.processes import precision_of

    start = start_fingerprint(training.start, training.seed)
    places = [outcome.place for outcome in outcomes.values()]
    return {
        "format": 1,
        "identity": identity,
        "start": {"name": start_name(training.start), "fingerprint": start},
        "settings": plain(training),
        "precision": precision_of(training),
        "inputs": dict(inputs),
        "data": [_prepared(data) for data in _distinct(training, made)],
        "models": {
            name or "model": {
                "fingerprint": _fingerprint(ready / (f"{name}/model" if name else "model")),
                "base": _fingerprint(ready / "model") if name and training.phases else start,
                "steps": outcome.place.steps,
                "loss": {"first": outcome.place.first_loss, "last": outcome.place.last_loss},
                "stopped": outcome.place.stopped,
                "guard": outcome.place.figures,
                "phases": {one.phase.name: one.told() for one in made[name]},
            }
            for name, outcome in outcomes.items()
        },
        "result": {
            "steps": sum(place.steps for place in places),
            "loss": places[-1].last_loss,
            "stopped": next((place.stopped for place in places if place.stopped), None),
        },
        "versions": versions(),
        "timing": {"seconds": round(sum(place.seconds for place in places), 3)},
    }


def _fingerprint(folder: Path) -> str:
    from indexer.encode.fingerprint import fingerprint

    return fingerprint(folder)


def _distinct(training: Training, made: Mapping[str, list[Planned]]) -> list[Data]:
    every = [data for phases in made.values() for one in phases for data in one.phase.data]
    return list({data.path: data for data in every}.values())


def _prepared(data: Data) -> dict[str, Any]:
    """What a card of `trainer prepare` says of its sources and filters; of a file, its name."""
    from trainer.train.data import card_of as prepared

    card = prepared(data)
    if card is None:
        return {"name": data.path.name, "sources": {data.path.stem: {"licence": "unknown"}}, "filters": []}
    kept = ("licence", "weight", "task", "kept", "inputs")
    sources = {name: {key: told.get(key) for key in kept} for name, told in card.get("sources", {}).items()}
    filters = [step["label"] for step in card.get("settings", {}).get("filters", [])]
    whole = {"name": data.path.name, "digest": card.get("digest"), "kept": card.get("kept")}
    return whole | {"sources": sources, "filters": filters}


def readme(card: Mapping[str, Any]) -> str:
    """The model card in plain words."""
    lines = ["# A sentence embedding model", "", _opening(card), "", "## Data", ""]
    for data in card["data"]:
        filters = ", ".join(data["filters"]) or "none recorded"
        lines += [
            f"From `{data['name']}`; filters: {filters}.",
            "",
            "| source | licence | rows kept |",
            "|---|---|---|",
        ]
        lines += [f"| {name} | {told['licence']} | {_kept(told)} |" for name, told in data["sources"].items()] + [""]
    lines += ["## Training", ""]
    for name, model in card["models"].items():
        lines += _trained(name, model)
    lines += ["Settings, digests, versions and all figures are in `card.json`, every logged step in `log.jsonl`.", ""]
    return "\n".join(lines)


def _opening(card: Mapping[str, Any]) -> str:
    steps, seconds = card["result"]["steps"], card["timing"]["seconds"]
    return (
        f"Trained from {card['start']['name']} in {steps:,} steps ({seconds / 60:.1f} minutes, {card['precision']}). "
        'It opens with `SentenceTransformer("model")`.'
    )


def _kept(told: Mapping[str, Any]) -> str:
    kept = told.get("kept")
    return f"{sum(kept.values()):,}" if isinstance(kept, dict) else "all"


def _trained(name: str, model: Mapping[str, Any]) -> list[str]:
    first, last = model["loss"]["first"], model["loss"]["last"]
    lines = [f"**{name}**: {model['steps']:,} steps, loss {first:.4f} → {last:.4f}.", ""]
    for phase, sources in model["phases"].items():
        drawn = "; ".join(
            f"{source.partition(' ')[2]}: {told['batches']:,} batches, {told['epochs']:g} epochs"
            for source, told in sources.items()
        )
        lines += [f"- {phase}: {drawn}"]
    if model["stopped"]:
        lines += ["", f"Stopped early: {model['stopped']}. Published is the last state within all limits."]
    if model["guard"]:
        names = list(model["guard"][0]["figures"])
        lines += ["", f"| step | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
        lines += [
            f"| {look['step']} | " + " | ".join(f"{look['figures'][name]:.4f}" for name in names) + " |"
            for look in model["guard"]
        ]
    return [*lines, ""]
