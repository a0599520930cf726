"""The page of a preparation: every filter with its counts and a row it kept and one it dropped; hostile text stays text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexer.errors import UserError
from tests.trainer.test_prepare import corpus
from trainer.explain import about, explain
from trainer.filters import FILTERS
from trainer.prepare import Report, prepare
from trainer.recipe import load_recipe

PAGE = Path(__file__).parents[2] / "docs" / "filters.md"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("explained")
    path = corpus(folder)
    with (folder / "a.jsonl").open("a") as file:
        file.write(json.dumps({"query": "a | b <script> `x`", "positive": "A | B <script> `x`"}) + "\n")
    return prepare(load_recipe(path), folder / "out")


def section(page: str, name: str) -> str:
    return page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def test_every_filter_has_its_words_counts_and_examples(made: Report) -> None:
    page = explain(made.out)
    for label, reasons in made.dropped.items():
        if label == "read":
            continue
        told = section(page, label)
        assert about(label).splitlines()[0] in told
        assert "| kept | dropped: " in told
        for reason, count in reasons.items():
            assert f"| {reason} | " in told
            assert f" | {count:,} |" in told


def test_a_copy_stands_beside_the_row_that_stays(made: Report) -> None:
    told = section(explain(made.out), "exact")
    anchors = next(line for line in told.splitlines() if line.startswith("| anchor")).split(" | ")
    assert anchors[1] == anchors[2].removesuffix(" |").lower()


def test_the_same_rows_every_time_and_others_with_another_seed(made: Report) -> None:
    assert explain(made.out) == explain(made.out) != explain(made.out, seed=1)


def test_text_of_rows_is_text(made: Report) -> None:
    shown = {explain(made.out, seed=seed) for seed in range(30)}
    told = [section(page, "identical") for page in shown if "script" in section(page, "identical")]
    assert told
    assert all("<script>" not in page and r"a \| b &lt;script&gt; \`x\`" in page for page in told)


def test_a_folder_without_a_preparation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no preparation"):
        explain(tmp_path)


@pytest.mark.parametrize("name", FILTERS)
def test_the_documentation_tells_every_filter_as_the_code_does(name: str) -> None:
    told = section(PAGE.read_text(encoding="utf-8"), name)
    assert about(name) in told, "run the two commands at the top of recipes/every-filter.toml"
    assert "| kept | dropped: " in told
