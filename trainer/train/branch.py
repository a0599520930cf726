"""A branch: phases one after the other, from one model to the weights that are published.

The recipe's own phases are a branch; each task adapter is another that starts from the first one's result. A branch can be killed
at any moment: the next run goes on from the newest complete checkpoint, to the same weights.
"""

from __future__ import annotations

import copy
import json
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from indexer.files import canonical_json, write_bytes
from indexer.progress import Watcher
from trainer.train import checkpoints
from trainer.train.callbacks import Line, Watched, step_seed
from trainer.train.checkpoints import Place
from trainer.train.curves import Curves
from trainer.train.guard import Watchdog, look
from trainer.train.phase import Running, optimizer_of, run_phase
from trainer.train.processes import Processes, arguments
from trainer.train.publish import save_model
from trainer.train.ready import Planned, objectives_of
from trainer.train.recipe import Lora, Training
from trainer.train.targets import with_targets
from trainer.train.weights import LORA_UP, Tensors, add_lora, dropout_at, freeze, published, snapshot

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LOG = "log.jsonl"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a branch ended, and the weights to publish."""

    place: Place
    tensors: Tensors
    adapter: Tensors  # LoRA's own tensors, where it was trained


@dataclass
class Branch:
    """A branch on its way."""

    name: str
    training: Training
    planned: list[Planned]
    lora: Lora | None
    prompts: dict[str, str]
    work: Path
    processes: Processes
    watch: Watcher
    curves: Curves | None = None
    place: Place = field(default_factory=Place)

    def run(self, start: SentenceTransformer) -> Outcome:
        """Train from where the last run was killed to the end. `start` is changed in place."""
        self.plain = copy.deepcopy(start)
        self.start = snapshot(start)
        self.longest = start.max_seq_length
        if self.lora:
            add_lora(start, self.lora, step_seed(self.training.seed, self.name, "lora"))
        freeze(start, self.training.freeze)
        self.model = start.to(self.processes.device)
        self.good, self.good_adapter = self.start, self._adapter()
        found = self._resumed()
        self.dog = self._watchdog()
        for number in range(self.place.phase, len(self.planned)):
            if self.place.stopped:
                break
            self._phase(number, found)
            found = None
        if self.dog:
            return Outcome(self.place, self.good, self.good_adapter)
        return Outcome(self.place, published(self.model, self.start, self.training.average), self._adapter())

    def _adapter(self) -> Tensors:
        """LoRA's own tensors as they are published: with as much of them as the model beside them has."""
        if not self.lora:
            return {}
        own = {name: tensor.detach().cpu().clone() for name, tensor in checkpoints.trainable(self.model).items()}
        return {name: tensor * (self.training.average if LORA_UP in name else 1) for name, tensor in own.items()}

    def _resumed(self) -> Path | None:
        found = checkpoints.newest_checkpoint(self.work)
        self.place = found[0] if found else Place()
        if self.processes.first:
            _shorten(self.work / LOG, self.place.steps)
        if found is None:
            return None
        checkpoints.restore(self.model, checkpoints.read_tensors(found[1], "weights"))
        self.good = checkpoints.read_tensors(found[1], "good") or self.start
        self.good_adapter = checkpoints.read_tensors(found[1], "good-adapter") or self.good_adapter
        return found[1]

    def _watchdog(self) -> Watchdog | None:
        if self.training.guard is None:
            return None
        dog = Watchdog(self.training.guard, self.watch)
        if self.processes.first:
            before = [told["figures"] for told in self.place.figures]
            dog.start = before[0] if before else dog.figures(self._saved(self.start))
            if not before:
                self.place = replace(self.place, figures=[look(dog.start, 0)])
        return dog

    def _phase(self, number: int, found: Path | None) -> None:
        phase = self.planned[number].phase
        rows, plan = self.planned[number].rows, self.planned[number].plan
        self.plain.load_state_dict(self.start)
        self.plain.max_seq_length = min(phase.max_tokens, self.longest or phase.max_tokens)
        rows, plan = self.processes.first_then_others(
            lambda: with_targets(rows, plan, self.plain, self.work, self.watch)
        )
        self.model.max_seq_length = phase.max_tokens
        optimizer = optimizer_of(self.model, phase)
        if found is not None and self.place.step:
            checkpoints.restore_optimizer(self.model, optimizer, checkpoints.read_tensors(found, "optimizer"))
        label = " ".join(part for part in ("training", self.name) if part)
        seed = step_seed(self.training.seed, self.name, number)
        running = Running(phase, seed, rows, plan, optimizer, self.watch, self._log, self.place.step, label=label)
        args = arguments(self.training, phase, running.step, self.work, self._prompts(rows), self.processes)
        objectives = objectives_of(rows, phase, self.model, gather=self.processes.number > 1)
        began = _Clock(self.place)
        watched = Watched(
            running,
            self.training.log_every,
            self.training.checkpoint_every,
            lambda due: self._after(running, due, began),
        )
        with dropout_at(self.model, phase.dropout):
            run_phase(running, self.model, args, objectives, watched)
        self.place = replace(self.place, phase=number + 1, step=0)
        self._checkpoint(None)

    def _prompts(self, rows: list[Any]) -> dict[str, dict[str, str]]:
        """Per source, what stands before each column: the query's prompt before anchors, the document's before the others."""
        query, document = self.prompts.get("query", ""), self.prompts.get("document", "")
        return {
            source.name: {
                column: query if column == "anchor" else document
                for column in source.columns.column_names
                if column != "label"
            }
            if source.data.loss != "distil"
            else {}
            for source in rows
            if query or document
        }

    def _after(self, running: Running, due: bool, clock: _Clock) -> bool:
        """After a step: count it, look, keep it. True stops the training."""
        place, steps = self.place, self.place.steps - self.place.step + running.step
        first_loss = running.loss if place.first_loss is None else place.first_loss
        self.place = replace(
            place,
            step=running.step,
            steps=steps,
            seconds=clock.seconds(),
            first_loss=first_loss,
            last_loss=running.loss,
        )
        ends = running.step == running.phase.steps
        guard = self.training.guard
        if guard and (ends or steps % guard.every == 0):
            self._look(steps)
            due = True
        if due and (not ends or self.place.stopped):
            self._checkpoint(running.optimizer)
        return self.place.stopped is not None

    def _look(self, step: int) -> None:
        """Evaluate what would be published now."""
        stopped = None
        if self.dog and self.processes.first:
            tensors = published(self.model, self.start, self.training.average)
            figures = self.dog.figures(self._saved(tensors))
            stopped = self.dog.fallen(figures, step)
            self.place = replace(self.place, figures=[*self.place.figures, look(figures, step)])
            if not stopped:
                self.good, self.good_adapter = tensors, self._adapter()
        if self.processes.agreed(stopped is not None):
            self.place = replace(self.place, stopped=stopped or "stopped by the guard")

    def _saved(self, tensors: Tensors) -> Path:
        """A folder of the model with these weights, for the guard."""
        folder = self.work / "looked-at"
        self.plain.max_seq_length = self.longest
        save_model(self.plain, tensors, self.prompts, folder)
        return folder

    def _checkpoint(self, optimizer: torch.optim.Optimizer | None) -> None:
        if not self.processes.first:
            return
        files = {"weights": checkpoints.trainable(self.model)}
        if optimizer is not None:
            files["optimizer"] = checkpoints.optimizer_tensors(self.model, optimizer)
        if self.dog:
            files |= {"good": self.good, "good-adapter": self.good_adapter}
        checkpoints.write_checkpoint(self.work, self.place, files)

    def _log(self, line: Line) -> None:
        if not self.processes.first:
            return
        done = self.place.steps - self.place.step + line["step"]
        told = {"branch": self.name or "model", "done": done} | line
        with (self.work / LOG).open("ab") as file:
            file.write(canonical_json(told))
        if self.curves:
            self.curves.add(told)


class _Clock:
    """Seconds of training, over all runs of it."""

    def __init__(self, place: Place) -> None:
        self.before, self.began = place.seconds, time.monotonic()

    def seconds(self) -> float:
        return round(self.before + time.monotonic() - self.began, 3)


def _shorten(log: Path, steps: int) -> None:
    """Drop lines of steps that will be done again, and a torn last line."""
    if not log.is_file():
        return
    kept = []
    for line in log.read_bytes().splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if told["done"] <= steps:
            kept.append(told)
    write_bytes(log, *(canonical_json(told) for told in kept))
