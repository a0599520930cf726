"""`searchapp answer` and `searchapp duplicates` as typed: what they print, their JSON, their files, their exit status."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from indexer.build import build
from indexer.errors import UserError
from indexer.home import Home
from indexer.settings import BuildSettings
from searchapp.cli import app
from searchapp.usecases.export import COLUMNS

pytestmark = [pytest.mark.slow, pytest.mark.catalog]

TEXTS = (
    "A kettle boils water for tea within two minutes.",
    "A kettle boils water for tea within two minutes!",
    "=cmd|' /C calc'!A0",
    "=cmd|' /C calc'!A0",
    "Mountains in the north are covered with snow in winter.",
    "The library opens at nine and closes at five.",
    "Bread is baked in the oven every morning.",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    folder = tmp_path_factory.mktemp("commands")
    home = Home(folder / "home")
    shutil.copytree(tiny_model, home.models / "tiny" / "1")
    source = folder / "texts.jsonl"
    source.write_text("".join(json.dumps({"id": f"t{i}", "text": text}) + "\n" for i, text in enumerate(TEXTS)))
    build(BuildSettings(source=source, name="texts", model="tiny/1"), home)
    return home.root


def run(home: Path, *words: str) -> Result:
    return CliRunner().invoke(app, [*words, "--home", str(home)])


def test_answer_shows_the_sentence_and_where_it_stands(home: Path) -> None:
    ended = run(home, "answer", "texts", "When does the library open and close?", "-k", "1")
    assert ended.exit_code == 0, ended.output
    assert "» The library opens at nine and closes at five. «  (passage 1 of 1, t5:0-45:" in ended.stdout


def test_nothing_that_answers_is_exit_status_one(home: Path) -> None:
    ended = run(home, "answer", "texts", "zxqv wvut?", "--json")
    found = json.loads(ended.stdout)
    assert (ended.exit_code, found["found"]) == (1, False)
    assert found["confidence"] < 0.5
    assert found["why"]


def test_answer_as_json_has_passages_with_their_place(home: Path) -> None:
    found = json.loads(run(home, "answer", "texts", "When does the library open and close?", "--json").stdout)
    first = found["documents"][0]
    assert first["id"] == "t5"
    (passage,) = first["passages"]
    assert (passage["start"], passage["end"], passage["text"]) == (0, len(TEXTS[5]), TEXTS[5])
    assert passage["statement"]["text"] == TEXTS[5]
    assert passage["address"].startswith("t5:0-45:")


def test_duplicates_are_grouped_and_counted(home: Path) -> None:
    ended = run(home, "duplicates", "texts", "--threshold", "0.95")
    assert "2 groups of 4 records, out of 7, at threshold 0.95" in ended.stdout
    found = json.loads(run(home, "duplicates", "texts", "--threshold", "0.95", "--json").stdout)
    assert sorted(group["ids"] for group in found["groups"]) == [["t0", "t1"], ["t2", "t3"]]


def test_export_holds_every_pair_and_no_formula(home: Path, tmp_path: Path) -> None:
    assert run(home, "duplicates", "texts", "--threshold", ".95", "--out", str(tmp_path / "pairs.csv")).exit_code == 0
    assert run(home, "duplicates", "texts", "--threshold", ".95", "--out", str(tmp_path / "pairs.jsonl")).exit_code == 0
    with (tmp_path / "pairs.csv").open(newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    lines = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text().splitlines()]
    assert tuple(table[0]) == COLUMNS
    assert {(row["id_a"], row["id_b"]) for row in table} == {("t0", "t1"), ("t2", "t3")}
    assert {row["text_a"] for row in table if row["id_a"] == "t2"} == {"'=cmd|' /C calc'!A0"}
    assert {row["text_a"] for row in lines if row["id_a"] == "t2"} == {"=cmd|' /C calc'!A0"}


def test_pasted_text_finds_what_says_the_same(home: Path) -> None:
    ended = run(home, "duplicates", "texts", "--text", "Bread is baked in the oven every morning.")
    assert ended.stdout.splitlines()[0].endswith("Bread is baked in the oven every morning.  [t6]")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--out", "pairs.xlsx"), "that is no kind of file to export to"),
        (("--out", "no/such/folder/pairs.csv"), "there is no folder for this file"),
        (("--threshold", "1.5"), "that is no threshold"),
        (("--threshold", "nan"), "that is no threshold"),
        (("--text", " "), "the query is empty"),
    ],
)
def test_refusals_name_what_is_wrong(home: Path, words: tuple[str, ...], said: str) -> None:
    ended = run(home, "duplicates", "texts", *words)
    assert isinstance(ended.exception, UserError)
    assert ended.exception.what == said
