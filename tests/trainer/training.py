"""Small trainings for tests: prepared data from a few hundred made-up rows, a tiny model, a recipe."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch

from indexer.files import sha256
from tests.corpora import write_jsonl
from tests.models import WORDS, tiny_bert
from trainer.prepare import prepare
from trainer.recipe import load_recipe
from trainer.train import load_training
from trainer.train.recipe import Training

PREPARE = """
[[source]]
name = "pets"
path = "pets.jsonl"
weight = 2.0
licence = "CC0"
[[source]]
name = "tools"
path = "tools.jsonl"
licence = "CC-BY-4.0"
[[source]]
name = "not"
path = "not.jsonl"
licence = "CC0"
[[filters]]
name = "identical"
"""
PHASE = """
[[phase]]
name = "pairs"
steps = 12
batch = 8
learning_rate = 1e-3
max_tokens = 32
data = [{path = "prepared", loss = "pairs"}, {path = "prepared", loss = "distil", weight = 0.3}]
[[phase]]
name = "triplets"
steps = 8
batch = 8
learning_rate = 1e-3
max_tokens = 32
data = [{path = "prepared", loss = "triplets"}]
"""
RECIPE = 'start = "start"\nseed = 3\nprecision = "fp32"\nlog_every = 1\ncheckpoint_every = 3\n'


FEW = WORDS[:40]
PARTNERS = dict(zip(FEW, random.Random(0).sample(FEW, len(FEW)), strict=True))  # each word's translation


def texts(draw: random.Random, words: int) -> tuple[str, str]:
    """A sentence and its translation, word by word: nothing that a model would know before it is trained."""
    chosen = draw.sample(FEW, words)
    return " ".join(chosen), " ".join(PARTNERS[word] for word in chosen)


def write_rows(file: Path, rows: int, seed: int, negatives: bool = False) -> Path:
    """Pairs, or triplets, of made-up sentences."""
    draw = random.Random(seed)
    made = []
    for _ in range(rows):
        anchor, positive = texts(draw, draw.randrange(4, 12))
        row: dict[str, Any] = {"query": anchor, "positive": positive}
        if negatives:
            row["negative"] = [" ".join(draw.sample(WORDS, 6)), " ".join(draw.sample(WORDS, 5))]
        made.append(row)
    return write_jsonl(file, made)


def write_shared_words(file: Path) -> Path:
    """Graded pairs by how many words they share: the start knows, and training on translations unlearns it."""
    draw, rows = random.Random(4), []
    for _ in range(60):
        one, two = draw.sample(FEW, 6), draw.sample(FEW, 6)
        shared = draw.randrange(7)
        two[:shared] = one[:shared]
        rows.append({"sentence1": " ".join(one), "sentence2": " ".join(two), "score": float(len(set(one) & set(two)))})
    return write_jsonl(file, rows)


def workshop(folder: Path) -> Path:
    """A folder with `start` (a tiny model) and `prepared` (120 and 60 pairs, 60 triplets)."""
    torch.set_num_threads(1)  # tiny matrices: threads would only wait for each other
    folder.mkdir(parents=True, exist_ok=True)
    tiny_bert(folder / "start")
    write_rows(folder / "pets.jsonl", 120, 1)
    write_rows(folder / "tools.jsonl", 60, 2)
    write_rows(folder / "not.jsonl", 60, 3, negatives=True)
    (folder / "prepare.toml").write_text(PREPARE)
    prepare(load_recipe(folder / "prepare.toml"), folder / "prepared")
    return folder


def recipe(folder: Path, extra: str = "", phases: str = PHASE, name: str = "train.toml") -> Training:
    """The recipe read from a file in the workshop; `extra` are lines before the phases."""
    (folder / name).write_text(RECIPE + extra + phases)
    return load_training(folder / name)


def weights_of(out: Path, model: str = "model") -> str:
    """SHA-256 of the published weights."""
    return sha256(out / model / "model.safetensors")
