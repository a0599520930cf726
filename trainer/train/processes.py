"""One process or several started by torchrun: who writes, who waits, and the trainer's arguments for each.

The CPU's processes speak gloo, GPUs nccl; nothing else differs. `batch` is the whole step's, shared out in equal parts.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import torch

from indexer.errors import UserError
from trainer.train.recipe import Phase, Training

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformerTrainingArguments

T = TypeVar("T")


class Processes:
    """How many there are, and which one this is."""

    def __init__(self) -> None:
        from accelerate import PartialState

        self._state = PartialState(cpu=not torch.cuda.is_available())
        self.number: int = self._state.num_processes
        self.first: bool = self._state.is_main_process
        self.device: torch.device = self._state.device

    def wait(self) -> None:
        """Until all are here."""
        self._state.wait_for_everyone()

    def first_then_others(self, work: Callable[[], T]) -> T:
        """Let the first one do it and leave files behind, then the others find them."""
        if self.first:
            done = work()
        self.wait()
        return done if self.first else work()

    def agreed(self, said: bool) -> bool:
        """What the first one says."""
        from accelerate.utils import broadcast

        if self.number == 1:
            return said
        answer: torch.Tensor = broadcast(torch.tensor([int(said)], device=self.device))
        return bool(answer.item())

    def refuse_uneven(self, phase: Phase) -> None:
        """A batch must fall into equal parts."""
        if phase.batch % self.number:
            given = f"batch {phase.batch} of phase {phase.name!r}, {self.number} processes"
            raise UserError("The batch does not fall into equal parts.", given, "give a multiple")


def arguments(
    training: Training,
    phase: Phase,
    first: int,
    work: Path,
    prompts: dict[str, dict[str, str]],
    processes: Processes,
) -> SentenceTransformerTrainingArguments:
    """The arguments of sentence-transformers' trainer for a phase from step `first` on; it saves and logs nothing itself."""
    from sentence_transformers import SentenceTransformerTrainingArguments

    made = SentenceTransformerTrainingArguments(
        output_dir=str(work / "trainer"),
        max_steps=phase.steps - first,
        per_device_train_batch_size=phase.batch // processes.number,
        max_grad_norm=phase.clip,
        seed=training.seed,
        bf16=precision_of(training) == "bf16",
        use_cpu=processes.device.type == "cpu",
        prompts=prompts or None,
        save_strategy="no",
        logging_strategy="no",
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        dataloader_pin_memory=processes.device.type == "cuda",
        ddp_find_unused_parameters=True,
    )
    if made.n_gpu > 1:  # several GPUs are used by torchrun, one process each, never by threads of one process
        made._n_gpu = 1
    return made


def precision_of(training: Training) -> str:
    """`fp32` or `bf16`; auto takes bf16 where the hardware multiplies it."""
    from indexer.encode.linear import resolve_precision

    if torch.cuda.is_available():
        supported = torch.cuda.is_bf16_supported()
        if training.precision == "bf16" and not supported:
            raise UserError("This GPU does not compute in bf16.", torch.cuda.get_device_name(), "use fp32 or auto")
        return "bf16" if training.precision != "fp32" and supported else "fp32"
    return resolve_precision(training.precision, Path("precision"))
