"""Facets against plain Python over the records: spellings, counts, spans, histograms, and which fields make a facet."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from indexer.build import build
from indexer.errors import UserError
from indexer.home import Home
from indexer.settings import BuildSettings
from searchapp.opening import Opened
from searchapp.service import SearchService
from searchapp.usecases.facets import MOST_VALUES, Choice, FacetValue, Range, count, passing
from searchapp.usecases.facets_fields import default_facets, identifiers, order
from tests.corpora import write_jsonl

pytestmark = pytest.mark.slow

COLOURS = ["Red", "red", "RED", "red", "Straße", "STRASSE", "blue", None, "", "Red"]
ROWS: list[dict[str, Any]] = [
    {
        "id": f"row-{n}",
        "name": f"thing {n}",
        "text": f"Some words about thing {n}.",
        "colour": COLOURS[n % 10],
        "code": f"C{n:03}x",
        "word": "".join(chr(97 + int(digit)) for digit in f"{n:03}"),
        "ean": 4_000_000 + 7 * n,
        "note": f"a long note about number {n // 4}, " + "which no list has room for, " * 3,
        "same": "all alike",
        "rare": "seldom" if n % 50 == 0 else None,
        "stars": 1 + n % 5,
        "weight": None if n % 3 == 0 else n / 8,
        "new": None if n % 4 == 0 else n % 2 == 0,
        "since": f"2024-01-{1 + n % 28:02}T{n % 24:02}:30:00Z",
        "huge": (-1) ** n * (1.7e308 if n < 2 else n),
        "long": 2**53 + n % 2,
    }
    for n in range(100)
]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Opened:
    folder = tmp_path_factory.mktemp("facets")
    source = write_jsonl(folder / "rows.jsonl", ROWS)
    home = Home(folder / "home")
    build(BuildSettings(source=source, name="things", model=str(tiny_model)), home)
    return SearchService(home).opened("things")


def every(opened: Opened) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.arange(opened.version.rows)


def test_spellings_that_differ_by_case_count_together_under_the_most_frequent(opened: Opened) -> None:
    facet = count(opened, "colour", every(opened), None)
    assert facet.values == (
        FacetValue("Red", 50, False),  # Red 20, red 20, RED 10: of the two most frequent the one that came first
        FacetValue("Straße", 20, False),
        FacetValue("blue", 10, False),
    )
    assert (facet.missing, facet.low, facet.high, facet.bins, facet.left_out) == (20, None, None, (), 0)


def test_values_of_no_record_are_left_out_unless_chosen(opened: Opened) -> None:
    blue = np.array([row for row in range(100) if ROWS[row]["colour"] == "blue"])
    assert count(opened, "colour", blue, None).values == (FacetValue("blue", 10, False),)
    facet = count(opened, "colour", blue, ("strasse",))
    assert facet.values == (FacetValue("blue", 10, False), FacetValue("Straße", 0, True))


def test_booleans_are_true_then_false_then_missing(opened: Opened) -> None:
    facet = count(opened, "new", every(opened), (False,))
    assert facet.values == (FacetValue(True, 25, False), FacetValue(False, 50, True))
    assert facet.missing == 25


def test_most_values_are_listed_and_the_rest_is_counted(tmp_path: Path, tiny_model: Path) -> None:
    rows = [{"id": str(n), "text": "words", "tag": f"tag {n // 2}"} for n in range(2 * MOST_VALUES + 20)]
    home = Home(tmp_path / "home")
    source = write_jsonl(tmp_path / "tags.jsonl", rows)
    build(BuildSettings(source=source, name="tags", model=str(tiny_model)), home)
    opened = SearchService(home).opened("tags")
    facet = count(opened, "tag", every(opened), ("tag 99", "no such tag"))  # "tag 99" is the last of the equals
    assert (len(facet.values), facet.left_out) == (MOST_VALUES + 1, 9)
    assert [value for value in facet.values if value.chosen] == [FacetValue("tag 99", 2, True)]


def _bins(values: list[Any], bins: int) -> tuple[int, ...]:
    low, high = min(values), max(values)
    places = Counter(min(int((value - low) / (high - low) * bins), bins - 1) for value in values)
    return tuple(places[place] for place in range(bins))


@pytest.mark.parametrize(("key", "bins"), [("weight", 20), ("stars", 5), ("ean", 20)])
def test_numbers_are_spanned_and_counted_in_equal_steps(opened: Opened, key: str, bins: int) -> None:
    values = [row[key] for row in ROWS if row[key] is not None]
    facet = count(opened, key, every(opened), None)
    assert (facet.low, facet.high, facet.missing) == (min(values), max(values), 100 - len(values))
    assert facet.bins == _bins(values, bins)
    assert facet.values == ()


def test_dates_are_spanned_and_counted_as_instants(opened: Opened) -> None:
    values = [datetime.fromisoformat(row["since"]) for row in ROWS]
    facet = count(opened, "since", every(opened), None)
    assert (facet.low, facet.high) == (min(values), max(values))
    assert isinstance(facet.low, datetime)
    assert facet.low.tzinfo == UTC
    assert facet.bins == _bins([value.timestamp() for value in values], 20)


def test_the_widest_span_and_the_narrowest_have_a_histogram(opened: Opened) -> None:
    widest = count(opened, "huge", every(opened), None)
    assert (widest.low, widest.high, sum(widest.bins), widest.bins[10]) == (-1.7e308, 1.7e308, 100, 98)
    narrowest = count(opened, "long", every(opened), None)  # float64 does not tell the two values apart
    assert (narrowest.low, narrowest.high, narrowest.bins) == (2**53, 2**53 + 1, (100,))


def test_one_value_is_one_bin_and_none_is_no_bin(opened: Opened) -> None:
    one = count(opened, "stars", np.array([0, 5, 10]), None)
    assert (one.low, one.high, one.bins, one.missing) == (1, 1, (3,), 0)
    none = count(opened, "weight", np.array([0, 3]), None)
    assert (none.low, none.high, none.bins, none.missing) == (None, None, (), 2)


@pytest.mark.parametrize(
    ("key", "choice", "passes"),
    [
        ("colour", ("RED",), lambda row: str(row["colour"]).lower() == "red"),
        ("colour", ("strasse", "Blue"), lambda row: row["colour"] in ("Straße", "STRASSE", "blue")),
        ("colour", ("",), lambda row: False),
        ("new", (True,), lambda row: row["new"] is True),
        ("new", (True, False), lambda row: row["new"] is not None),
        ("weight", Range(1, 2), lambda row: row["weight"] is not None and 1 <= row["weight"] <= 2),
        ("weight", Range(None, 2.5), lambda row: row["weight"] is not None and row["weight"] <= 2.5),
        ("stars", Range(3.5, None), lambda row: row["stars"] >= 4),
        ("since", Range(datetime(2024, 1, 3, tzinfo=UTC), None), lambda row: row["since"] >= "2024-01-03"),
        ("since", Range(date(2024, 1, 3), date(2024, 1, 3)), lambda row: row["since"].startswith("2024-01-03")),
        ("long", Range(2**53 + 1, 2**53 + 1), lambda row: row["long"] == 2**53 + 1),
    ],
)
def test_choices_let_through_what_they_say(opened: Opened, key: str, choice: Choice, passes: Any) -> None:
    allowed = passing(opened, key, choice)
    assert allowed is not None
    assert np.flatnonzero(allowed).tolist() == [n for n, row in enumerate(ROWS) if passes(row)]


@pytest.mark.parametrize(("key", "choice"), [("colour", ()), ("weight", Range()), ("new", ())])
def test_an_empty_choice_chooses_nothing(opened: Opened, key: str, choice: Choice) -> None:
    assert passing(opened, key, choice) is None


@pytest.mark.parametrize(
    ("key", "choice", "message"),
    [
        ("weight", ("heavy",), "not chosen this way.*choose a range"),
        ("weight", Range(cast(Any, "1"), 2), "cannot be compared with a text"),
        ("weight", Range(math.nan, 2), "beyond what a float64 can hold"),
        ("weight", Range(2, 1), "ends before it begins.*lower end first"),
        ("since", Range(date(2024, 1, 3), date(2024, 1, 2)), "ends before it begins"),
        ("since", Range(date(2024, 1, 3), datetime(2024, 1, 2, 23, tzinfo=UTC)), "ends before it begins"),
        ("since", Range(3, None), "cannot be compared with a number"),
        ("colour", Range(1, 2), "not chosen this way.*one or several of its values"),
        ("colour", (3,), "cannot be compared with a number"),
        ("colour", (True,), "cannot be compared with true or false"),
        ("new", ("yes",), "cannot be compared with a text"),
        ("colour", "Red", "not chosen this way"),
        ("colour", None, "not chosen this way"),
    ],
)
def test_wrong_choices_are_refused_with_the_reason(opened: Opened, key: str, choice: Any, message: str) -> None:
    with pytest.raises(UserError, match=f"(?s){message}"):
        passing(opened, key, choice)


def test_order_is_that_of_the_values_and_equal_where_they_are(opened: Opened) -> None:
    weights = order(opened, "weight")
    assert [n for n in range(100) if weights[n] < 0] == [n for n in range(100) if ROWS[n]["weight"] is None]
    by_rank = sorted((n for n in range(100) if weights[n] >= 0), key=lambda n: int(weights[n]))
    assert by_rank == [n for n in range(100) if ROWS[n]["weight"] is not None]
    colours = order(opened, "colour")
    assert [int(colours[n]) for n in range(10)] == [1, 1, 1, 1, 2, 2, 0, -1, -1, 1]  # blue, red, strasse


def test_default_facets_are_what_the_data_offers(opened: Opened) -> None:
    # text with few values first; not code and ean (all differ), word (all differ), note (long), same (one value),
    # rare (2 % of the records)
    assert default_facets(opened) == ("colour", "stars", "weight", "huge", "long", "new", "since")


def test_identifiers_differ_all_have_no_spaces_and_hold_digits(opened: Opened) -> None:
    assert identifiers(opened) == ("code",)


def test_a_collection_without_fields_has_no_facets(tmp_path: Path, tiny_model: Path) -> None:
    home = Home(tmp_path / "home")
    source = write_jsonl(tmp_path / "bare.jsonl", [{"id": "1", "text": "words"}, {"id": "2", "text": "more words"}])
    build(BuildSettings(source=source, name="bare", model=str(tiny_model)), home)
    assert default_facets(SearchService(home).opened("bare")) == ()
