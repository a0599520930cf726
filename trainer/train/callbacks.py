"""What happens around a step: the seed before it, the check of its gradient, the log, the checkpoint and the guard after.

The random numbers of a step (dropout) follow from seed, phase and step, never from what ran before; so nothing of a random
state needs saving, and a resumed training draws the same.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback

from indexer.errors import UserError
from indexer.files import digest

if TYPE_CHECKING:
    from trainer.train.phase import Running

Line = dict[str, Any]
MEMORY = ("out of memory", "not enough memory", "can't allocate memory")


def step_seed(*parts: object) -> int:
    """A seed for torch that follows from the parts alone."""
    return int(digest([str(part) for part in parts])[:15], 16)


class Seeded(TrainerCallback):  # type: ignore[misc]
    """Before each step: the random numbers of that step."""

    def __init__(self, running: Running) -> None:
        self.running = running

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Dropout draws from here on."""
        running = self.running
        torch.manual_seed(step_seed(running.seed, running.phase.name, running.step, args.process_index))


class Finite(TrainerCallback):  # type: ignore[misc]
    """Before the weights change: a gradient that is not finite stops the training and names the batch."""

    def __init__(self, running: Running) -> None:
        self.running = running

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        """Clipping has spread one bad value to all by now, so the first norm tells."""
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        if not bool(torch.isfinite(torch.nn.utils.get_total_norm(gradients))):
            raise self.running.not_finite("gradient")


class Watched(TrainerCallback):  # type: ignore[misc]
    """After each step: progress, every so often a line of the log, a checkpoint, a look at the guard."""

    def __init__(self, running: Running, log_every: int, checkpoint_every: int, after: Callable[[bool], bool]) -> None:
        self.running, self.log_every, self.checkpoint_every, self.after = running, log_every, checkpoint_every, after
        self.began, self.since, self.first = time.monotonic(), time.monotonic(), running.step

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """The step that just ended is counted here."""
        running = self.running
        running.step += 1
        last = running.step == running.phase.steps
        if running.step % self.log_every == 0 or last:
            running.log(self._line())
        running.tell()
        if self.after(last or running.step % self.checkpoint_every == 0):
            control.should_training_stop = True

    def _line(self) -> Line:
        running, now = self.running, time.monotonic()
        source = running.source_of(running.step - 1)
        steps = running.step - self.first
        rate = steps * running.phase.batch / max(now - self.since, 1e-9)
        self.since, self.first = now, running.step
        return {
            "phase": running.phase.name,
            "step": running.step,
            "source": source.source,
            "objective": source.data.loss,
            "loss": round(running.loss, 6),
            **{name: round(value, 6) for name, value in running.parts.items()},
            "learning_rate": running.rate(),
            "pairs_per_second": round(rate, 1),
            "seconds": round(now - self.began, 2),
        }


def refuse_not_finite(loss: float, running: Running) -> None:
    """Raise UserError for a loss that is not a number."""
    if not math.isfinite(loss):
        raise running.not_finite("loss")


def lacks_memory(error: BaseException) -> bool:
    """Whether torch, or the machine, says that there was not enough memory."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or any(sign in str(error) for sign in MEMORY)


def out_of_memory(running: Running) -> UserError:
    """What to lower, from the phase's own numbers."""
    phase = running.phase
    cached = f"set cached = {max(1, (phase.cached or phase.batch) // 4)} (same gradients, less memory)"
    given = f"phase {phase.name!r}: batch {phase.batch}, max_tokens {phase.max_tokens}, cached {phase.cached}"
    return UserError("The memory is not enough for a step.", given, f"{cached}, or lower batch or max_tokens")
