"""Dropped rows: shown by a seeded sample with their evidence, judged on a sheet, and turned into a rate."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.errors import UserError
from trainer.audit import COLUMNS, read_sheet, wilson, write_sheet
from trainer.dropped import sample_dropped


def write(folder: Path, count: int = 60, reverse: bool = False) -> Path:
    rows = [
        {
            "anchor": f"=anchor {i}", "positive": f"positive {i}", "negatives": [], "score": None, "negation": False,
            "source": "web" if i % 3 else "forum", "file": "f" * 16, "line": i + 1, "licence": "CC0", "task": "retrieval",
            "content": hashlib.sha256(str(i).encode()).digest()[:16], "filter": "consistency" if i % 2 else "exact",
            "reason": "outranked" if i % 2 else "copy", "evidence": json.dumps({"rank": i, "neighbour": f"other {i}"}),
        }
        for i in range(count)
    ]  # fmt: skip
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows[::-1] if reverse else rows), folder / "dropped.parquet")
    return folder


def test_sample_is_the_same_whatever_the_order_and_another_for_another_seed(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a"), write(tmp_path / "b", reverse=True)
    drawn = sample_dropped(one, sample=10)
    assert drawn == sample_dropped(other, sample=10)
    assert len({row.content for row in drawn}) == 10
    assert drawn != sample_dropped(one, sample=10, seed=1)
    assert {row.line for row in sample_dropped(one, sample=100)} == set(range(1, 61))


def test_sample_keeps_to_a_filter_and_a_source_and_shows_the_evidence(tmp_path: Path) -> None:
    rows = sample_dropped(write(tmp_path / "a"), filter="consistency", source="forum", sample=100)
    assert len(rows) == 10
    assert {(row.filter, row.source, row.reason) for row in rows} == {("consistency", "forum", "outranked")}
    assert all(row.evidence == {"rank": row.line - 1, "neighbour": f"other {row.line - 1}"} for row in rows)


def test_filter_that_dropped_nothing_names_those_that_did(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing was dropped") as refused:
        sample_dropped(write(tmp_path / "a"), filter="language")
    assert "20 by consistency from web" in refused.value.todo
    with pytest.raises(UserError, match="no preparation here"):
        sample_dropped(tmp_path)
    with pytest.raises(UserError, match="at least one row"):
        sample_dropped(tmp_path / "a", sample=0)


def judge(sheet: Path, words: dict[str, list[str]]) -> None:
    with sheet.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["judgement"] = words[row["filter"]].pop() if words[row["filter"]] else ""
    with sheet.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def test_judged_sheet_becomes_a_rate_with_an_interval(tmp_path: Path) -> None:
    folder, sheet = write(tmp_path / "a"), tmp_path / "sheet.csv"
    assert write_sheet(folder, sheet, sample=60) == 60
    judge(sheet, {"consistency": ["wrong"] * 3 + ["Right "] * 17, "exact": ["right"] * 10})
    consistency, exact = read_sheet(sheet)
    assert (consistency.filter, consistency.judged, consistency.wrong, consistency.rate) == ("consistency", 20, 3, 0.15)
    assert (exact.judged, exact.wrong, exact.low) == (10, 0, 0.0)
    assert consistency.low < 0.15 < consistency.high < 0.4
    assert 0.2 < exact.high < 0.32


def test_sheet_runs_no_formula_in_a_spreadsheet(tmp_path: Path) -> None:
    write_sheet(write(tmp_path / "a"), tmp_path / "sheet.csv", sample=5)
    with (tmp_path / "sheet.csv").open(newline="", encoding="utf-8") as file:
        assert all(row["anchor"].startswith("'=anchor") for row in csv.DictReader(file))


@pytest.mark.parametrize(
    ("content", "said"),
    [("a,b\n1,2\n", "no sheet of an audit"), (",".join(COLUMNS) + "\n" + "," * 8 + "\n", "nothing in this sheet")],
)
def test_what_is_no_judged_sheet_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "sheet.csv").write_text(content)
    with pytest.raises(UserError, match=said):
        read_sheet(tmp_path / "sheet.csv")


def test_unknown_word_is_refused_with_its_row(tmp_path: Path) -> None:
    folder, sheet = write(tmp_path / "a"), tmp_path / "sheet.csv"
    write_sheet(folder, sheet, filter="exact", sample=3)
    judge(sheet, {"exact": ["maybe"]})
    with pytest.raises(UserError, match="no judgement") as refused:
        read_sheet(sheet)
    assert str(refused.value.given).startswith("'maybe' in row ")


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"), [(0, 10, 0.0, 0.2775), (3, 20, 0.0524, 0.3604), (10, 10, 0.7225, 1.0)]
)
def test_wilson_interval_as_published_tables_have_it(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
