"""The guard: what would be published is evaluated every so often, and must not fall too far below the start.

It is evaluated as it will be used: merged and averaged, saved as a plain folder, opened by our own encoder. What stood at the
last look that was within all limits is what gets published when a later look is not.
"""

from __future__ import annotations

from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from indexer.errors import UserError
from indexer.progress import Watcher
from trainer.evaluate.suite import LOWER
from trainer.recipe import refuse_unknown
from trainer.train.recipe import Guard

if TYPE_CHECKING:
    from trainer.evaluate import Suite

Figures = dict[str, float]
AVERAGE = "average"


class Watchdog:
    """Evaluates folders of models by one suite and compares them with the start."""

    def __init__(self, guard: Guard, watch: Watcher) -> None:
        self.guard, self.watch = guard, watch
        self.suite = suite_of(guard)
        self.start: Figures = {}

    def figures(self, folder: Path) -> Figures:
        """`set metric` → value, of whole inputs at full dimension; and the `average` of the sets' main metrics."""
        import torch

        from trainer.evaluate import evaluate

        threads = torch.get_num_threads()
        try:
            found = evaluate(folder, self.suite, self.watch)
        finally:
            torch.set_num_threads(threads)  # the encoder took its own number, and training's bits depend on it
        main = [measured.figure.value for measured in found.measured if measured.main]
        average = {AVERAGE: fmean(main)} if main else {}
        figures = {name: figure.value for name, figure in found.by_name.items()} | average
        return {name: round(float(value), 6) for name, value in figures.items()}

    def fallen(self, figures: Figures, step: int) -> str | None:
        """What got worse by more than its limit, as a sentence; None while all is within."""
        for name, limit in self.guard.limits.items():
            rises = name.endswith(tuple(f" {metric}" for metric in LOWER))  # there, more is worse
            change = figures[name] - self.start[name]
            if (change if rises else -change) > limit:
                did, may = ("rose", "rise") if rises else ("fell", "fall")
                numbers = f"from {self.start[name]:.4f} to {figures[name]:.4f}, and may {may} by {limit:g}"
                return f"{name} {did} {numbers}: stopped at step {step}"
        return None


def suite_of(guard: Guard) -> Suite:
    """The suite the guard names, read and checked. Raises UserError for a limit on a figure that it does not give."""
    from trainer.evaluate import load_suite

    if not guard.suite.is_file():
        raise UserError("There is no such suite.", guard.suite, "name the TOML file of `trainer evaluate --suite`")
    suite = load_suite(guard.suite)
    averaged = any(entry.metrics[0] not in LOWER for entry in suite.sets)
    refuse_unknown(guard.limits, [*suite.figures, *([AVERAGE] if averaged else [])], "limits of [guard]")
    return suite


def look(figures: Figures, step: int) -> dict[str, Any]:
    """One look of the guard, as log and card keep it."""
    return {"step": step, "figures": figures}
