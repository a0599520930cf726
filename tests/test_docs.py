"""The documents are true: README's commands run as written, every command is documented and has an example."""

from __future__ import annotations

import csv
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

import indexer.cli
import searchapp.cli
import trainer.cli
from tests.corpora import product

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
APPS = {"indexer": indexer.cli.app, "searchapp": searchapp.cli.app, "trainer": trainer.cli.app}


def commands() -> dict[str, Any]:
    """Every command of every application by the words a user types."""
    found: dict[str, Any] = {}

    def walk(words: str, command: Any) -> None:
        children = getattr(command, "commands", {})
        if not children or getattr(command, "invoke_without_command", False):
            found[words] = command
        for name, child in children.items():
            walk(f"{words} {name}", child)

    for name, app in APPS.items():
        walk(name, typer.main.get_command(app))
    return found


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
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text()):
        assert (file.parent / target).exists(), f"{file.name} → {target}"


def test_what_the_guide_to_adding_names_is_there() -> None:
    guide = (ROOT / "docs" / "adding.md").read_text()
    places = {name.rstrip("/") for name in re.findall(r"`([\w./*-]+/[\w./*-]*|[\w*]+\.py)`", guide)}
    assert len(places) > 20
    for place in places:
        assert list(ROOT.glob(place)) or list(ROOT.glob(f"*/{place}")), place
    code = "\n".join(file.read_text() for package in APPS for file in (ROOT / package).rglob("*.py"))
    for table in set(re.findall(r"`(_?[A-Z_]{5,})`", guide)):
        assert re.search(rf"^{table}\b.* = ", code, re.MULTILINE), table
