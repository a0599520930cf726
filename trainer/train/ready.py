"""Everything that can go wrong before the first step, done before the first step: data, plans, losses, lengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from indexer.errors import UserError
from indexer.progress import Watcher
from trainer.train.callbacks import step_seed
from trainer.train.data import Rows, rows_of
from trainer.train.plan import Plan, make_plan
from trainer.train.recipe import Data, Phase, Training

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from trainer.losses import Objective


@dataclass(frozen=True, slots=True)
class Planned:
    """A phase with its rows and which of them every step sees."""

    phase: Phase
    rows: list[Rows]
    plan: Plan

    def told(self) -> dict[str, Any]:
        """Batches, rows and epochs of each source, as `--dry-run` and the card show them."""
        batch = self.plan.rows.shape[1]
        return {
            rows.name: {
                "rows": len(rows.lengths),
                "batches": self.plan.drawn(number) // batch,
                "epochs": round(self.plan.drawn(number) / len(rows.lengths), 4),
                "left_out": rows.left_out,
                "repeats": self.plan.left_out[number],
                "licence": rows.licence,
            }
            for number, rows in enumerate(self.rows)
        }


def planned(training: Training, name: str, phases: Sequence[Phase], watch: Watcher) -> list[Planned]:
    """Read and plan every phase of a branch."""
    made = []
    for number, phase in enumerate(phases):
        watch("planning", number, len(phases))
        rows = rows_of(phase)
        seed = [step_seed(training.seed, name, number, "plan")]
        made.append(Planned(phase, rows, make_plan(rows, phase.steps, phase.batch, phase.window, seed)))
    return made


def check_model(phases: Sequence[Phase], made: Sequence[Planned], model: SentenceTransformer) -> None:
    """Refuse phases that this model cannot run. Raises UserError."""
    for phase, ready in zip(phases, made, strict=True):
        longest = model.max_seq_length
        if longest is not None and phase.max_tokens > longest:
            given = f"max_tokens {phase.max_tokens} of phase {phase.name!r}; the model reads {longest}"
            raise UserError("The model does not read that many tokens.", given, f"give max_tokens = {longest} or less")
        objectives_of(ready.rows, phase, model, gather=False)


def objectives_of(rows: Sequence[Rows], phase: Phase, model: SentenceTransformer, gather: bool) -> dict[str, Objective]:
    """The loss of every source."""
    return {source.name: _objective(source.data, phase, model, gather) for source in rows}


def _objective(data: Data, phase: Phase, model: SentenceTransformer, gather: bool) -> Objective:
    from trainer.backbones import start as opened
    from trainer.losses import Objective

    return Objective(
        model,
        data.loss,
        temperature=data.temperature,
        margin=data.margin,
        cosine=data.cosine,
        structure=data.structure,
        matryoshka=() if data.loss == "distil" else phase.matryoshka,
        cached=phase.cached,
        gather=gather,
        guide=opened(data.guide) if data.guide else None,
        guide_margin=data.guide_margin,
    )
