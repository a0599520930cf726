"""What the filters beside a list read from an address, and what they write into their fields, without a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from indexer.build import build
from indexer.home import Home
from indexer.records import Columns
from indexer.settings import BuildSettings
from searchapp.service import SearchService
from searchapp.usecases.facets import Facet, Range
from tests.corpora import write_jsonl
from ui.filters import filters, read_choices
from ui.nodes import Element

COLUMNS = Columns("id", None, "text", {"added": "date", "price": "number"})


def values(node: Element) -> Iterator[object]:
    """What the fields inside a node hold."""
    if node["t"] == "input":
        yield node["a"].get("value")
    for child in node["c"]:
        if not isinstance(child, str):
            yield from values(child)


def test_a_chosen_day_stays_a_plain_date() -> None:
    chosen = read_choices({"added": ["2024-01-31..2024-01-31"]}, COLUMNS)
    assert chosen == {"added": Range(date(2024, 1, 31), date(2024, 1, 31))}
    facet = Facet("added", "date", low=1.0, high=2.0)
    assert list(values(filters([facet], chosen))) == ["2024-01-31", "2024-01-31"]


@pytest.mark.slow
def test_a_range_of_one_day_finds_what_happened_on_it(tmp_path: Path, tiny_model: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(tiny_model, home.models / "tiny" / "1")
    moments = ("2024-01-30T23:59:59Z", "2024-01-31T00:00:00Z", "2024-01-31T18:30:00Z", "2024-02-01T00:00:00Z")
    rows = [{"id": str(n), "text": f"animal number {n}", "added": moment} for n, moment in enumerate(moments)]
    write_jsonl(tmp_path / "texts.jsonl", rows)
    build(BuildSettings(source=tmp_path / "texts.jsonl", name="texts", model="tiny/1"), home)
    service = SearchService(home)
    chosen = read_choices({"added": ["2024-01-31..2024-01-31"]}, service.opened("texts").version.columns)
    assert [hit.id for hit in service.browse("texts", chosen=chosen).hits] == ["1", "2"]


@pytest.mark.parametrize("written", ["1234565", "10", "0", "-3", "0.1", "19.99", "1234567.25", "1e+300", "1e-07"])
def test_a_number_is_shown_as_it_was_given_and_read_back_the_same(written: str) -> None:
    facet = Facet("price", "number", low=0.0, high=1e7, bins=(1, 2))
    chosen = read_choices({"price": [f"{written}.."]}, COLUMNS)
    assert list(values(filters([facet], chosen))) == [written, ""]
    assert read_choices({"price": [f"{written}.."]}, COLUMNS) == chosen
