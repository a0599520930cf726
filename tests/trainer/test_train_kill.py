"""Real processes: killed at random steps a training comes to the same weights, and two processes train as one."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.encode import load_encoder
from tests.trainer.training import PHASE, recipe, weights_of, workshop
from tests.trials import TORTURE, trials
from trainer.train import load_training, train

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

CHILD = """
import sys
from pathlib import Path
import torch
from trainer.train import load_training, train
torch.set_num_threads(1)
def tell(phase, done, total):
    if phase.startswith("training"):
        print(phase, done, flush=True)
train(load_training(Path(sys.argv[1])), Path(sys.argv[2]), tell)
"""
STEPS = 20
SAID = ["water in the house", "a dog and a bird"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workshop(tmp_path_factory.mktemp("shop"))


def child(path: Path, out: Path, *before: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"}
    script = path.parent / "child.py"
    script.write_text(CHILD)
    command = [sys.executable, *before, str(script), str(path), str(out)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def killed_after(process: subprocess.Popen[str], steps: int) -> None:
    """Kill it once it has told of so many steps; it may be anywhere in the next one, or in a checkpoint."""
    assert process.stdout is not None
    for _ in range(steps):
        assert process.stdout.readline().startswith("training")
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_killed_at_random_steps_and_run_again_gives_the_same_weights(shop: Path, tmp_path: Path) -> None:
    asked = recipe(shop, name="killed.toml")
    expected = weights_of(train(asked, tmp_path / "whole").folder)
    draw = random.Random(7)
    for attempt in range(trials(1, 10)):
        out = tmp_path / f"killed {attempt}"
        killed_after(child(shop / "killed.toml", out), draw.randrange(1, STEPS))
        assert not (out / "card.json").exists()
        if TORTURE or attempt == 0:  # and once more, on the way
            killed_after(child(shop / "killed.toml", out), 1)
        assert weights_of(train(asked, out).folder) == expected
        assert not (out / ".work").exists()
        assert [line["done"] for line in logged(out)] == list(range(1, STEPS + 1))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_two_processes_train_as_one(shop: Path, tmp_path: Path) -> None:
    """The same batches in two halves, negatives from both: without dropout the same losses, up to the order of sums."""
    phases = PHASE.replace("steps = 12", "steps = 5").replace("steps = 8", "steps = 3\ncached = 3")
    phases = phases.replace("max_tokens", "dropout = 0.0\nmax_tokens")
    recipe(shop, phases=phases, name="two.toml")
    train(load_training(shop / "two.toml"), tmp_path / "one")
    torchrun = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", str(free_port())]
    process = child(shop / "two.toml", tmp_path / "two", *torchrun)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    one, two = ([line["loss"] for line in logged(tmp_path / name)] for name in ("one", "two"))
    assert len(one) == 8
    assert two == pytest.approx(one, abs=1e-5)
    ours = [
        load_encoder(tmp_path / name / "model", precision="fp32", threads=1).encode_query(SAID)
        for name in ("one", "two")
    ]
    assert np.abs(ours[0] - ours[1]).max() < 1e-3


def logged(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
