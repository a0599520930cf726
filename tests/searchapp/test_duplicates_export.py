"""CSV that no spreadsheet runs and that keeps its numbers, JSON Lines that keep everything."""

from __future__ import annotations

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.cells import safe_cell
from searchapp.usecases.export import COLUMNS, Row, as_csv, as_jsonl

RUNS = ["=1+1", "+SUM(A1)", "-2+3", "-cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "\n=1", "  =1", " @x", "\ufeff=1"]
RUNS += ["＝1+1", "＋1", "－1+1", "＠x", "\u3000＝1", "\tplain", "-", "+", "--1", "-1-1", "=-3", "\u200b=1", "-12.5%x"]
PLAIN = [
    "-12.5",
    "-3",
    "+4e2",
    "-1.5E-3",
    "+7",
    "-.5",
    " -3 ",
    "-1,5",
    "−12.5",
    "",
    "word",
    "a=b",
    "3-4",
    "'=1",
    "(=1)",
]


def row(**given: object) -> Row:
    return dict.fromkeys(COLUMNS, "") | {"differing_fields": {}} | given


@pytest.mark.parametrize("text", RUNS)
def test_formula_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", PLAIN)
def test_number_and_plain_text_stay_as_they_are(text: str) -> None:
    assert safe_cell(text) == text


def test_csv_is_as_rfc_4180_has_it() -> None:
    lines = list(
        as_csv([row(group=1, score=0.5, fields=None, opposite=True, title_a='a "b", c', text_a="x\r\ny", id_b="-3")])
    )
    assert lines[0] == ",".join(COLUMNS) + "\r\n"
    assert '"a ""b"", c"' in lines[1]
    assert '"x\r\ny"' in lines[1]
    assert lines[1].endswith("\r\n")
    (read,) = csv.DictReader(io.StringIO("".join(lines), newline=""))
    assert (read["group"], read["score"], read["fields"], read["opposite"], read["id_b"]) == (
        "1",
        "0.5",
        "",
        "true",
        "-3",
    )


def test_csv_without_rows_is_its_header() -> None:
    assert list(as_csv([])) == [",".join(COLUMNS) + "\r\n"]


def test_rows_are_asked_for_one_by_one() -> None:
    asked: list[int] = []
    lines = as_csv(row(group=number) for number in range(3) if not asked.append(number))
    next(lines)
    assert asked == [0]


def test_differing_fields_are_json_inside_a_cell() -> None:
    found = {"price": {"a": -12.5, "b": None}, "=x": {"a": "=1", "b": "é"}}
    (read,) = csv.DictReader(io.StringIO("".join(as_csv([row(differing_fields=found)])), newline=""))
    assert json.loads(read["differing_fields"]) == found


@given(st.text())
def test_json_lines_carry_any_text_verbatim_on_one_line(text: str) -> None:
    (line,) = as_jsonl([row(text_a=text)])
    assert line.endswith("\n")
    assert len(line.split("\n")) == 2
    assert json.loads(line)["text_a"] == text


@given(st.text())
def test_csv_gives_back_any_text_but_for_the_apostrophe(text: str) -> None:
    (read,) = csv.DictReader(io.StringIO("".join(as_csv([row(text_a=text)])), newline=""))
    assert read["text_a"] in (text, f"'{text}")
    assert not read["text_a"].lstrip().startswith(("=", "@", "＝"))
