"""`trainer ablate` as a whole, with tiny real models: what it leaves behind, and that it goes on where it was."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.errors import UserError
from tests.models import WORDS
from tests.trainer.training import workshop, write_rows
from tests.trials import trials

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from indexer.encode import fingerprint  # noqa: E402
from trainer.ablate import Ablated, ablate, load_ablation, plan_of  # noqa: E402
from trainer.ablate.recipe import Ablation, Start  # noqa: E402
from trainer.ablate.results import Result  # noqa: E402
from trainer.ablate.start import write_start  # noqa: E402

FILES = {
    "filters.toml": """
[[source]]
name = "pets"
path = "pets.jsonl"
[[source]]
name = "tools"
path = "tools.jsonl"
[[filters]]
name = "identical"
[[filters]]
name = "length"
max_words = 7
[[filters]]
name = "overlap"
""",
    "budget.toml": """
start = "nowhere"
precision = "fp32"
[[phase]]
name = "pairs"
steps = 3
batch = 8
learning_rate = 1e-3
max_tokens = 16
data = [{path = "@prepared", loss = "pairs"}, {path = "more.jsonl", loss = "pairs", weight = 0.5}]
""",
    "suite.toml": """
[[set]]
name = "words"
kind = "triplets"
path = "held.jsonl"
[[set]]
name = "space"
kind = "spread"
path = "texts.jsonl"
""",
    "ablation.toml": """
prepare = "filters.toml"
train = "budget.toml"
suite = "suite.toml"
seeds = [0, 1]
rows = 100
always = ["identical"]
[start]
model = "start"
fresh = 1
[noise]
levels = [0.0, 0.5]
foreign = 0.1
foreign_path = "foreign.jsonl"
ends = [0.0]
""",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = workshop(tmp_path_factory.mktemp("shop"))
    write_rows(folder / "more.jsonl", 40, 6)
    write_rows(folder / "foreign.jsonl", 60, 7)
    draw = random.Random(4)
    said = [[" ".join(draw.sample(WORDS, 6)) for _ in range(3)] for _ in range(30)]
    held = [json.dumps(dict(zip(("anchor", "positive", "negative"), row, strict=True))) for row in said]
    (folder / "held.jsonl").write_text("\n".join(held))
    (folder / "texts.jsonl").write_text("\n".join(json.dumps({"text": row[0]}) for row in said))
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


def asked(shop: Path, **given: object) -> Ablation:
    return replace(load_ablation(shop / "ablation.toml"), **given)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def whole(shop: Path) -> Ablated:
    return ablate(asked(shop), shop / "whole")


def plain(result: Result) -> Result:
    """Without what a clock says."""
    return replace(result, seconds={})


def test_the_grid_is_trained_on_one_budget(shop: Path, whole: Ablated) -> None:
    cells = [(one.level, one.seed, one.variant) for one in whole.results]
    names = {0.0: ["none", "all"], 0.5: ["none", "length", "overlap", "all"]}
    assert cells == [(level, seed, name) for level in names for seed in (0, 1) for name in names[level]]
    assert whole.fresh == 12
    assert {one.steps for one in whole.results} == {3}
    assert {one.rows for one in whole.results} == {160}  # 100 of 120, and all 60
    for one in whole.results:
        assert set(one.figures) == {"words triplet accuracy", "space spread"}
        assert set(one.dropped) == {"read", "identical", *one.filters}
        assert sum(sum(reasons.values()) for reasons in one.dropped.values()) == one.rows - one.kept
        assert sum(told["rows"] for told in one.truth.values()) == one.rows
        assert sum(told["kept"] for told in one.truth.values()) == one.kept
        wrong = {"foreign": 16, "mismatched": 80} if one.level else {}
        assert {kind: told["rows"] for kind, told in one.truth.items() if kind != "right"} == wrong
    none = [one for one in whole.results if one.variant == "none"]
    assert len({one.figures["space spread"] for one in none}) == 4  # every seed draws rows, noise and weights anew
    assert all(one.kept == 160 for one in none)


def test_it_leaves_tables_a_picture_and_every_result(whole: Ablated) -> None:
    assert sorted(entry.name for entry in whole.out.iterdir()) == [
        "ablation.json",
        "ablation.png",
        "cells",
        "report.md",
    ]
    told = json.loads((whole.out / "ablation.json").read_text())
    assert len(told["cells"]) == 12
    assert [(row["level"], row["variant"], row["seeds"]) for row in told["rows"]][:2] == [
        (0.0, "none", 2),
        (0.0, "all", 2),
    ]
    page = (whole.out / "report.md").read_text()
    assert "12 of 12 trainings, each of 3 steps" in page
    assert "| noise | preparation | words triplet accuracy |" in page
    assert (whole.out / "ablation.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_again_computes_nothing_and_a_change_only_what_changed(shop: Path, whole: Ablated) -> None:
    def todo(ablation: Ablation) -> list[tuple[float, str, int]]:
        cells = plan_of(ablation, whole.out)["cells"]
        return [(cell["level"], cell["variant"], cell["seed"]) for cell in cells if not cell["done"]]

    again = ablate(asked(shop), whole.out)
    assert (again.fresh, again.results) == (0, whole.results)
    assert todo(asked(shop)) == []
    assert todo(asked(shop, seeds=(1, 2))) == [
        (0.0, "none", 2), (0.0, "all", 2), *((0.5, name, 2) for name in ("none", "length", "overlap", "all")),
    ]  # fmt: skip
    ablation = asked(shop)
    assert ablation.noise is not None
    harder = replace(ablation.noise, foreign=0.2)
    assert {level for level, _, _ in todo(replace(ablation, noise=harder))} == {0.5}
    steps = [
        step if step.name != "length" else replace(step, settings={"max_words": 9}) for step in ablation.recipe.filters
    ]
    other = replace(ablation, recipe=replace(ablation.recipe, filters=tuple(steps)))
    assert {name for _, name, _ in todo(other)} == {"length", "all"}
    assert len(todo(replace(ablation, training=replace(ablation.training, average=0.5)))) == 12
    assert len(todo(replace(ablation, start=Start(str(shop / "start"), 2)))) == 12


class StopError(Exception):
    """Stands for whatever ends a run."""


@pytest.mark.parametrize("phase", ["training pairs", "length", "encoding words"][: trials(1, 3)])
def test_stopped_anywhere_it_goes_on_to_the_same_results(
    shop: Path, whole: Ablated, tmp_path: Path, phase: str
) -> None:
    ablation, seen = asked(shop, seeds=(0,)), []

    def stop(now: str, done: int, total: int | None) -> None:
        if now.startswith("4/6") and now.endswith(phase):
            seen.append(now)
            raise StopError

    with pytest.raises(StopError):
        ablate(ablation, tmp_path / "out", stop)
    assert "noise 50% | length | seed 0" in seen[0]
    assert "3 of 6 trainings" in (tmp_path / "out" / "report.md").read_text()
    done = ablate(ablation, tmp_path / "out")
    assert done.fresh == 3
    expected = [plain(one) for one in whole.results if one.seed == 0]
    assert [plain(one) for one in done.results] == expected


def test_a_source_that_no_longer_fills_a_batch_is_left_out_and_named(shop: Path, tmp_path: Path) -> None:
    ablation = asked(shop, seeds=(0,), noise=None, rows=9)
    few = [
        step if step.name != "length" else replace(step, settings={"max_words": 5}) for step in ablation.recipe.filters
    ]
    ablation = replace(ablation, recipe=replace(ablation.recipe, filters=tuple(few)))
    with pytest.raises(UserError, match="Too few rows are left"):
        ablate(ablation, tmp_path / "out")
    some = replace(ablation.recipe.sources[0], path=(shop / "pets.jsonl", shop / "more.jsonl"))
    sources = (some, ablation.recipe.sources[1])
    wide = replace(ablation, rows=None, recipe=replace(ablation.recipe, sources=sources))
    found = {one.variant: one for one in ablate(wide, tmp_path / "wide").results}
    assert found["none"].left_out == ()
    assert found["length"].left_out in ((), ("tools",))
    assert found["none"].truth == {}


def test_a_start_keeps_the_lower_layers_and_begins_the_upper_ones_anew(shop: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    start = Start(str(shop / "start"), fresh=1)
    made = write_start(start, 0, tmp_path / "made")
    old, new = (dict(load_file(folder / "model.safetensors")) for folder in (shop / "start", made))
    changed = {name for name in new if not np.array_equal(new[name], old[name])}
    assert changed
    assert all(name.startswith("encoder.layer.1.") for name in changed)
    assert {name for name in new if name.startswith("encoder.layer.1.")} == changed
    for name in changed:
        if new[name].ndim == 2:
            assert new[name].std() == pytest.approx(0.02, rel=0.1)
        else:
            assert set(np.unique(new[name])) == {1.0 if name.endswith("LayerNorm.weight") else 0.0}
    assert fingerprint(write_start(start, 0, tmp_path / "again")) == fingerprint(made)
    assert fingerprint(write_start(start, 1, tmp_path / "other")) != fingerprint(made)
    cut = write_start(replace(start, layers=1), 0, tmp_path / "cut")
    assert not any(name.startswith("encoder.layer.1.") for name in load_file(cut / "model.safetensors"))
    with pytest.raises(UserError, match="more layers than there are"):
        write_start(replace(start, fresh=3), 0, tmp_path / "many")


def test_other_peoples_folders_are_left_alone(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match="other files"):
        ablate(asked(shop), tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["letter.txt"]


def test_the_command_plans_and_tells(shop: Path, whole: Ablated, capsys: pytest.CaptureFixture[str]) -> None:
    from typer.testing import CliRunner

    from trainer.cli import app

    call = CliRunner().invoke(app, ["ablate", str(shop / "ablation.toml"), "--out", str(whole.out), "--dry-run"])
    assert call.exit_code == 0
    assert call.stdout.count("   done  noise") == 12
    call = CliRunner().invoke(app, ["ablate", str(shop / "ablation.toml"), "--out", str(whole.out)])
    assert "Against no filter" in call.stdout
    assert f"unchanged: {whole.out}" in call.stdout
    call = CliRunner().invoke(app, ["ablate", str(shop / "ablation.toml"), "--out", str(whole.out), "--json"])
    assert len(json.loads(call.stdout)["cells"]) == 12
