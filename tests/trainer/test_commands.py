"""The `trainer` command as typed, on a small corpus of its own: prepare, dropped, audit, negate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from indexer.errors import UserError
from trainer.cli import app

ROWS = [
    {"query": "how to boil an egg", "positive": "Put the egg into boiling water for seven minutes."},
    {"query": "How to boil  an egg", "positive": "put the egg into boiling water for seven minutes."},
    {"query": "the same", "positive": "the same"},
    {"query": "why is the sky blue", "positive": "Air scatters short waves of light more than long ones."},
    {"query": "", "positive": "nobody asked for this"},
]
RECIPE = """
seed = 3
[[source]]
name = "web"
path = "web.jsonl"
licence = "CC0-1.0"
[[filters]]
name = "empty"
[[filters]]
name = "identical"
[[filters]]
name = "exact"
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "web.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS) + "{broken\n")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path / "recipe.toml"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_prepare_says_what_went_and_why(recipe: Path, tmp_path: Path) -> None:
    found = json.loads(run("prepare", recipe, "--out", tmp_path / "out", "--json").stdout)
    assert found["kept"] == {"pairs": 2, "triplets": 0}
    assert sum(found["dropped"]["read"].values()) + sum(found["dropped"].get("empty", {}).values()) == 2
    assert sum(found["dropped"]["identical"].values()) == sum(found["dropped"]["exact"].values()) == 1
    again = json.loads(run("prepare", recipe, "--out", tmp_path / "out", "--json").stdout)
    assert again == found | {"unchanged": True}


def test_dry_run_writes_nothing(recipe: Path, tmp_path: Path) -> None:
    ended = run("prepare", recipe, "--out", tmp_path / "out", "--dry-run")
    assert [line.split(maxsplit=1)[1] for line in ended.stdout.splitlines()[:-1]] == [
        "read web",
        "empty",
        "identical",
        "exact",
    ]
    assert not (tmp_path / "out").exists()


def test_only_some_filters(recipe: Path, tmp_path: Path) -> None:
    found = json.loads(run("prepare", recipe, "--out", tmp_path / "out", "--only", "exact", "--json").stdout)
    assert "identical" not in found["dropped"]
    refused = run("prepare", recipe, "--out", tmp_path / "out", "--only", "exakt").exception
    assert isinstance(refused, UserError)
    assert "exact" in refused.todo


def test_dropped_and_audit_over_a_preparation(recipe: Path, tmp_path: Path) -> None:
    run("prepare", recipe, "--out", tmp_path / "out")
    shown = run("dropped", tmp_path / "out", "--filter", "identical").stdout
    assert shown.splitlines()[0].startswith("identical: ")
    assert shown.count("the same") >= 2
    sheet = tmp_path / "sheet.csv"
    assert "4 drops are in" in run("audit", tmp_path / "out", "--sheet", sheet).stdout
    refused = run("audit", tmp_path / "out", "--sheet", sheet).exception
    assert isinstance(refused, UserError)
    assert "--judged" in refused.todo
    head, *lines = sheet.read_text().splitlines()
    sheet.write_text("\n".join([head, *(line + "right" for line in lines), ""]))
    rates = json.loads(run("audit", tmp_path / "out", "--sheet", sheet, "--judged", "--json").stdout)["filters"]
    assert sum(rate["judged"] for rate in rates) == 4
    assert {rate["rate"] for rate in rates} == {0.0}


def test_negate_prints_the_negation_and_its_rule_or_why_it_abstains() -> None:
    assert run("negate", "The lamp comes with a bulb.").stdout.startswith(
        "The lamp does not come with a bulb.   (do-support"
    )
    assert run("negate", "Hello").stdout.startswith("abstains: ")
    found = json.loads(run("negate", "The lamp comes with a bulb.", "--all", "--json").stdout)
    assert found["negations"][0]["text"] == "The lamp does not come with a bulb."
