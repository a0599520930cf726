"""Whatever a training cannot be begun with is said in one clear sentence before the first step, and nothing is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from typer.testing import CliRunner

from indexer.errors import UserError
from tests.trainer.training import PHASE, recipe, workshop

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")

from trainer.train import plan_of, train  # noqa: E402


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workshop(tmp_path_factory.mktemp("shop"))


@pytest.fixture
def mine(shop: Path, tmp_path: Path) -> Path:
    """A workshop to break."""
    shutil.copytree(shop / "start", tmp_path / "start")
    shutil.copytree(shop / "prepared", tmp_path / "prepared")
    return tmp_path


def with_nan(mine: Path) -> None:
    tensors = load_file(mine / "start" / "model.safetensors")
    tensors["encoder.layer.0.output.dense.weight"][0, 0] = np.nan
    save_file(tensors, mine / "start" / "model.safetensors", metadata={"format": "pt"})


def pickled(mine: Path) -> None:
    (mine / "start" / "model.safetensors").rename(mine / "start" / "pytorch_model.bin")


def code(mine: Path) -> None:
    config = json.loads((mine / "start" / "config.json").read_text())
    (mine / "start" / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoModel": "own.Own"}}))


def no_model(mine: Path) -> None:
    shutil.rmtree(mine / "start")


def no_card(mine: Path) -> None:
    (mine / "prepared" / "card.json").unlink()


def torn(mine: Path) -> None:
    (mine / "prepared" / "pairs.parquet").write_bytes(b"PAR1 and no more")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (with_nan, "NaN or infinity"),
        (pickled, "pickle"),
        (code, "auto_map"),
        (no_model, "There is no such model"),
        (no_card, "no prepared data"),
        (torn, "cannot be read"),
    ],
)
def test_broken_inputs(mine: Path, damage: Callable[[Path], None], said: str) -> None:
    damage(mine)
    with pytest.raises(UserError) as caught:
        train(recipe(mine), mine / "out")
    assert said in str(caught.value)
    assert caught.value.todo
    assert not (mine / "out").exists()


@pytest.mark.parametrize(
    ("rows", "loss", "said"),
    [
        (['{"query": "a", "positive": "b"}'], "pairs", "has one row"),
        (['{"query": "a", "positive": "b"}'] * 30, "pairs", "cannot fill one batch"),
        (['{"query": "a"}'], "pairs", "no column for 'positive'"),
        (['{"query": "a", "positive": "b"}', '{"query": 1, "positive": "b"}'], "pairs", "line 2"),
        (['{"query": "a", "positive": "b"}', "{broken"], "pairs", "line 2"),
        ([f'{{"query": "a {n}", "positive": "b {n}"}}' for n in range(30)], "triplets", "no row for the loss"),
        ([f'{{"query": "a {n}", "positive": "b {n}"}}' for n in range(30)], "cosent", "no row for the loss"),
        ([], "pairs", ""),
    ],
)
def test_rows_that_cannot_be_trained_on(mine: Path, rows: list[str], loss: str, said: str) -> None:
    (mine / "rows.jsonl").write_text("".join(row + "\n" for row in rows))
    phases = PHASE.split("data =")[0] + f'data = [{{path = "rows.jsonl", loss = "{loss}"}}]\n'
    with pytest.raises(UserError) as caught:
        train(recipe(mine, phases=phases), mine / "out")
    assert said in str(caught.value)
    assert not (mine / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('path = "prepared"', 'path = "nowhere"', "There is no such data"),
        ('loss = "pairs"}', 'loss = "pairs", sources = ["cars"]}', "There is no such source"),
        ("max_tokens = 32", "max_tokens = 65", "does not read that many tokens"),
        ("max_tokens = 32", "max_tokens = 32\nmatryoshka = [64]", "dimension"),
        ("max_tokens = 32", "max_tokens = 32\nnegatives = 3", "no row for the loss"),
        ("batch = 8", "batch = 80", "cannot fill one batch"),
    ],
)
def test_phases_that_do_not_fit(shop: Path, tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in PHASE
    with pytest.raises(UserError) as caught:
        plan_of(recipe(shop, phases=PHASE.replace(old, new), name="unfit.toml"))
    assert said in str(caught.value)


def test_lora_without_a_layer_to_train(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="none of the layers") as caught:
        train(recipe(shop, '[lora]\ntargets = ["wq"]\n', name="lora.toml"), tmp_path / "out")
    assert "query" in caught.value.todo


def test_the_command_plans_trains_and_refuses(shop: Path, tmp_path: Path) -> None:
    from trainer.cli import app

    recipe(shop, name="command.toml")
    run = CliRunner()
    path, out = str(shop / "command.toml"), str(tmp_path / "out")
    planned = run.invoke(app, ["train", path, "--out", out, "--dry-run"])
    assert planned.exit_code == 0
    assert "pairs, 12 steps of 8" in planned.stdout
    assert not Path(out).exists()
    told = json.loads(run.invoke(app, ["train", path, "--out", out, "--dry-run", "--json"]).stdout)
    assert [phase["steps"] for phase in told["phases"]] == [12, 8]
    trained = json.loads(run.invoke(app, ["train", path, "--out", out, "--json"]).stdout)
    assert (trained["steps"], trained["stopped"]) == (20, None)
    assert "unchanged" in run.invoke(app, ["train", path, "--out", out]).stdout
    refused = run.invoke(app, ["train", path, "--out", out, "--tensorboard"])
    there = find_spec("tensorboard") is not None
    assert (refused.exit_code == 0) if there else isinstance(refused.exception, UserError)
