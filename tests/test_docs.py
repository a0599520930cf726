"""The documents are true: README's commands run as written, and every command, option and setting is documented."""

from __future__ import annotations

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from docs import reference
from docs.reference import SETTINGS, commands
from indexer.build import build
from indexer.home import Home
from indexer.settings import BuildSettings
from tests.corpora import product, write_products
from tests.test_architecture import MAY_IMPORT
from trainer.filters import FILTERS, filter_class

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
TABLES = [table for tables in SETTINGS.values() for table in tables.values()]


@pytest.mark.parametrize("words", commands())
def test_every_command_has_help_with_an_example_that_parses(words: str) -> None:
    help_text = commands()[words].help or ""
    example = re.search(r"Example: ((?:.|\n)+)", help_text)
    assert example, f"{words} has no example"
    line = shlex.split(example[1])
    assert " ".join(line).startswith(words)
    command = commands()[words]
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in line if word.startswith("-")} <= known | {"--help"}


@pytest.mark.parametrize("words", commands())
def test_every_command_is_in_the_readme(words: str) -> None:
    assert words in README


def test_every_command_of_the_readme_exists_with_its_options() -> None:
    spoken = re.findall(r"^((?:indexer|searchapp|trainer) .*)$", README, re.MULTILINE)
    spoken += re.findall(r"`((?:indexer|searchapp|trainer) [^`]*)`", README)
    assert len(spoken) > 8
    for line in spoken:
        words = shlex.split(line.partition("#")[0].replace("\\|", "|"))
        name = max((known for known in commands() if " ".join(words).startswith(known)), key=len)
        known = {option for parameter in commands()[name].params for option in parameter.opts}
        assert {word for word in words if re.match(r"--?[a-z]", word)} <= known, line


@pytest.mark.slow
def test_readme_path_from_a_file_to_an_answer_runs_as_written(tmp_path: Path) -> None:
    block = re.search(r"## From a file to an answer\s+```sh\n(.*?)```", README, re.DOTALL)
    assert block
    with (tmp_path / "products.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, product(1))
        writer.writeheader()
        writer.writerows(product(number) for number in range(1, 40))
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for line in block[1].strip().splitlines():
        environment = os.environ | {"PATH": path, "SEARCHAPP_HOME": str(tmp_path / "home")}
        run = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert run.returncode == 0, (line, run.stderr)
    assert "in version" not in run.stderr
    assert re.search(r"of version 1 in \d+ ms", run.stdout)


@pytest.mark.parametrize("file", [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(file: Path) -> None:
    for target, place in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", file.read_text()):
        other = file.parent / target if target else file
        assert other.exists(), f"{file.name} → {target}"
        if place:
            heads = re.findall(r"^#+ (.+)$", other.read_text(), re.MULTILINE)
            assert place in [re.sub(r"[^\w\- ]", "", head).strip().lower().replace(" ", "-") for head in heads], place


def test_what_the_guide_to_adding_names_is_there() -> None:
    guide = (ROOT / "docs" / "adding.md").read_text()
    places = {name.rstrip("/") for name in re.findall(r"`([\w./*-]+/[\w./*-]*|[\w*]+\.py)`", guide)}
    assert len(places) > 20
    for place in places:
        assert list(ROOT.glob(place)) or list(ROOT.glob(f"*/{place}")), place
    code = "\n".join(file.read_text() for package in reference.APPS for file in (ROOT / package).rglob("*.py"))
    for table in set(re.findall(r"`(_?[A-Z_]{5,})`", guide)):
        assert re.search(rf"^{table}\b.* = ", code, re.MULTILINE), table


def test_reference_is_what_the_code_says() -> None:
    assert reference.PAGE.read_text("utf-8") == reference.page(), "run: python docs/reference.py"


@pytest.mark.parametrize("words", commands())
def test_every_option_has_help(words: str) -> None:
    command = commands()[words]
    assert len(command.help.split("Example:")[0].strip()) > 10
    assert [slot.name for slot in command.params if len((slot.help or "").strip()) < 5] == []


@pytest.mark.parametrize("kind", [*TABLES, *map(filter_class, FILTERS)], ids=lambda kind: kind.__name__)
def test_every_setting_is_told_by_a_comment_or_its_docstring(kind: type) -> None:
    told = " ".join(base.__doc__ or "" for base in kind.__mro__ if base is not object)
    assert not told.startswith(f"{kind.__name__}("), "a docstring that dataclasses made"
    names = [slot.name for slot in reference.settings(kind)]
    assert [name for name in names if not (reference.remark(kind, name) or re.search(rf"\b{name}\b", told))] == []


@pytest.mark.slow
def test_architecture_page_knows_every_file_of_a_home(tmp_path: Path, tiny_model: Path) -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    layout = re.search(r"^<home>/.*?^```", page, re.DOTALL | re.MULTILINE)
    assert layout
    known = {name for line in layout[0].splitlines() for name in re.findall(r"[\w.<>/]+", line[:42]) if name}
    home = Home(tmp_path / "home")
    build(
        BuildSettings(source=write_products(tmp_path / "rows.jsonl", range(5)), name="shop", model=str(tiny_model)),
        home,
    )
    collection = home.collection("shop")
    segment = next((collection / "segments").iterdir())
    assert {path.name for path in home.root.iterdir()} <= {name.strip("/") for name in known} | {"collections"}
    for folder in (collection, segment):
        there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        places = {re.sub(r"^segments/\w{32}/", "", name) for name in there}
        for name in (re.sub(r"^versions/\d+", "versions/<n>", place) for place in places):
            assert any(name == one or (name.startswith(one) and one.endswith("/")) for one in known), name


def test_drawing_shows_who_imports_whom() -> None:
    drawing = (ROOT / "docs" / "images" / "architecture.svg").read_text()
    arrows = sum(len(below) for below in MAY_IMPORT.values())
    assert drawing.count('class="import" d="M') == arrows + 1  # one more explains the sign
    told = " ".join(drawing.split("<desc")[1].split("</desc>")[0].split())
    assert "ui imports searchapp, trainer and indexer; searchapp and trainer import indexer." in told
    assert "http" not in drawing.replace("http://www.w3.org/2000/svg", "")
