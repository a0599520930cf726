"""The folder a training is made in: finished, begun, or something else's.

A card makes it finished. Until then its working folder says which training was begun in it, and with how many threads.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from indexer.errors import UserError
from indexer.files import canonical_json, write_bytes

WORK = ".work"
CARD = "card.json"


@dataclass(frozen=True, slots=True)
class Trained:
    """A finished training: the folder, steps and seconds, the last loss, and why it stopped early, if it did."""

    folder: Path
    steps: int
    seconds: float
    loss: float | None
    stopped: str | None
    unchanged: bool = False


def finished(out: Path, identity: str) -> Trained | None:
    """The training in a folder, if it is of exactly this recipe and done."""
    try:
        card = json.loads((out / CARD).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(card, dict) or card.get("identity") != identity:
        return None
    last = card["result"]
    return Trained(out, last["steps"], card["timing"]["seconds"], last["loss"], last["stopped"], True)


def fresh(trained: Trained) -> Trained:
    """The same, told as just made."""
    return replace(trained, unchanged=False)


def refuse_other(out: Path, identity: str) -> None:
    """A folder that holds something else is left alone."""
    if out.exists() and not out.is_dir():
        raise UserError("The output is not a folder.", out, "name a new folder")
    if not out.is_dir() or not any(out.iterdir()):
        return
    found = begun(out).get("identity")
    if found != identity:
        what = "The folder holds another training, begun with other settings, data or versions." if found else None
        raise UserError(what or "The folder is not empty.", out, "name a new folder, or remove this one")


def begun(out: Path) -> dict[str, Any]:
    """What the working folder says of the training that was begun in it."""
    try:
        found = json.loads((out / WORK / "begun.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def begin(out: Path, identity: str) -> None:
    """Name the training, and the number of threads, which decides the last bits of sums: a later run takes the same."""
    import torch

    from trainer.train.checkpoints import remove_incomplete

    if not begun(out):
        told = {"identity": identity, "threads": torch.get_num_threads()}
        write_bytes(out / WORK / "begun.json", canonical_json(told))
    for folder in (out / WORK).iterdir():
        if folder.is_dir():
            remove_incomplete(folder)
