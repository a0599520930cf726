"""The white list: rows come back through every filter, and only they."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from indexer.errors import UserError
from tests.trainer.test_commands import RECIPE, recipe, run
from trainer.prepare import prepare
from trainer.recipe import load_recipe
from trainer.whitelist import add_to_whitelist, read_whitelist

__all__ = ["recipe"]  # a fixture


def contents(out: Path, name: str) -> dict[str, str]:
    """Anchor → content of one of the three files."""
    rows = pq.read_table(out / f"{name}.parquet", columns=["anchor", "content"]).to_pylist()
    return {row["anchor"]: row["content"].hex() for row in rows if row["content"]}


def test_listed_row_comes_back_and_nothing_else_changes(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    before = prepare(load_recipe(recipe), out)
    row = contents(out, "dropped")["the same"]
    assert "1 rows added" in run("whitelist", tmp_path / "back.txt", row).stdout
    recipe.write_text('whitelist = "back.txt"\n' + RECIPE)
    after = prepare(load_recipe(recipe), out)
    assert after.kept["pairs"] == before.kept["pairs"] + 1
    assert contents(out, "pairs")["the same"] == row
    assert {name: sum(found.values()) for name, found in after.dropped.items() if found} == {
        name: sum(found.values()) for name, found in before.dropped.items() if name != "identical"
    }


def test_rows_that_a_sheet_calls_wrong_drops_are_listed(recipe: Path, tmp_path: Path) -> None:
    run("prepare", recipe, "--out", tmp_path / "out")
    sheet, listed = tmp_path / "sheet.csv", tmp_path / "back.txt"
    run("audit", tmp_path / "out", "--sheet", sheet, "--filter", "exact")
    head, line = sheet.read_text().splitlines()
    sheet.write_text(f"{head}\n{line}wrong\n")
    assert json.loads(run("whitelist", listed, "--sheet", sheet, "--json").stdout)["added"] == 1
    assert json.loads(run("whitelist", listed, "--sheet", sheet, "--json").stdout)["added"] == 0
    assert read_whitelist(listed) == {bytes.fromhex(line.split(",")[0])}


def test_notes_stay_and_every_content_stands_once(tmp_path: Path) -> None:
    listed = tmp_path / "back.txt"
    listed.write_text(f"# judged in March\n{'ab' * 16}  # a good row\n")
    assert add_to_whitelist(listed, ["cd" * 16, "ab" * 16, "cd" * 16]) == 1
    assert listed.read_text() == f"# judged in March\n{'ab' * 16}  # a good row\n{'cd' * 16}\n"


@pytest.mark.parametrize("text", ["hello\n", "abcd\n", "AB" * 16 + "\n"])
def test_line_that_is_no_content_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "back.txt").write_text("\n" + text)
    with pytest.raises(UserError, match="no content of a row") as refused:
        read_whitelist(tmp_path / "back.txt")
    assert "line 2" in str(refused.value.given)
    with pytest.raises(UserError, match="no content of a row"):
        add_to_whitelist(tmp_path / "new.txt", ["nothing"])
    assert not (tmp_path / "new.txt").exists()
