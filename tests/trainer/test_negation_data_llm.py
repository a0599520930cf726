"""A model where the rules abstain: in a preparation with [negation.llm], and in `trainer negate --llm`."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tests.trainer.test_negation_llm import Stub, completion, stub
from trainer.cli import app
from trainer.negation import negate
from trainer.prepare import prepare
from trainer.recipe import load_recipe

__all__ = ["stub"]  # the fixture

WORDLESS = "A woman in a restaurant."  # no verb: the rules abstain
RECIPE = """
[[source]]
name = "nli"
path = "a.jsonl"
[negation]
sources = ["nli"]
probes = 0
[negation.llm]
url = "{url}"
model = "stub"
cache = "answers.jsonl"
requests_per_minute = 6000
"""


def answer(text: str) -> str:
    return text.replace("A woman", "No woman")


@pytest.fixture
def recipe(stub: Stub, tmp_path: Path) -> Path:
    stub.otherwise = lambda text: completion(answer(text))
    rows = [("Somebody eats.", WORDLESS), ("Somebody sings.", "A child is singing a song."), ("x", "The Art of War")]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"query": q, "positive": p}) + "\n" for q, p in rows))
    (tmp_path / "recipe.toml").write_text(RECIPE.format(url=stub.url))
    return tmp_path / "recipe.toml"


def test_the_model_is_asked_where_the_rules_abstain_and_a_copy_is_there(recipe: Path, stub: Stub) -> None:
    assert negate(WORDLESS).text is None
    report = prepare(load_recipe(recipe), recipe.parent / "out")
    assert stub.texts == [WORDLESS]  # what has no near-copy would give no triplet
    made = {row["positive"]: row for row in pq.read_table(report.out / "triplets.parquet").to_pylist()}
    assert made[WORDLESS]["negatives"] == [answer(WORDLESS)]
    assert report.card["negation"]["rules"]["llm"] == 1
    assert report.card["negation"]["triplets"] == 2
    again = prepare(load_recipe(recipe), recipe.parent / "out2")
    assert again.card["digest"] == report.card["digest"]
    assert len(stub.requests) == 1  # the second preparation finds the answer in the file


def test_an_answer_that_is_no_negation_makes_no_triplet(recipe: Path, stub: Stub) -> None:
    stub.otherwise = lambda text: completion(text)
    told = prepare(load_recipe(recipe), recipe.parent / "out").card["negation"]
    assert told["triplets"] == 1
    assert told["abstained"]["the answer is refused: unchanged"] == 1


def test_negate_asks_a_model_when_told_to(stub: Stub, tmp_path: Path) -> None:
    stub.otherwise = lambda text: completion(answer(text))
    line = ["negate", WORDLESS, "--llm", stub.url, "--model", "stub", "--cache", str(tmp_path / "answers.jsonl")]
    found = CliRunner().invoke(app, line)
    assert found.stdout == f"{answer(WORDLESS)}   (llm)\n"
