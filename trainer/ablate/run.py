"""The verb: a grid of cells in, the papers' table out.

Every cell leaves its result, so a killed run goes on where it was, and figures can be looked at while others are still
computed: table and picture are written again after each cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.errors import UserError
from indexer.files import remove_folder
from indexer.progress import Watcher, duration, unwatched
from trainer.ablate.cells import Cell, cells_of
from trainer.ablate.recipe import Ablation
from trainer.ablate.results import Result, finished, result_file

OURS = {"cells", ".work", "ablation.json", "report.md", "ablation.png"}


@dataclass(frozen=True, slots=True)
class Ablated:
    """A finished ablation: its results in the order of the cells, and how many of them were computed just now."""

    out: Path
    results: tuple[Result, ...]
    fresh: int


def ablate(ablation: Ablation, out: Path, watch: Watcher = unwatched) -> Ablated:
    """Run what is not there yet and write report.md, ablation.json and ablation.png into `out`.

    Raises UserError, before the first cell, for whatever cannot be prepared, trained or evaluated."""
    from trainer.ablate.report import write_report
    from trainer.ablate.running import run_cell

    _refuse_other(out)
    cells = cells_of(ablation)
    waiting = [cell for cell in cells if not result_file(out, cell).is_file()]
    for number, cell in enumerate(waiting):
        left = _left([result for _, result in finished(cells, out)], len(waiting) - number)
        place = f"{len(cells) - len(waiting) + number + 1}/{len(cells)} {cell.name}{left}"
        run_cell(cell, ablation, out, _told_by(watch, place))
        write_report([result for _, result in finished(cells, out)], len(cells), out)
    results = tuple(result for _, result in finished(cells, out))
    if not waiting:
        write_report(results, len(cells), out)
    remove_folder(out / ".work")
    return Ablated(out, results, len(waiting))


def _told_by(watch: Watcher, before: str) -> Watcher:
    """A watcher that says in front of each phase which cell it belongs to."""

    def tell(phase: str, done: int, total: int | None) -> None:
        watch(f"{before}: {phase}", done, total)

    return tell


def _left(results: Sequence[Result], cells: int) -> str:
    """How long the cells that are left will take, from those that are done."""
    if not results:
        return ""
    mean = sum(sum(result.seconds.values()) for result in results) / len(results)
    return f" ({duration(mean * cells)} for all that is left)"


def plan_of(ablation: Ablation, out: Path | None = None) -> dict[str, Any]:
    """Check everything and say what would be trained; nothing is written."""
    cells = cells_of(ablation)
    done = {cell.key for cell, _ in finished(cells, out)} if out else set()
    return {
        "variants": {variant.name: list(variant.steps) for variant in ablation.variants},
        "cells": [_told(cell, cell.key in done) for cell in cells],
        "steps": sum(phase.steps for phase in ablation.training.phases),
        "sets": [entry.name for entry in ablation.suite.sets],
    }


def _told(cell: Cell, done: bool) -> dict[str, Any]:
    return {"level": cell.level, "variant": cell.variant.name, "seed": cell.seed, "done": done}


def _refuse_other(out: Path) -> None:
    """A folder that holds something else is left alone."""
    if out.is_file():
        raise UserError("The output must be a folder.", out, "name a new folder with --out")
    strange = sorted(entry.name for entry in out.iterdir() if entry.name not in OURS) if out.is_dir() else []
    if strange:
        raise UserError("The output folder holds other files.", f"{out}: {strange[0]}", "name a new or empty folder")
