"""Injections, numbers that are none, ten megabytes and ten thousand levels at every door of a search.

A payload may be what it seems to be, a text somebody looks for or keeps in a field, so a door answers it rightly or refuses
it in three parts; either within 100 ms of processor time, the embedding of a query left out. A second collection holds
the payloads themselves, as ids and as a field: each must be found again by exactly its own text.
"""

from __future__ import annotations

import json
import re
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from indexer.build import build
from indexer.cli import main as indexer
from indexer.errors import UserError, shown
from indexer.home import Home
from indexer.settings import BuildSettings
from searchapp.cli import main as searchapp
from searchapp.conditions.limits import MAX_CHARACTERS, MAX_DEPTH, is_text
from searchapp.conditions.rows import fold
from searchapp.opening import Opened
from searchapp.service import LONGEST, LONGEST_TEXT, MOST, SearchService
from searchapp.usecases.shop import Range, Sort
from tests.corpora import write_jsonl, write_products
from tests.hostile_payloads import HUGE_TEXTS, INJECTIONS, NAMES, NOT_NUMBERS
from tests.refusals import Refused, check_command, outcome, pictured, problems, run
from tests.trials import trials
from ui.filters import read_choices

pytestmark = pytest.mark.slow

TEXTS = tuple(dict.fromkeys(text for texts in INJECTIONS.values() for text in texts))
ALL = (*TEXTS, *HUGE_TEXTS.values())
ID = "SKU-00001"
DEEP = 10_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Home:
    folder = tmp_path_factory.mktemp("inputs")
    home = Home(folder / "home")
    products = write_products(folder / "products.jsonl", range(200))
    build(BuildSettings(source=products, name="shop", model=str(tiny_model)), home)
    kept = [text for text in TEXTS if is_text(text)]
    rows = [
        {"id": text if text.strip() and len(text) < 200 else f"n{n}", "code": text, "text": f"record {n}"}
        for n, text in enumerate(kept)
    ]
    source = write_jsonl(folder / "payloads.jsonl", rows)
    settings = BuildSettings(
        source=source,
        name="payloads",
        model=str(tiny_model),
        id="id",
        text="text",
        fields={"code": "text"},
        max_rejected=1,
    )
    build(settings, home)
    return home


@pytest.fixture(scope="module")
def service(home: Home) -> SearchService:
    """Warm: what is made once per open version is made."""
    service = SearchService(home)
    for collection in ("shop", "payloads"):
        service.answer(collection, "warm")
        service.alike(collection, "warm")
        service.browse(collection, "warm")
        service.duplicates(collection)
    return service


@pytest.fixture(scope="module")
def shop(service: SearchService) -> Opened:
    return service.opened("shop")


def test_500_injection_payloads_and_more() -> None:
    assert len(TEXTS) >= 500
    assert len(INJECTIONS) >= 10


TEXT_DOORS: dict[str, Callable[[SearchService, str], Any]] = {
    "filter": lambda service, text: service.opened("shop").among(text),
    "filter in JSON": lambda service, text: service.opened("shop").among(json.dumps(text)),
    "filter key": lambda service, text: service.opened("shop").among({"key": text, "op": "=", "value": "x"}),
    "filter operator": lambda service, text: service.opened("shop").among({"key": "brand", "op": text, "value": "x"}),
    "filter value": lambda service, text: service.opened("shop").among({"key": "brand", "op": "=", "value": text}),
    "filter values": lambda service, text: service.opened("shop").among(
        {"key": "brand", "op": "in", "value": [text, "x"]}
    ),
    "filter contains": lambda service, text: service.opened("shop").among(
        {"key": "name", "op": "contains", "value": text}
    ),
    "filter starts with": lambda service, text: service.opened("shop").among(
        {"key": "id", "op": "starts with", "value": text}
    ),
    "filter number": lambda service, text: service.opened("shop").among({"key": "price", "op": "<", "value": text}),
    "filter date": lambda service, text: service.opened("shop").among({"key": "added", "op": "<", "value": text}),
    "filter name": lambda service, text: service.opened("shop").among({text: []}),
    "sort": lambda service, text: service.browse("shop", sort=Sort(text)),
    "facet": lambda service, text: service.browse("shop", facets=[text]),
    "choice of a field": lambda service, text: service.browse("shop", facets=[], chosen={text: ("x",)}),
    "choice": lambda service, text: service.browse("shop", facets=[], chosen={"brand": (text,)}),
    "choice of a range": lambda service, text: service.browse("shop", facets=[], chosen={"price": Range(text, None)}),  # type: ignore[arg-type]
    "collection": lambda service, text: service.search(text, "oak"),
    "mode": lambda service, text: service.search("shop", "oak", mode=text),  # type: ignore[arg-type]
    "id": lambda service, text: service.similar("shop", text),
    "id of a record": lambda service, text: service.record("shop", text),
    "id of a passage": lambda service, text: service.around("shop", text, 0),
    "address of a passage": lambda service, text: service.locate("shop", text),
    "address with an id": lambda service, text: service.locate("shop", f"{text}:0-1:0123456789ab"),
    "lexical query": lambda service, text: service.search("shop", text, mode="lexical"),
}


@pytest.mark.parametrize("door", TEXT_DOORS)
def test_500_injection_payloads_and_ten_megabytes_are_answered_or_refused_at_once(
    door: str, service: SearchService
) -> None:
    assert problems(lambda text: TEXT_DOORS[door](service, text), ALL) == []


EMBEDDED: dict[str, Callable[[SearchService, str], Any]] = {
    "search": lambda service, text: service.search("shop", text),
    "dense search": lambda service, text: service.search("shop", text, mode="dense"),
    "answer": lambda service, text: service.answer("shop", text, 3),
    "browse": lambda service, text: service.browse("shop", text, facets=[]),
}


@pytest.mark.parametrize("door", EMBEDDED)
def test_500_injection_payloads_as_queries(door: str, service: SearchService, shop: Opened) -> None:
    """What the model makes of a query is remembered beforehand, so that only the rest is measured."""
    for text in TEXTS[list(EMBEDDED).index(door) :: trials(len(EMBEDDED), 1)]:
        if len(text) <= LONGEST and text.strip() and is_text(text):
            shop.encode(text)
        assert problems(lambda text: EMBEDDED[door](service, text), [text]) == []


@pytest.mark.parametrize("door", [*EMBEDDED, "alike"])
def test_a_query_of_ten_megabytes_is_refused_before_it_is_embedded(door: str, service: SearchService) -> None:
    """Tokenising it alone would take seconds. The limits: LONGEST characters of a query, LONGEST_TEXT of a text to compare."""
    ask = EMBEDDED.get(door, lambda service, text: service.alike("shop", text))
    most = LONGEST_TEXT if door == "alike" else LONGEST
    for name, text in HUGE_TEXTS.items():
        found = outcome(lambda text=text: ask(service, text))  # type: ignore[misc]
        assert isinstance(found, Refused), name
        assert found.error.what == "the query is too long"
        assert f"{most:,}" in found.error.todo
    ask(service, "oak " * (most // 4))
    with pytest.raises(UserError, match="too long"):
        ask(service, "oak " * (most // 4) + "x")


def test_what_is_stored_is_found_by_its_own_text_and_by_no_other(service: SearchService) -> None:
    """The oracle folds in Python what the filter folds in Arrow; the payload goes in as JSON, as text, and as a choice."""
    opened = service.opened("payloads")
    codes = [opened.version.record(row).fields["code"] for row in range(opened.version.rows)]
    folded = [
        fold(str(code)) if code else "" for code in codes
    ]  # a list: NumPy's comparison drops null bytes at the end
    asked = [str(code) for code in codes if code][:: trials(3, 1)]
    assert len(asked) >= 150
    for text in asked:
        wanted = [row for row, each in enumerate(folded) if each == fold(text)]
        assert wanted
        quoted = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
        spellings: list[Any] = [
            {"key": "code", "op": "=", "value": text},
            json.dumps({"key": "code", "op": "=", "value": text}),
        ]
        for where in [*spellings, *([f"code = {quoted}"] if len(quoted) < 30_000 else [])]:
            if not isinstance(where, str) or len(where.encode()) <= 65_536:
                rows = opened.among(where)
                assert rows is not None
                assert rows.tolist() == wanted, pictured(text)
        assert service.browse("payloads", facets=[], chosen={"code": (text,)}).total == len(wanted)


def test_a_hostile_id_finds_its_record(service: SearchService) -> None:
    version = service.opened("payloads").version
    ids = [version.id(row) for row in range(version.rows)]
    assert len(ids) >= 500
    for row, id in enumerate(ids):
        assert version.row_of(id) == row
    for id in ids[:: trials(10, 1)]:
        assert service.record("payloads", id).id == id
        assert id not in [hit.id for hit in service.similar("payloads", id, 3).hits]


@pytest.mark.parametrize(
    "words",
    [
        ("search", "payloads", "record", "-k", "1000"),
        ("answer", "payloads", "record", "-k", "1000"),
        ("similar", "payloads", "=1+1", "-k", "1000"),
    ],
)
def test_what_a_terminal_would_obey_is_not_printed(words: tuple[str, ...], home: Home) -> None:
    status, out, _ = run(searchapp, *words, "--home", str(home.root))
    assert status in (0, 1)
    assert len(out.splitlines()) > 100
    assert set(re.findall("[\x00-\x1f\x7f-\x9f\u202e\u2066]", out)) == {"\n"}


NUMBER_DOORS: dict[str, Callable[[SearchService, Any], Any]] = {
    "k": lambda service, number: service.search("shop", "warm", number),
    "k of similar": lambda service, number: service.similar("shop", ID, number),
    "k of answer": lambda service, number: service.answer("shop", "warm", number),
    "k of alike": lambda service, number: service.alike("shop", "warm", number),
    "per page": lambda service, number: service.browse("shop", per_page=number),
    "page": lambda service, number: service.browse("shop", page=number, facets=[]),
    "ordinal": lambda service, number: service.around("shop", ID, number),
    "before": lambda service, number: service.around("shop", ID, 0, number, 0),
    "after": lambda service, number: service.around("shop", ID, 0, 0, number),
    "threshold": lambda service, number: service.duplicates("shop", number),
    "threshold of alike": lambda service, number: service.alike("shop", "warm", 3, number),
}
LEGAL = {  # besides these, every one of NOT_NUMBERS is refused
    "page": {
        "10**9",
        "2**31",
        "2**63",
        "10**30",
        "10**5000",
    },  # beyond the last page is the last, and the listing says so
    "ordinal": {"0"},
    "before": {"0", "10**9", "2**31", "2**63", "10**30", "10**5000"},  # as far as the document goes
    "after": {"0", "10**9", "2**31", "2**63", "10**30", "10**5000"},
    "threshold": {"0", "1.0"},
    "threshold of alike": {"0", "1.0"},
}


@pytest.mark.parametrize("door", NUMBER_DOORS)
def test_k_and_page_that_are_no_numbers_are_refused_and_nothing_is_allocated(door: str, service: SearchService) -> None:
    """−1, 0, 10⁹, "x", NaN and the like. 10⁹ places of an answer would be 12 GB: less than a megabyte is touched."""
    ask = NUMBER_DOORS[door]
    ask(service, 1)
    for name, number in NOT_NUMBERS.items():
        if "threshold" in door and name in LEGAL[door]:
            continue  # a whole grouping, which takes what it takes
        found = outcome(lambda number=number: ask(service, number))  # type: ignore[misc]
        assert isinstance(found, Refused) != (name in LEGAL.get(door, ())), name
        if "threshold" not in door:
            assert allocated(lambda number=number: ask(service, number)) < 1_000_000, name  # type: ignore[misc]


def allocated(call: Callable[[], Any]) -> int:
    """The most bytes that a call held at once, NumPy's included."""
    tracemalloc.start()
    try:
        with suppress(UserError):
            call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_page_beyond_the_last_is_the_last_and_says_so(service: SearchService) -> None:
    listing = service.browse("shop", page=10**9, per_page=30)
    assert (listing.page, listing.pages, len(listing.hits)) == (7, 7, 20)


def test_the_largest_k_is_answered(service: SearchService) -> None:
    assert len(service.search("shop", "oak", MOST, mode="dense").hits) == 200


VALUE_DOORS: dict[str, Callable[[SearchService, Any], Any]] = {
    **{
        f"filter on {key}": lambda service, value, key=key: service.opened("shop").among(
            {"key": key, "op": "=", "value": value}
        )  # type: ignore[misc]
        for key in ("price", "stock", "added", "discontinued", "brand")
    },
    "filter": lambda service, value: service.opened("shop").among(value),
    "filter key": lambda service, value: service.opened("shop").among({"key": value, "op": "=", "value": 1}),
    "filter operator": lambda service, value: service.opened("shop").among({"key": "price", "op": value, "value": 1}),
    "filter list": lambda service, value: service.opened("shop").among({"key": "price", "op": "in", "value": value}),
    "filter parts": lambda service, value: service.opened("shop").among({"all": value}),
    "range": lambda service, value: service.browse("shop", chosen={"price": Range(value, value)}),
    "range of days": lambda service, value: service.browse("shop", chosen={"added": Range(None, value)}),
    "choice": lambda service, value: service.browse("shop", chosen={"brand": value}),
    "choice of values": lambda service, value: service.browse("shop", chosen={"brand": (value,)}),
    "query": lambda service, value: service.search("shop", value),
    "query of browse": lambda service, value: service.browse("shop", value),
    "collection": lambda service, value: service.search(value, "warm"),
    "id": lambda service, value: service.similar("shop", value),
    "address": lambda service, value: service.locate("shop", value),
    "mode": lambda service, value: service.search("shop", "warm", mode=value),
    "sort": lambda service, value: service.browse("shop", sort=Sort(value)),
}


@pytest.mark.parametrize("door", VALUE_DOORS)
def test_values_of_a_wrong_kind_are_answered_or_refused(door: str, service: SearchService) -> None:
    strange = [
        *NOT_NUMBERS.values(),
        [10**5000],
        {"a": [10**5000]},
        Decimal("sNaN"),
        Decimal("NaN"),
        Decimal("1e999999"),
        [[[[[]]]]],
    ]
    assert problems(lambda value: VALUE_DOORS[door](service, value), strange) == []


def nested(levels: int) -> dict[str, Any]:
    part: dict[str, Any] = {"key": "price", "op": "<", "value": 50}
    for level in range(levels):
        part = {"not": part} if level % 2 else {"all": [part]}
    return part


DEPTHS: dict[str, Any] = {
    "parentheses": "(" * DEEP + "discontinued" + ")" * DEEP,
    "not": "not " * DEEP + "discontinued",
    "both": "not (" * DEEP + "discontinued" + ")" * DEEP,
    "open parentheses": "(" * DEEP,
    "groups with tests": "discontinued and (" * (DEEP // 3),
    "JSON text": '{"not":' * (DEEP // 2) + "1" + "}" * (DEEP // 2),
    "JSON text that never ends": '{"not":' * (DEEP // 2),
    "JSON lists": '{"all":' + "[" * DEEP,
    "parsed JSON": nested(DEEP),
    "parsed JSON, a value": {"key": "price", "op": "in", "value": [nested(DEEP)]},
}


@pytest.mark.parametrize("name", DEPTHS)
def test_filters_10_000_deep_are_refused_at_once(name: str, shop: Opened) -> None:
    found = outcome(lambda: shop.among(DEPTHS[name]))
    assert isinstance(found, Refused)
    if "value" not in name:
        assert f"more than {MAX_DEPTH} levels" in found.error.what


def test_filters_10_000_deep_with_little_stack_left(shop: Opened) -> None:
    def down(levels: int) -> Any:
        return (
            down(levels - 1)
            if levels
            else [outcome(lambda where=where: shop.among(where)) for where in DEPTHS.values()]
        )  # type: ignore[misc]

    assert all(isinstance(found, Refused) for found in down(500))


@pytest.mark.parametrize("levels", [DEEP, 7_000])
def test_a_filter_10_000_deep_on_the_command_line(levels: int, home: Home) -> None:
    check_command(searchapp, "search", "shop", "oak", "--where", "(" * levels, "--home", str(home.root))


def test_texts_of_parsed_json_have_a_limit_together(shop: Opened) -> None:
    each = {"key": "brand", "op": "=", "value": "x" * (MAX_CHARACTERS // 10)}
    shop.among({"any": [each] * 10})
    for where in ({"any": [each] * 11}, {"key": "brand", "op": "in", "value": ["x" * 1_000] * 501}):
        found = outcome(lambda where=where: shop.among(where))  # type: ignore[misc]
        assert isinstance(found, Refused)
        assert f"more than {MAX_CHARACTERS} characters" in found.error.what


def test_lists_of_a_filter_have_a_limit_together(shop: Opened) -> None:
    each = {"key": "stock", "op": "in", "value": list(range(5_000))}
    shop.among({"any": [each, each]})
    for where in ({"any": [each, each, each]}, " or ".join(["stock in (" + "1," * 4_999 + "1)"] * 3)):
        found = outcome(lambda where=where: shop.among(where))  # type: ignore[misc]
        assert isinstance(found, Refused)
        assert found.error.what == "the filter lists more than 10000 values"


COMMANDS: dict[str, Callable[[str], tuple[str, ...]]] = {
    "search --where": lambda text: ("search", "shop", "warm", "--where", text),
    "search -k": lambda text: ("search", "shop", "warm", "-k", text),
    "search --mode": lambda text: ("search", "shop", "warm", "--mode", text),
    "search --mode lexical": lambda text: ("search", "shop", text, "--mode", "lexical"),
    "similar ID": lambda text: ("similar", "shop", text),
    "duplicates --threshold": lambda text: ("duplicates", "shop", "--threshold", text),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_injections_on_the_command_line(command: str, home: Home) -> None:
    """Each command answers (0) or refuses (2); the texts are those that an argument of a process can hold."""
    place = list(COMMANDS).index(command)
    texts = [text for text in TEXTS if "\0" not in text and len(text) < 100_000]
    for text in texts[place :: trials(8 * len(COMMANDS), 1)]:
        check_command(searchapp, *COMMANDS[command](text), "--home", str(home.root), statuses=(0, 2))


@pytest.mark.parametrize(
    "number", ["-1", "0", "1000000000", "x", "NaN", "inf", "1e9", "9" * 5_000, "", " ", "0x10", "1.5", "²"]
)
def test_k_and_threshold_that_are_no_numbers_on_the_command_line(number: str, home: Home) -> None:
    check_command(searchapp, *COMMANDS["search -k"](number), "--home", str(home.root))
    if number != "0":
        check_command(searchapp, *COMMANDS["duplicates --threshold"](number), "--home", str(home.root))


def test_hostile_columns_and_shares_of_a_build(home: Home, tmp_path: Path, tiny_model: Path) -> None:
    source = str(write_products(tmp_path / "products.jsonl", range(3)))
    fixed = ("build", source, "--name", "other", "--model", str(tiny_model), "--home", str(home.root))
    for text in [text for text in (*TEXTS, *NAMES) if text.strip() and len(text) < 10_000][:: trials(150, 3)]:
        for option in ("--id", "--title", "--text"):
            check_command(indexer, *fixed, option, text)
        check_command(indexer, *fixed, "--fields", f"price:{text}")
        check_command(indexer, *fixed, "--max-rejected", f"{text}%%")
    for share in ("-1", "nan", "inf", "101%", "1e9", "x", "%", "9" * 5_000):
        check_command(indexer, *fixed, "--max-rejected", share)


def test_what_the_address_of_a_page_chooses(service: SearchService) -> None:
    """A field that is there, yes or no, a range that is one; anything else is refused, before or by the listing."""
    columns = service.opened("shop").version.columns

    def listed(field: str, text: str) -> Any:
        return outcome(lambda: service.browse("shop", chosen=read_choices({field: [text]}, columns), facets=[]))

    allowed = {
        "price": ("..", "1..", "..2", "1..2"),
        "added": ("..", "2024-01-31..2024-02-01"),
        "discontinued": ("yes", "no"),
    }
    for field, legal in allowed.items():
        assert not any(isinstance(listed(field, text), Refused) for text in legal)
        strange = [text for text in ALL if text.strip() not in legal]
        for text in [
            *strange,
            "nan..1",
            "1..nan",
            "-inf..inf",
            "2..1",
            "1e999..",
            "9" * 390 + "..",
            "maybe",
            "2024-02-01..2024-01-31",
        ]:
            assert isinstance(listed(field, text), Refused), (field, pictured(text))
    for text in ALL:
        assert isinstance(listed(text, "x"), Refused), pictured(text)
    assert problems(lambda text: listed("brand", text), ALL) == []


def _page() -> None:
    import streamlit as st

    from indexer.errors import UserError
    from ui import address

    try:
        st.text(str(address.number("page", least=1)))
    except UserError as error:
        st.error(str(error))


def test_a_page_number_of_an_address_is_a_number_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # A page run in this process leaves itself as the main module, which a worker started later would run.
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    app = AppTest.from_function(_page)
    for text, number in (("", "1"), ("1", "1"), ("007", "7"), ("999999999", "999999999")):
        app.query_params["page"] = text
        assert [drawn.value for drawn in app.run().text] == [number]
    for text in ("-1", "0", "1000000000", "x", "NaN", "1.0", "٣", "²", "1 ", "+1", "9" * 5_000, "1; DROP TABLE"):
        app.query_params["page"] = text
        [said] = [error.value for error in app.run().error]
        assert "no such number" in said, text
        assert len(said) < 300
    assert not app.exception


HALVES = st.characters(exclude_categories=())  # all there are, half characters too
ANYTHING = st.text(HALVES, max_size=60)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | ANYTHING
    | st.sampled_from(["price", "brand", "added", "=", "<", "in", "between", "missing"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["all", "any", "not", "key", "op", "value"]) | ANYTHING, inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
@settings(max_examples=trials(200))
def test_any_json_is_a_filter_or_refused(shop: Opened, where: Any) -> None:
    rows = outcome(lambda: shop.among(where))
    assert rows is None or isinstance(rows, Refused | np.ndarray)


@given(
    st.lists(
        ANYTHING
        | st.sampled_from(
            ["price", "<", "5", "and", "or", "not", "(", ")", "in", '"', "`", "brand", "=", ",", "is", "missing"]
        ),
        max_size=12,
    )
)
@settings(max_examples=trials(200))
def test_any_text_is_a_filter_or_refused(shop: Opened, words: list[str]) -> None:
    rows = outcome(lambda: shop.among(" ".join(words)))
    assert rows is None or isinstance(rows, Refused | np.ndarray)


@given(st.text(HALVES, max_size=200), st.integers() | st.floats() | st.booleans() | st.none() | st.text(max_size=3))
@settings(max_examples=trials(150))
def test_any_text_and_number_are_asked_or_refused(service: SearchService, text: str, number: Any) -> None:
    found = outcome(lambda: service.search("shop", text, number, mode="lexical"))
    legal = type(number) is int and 1 <= number <= MOST and text.strip() and is_text(text)
    assert isinstance(found, Refused) != bool(legal)
    for ask in (
        lambda: service.record("shop", text),
        lambda: service.locate("shop", text),
        lambda: service.browse("shop", page=number, facets=[]),
    ):
        outcome(ask)


@given(
    st.recursive(
        st.integers() | st.floats() | st.binary() | ANYTHING | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(ANYTHING, inner) | st.sets(st.integers()),
        max_leaves=20,
    )
)
@settings(max_examples=trials(150))
def test_what_was_given_is_shown_on_one_line(value: object) -> None:
    for each in (value, [value], {"x": value}, (10**5000, value)):
        assert len(shown(each)) < 2_000
        shown(each).encode()
        assert "\n" not in shown(each)


@pytest.fixture(autouse=True)
def nothing_is_published(home: Home) -> Iterator[None]:
    """No refused input leaves a collection behind."""
    before = sorted(path.name for path in (home.root / "collections").iterdir())
    yield
    assert sorted(path.name for path in (home.root / "collections").iterdir()) == before
