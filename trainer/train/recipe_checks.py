"""Values of a training that cannot be meant, refused one by one with what to give instead."""

from __future__ import annotations

import math

from indexer.errors import UserError
from trainer.recipe import refuse_unknown, seed_of
from trainer.train.recipe import Phase, Training


def check_training(training: Training) -> None:
    """Refuse values that cannot be meant. Raises UserError."""
    seed_of(training.seed)
    phases = [*training.phases, *(phase for adapter in training.adapters for phase in adapter.phases)]
    if not phases:
        raise UserError("The recipe has no phase.", "no [[phase]] table", "add [[phase]] with steps and [[phase.data]]")
    if any(not adapter.phases for adapter in training.adapters):
        raise UserError("An adapter has no phase.", "no [[adapter.phase]] table", "add [[adapter.phase]]")
    _refuse_twice("[[adapter]]", [adapter.task for adapter in training.adapters])
    for group in (training.phases, *(adapter.phases for adapter in training.adapters)):
        _refuse_twice("[[phase]]", [phase.name for phase in group])
    for phase in phases:
        _check_phase(phase)
    for name, number in (("checkpoint_every", training.checkpoint_every), ("log_every", training.log_every)):
        _above(number, 0, name)
    if not 0 < training.average <= 1:
        raise UserError("average lies between 0 (the start) and 1 (the tuned weights).", training.average, "give 1.0")
    refuse_unknown(training.prompts, ("query", "document"), "[prompts]")
    for adapter in training.adapters:
        refuse_unknown(adapter.prompts or (), ("query", "document"), "prompts of [[adapter]]")
    if training.lora:
        _above(training.lora.rank, 0, "rank of [lora]")
    if training.guard:
        _above(training.guard.every, 0, "every of [guard]")
        if not training.guard.limits:
            raise UserError("[guard] names no limit.", training.guard.suite, 'add limits = {"set metric" = 0.01}')


def _check_phase(phase: Phase) -> None:
    where = f"[[phase]] {phase.name!r}"
    if not phase.data:
        raise UserError(f"{where} has no data.", phase.name, "add [[phase.data]] with path and loss")
    for name, low in (("steps", 0), ("batch", 1), ("max_tokens", 2), ("negatives", 0), ("window", 0)):
        _above(getattr(phase, name), low, f"{name} of {where}")
    for name, value in (("learning_rate", phase.learning_rate), ("clip", phase.clip)):
        _above(value, 0, f"{name} of {where}")
    if not 0 <= phase.warmup < 1 or not 0 <= (phase.dropout or 0) < 1 or phase.weight_decay < 0:
        raise UserError(f"{where}: warmup and dropout are shares, weight_decay is not negative.", phase, "mend it")
    if phase.cached is not None:
        _above(phase.cached, 0, f"cached of {where}")
    for dim in phase.matryoshka:
        _above(dim, 0, f"matryoshka of {where}")
    for data in phase.data:
        for name, number in (("weight", data.weight), ("temperature", data.temperature)):
            _above(number, 0, f"{name} of [[phase.data]] in {where}")
        if data.kind == "pairs" and data.loss in ("triplets", "negatives"):
            todo = 'use loss = "pairs", or rows = "triplets"'
            raise UserError(f"{where}: the loss {data.loss!r} needs triplets.", f"rows = {data.rows!r}", todo)


def _above(number: float, low: float, name: str) -> None:
    if not low < number < math.inf:
        raise UserError(f"{name} must be above {low}.", number, "give a larger number")


def _refuse_twice(kind: str, names: list[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1 or not name.strip()), None)
    if twice is not None:
        raise UserError(f"Each {kind} needs a name of its own.", twice, "rename one of them")
