"""Pairs per second of training, beside sentence-transformers' own trainer on the same rows, model, batch and steps.

Every round runs each kind once, from a fresh model, one after the other, so that a busy machine slows all alike; ratios are medians over
rounds. `theirs`: plain SentenceTransformerTrainer with MultipleNegativesRankingLoss (with --cached the cached one) in fp32,
the very batches of `equal`, which is ours with the same settings. `grouped`: with batches of like length. `fast`: grouped, in bf16.

    python -m benchmarks.train --data DIR   # a folder with tldr_pairs
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from sentence_transformers.base.sampler import DefaultBatchSampler
from torch.utils.data import SequentialSampler

from benchmarks.machine import machine
from indexer.encode.models import resolve
from indexer.progress import unwatched
from trainer.train import Training, branch, train
from trainer.train.phase import run_phase
from trainer.train.ready import planned
from trainer.train.recipe import Data, Phase


@dataclass(frozen=True)
class Run:
    """What every kind does."""

    file: Path
    steps: int
    batch: int
    max_tokens: int
    cached: int | None

    def phase(self, window: int) -> Phase:
        """The same as our phase."""
        data = (Data(self.file, "pairs"),)
        lengths = {"max_tokens": self.max_tokens, "cached": self.cached, "window": window}
        return Phase("pairs", self.steps, self.batch, 2e-5, data, **lengths)  # type: ignore[arg-type]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--max-tokens", type=int, default=128)
    parser.add_argument("--cached", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=4096)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = some_rows(args.data / "tldr_pairs" / "en.jsonl.gz", args.rows, Path(folder))
        measure(Run(file, args.steps, args.batch, args.max_tokens, args.cached), args.rounds)


def some_rows(source: Path, rows: int, folder: Path) -> Path:
    """The first rows of the set, as a file of its own."""
    with gzip.open(source, "rt") as lines:
        (folder / "rows.jsonl").write_text("".join(itertools.islice(lines, rows)))
    return folder / "rows.jsonl"


def measure(run: Run, rounds: int) -> None:
    """Run every kind in every round, and print a line for each."""
    kinds: dict[str, Callable[[], Seconds]] = {
        "theirs": partial(theirs, run),
        "equal": partial(ours, run, "fp32", 1),
        "grouped": partial(ours, run, "fp32", 32),
        "fast": partial(ours, run, "auto", 32),
    }
    seconds: dict[str, list[Seconds]] = {name: [] for name in kinds}
    for number in range(rounds):
        for name, timed in kinds.items():
            seconds[name].append(timed())
            print(f"round {number + 1}: {name} {seconds[name][-1]}", file=sys.stderr, flush=True)
    pairs = run.steps * run.batch
    for name, took in seconds.items():
        by_clock, by_cpu = (
            [theirs[clock] / own[clock] for theirs, own in zip(seconds["theirs"], took, strict=True)]
            for clock in (0, 1)
        )
        found = {
            "benchmark": "train",
            "kind": name,
            "pairs_per_second": round(statistics.median(pairs / clock for clock, _ in took), 1),
            "times_theirs": round(statistics.median(by_clock), 3),
            "ratios": [round(ratio, 3) for ratio in by_clock],
            "times_theirs_cpu": round(statistics.median(by_cpu), 3),
            "batch": run.batch,
            "steps": run.steps,
            "cached": run.cached,
            "threads": torch.get_num_threads(),
        }
        print(json.dumps(found | machine()), flush=True)


Seconds = tuple[float, float]  # by the clock, and of the processor


def now() -> Seconds:
    """Both clocks."""
    return time.perf_counter(), time.process_time()


def since(began: Seconds) -> Seconds:
    """What both clocks went on by."""
    return time.perf_counter() - began[0], time.process_time() - began[1]


def ours(run: Run, precision: str, window: int) -> Seconds:
    """Seconds of our phase, log included, data and model in place."""
    took: list[Seconds] = []

    def timed(*args: Any) -> None:
        began = now()
        run_phase(*args)
        took.append(since(began))

    with tempfile.TemporaryDirectory() as folder, mock.patch.object(branch, "run_phase", timed):
        training = Training("minilm", (run.phase(window),), precision=precision, checkpoint_every=10**6)  # type: ignore[arg-type]
        train(training, Path(folder) / "out")
    return took[0]


def theirs(run: Run) -> Seconds:
    """Seconds of `SentenceTransformerTrainer.train` on the same rows."""
    from datasets import Dataset
    from sentence_transformers import (
        SentenceTransformer,
        SentenceTransformerTrainer,
        SentenceTransformerTrainingArguments,
    )
    from sentence_transformers.sentence_transformer import losses

    model = SentenceTransformer(str(resolve("minilm")), device="cpu")
    model.max_seq_length = run.max_tokens
    loss = (
        losses.CachedMultipleNegativesRankingLoss(model, mini_batch_size=run.cached)
        if run.cached
        else losses.MultipleNegativesRankingLoss(model)
    )
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        args = SentenceTransformerTrainingArguments(
            output_dir=folder,
            max_steps=run.steps,
            per_device_train_batch_size=run.batch,
            learning_rate=2e-5,
            warmup_steps=0.1,
            use_cpu=True,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
            batch_sampler=in_order,
        )
        made = planned(Training("minilm", (run.phase(1),)), "", (run.phase(1),), unwatched)[0]
        rows = Dataset(made.rows[0].taken(made.plan.rows.reshape(-1)).columns)
        trainer = SentenceTransformerTrainer(model=model, args=args, train_dataset=rows, loss=loss)
        began = now()
        trainer.train()
        return since(began)


def in_order(dataset: Any, batch_size: int, drop_last: bool, **_: Any) -> DefaultBatchSampler:
    """Batches of the rows as they stand."""
    return DefaultBatchSampler(SequentialSampler(dataset), batch_size, drop_last)


if __name__ == "__main__":
    main()
