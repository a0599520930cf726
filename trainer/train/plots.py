"""Curves of a training as PNG: the loss, and the figures of the guard."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.files import write_bytes

if TYPE_CHECKING:
    from trainer.train.branch import Outcome


def write_plots(folder: Path, outcomes: Mapping[str, Outcome]) -> list[str]:
    """Write `loss.png`, and `guards.png` where there was a guard; returns the names."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_bytes().splitlines()]
    curves: dict[str, tuple[list[int], list[float]]] = {}
    for line in lines:
        steps, losses = curves.setdefault(f"{line['branch']}, {line['phase']}: {line['objective']}", ([], []))
        steps.append(line["done"])
        losses.append(line["loss"])
    made = {"loss.png": _drawn(curves, "loss")} if curves else {}
    looks = {name or "model": outcome.place.figures for name, outcome in outcomes.items() if outcome.place.figures}
    figures = {
        f"{model}: {name}": ([look["step"] for look in told], [look["figures"][name] for look in told])
        for model, told in looks.items()
        for name in told[0]["figures"]
    }
    if figures:
        made["guards.png"] = _drawn(figures, "figure")
    for name, image in made.items():
        write_bytes(folder / name, image)
    return list(made)


def _drawn(curves: Mapping[str, tuple[list[int], list[float]]], label: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes: Any = figure.subplots()
    for name, (steps, values) in curves.items():
        axes.plot(steps, values, label=name, linewidth=1.2, marker="." if len(steps) < 30 else None)
    axes.set_xlabel("step")
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120, metadata={"Software": None})
    return buffer.getvalue()
