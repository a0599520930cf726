"""One phase: planned batches through sentence-transformers' trainer, from any step on.

What the trainer runs is the rest of the phase: optimizer and schedule come ready, standing at the first step to be done. So
resuming needs nothing of the trainer's own checkpoints, which hold pickles and are written in place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from datasets import Dataset, DatasetDict
from sentence_transformers import SentenceTransformerTrainer
from sentence_transformers.base.sampler import DefaultBatchSampler, MultiDatasetDefaultBatchSampler
from torch.optim.lr_scheduler import LambdaLR
from transformers import PrinterCallback

from indexer.errors import UserError
from indexer.progress import Progress, Watcher
from trainer.train.callbacks import Finite, Line, Seeded, Watched, lacks_memory, out_of_memory, refuse_not_finite
from trainer.train.data import Rows
from trainer.train.plan import Plan
from trainer.train.recipe import Phase

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments

SHOWN = 8  # rows of a bad batch that an error names


@dataclass
class Running:
    """A phase on its way: where it is, and what the step before came to."""

    phase: Phase
    seed: int
    rows: list[Rows]
    plan: Plan
    optimizer: torch.optim.Optimizer
    watch: Watcher
    log: Callable[[Line], None]
    step: int = 0  # steps done
    loss: float = math.nan
    parts: dict[str, float] = field(default_factory=dict)
    label: str = "training"

    def tell(self) -> None:
        """Progress in pairs, so that it shows pairs per second and the time left; and the loss."""
        if isinstance(self.watch, Progress):
            self.watch.note = f"loss {self.loss:.4f}"
        batch = self.phase.batch
        self.watch(f"{self.label} {self.phase.name}", self.step * batch, self.phase.steps * batch)
        if isinstance(self.watch, Progress):
            self.watch.note = ""

    def source_of(self, step: int) -> Rows:
        """The source that a step draws from."""
        return self.rows[int(self.plan.sources[step])]

    def rate(self) -> float:
        """The learning rate of the step before."""
        return self.phase.learning_rate * scheduled(self.phase, self.step - 1)

    def not_finite(self, what: str) -> UserError:
        """The refusal that names phase, step, source and rows."""
        rows = self.source_of(self.step)
        places = [rows.place(int(row)) for row in self.plan.rows[self.step]]
        more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
        given = f"phase {self.phase.name!r}, step {self.step + 1}, rows {', '.join(places[:SHOWN])}{more}"
        todo = "look at these rows; lower learning_rate or clip, or train in fp32"
        return UserError(f"The {what} is not a finite number any more; nothing was published.", given, todo)


class PlannedBatches(MultiDatasetDefaultBatchSampler):  # type: ignore[misc]
    """The plan's batches from one step on; with several processes each step's batch is shared out in equal parts."""

    def __init__(self, *args: Any, plan: Plan, first: int, parts: int, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.plan, self.first, self.parts = plan, first, parts

    def __iter__(self) -> Iterator[list[int]]:
        starts = np.cumsum([0, *(len(rows) for rows in self.dataset.datasets)])
        for source, rows in zip(self.plan.sources[self.first :], self.plan.rows[self.first :], strict=True):
            for part in np.split(rows + starts[source], self.parts):
                yield part.tolist()

    def __len__(self) -> int:
        return (len(self.plan.sources) - self.first) * self.parts


class PhaseTrainer(SentenceTransformerTrainer):  # type: ignore[misc]
    """sentence-transformers' trainer with our batches, that stops at the first loss that is not a number."""

    def __init__(self, running: Running, *args: Any, **kwargs: Any) -> None:
        self.running = running
        super().__init__(*args, **kwargs)

    def get_batch_sampler(self, dataset: Any, batch_size: int, drop_last: bool, **_: Any) -> DefaultBatchSampler:
        """Of one source; it is never asked, the plan draws from all. A source that is not drawn has no rows."""
        return DefaultBatchSampler(dataset, batch_size, drop_last)

    def get_multi_dataset_batch_sampler(self, dataset: Any, batch_samplers: Any, **kwargs: Any) -> PlannedBatches:
        """The planned ones."""
        parts = self.args.world_size
        planned = {"plan": self.running.plan, "first": self.running.step, "parts": parts}
        return PlannedBatches(dataset, batch_samplers, **planned, **kwargs)

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Our card is written at the end, from what we know."""

    def track_loss_components(self, loss: dict[str, torch.Tensor]) -> None:
        """Named parts of the loss, for the log."""
        self.running.parts = {name: float(value.detach()) for name, value in loss.items()}

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """One forward and backward pass, looked at."""
        try:
            loss: torch.Tensor = super().training_step(*args, **kwargs)
        except (RuntimeError, MemoryError) as error:
            if lacks_memory(error):
                raise out_of_memory(self.running) from error
            raise
        self.running.loss = float(loss)
        refuse_not_finite(self.running.loss, self.running)
        return loss


def run_phase(
    running: Running,
    model: SentenceTransformer,
    args: SentenceTransformerTrainingArguments,
    objectives: Mapping[str, torch.nn.Module],
    watched: Watched,
) -> None:
    """Run what is left of a phase; the model is changed in place."""
    phase, first = running.phase, running.step
    schedule = LambdaLR(running.optimizer, lambda step: scheduled(phase, first + step))
    trainer = PhaseTrainer(
        running,
        model=model,
        args=args,
        train_dataset=DatasetDict({rows.name: Dataset(rows.columns, fingerprint=rows.name) for rows in running.rows}),
        loss=dict(objectives),
        optimizers=(running.optimizer, schedule),
        callbacks=[Seeded(running), Finite(running), watched],
    )
    trainer.remove_callback(PrinterCallback)
    try:
        trainer.train()
    finally:
        trainer.accelerator.unwrap_model(trainer.model_wrapped, keep_fp32_wrapper=False)


def scheduled(phase: Phase, step: int) -> float:
    """The learning rate at a step (from 0) as a share of the phase's: up during warm-up, then down."""
    warm = round(phase.warmup * phase.steps)
    if step < warm:
        return (step + 1) / (warm + 1)
    if phase.schedule == "constant":
        return 1.0
    left = max(0, phase.steps - step) / max(1, phase.steps - warm)
    return left if phase.schedule == "linear" else 0.5 * (1 - math.cos(math.pi * left))


def optimizer_of(model: torch.nn.Module, phase: Phase) -> torch.optim.Optimizer:
    """AdamW over what is trainable; biases and norms do not decay."""
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [one for one in trainable if one.ndim >= 2], "weight_decay": phase.weight_decay},
        {"params": [one for one in trainable if one.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=phase.learning_rate, fused=True)
