"""Checkpoints that count only when complete: weights and optimizer as safetensors, the place in the training as JSON.

The marker `complete.json` is written last and holds the digest of each file; a folder without it, or whose files are not those,
never happened. Nothing is pickled. Random states are not kept: each step's follow from the seed (`callbacks`).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save

from indexer.files import canonical_json, remove_folder, sha256, write_bytes

MARKER = "complete.json"
Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a training is: phases finished, steps of the next one done, steps in all, seconds they took, what the guard said."""

    phase: int = 0
    step: int = 0
    steps: int = 0
    seconds: float = 0.0
    first_loss: float | None = None
    last_loss: float | None = None
    stopped: str | None = None
    figures: list[dict[str, Any]] = field(default_factory=list)


def write_checkpoint(work: Path, place: Place, files: Mapping[str, Tensors]) -> Path:
    """Write a checkpoint, then remove the ones before it."""
    folder = work / f"at-{place.phase:03}-{place.step:08}"
    remove_folder(folder)
    for name, tensors in files.items():
        whole = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
        write_bytes(folder / f"{name}.safetensors", save(whole))
    write_bytes(folder / "place.json", canonical_json(asdict(place)))
    write_bytes(folder / MARKER, canonical_json({file.name: sha256(file) for file in sorted(folder.iterdir())}))
    for older in _folders(work):
        if older != folder:
            remove_folder(older)
    return folder


def newest_checkpoint(work: Path) -> tuple[Place, Path] | None:
    """The newest complete checkpoint."""
    for folder in reversed(_folders(work)):
        if _complete(folder):
            return Place(**json.loads((folder / "place.json").read_bytes())), folder
    return None


def remove_incomplete(work: Path) -> None:
    """Remove what a kill left half-written."""
    for folder in _folders(work):
        if not _complete(folder):
            remove_folder(folder)
    for rubbish in work.glob(".*.removing"):
        shutil.rmtree(rubbish)


def read_tensors(folder: Path, name: str) -> Tensors:
    """The tensors of one file of a checkpoint; none where it has no such file."""
    file = folder / f"{name}.safetensors"
    return load(file.read_bytes()) if file.is_file() else {}


def trainable(model: torch.nn.Module) -> Tensors:
    """What training changes, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def restore(model: torch.nn.Module, saved: Tensors) -> None:
    """Put saved weights into the model, in place."""
    there = dict(model.named_parameters())
    with torch.no_grad():
        for name, tensor in saved.items():
            there[name].copy_(tensor)


def optimizer_tensors(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> Tensors:
    """The optimizer's state as tensors: `<what>/<name of the parameter>`."""
    return {
        f"{what}/{name}": value
        for name, parameter in trainable(model).items()
        for what, value in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(model: torch.nn.Module, optimizer: torch.optim.Optimizer, saved: Tensors) -> None:
    """The other way round."""
    there = trainable(model)
    for key, value in saved.items():
        what, _, name = key.partition("/")
        parameter = there[name]
        # A copy of its own: what was read is a view of a file's bytes, aligned as they happen to lie.
        optimizer.state[parameter][what] = value.to(parameter.device, copy=True)


def _folders(work: Path) -> list[Path]:
    return sorted(folder for folder in work.glob("at-*") if folder.is_dir())


def _complete(folder: Path) -> bool:
    try:
        told = json.loads((folder / MARKER).read_bytes())
        return all(sha256(folder / name) == digest for name, digest in told.items())
    except (OSError, ValueError, AttributeError):
        return False
