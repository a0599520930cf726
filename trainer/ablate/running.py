"""One cell, from raw rows to figures.

What a cell makes on its way lies in a working folder of its own, where a killed run goes on, since preparing and training do so too;
it is removed once the result is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from indexer.errors import UserError
from indexer.files import remove_folder
from indexer.progress import Watcher
from trainer.ablate.cells import Cell, chosen
from trainer.ablate.recipe import PREPARED, Ablation
from trainer.ablate.results import Result, truth, write_result
from trainer.recipe import Recipe
from trainer.train.recipe import Data, Phase, Training


def run_cell(cell: Cell, ablation: Ablation, out: Path, watch: Watcher) -> None:
    """Prepare, train and evaluate one cell, and write its result."""
    work = out / ".work" / cell.key[:16]
    write_result(_run(cell, ablation, work, watch), out, cell)
    remove_folder(work)


def _run(cell: Cell, ablation: Ablation, work: Path, watch: Watcher) -> Result:
    from trainer.evaluate import evaluate
    from trainer.prepare import prepare
    from trainer.train import train

    recipe = _mixed(cell, ablation, work, watch)
    report = prepare(chosen(recipe, cell.variant), work / "prepared", watch)
    training, left_out = _training(cell, ablation, work)
    trained = train(training, work / "trained", watch)
    evaluation = evaluate(work / "trained" / "model", ablation.suite, watch)
    main = tuple(_named(one.figure) for one in evaluation.measured if one.main)
    spent = {"filtering": _filtering(report.card), "training": trained.seconds, "evaluating": evaluation.seconds}
    return Result(
        cell.level,
        cell.variant.name,
        cell.variant.filters,
        cell.seed,
        sum(source["rows"] for name, source in report.card["sources"].items() if "/" not in name),
        sum(report.kept.values()),
        report.dropped,
        truth(recipe, work / "prepared") if ablation.noise else {},
        {_named(figure): figure.value for figure in evaluation.by_name.values()},
        main,
        {name: round(seconds, 3) for name, seconds in spent.items()},
        trained.steps,
        trained.loss,
        trained.stopped,
        left_out,
    )


def _named(figure: Any) -> str:
    return f"{figure.set} {figure.metric}"


def _filtering(card: Mapping[str, Any]) -> float:
    return float(sum(told["seconds"] for name, told in card["timing"].items() if not name.startswith("read ")))


def _mixed(cell: Cell, ablation: Ablation, work: Path, watch: Watcher) -> Recipe:
    from trainer.ablate.mixing import Mixture, mixed

    if ablation.noise is None and ablation.rows is None:
        return ablation.recipe
    mixture = Mixture(rows=ablation.rows)
    if cell.level and ablation.noise:
        noise = ablation.noise
        mixture = Mixture(cell.level, noise.foreign, noise.foreign_path, ablation.rows)
    return mixed(ablation.recipe, mixture, cell.seed, work / "mixed", watch)


def _training(cell: Cell, ablation: Ablation, work: Path) -> tuple[Training, tuple[str, ...]]:
    """The training over this cell's data, from this cell's seed; and the sources that cannot fill a batch any more."""
    from trainer.ablate.start import write_start

    training = replace(ablation.training, seed=cell.seed)
    if ablation.start:
        training = replace(training, start=write_start(ablation.start, cell.seed, work / "start"))
    left_out: set[str] = set()
    phases = tuple(_over(phase, work / "prepared", left_out) for phase in training.phases)
    return replace(training, phases=phases), tuple(sorted(left_out))


def _over(phase: Phase, prepared: Path, left_out: set[str]) -> Phase:
    entries = [replace(data, path=prepared) if data.path.name == PREPARED else data for data in phase.data]
    return replace(phase, data=tuple(_filling(phase, data, prepared, left_out) for data in entries))


def _filling(phase: Phase, data: Data, prepared: Path, left_out: set[str]) -> Data:
    """The data entry with those of its sources that still fill a batch without a repeated text."""
    import numpy as np

    from trainer.train.data import rows_of
    from trainer.train.plan import cut

    if data.path != prepared:
        return data
    sources = rows_of(replace(phase, data=(data,)))
    full = {rows.source for rows in sources if cut(np.arange(len(rows.lengths)), rows.hashes, phase.batch)[0]}
    if not full:
        todo = "lower batch of the training, or take more rows"
        raise UserError("Too few rows are left to fill one batch.", f"phase {phase.name!r}, batch {phase.batch}", todo)
    left_out |= {rows.source for rows in sources} - full
    return replace(data, sources=tuple(sorted(full)))
