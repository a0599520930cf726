"""The shop against plain Python over the records: what is listed, counted, in which order, on which page."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.build import build
from indexer.errors import UserError
from indexer.home import Home
from indexer.records import Record
from indexer.settings import BuildSettings
from searchapp.opening import QUERIES, Opened
from searchapp.retrieve import DEPTH, hybrid
from searchapp.service import SearchService
from searchapp.usecases import shop, standout
from searchapp.usecases.shop import Choice, Listing, Range, Sort, browse
from tests.corpora import BRANDS, product, write_jsonl
from tests.trials import trials

pytestmark = pytest.mark.slow

ROWS = 500
QUERIES_ASKED = ("a quiet oak lamp", "steel bench", "wool", "something that no product says", "xyzzy", "!?")
FACETS = ("brand", "price", "stock", "discontinued", "added")
WHERES: dict[str | None, Any] = {
    None: lambda record: True,
    "stock < 400": lambda record: record.fields["stock"] < 400,
    'name contains "oak"': lambda record: "oak" in record.title,
    "price > 1e6": lambda record: False,
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Opened:
    """Products whose brands are spelled in several ways; the last one has an id that differs from another by case."""
    folder = tmp_path_factory.mktemp("shop")
    rows = [product(number) for number in range(ROWS)]
    for number, row in enumerate(rows):
        row["brand"] = str(row["brand"]).upper() if row["brand"] and number % 3 == 0 else row["brand"]
        row["ean13"] = f"x{4_000_000 + 7 * number}"
    rows[-1]["sku"] = "sku-00001"
    home = Home(folder / "home")
    source = write_jsonl(folder / "products.jsonl", rows)
    build(BuildSettings(source=source, name="products", model=str(tiny_model)), home)
    return SearchService(home).opened("products")


@pytest.fixture(scope="module")
def records(opened: Opened) -> list[Record]:
    return [opened.version.record(row) for row in range(ROWS)]


def passes(record: Record, key: str, choice: Choice) -> bool:
    value = record.fields[key]
    if isinstance(choice, tuple):
        wanted = {str(each).lower() for each in choice}
        return not choice or (value is not None and str(value).lower() in wanted)
    if choice.low is None and choice.high is None:
        return True
    return (
        value is not None
        and (choice.low is None or value >= choice.low)  # type: ignore[operator]
        and (choice.high is None or value <= choice.high)  # type: ignore[operator]
    )


def results(opened: Opened, query: str, among: Sequence[int]) -> list[int]:
    """The rule of `standout`, candidate by candidate: 20 % of the best fused score, or 60 % of the way to the best cosine."""
    version, vector = opened.version, opened.encode(query)[0]
    sample = [version.vectors_of(int(row)) @ vector for row in np.linspace(0, ROWS - 1, 256)]
    background = float(np.median([scores.max() for scores in sample]))
    for k in (DEPTH, 1_000):
        ranking = hybrid(opened, query, k, np.array(among, np.int64))
        dense, fused = ranking.stages["dense"].scores.tolist(), ranking.stages["fusion"].scores.tolist()
        bar = background + 0.6 * (max(dense, default=0) - background)
        kept = [
            row
            for place, row in enumerate(ranking.rows.tolist())
            if place == 0 or fused[place] >= 0.2 * fused[0] or dense[place] >= bar
        ]
        if len(kept) <= k / 2:
            break
    return kept


def expected(
    opened: Opened, records: list[Record], query: str, where: str | None, chosen: dict[str, Choice], besides: str | None
) -> list[int]:
    """Rows under every choice but one, in order."""
    rows = [row for row in range(ROWS) if WHERES[where](records[row])]
    if query:
        rows = results(opened, query, rows)
    choices = [(key, choice) for key, choice in chosen.items() if key != besides]
    return [row for row in rows if all(passes(records[row], key, choice) for key, choice in choices)]


def assert_facets(
    listing: Listing,
    opened: Opened,
    records: list[Record],
    query: str,
    where: str | None,
    chosen: dict[str, Choice],
) -> None:
    for facet in listing.facets:
        rows = expected(opened, records, query, where, chosen, facet.key)
        values: list[Any] = [v for row in rows if (v := records[row].fields[facet.key]) is not None]
        assert facet.missing == len(rows) - len(values)
        if facet.type in ("text", "boolean"):
            counts = Counter(str(value).lower() for value in values)
            assert {str(v.value).lower(): v.count for v in facet.values if v.count} == counts
            choice = chosen.get(facet.key, ())
            assert isinstance(choice, tuple)
            assert {str(v.value).lower() for v in facet.values if v.chosen} == {str(v).lower() for v in choice}
        else:
            assert facet.bins == _bins(values, facet.type)
            assert (facet.low, facet.high) == ((min(values), max(values)) if values else (None, None))


def _bins(values: list[Any], kind: str) -> tuple[int, ...]:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    numbers = [(v - epoch) / timedelta(microseconds=1) if kind == "date" else v for v in values]
    low, high = min(numbers, default=0), max(numbers, default=0)
    if low == high:
        return (len(numbers),) if numbers else ()
    bins = min(20, high - low + 1) if kind == "integer" else 20
    places = Counter(min(int((number - low) / (high - low) * bins), bins - 1) for number in numbers)
    return tuple(places[place] for place in range(bins))


def in_order(records: list[Record], rows: list[int], sort: Sort | None) -> list[int]:
    if sort is None:
        return rows

    def value(row: int) -> Any:
        own = records[row].title or None if sort.key in ("name", "title") else records[row].fields[sort.key]
        return own.casefold() if isinstance(own, str) else own

    there = sorted(row for row in rows if value(row) is not None)
    there.sort(key=value)
    if sort.descending:  # equal values keep the collection's order
        there = sorted(sorted(there), key=value, reverse=True)
    return there + sorted(row for row in rows if value(row) is None)


_price = st.one_of(st.none(), st.floats(0, 500))
_day = st.one_of(st.none(), st.datetimes(datetime(2024, 1, 1), datetime(2024, 12, 31), timezones=st.just(UTC)))


def _ranges(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Range]:
    return st.tuples(values, values).map(lambda ends: Range(*ends) if None in ends else Range(min(ends), max(ends)))


_choices: st.SearchStrategy[dict[str, Choice]] = st.fixed_dictionaries(
    {},
    optional={
        "brand": st.lists(st.sampled_from([*BRANDS, "acme", "ZEN"]), max_size=3).map(tuple),
        "discontinued": st.lists(st.booleans(), max_size=2).map(tuple),
        "price": _ranges(_price),
        "stock": _ranges(st.one_of(st.none(), st.integers(0, 1000))),
        "added": _ranges(_day),
    },
)
_sorts = st.one_of(
    st.none(), st.builds(Sort, st.sampled_from(["price", "brand", "name", "added", "discontinued"]), st.booleans())
)


@settings(max_examples=trials(120))
@given(
    query=st.sampled_from(["", "", *QUERIES_ASKED]),
    where=st.sampled_from(list(WHERES)),
    chosen=_choices,
    sort=_sorts,
    page=st.integers(1, 30),
    per_page=st.sampled_from([1, 7, 24, 200]),
)
def test_browsing_equals_asking_every_record(
    opened: Opened,
    records: list[Record],
    query: str,
    where: str | None,
    chosen: dict[str, Choice],
    sort: Sort | None,
    page: int,
    per_page: int,
) -> None:
    listing = browse(opened, query, where=where, chosen=chosen, facets=FACETS, sort=sort, page=page, per_page=per_page)
    rows = in_order(records, expected(opened, records, query, where, chosen, None), sort)
    pages = max(1, -(-len(rows) // per_page))
    assert (listing.total, listing.pages, listing.page) == (len(rows), pages, min(page, pages))
    first = (listing.page - 1) * per_page
    assert [hit.id for hit in listing.hits] == [records[row].id for row in rows[first : first + per_page]]
    assert (listing.counted, listing.exact) == ("candidates" if query else "all", False)
    assert [facet.key for facet in listing.facets] == list(FACETS)
    assert_facets(listing, opened, records, query, where, chosen)


@pytest.mark.parametrize("query", ["", "a quiet oak lamp"])
def test_what_a_facet_counts_is_what_choosing_the_value_shows(opened: Opened, query: str) -> None:
    cheap: dict[str, Choice] = {"price": Range(None, 300)}
    (brands,) = browse(opened, query, chosen=cheap, facets=["brand"]).facets
    assert len(brands.values) == len(BRANDS)
    for value in brands.values:
        listing = browse(opened, query, chosen={**cheap, "brand": (value.value,)}, facets=["brand"])
        assert listing.total == value.count
        assert {v.value: v.count for v in listing.facets[0].values} == {v.value: v.count for v in brands.values}
        assert [v.value for v in listing.facets[0].values if v.chosen] == [value.value]


def test_results_come_in_the_order_of_a_search_with_its_scores(opened: Opened) -> None:
    listing = browse(opened, "a quiet oak lamp", per_page=200)
    found = hybrid(opened, "a quiet oak lamp", DEPTH, None).hits(opened.version)
    assert 0 < listing.total < DEPTH / 2
    assert list(listing.hits) == [hit for hit in found if hit in listing.hits]


def test_results_end_where_candidates_no_longer_stand_out(tmp_path: Path, tiny_model: Path) -> None:
    rows = [{"id": f"kettle {n}", "text": "red kettle hot water"} for n in range(3)]
    rows += [{"id": f"other {n}", "text": f"a book about the {word} of the school"} for n, word in enumerate(_WORDS)]
    home = Home(tmp_path / "home")
    build(BuildSettings(source=write_jsonl(tmp_path / "k.jsonl", rows), name="k", model=str(tiny_model)), home)
    opened = SearchService(home).opened("k")
    assert [hit.id for hit in browse(opened, "red kettle").hits] == ["kettle 0", "kettle 1", "kettle 2"]
    everything = browse(opened, "red kettle", where='id starts with "other"')
    assert 1 <= everything.total < len(_WORDS)  # where nothing fits, what is nearest


_WORDS = [
    "north",
    "south",
    "river",
    "cover",
    "story",
    "voice",
    "power",
    "table",
    "ground",
    "plan",
    "figure",
    "star",
    "field",
    "rest",
    "able",
    "done",
    "beauty",
    "drive",
]


def test_two_equally_good_records_are_both_results(tmp_path: Path, tiny_model: Path) -> None:
    rows = [{"id": "a", "text": "a small red kettle"}, {"id": "b", "text": "a large red kettle"}]
    home = Home(tmp_path / "home")
    build(BuildSettings(source=write_jsonl(tmp_path / "k.jsonl", rows), name="k", model=str(tiny_model)), home)
    assert browse(SearchService(home).opened("k"), "red kettle").total == 2


def test_more_results_than_candidates_are_searched_again_under_the_choices(
    opened: Opened, records: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standout, "DENSE_SHARE", -9.0)  # everything is a result: what candidates there are limits them
    monkeypatch.setattr(standout.standout, "__kwdefaults__", {"depths": (10, 40)})
    monkeypatch.setattr(shop, "MOST", 40)
    whole = browse(opened, "lamp", per_page=200)
    listing = browse(opened, "lamp", chosen={"brand": ("acme",)}, facets=["brand", "price"], per_page=200)
    acme = [record.id for record in records if str(record.fields["brand"]).lower() == "acme"]
    found = {hit.id for hit in listing.hits}
    assert (whole.total, listing.total) == (40, 40)
    assert found <= set(acme)
    assert not found <= {hit.id for hit in whole.hits}  # more than the first 40 held
    brands = {value.value: value.count for value in listing.facets[0].values}
    assert listing.facets[0].missing + sum(brands.values()) == 40  # its own choice does not narrow it


@pytest.mark.parametrize("query", ["SKU-00042", "  sku-00042\n", "x4000294", "X4000294"])
def test_an_exact_sku_goes_straight_to_its_record_whatever_the_filters(opened: Opened, query: str) -> None:
    plain = browse(opened, query)
    assert ([hit.id for hit in plain.hits], plain.exact, plain.total, plain.counted) == (["SKU-00042"], True, 1, "all")
    filtered = browse(
        opened, query, where="price > 1e6", chosen={"brand": ("Zen",)}, facets=["brand"], sort=Sort("price"), page=9
    )
    assert (filtered.hits, filtered.exact, filtered.page, filtered.pages) == (plain.hits, True, 1, 1)
    assert [value.value for value in filtered.facets[0].values if value.chosen] == ["Zen"]


def test_ids_that_differ_by_case_are_told_apart_by_their_spelling(opened: Opened) -> None:
    for spelled in ("SKU-00001", "sku-00001"):
        listing = browse(opened, spelled)
        assert ([hit.id for hit in listing.hits], listing.exact) == ([spelled], True)
    assert not browse(opened, "Sku-00001").exact


@pytest.mark.parametrize("query", ["SKU", "SKU-0004", "oak", "Acme", "42", "x" * 5_000])
def test_what_is_no_whole_sku_is_searched(opened: Opened, query: str) -> None:
    assert not browse(opened, query).exact


def test_row_numbers_that_serve_as_ids_are_no_skus(tmp_path: Path, tiny_model: Path) -> None:
    home = Home(tmp_path / "home")
    source = write_jsonl(tmp_path / "plain.jsonl", [{"text": f"text {n}"} for n in range(5)])
    build(BuildSettings(source=source, name="plain", model=str(tiny_model)), home)
    opened = SearchService(home).opened("plain")
    assert opened.version.columns.id is None
    assert not browse(opened, "3").exact


def test_a_listed_record_comes_with_its_first_passage_and_no_score(opened: Opened, records: list[Record]) -> None:
    hit = browse(opened).hits[0]
    span = opened.version.spans(0)[0]
    assert (hit.record, hit.score, hit.stages) == (records[0], 0.0, {})
    assert hit.passage.text == records[0].text[span.start : span.end]
    assert (hit.passage.ordinal, hit.passage.of) == (0, len(opened.version.spans(0)))


def test_nothing_left_is_one_empty_page(opened: Opened) -> None:
    for query in ("", "lamp"):
        listing = browse(opened, query, where="price > 1e6", page=7)
        assert (listing.hits, listing.total, listing.page, listing.pages) == ((), 0, 1, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"page": 0}, "page is out of range.*from 1 on"),
        ({"page": True}, "page is out of range"),
        ({"page": 1.5}, "page is out of range"),
        ({"per_page": 0}, "per_page is out of range.*from 1 to 200"),
        ({"per_page": 201}, "per_page is out of range"),
        ({"sort": Sort("prize")}, "cannot be sorted.*price, brand"),
        ({"sort": Sort("description")}, "cannot be sorted"),
        ({"facets": ["colour"]}, "no such field.*choose one of: price, brand"),
        ({"chosen": {"colour": ("red",)}}, "no such field.*choose one of: price, brand"),
        ({"chosen": {"price": ("cheap",)}}, "choose a range"),
        ({"chosen": {"price": Range(5, 1)}}, "lower end first"),
        ({"where": "prize < 5"}, "price"),
    ],
)
def test_refusals_say_what_is_possible(opened: Opened, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=f"(?s){message}"):
        browse(opened, **arguments)


def test_a_query_is_encoded_once_however_it_is_filtered(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[list[str]] = []
    encoder = opened.encoder
    original = encoder.encode_query

    def encode(texts: list[str]) -> Any:
        encoded.append(texts)
        return original(texts)

    monkeypatch.setattr(encoder, "encode_query", encode)
    choices: list[dict[str, Choice]] = [{}, {"brand": ("Acme",)}, {"price": Range(1, 200)}]
    for chosen in choices:
        browse(opened, "a bench nobody asked for yet", chosen=chosen)
    assert encoded == [["a bench nobody asked for yet"]]
    with pytest.raises(ValueError, match="read-only"):
        opened.encode("a bench nobody asked for yet")[0, 0] = 1
    for number in range(QUERIES):
        opened.encode(f"query {number}")
    opened.encode("a bench nobody asked for yet")
    assert len(encoded) == QUERIES + 2  # forgotten after so many others


def test_deleted_records_are_nowhere(opened: Opened, records: list[Record]) -> None:
    fresh = SearchService(opened._openings._home).opened("products")
    fresh.version.alive[::2] = False
    fresh.version._complete = False
    left = {records[row].id for row in range(1, ROWS, 2)}
    for query in ("", "a quiet oak lamp"):
        listing = browse(fresh, query, facets=["discontinued"], per_page=200)
        assert {hit.id for hit in listing.hits} <= left
        assert sum(value.count for value in listing.facets[0].values) == listing.total
    assert browse(fresh).total == len(left)
    assert (browse(fresh, "SKU-00042").exact, browse(fresh, "SKU-00043").exact) == (False, True)


def test_threads_get_the_answer_of_one(opened: Opened) -> None:
    def seen() -> tuple[Any, ...]:
        listing = browse(opened, "folding cork stool", chosen={"brand": ("zen",)}, sort=Sort("price"))
        return listing.hits, listing.facets, listing.total

    alone, together = seen(), []
    opened._kept.clear()
    opened._vectors.clear()
    threads = [threading.Thread(target=lambda: together.append(seen())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == [alone] * 6
