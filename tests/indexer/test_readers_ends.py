"""Where reading ends early: a process that dies over a row, a file that ends inside a cell, a driver that is not there."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.columns import survey
from indexer.corpus import read_records
from indexer.errors import UserError
from indexer.readers import READERS, Query, apart, choose_reader, read_rows
from indexer.readers.apart import Apart, StoppedError
from indexer.records import LARGEST, Rejection, Row
from tests.corpora import write_products
from tests.documents import pdf


def outcome(path: Path) -> list[tuple[int, str]]:
    """For each row its line, and its reason where it was set aside."""
    items = READERS[choose_reader(path)](path)
    return [(item.row, item.reason) if isinstance(item, Rejection) else (item.number, "") for item in items]


@pytest.mark.slow
def test_a_row_that_its_process_died_over_is_not_taken_for_one(tmp_path: Path) -> None:
    text = "a" * 400_000  # a pipe holds less, so the process stands in the middle of a row
    pq.write_table(pa.table({"t": [text] * 20}), tmp_path / "a.parquet")
    with Apart() as reading:
        rows = reading.read("parquet", tmp_path / "a.parquet")
        got = [next(rows)]
        assert reading._process is not None
        reading._process.kill()
        with pytest.raises(StoppedError, match="crashed"):
            got += rows
    assert len(got) < 20
    assert {row.values["t"] for row in got if isinstance(row, Row)} == {text}


@pytest.mark.slow
def test_rows_may_be_put_away_after_the_process_that_gave_them(tmp_path: Path) -> None:
    pq.write_table(pa.table({"t": ["a", "b", "c"]}), tmp_path / "a.parquet")
    with Apart() as reading:
        rows = reading.read("parquet", tmp_path / "a.parquet")
        assert next(rows) == Row("a.parquet", 1, {"t": "a"})
    rows.close()  # type: ignore[attr-defined]
    with Apart() as reading:
        assert len(list(reading.read("parquet", tmp_path / "a.parquet"))) == 3


@pytest.mark.slow
def test_a_document_that_needs_too_much_memory_is_set_aside_and_the_next_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["one"]))
    (tmp_path / "b.txt").write_text("two")
    monkeypatch.setattr(apart, "MEMORY", 2**20)  # less than the library that reads PDF takes for itself
    bad, good = read_rows("documents", tmp_path)
    assert isinstance(bad, Rejection)
    assert isinstance(good, Row)
    assert (bad.file, bad.reason, bad.detail) == ("a.pdf", "too large", "it needs more than 1 MB of memory at once")
    assert good.values["text"] == "two"


def test_a_file_that_ends_inside_a_quoted_cell_over_the_limit_costs_that_row_only(tmp_path: Path) -> None:
    prose = f"{'x' * 999}\n" * (LARGEST // 1000 + 50)
    (tmp_path / "a.csv").write_text(f'id,text\n1,one\n2,"{prose}')
    assert outcome(tmp_path / "a.csv") == [(2, ""), (3, "too large")]


def test_a_line_over_the_limit_inside_a_cell_over_the_limit_is_told_too(tmp_path: Path) -> None:
    prose = f"{'x' * 999}\n" * (LARGEST // 1000 + 50)
    (tmp_path / "a.csv").write_text(f'id,text\n1,"{prose}{"y" * (LARGEST + 100)}\n2,two\n')
    assert outcome(tmp_path / "a.csv")[:2] == [(2, "too large"), (len(prose) // 1000 + 2, "too large")]


def test_swallowed_lines_that_are_no_rows_are_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'id,text\n1,"open\n2,a\rb\n3,c\rd\n4"x,\n5,five\n')
    assert outcome(tmp_path / "a.csv") == [(2, "broken line"), (6, "")]


def test_a_corpus_that_has_gone_since_it_was_looked_at_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no corpus") as refused:
        list(READERS["beir"](tmp_path))
    assert refused.value.given == tmp_path


def test_postgresql_without_its_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as where it is not installed
    with pytest.raises(UserError) as refused:
        list(READERS["sql"](Query("postgresql://user:hush@127.0.0.1:1/shop", "SELECT 1")))
    assert (refused.value.given, refused.value.todo) == (
        "the driver psycopg is not installed",
        'install "psycopg[binary]"',
    )


def test_ids_that_cannot_be_kept_are_a_named_error(tmp_path: Path) -> None:
    source = write_products(tmp_path / "products.jsonl", range(3))
    columns = survey(READERS["jsonl"](source)).columns
    with pytest.raises(UserError, match="list of ids") as refused:
        list(read_records(source, "jsonl", columns, tmp_path / "not there"))
    assert "unable to open database file" in str(refused.value.given)
