"""The verb: settings in, a model folder out.

Everything is checked, then every branch is trained in a working folder inside `out`, then what was made is moved to its final names,
the card last: a folder with a card is whole. Killed at any moment, the same call goes on where it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.files import canonical_json, digest, sha256, sync_folder, write_bytes
from indexer.progress import Watcher, unwatched
from trainer.train.folder import CARD, WORK, Trained, begin, begun, finished, fresh, refuse_other
from trainer.train.recipe import Backbone, Lora, Phase, Training, plain

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from trainer.train.branch import Outcome
    from trainer.train.curves import Curves
    from trainer.train.processes import Processes
    from trainer.train.ready import Planned

MODEL = "model"
CURVES = "tensorboard"


@dataclass(frozen=True, slots=True)
class Part:
    """Phases that make one model: the recipe's own, or those of a task."""

    name: str  # "" or the task
    phases: tuple[Phase, ...]
    lora: Lora | None
    prompts: dict[str, str]

    @property
    def folder(self) -> str:
        """Where its model goes, inside `out`."""
        return f"{self.name}/{MODEL}" if self.name else MODEL


def train(training: Training, out: Path, watch: Watcher = unwatched, *, tensorboard: bool = False) -> Trained:
    """Train, or go on where a killed run was. Raises UserError, before the first step, for whatever cannot be trained.

    `tensorboard`: curves go to `out/tensorboard` too.
    """
    import torch

    from trainer.train.curves import Curves, refuse_without_tensorboard
    from trainer.train.guard import suite_of
    from trainer.train.processes import Processes, precision_of
    from trainer.train.ready import check_model, planned
    from trainer.train.starting import with_words

    precision_of(training)
    if tensorboard:
        refuse_without_tensorboard()
    identity, inputs = identity_of(training)
    done = finished(out, identity)
    if done is not None:
        shutil.rmtree(out / WORK, ignore_errors=True)  # a kill may have left it, after the card was there
        return done
    processes = Processes()
    for phase in (phase for part in parts_of(training) for phase in part.phases):
        processes.refuse_uneven(phase)
    refuse_other(out, identity)
    start = _start(training)
    if training.guard:
        suite_of(training.guard)
    made = {part.name: planned(training, part.name, part.phases, watch) for part in parts_of(training)}
    for part in parts_of(training):
        check_model(part.phases, made[part.name], start)
    if processes.first:
        begin(out, identity)
    processes.wait()
    torch.set_num_threads(begun(out)["threads"])
    if isinstance(training.start, Backbone):
        scratch, words = training.start, out / WORK / "words"
        start = processes.first_then_others(lambda: with_words(scratch, start, words, training.seed, watch))
    curves = Curves(out / CURVES) if tensorboard and processes.first else None
    outcomes = dict(_branches(training, out, start, made, processes, watch, curves))
    if processes.first:
        _publish(training, out, identity, inputs, made, outcomes)
    processes.wait()
    done = finished(out, identity)
    assert done is not None
    return fresh(done)


def parts_of(training: Training) -> list[Part]:
    """The branches, in order."""
    own = Part("", training.phases, training.lora, dict(training.prompts))
    tasks = [
        Part(adapter.task, adapter.phases, training.lora or Lora(), {**training.prompts, **(adapter.prompts or {})})
        for adapter in training.adapters
    ]
    return [own, *tasks] if training.phases else tasks


def plan_of(training: Training, watch: Watcher = unwatched) -> dict[str, Any]:
    """Check everything and say what would be done; nothing is written."""
    from trainer.train.guard import suite_of
    from trainer.train.processes import precision_of
    from trainer.train.ready import check_model, planned

    start = _start(training)
    if training.guard:
        suite_of(training.guard)
    told = []
    for part in parts_of(training):
        made = planned(training, part.name, part.phases, watch)
        check_model(part.phases, made, start)
        told += [
            {"model": part.folder, "phase": ready.phase.name, "steps": ready.phase.steps, "batch": ready.phase.batch}
            | {"sources": ready.told()}
            for ready in made
        ]
    return {"precision": precision_of(training), "phases": told}


def identity_of(training: Training) -> tuple[str, dict[str, str]]:
    """What makes two trainings the same: settings, data, start and versions, wherever the files lie; and the data's digests."""
    from trainer.train.card import versions
    from trainer.train.data import digests_of, weights_of
    from trainer.train.starting import start_fingerprint

    inputs: dict[str, str] = {}
    read: list[Any] = []  # of each data entry in order: what decides the plan and the texts in it
    phases = [phase for part in parts_of(training) for phase in part.phases]
    words = training.start.words if isinstance(training.start, Backbone) else None
    for data in [*(data for phase in phases for data in phase.data), *([words.data] if words else [])]:
        digests = digests_of(data)
        guide = start_fingerprint(data.guide, 0) if data.guide else None
        read.append([sorted(digests.values()), weights_of(data), guide])
        inputs |= {_free(name, found, inputs): found for name, found in digests.items()}
    if training.guard and training.guard.suite.is_file():
        inputs["the guard's suite"] = sha256(training.guard.suite)
        read.append(inputs["the guard's suite"])
    start = start_fingerprint(training.start, training.seed)
    return digest([plain(training), read, start, versions()]), inputs


def _free(name: str, found: str, inputs: Mapping[str, str]) -> str:
    """The name under which a card lists an input: numbered where another folder has a file of the same name."""
    names = [name, *(f"{name} ({number})" for number in range(2, len(inputs) + 3))]
    return next(one for one in names if inputs.get(one, found) == found)


def _start(training: Training) -> SentenceTransformer:
    from trainer.train.starting import start_of

    return start_of(training.start, training.seed)


def _branches(
    training: Training,
    out: Path,
    start: SentenceTransformer,
    made: dict[str, list[Planned]],
    processes: Processes,
    watch: Watcher,
    curves: Curves | None,
) -> Iterator[tuple[str, Outcome]]:
    """Train every part, and save its model into the working folder; a task starts from the recipe's own result."""
    import copy

    from trainer.backbones import start as opened
    from trainer.train.branch import Branch
    from trainer.train.publish import save_adapter, save_model

    base, ready = start, out / WORK / "ready"
    for part in parts_of(training):
        work = out / WORK / (part.name or "own")
        plain = copy.deepcopy(base)
        branch = Branch(part.name, training, made[part.name], part.lora, part.prompts, work, processes, watch, curves)
        outcome = branch.run(copy.deepcopy(base))
        if processes.first:
            save_model(plain, outcome.tensors, part.prompts, ready / part.folder)
            if part.name:
                save_adapter(outcome.adapter, part.lora or Lora(), ready / part.name / "adapter")
        processes.wait()
        if not part.name:
            base = opened(ready / part.folder)
        yield part.name, outcome


def _publish(
    training: Training,
    out: Path,
    identity: str,
    inputs: dict[str, str],
    made: dict[str, list[Planned]],
    outcomes: dict[str, Outcome],
) -> None:
    from trainer.train.card import card_of, readme
    from trainer.train.plots import write_plots
    from trainer.train.publish import move_in

    ready = out / WORK / "ready"
    card = card_of(training, identity, inputs, made, outcomes, ready)
    logs = [out / WORK / (part.name or "own") / "log.jsonl" for part in parts_of(training)]
    write_bytes(ready / "log.jsonl", b"".join(log.read_bytes() for log in logs if log.is_file()))
    plots = write_plots(ready, outcomes)
    page = readme(card).encode()
    for part in parts_of(training):
        write_bytes(ready / part.folder / "README.md", page)
    write_bytes(ready / "README.md", page)
    write_bytes(ready / CARD, canonical_json(card))
    names = [*({part.name or MODEL for part in parts_of(training)}), "log.jsonl", *plots, "README.md", CARD]
    for name in names:
        move_in(ready, out, name)
    sync_folder(out)
    shutil.rmtree(out / WORK)
