"""kill -9 at random instants of a real build in a real process; the next build must publish the same bytes."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.home import Home
from tests.corpora import write_products
from tests.indexer.test_build import published
from tests.trials import trials

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ROWS = 3_000  # some blocks of passages


def command(source: Path, model: Path, home: Home) -> list[str]:
    build = [str(source), "--name", "shop", "--model", str(model), "--index", "fastscan", "--home", str(home.root)]
    return [sys.executable, "-m", "indexer.cli", "build", *build, "--json"]


def test_killed_build_continues_to_the_same_bytes(tmp_path: Path, tiny_model: Path) -> None:
    source = write_products(tmp_path / "products.jsonl", range(ROWS))
    whole = Home(tmp_path / "whole")
    seconds = _run_to_the_end(command(source, tiny_model, whole))
    wanted = published(whole)
    chance, states = random.Random(3), []
    for _ in range(trials(3, 20)):
        home = Home(tmp_path / "killed")
        _kill(command(source, tiny_model, home), after=chance.uniform(0, seconds))
        states.append(_state(home))
        _run_to_the_end(command(source, tiny_model, home))
        assert published(home) == wanted, states
        assert not any((home.collection("shop") / "building").glob("*"))
        shutil.rmtree(home.root)
    print("killed while:", states)


def _run_to_the_end(command: list[str]) -> float:
    """Run a build; return the seconds from its first sign of life to its end."""
    import time

    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("looking at columns")
    began = time.monotonic()
    rest = process.communicate()[1]
    assert process.returncode == 0, rest
    return time.monotonic() - began


def _kill(command: list[str], after: float) -> None:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("looking at columns")
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        os.kill(process.pid, signal.SIGKILL)
    process.communicate()


def _state(home: Home) -> str:
    """What a killed build left behind, in a word or two."""
    folder = home.collection("shop")
    blocks = len(list((folder / "building").glob("*/blocks/*.block")))
    published_segments = len(list((folder / "segments").glob("[0-9a-f]*")))
    return f"{blocks} blocks, {published_segments} segments"
