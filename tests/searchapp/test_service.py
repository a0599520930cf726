"""The search service against brute force: every mode, on both planned indexes, under filters of every selectivity."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.build import build
from indexer.encode import load_encoder
from indexer.errors import UserError
from indexer.home import Home
from indexer.records import Record
from indexer.settings import BuildSettings
from indexer.store import DamagedError
from searchapp import retrieve
from searchapp.fusion import fuse
from searchapp.opening import Opened
from searchapp.schemas import SearchResult
from searchapp.service import MOST, Mode, SearchService
from tests.corpora import write_jsonl, write_products
from tests.models import tiny_bert
from tests.trials import trials

pytestmark = pytest.mark.slow

ROWS = 1_500
QUERIES = (
    "a quiet oak lamp",
    "steel bench narrow",
    "wool",
    "something that no product says",
    'Rug! (folding) AND "tall"',
)
FILTERS: dict[str, tuple[str, Callable[[Record], bool]]] = {
    "50 %": ("stock < 500", lambda r: _number(r, "stock") < 500),
    "5 %": (
        'brand = "acme" and price < 125 and not discontinued',
        lambda r: r.fields["brand"] == "Acme" and 0 <= _number(r, "price") < 125 and not r.fields["discontinued"],
    ),
    "half a %": (
        'added between 2024-02-03 and 2024-02-04 or name contains "sturdy cork vase"',
        lambda r: r.fields["added"] in (_day(3), _day(4)) or "sturdy cork vase" in r.title,
    ),
    "one row": ('sku = "SKU-00777"', lambda r: r.id == "SKU-00777"),
    "no row": ("price > 1e6", lambda r: False),
}


def _number(record: Record, key: str) -> float:
    value = record.fields[key]
    return float(value) if isinstance(value, int | float) else -1.0


def _day(day: int) -> datetime:
    return datetime(2024, 2, day, tzinfo=UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Home:
    folder = tmp_path_factory.mktemp("service")
    home = Home(folder / "home")
    source = write_products(folder / "products.jsonl", range(ROWS))
    for index in ("exact", "fastscan"):
        build(BuildSettings(source=source, name=index, model=str(tiny_model), index=index), home)
    return home


@pytest.fixture(scope="module")
def service(home: Home) -> SearchService:
    return SearchService(home)


@pytest.fixture(scope="module", params=["exact", "fastscan"])
def opened(request: pytest.FixtureRequest, service: SearchService) -> Opened:
    return service.opened(request.param)


@pytest.fixture(params=[None, *FILTERS], ids=str)
def allowed(request: pytest.FixtureRequest, opened: Opened) -> tuple[str | None, NDArray[np.int64]]:
    """A filter's text and, by asking every record in Python, the rows it allows."""
    if request.param is None:
        return None, np.arange(ROWS)
    text, holds = FILTERS[request.param]
    return text, np.array([row for row in range(ROWS) if holds(opened.version.record(row))], np.int64)


def brute_dense(opened: Opened, query: str) -> NDArray[np.float32]:
    vector = opened.encode(query)[0]
    return np.array([(opened.version.vectors_of(row) @ vector).max() for row in range(ROWS)], np.float32)


def brute_lexical(opened: Opened, query: str) -> NDArray[np.float32]:
    return opened.version.lexical_scores(query, np.arange(ROWS))


def assert_ranking(result: SearchResult, scores: NDArray[np.float32], rows: NDArray[np.int64], k: int) -> None:
    """The hits are the `k` best of the allowed rows. Scores may differ in the last bits, so equals may change places."""
    found = [int(hit.id.removeprefix("SKU-")) for hit in result.hits]
    best = np.sort(scores[rows])[::-1][:k]
    assert len(found) == len(set(found)) == min(k, len(best))
    assert set(found) <= set(rows.tolist())
    np.testing.assert_allclose([hit.score for hit in result.hits], best[: len(found)], atol=2e-5)
    np.testing.assert_allclose(scores[found], best[: len(found)], atol=2e-5)


def name_of(opened: Opened) -> str:
    return opened.version.collection


@pytest.mark.parametrize("query", QUERIES)
def test_dense_equals_brute_force(
    opened: Opened, service: SearchService, allowed: tuple[str | None, NDArray[np.int64]], query: str
) -> None:
    where, rows = allowed
    result = service.search(name_of(opened), query, 10, "dense", where)
    assert_ranking(result, brute_dense(opened, query), rows, 10)
    assert [hit.stages["dense"].rank for hit in result.hits] == list(range(1, len(result.hits) + 1))


@pytest.mark.parametrize("query", QUERIES)
def test_lexical_equals_brute_force(
    opened: Opened, service: SearchService, allowed: tuple[str | None, NDArray[np.int64]], query: str
) -> None:
    where, rows = allowed
    scores = brute_lexical(opened, query)
    matching = rows[scores[rows] > 0]
    result = service.search(name_of(opened), query, 10, "lexical", where)
    assert_ranking(result, scores, matching, 10)


@pytest.mark.parametrize("query", QUERIES)
def test_hybrid_equals_fusion_of_brute_force(
    opened: Opened, service: SearchService, allowed: tuple[str | None, NDArray[np.int64]], query: str
) -> None:
    where, rows = allowed
    dense, lexical = brute_dense(opened, query), brute_lexical(opened, query)
    by_dense = rows[np.argsort(-dense[rows], kind="stable")][: retrieve.DEPTH]
    matching = rows[lexical[rows] > 0]
    by_lexical = matching[np.argsort(-lexical[matching], kind="stable")][: retrieve.DEPTH]
    candidates = np.union1d(by_dense, by_lexical)
    fused = np.full(ROWS, -np.inf, np.float32)
    fused[candidates] = fuse(dense[candidates], lexical[candidates])
    result = service.search(name_of(opened), query, 10, "hybrid", where)
    assert_ranking(result, fused, candidates, 10)
    for hit in result.hits:
        row = int(hit.id.removeprefix("SKU-"))
        assert hit.stages["dense"].score == pytest.approx(dense[row], abs=2e-5)
        assert hit.stages["lexical"].score == pytest.approx(lexical[row], abs=1e-4)
        in_lexical = np.flatnonzero(by_lexical == row)
        rank = hit.stages["lexical"].rank
        assert (rank is None) == (not in_lexical.size) or lexical[row] == pytest.approx(lexical[by_lexical[-1]])


def test_more_documents_than_there_are_gives_all_of_them(service: SearchService) -> None:
    result = service.search("exact", "lamp", MOST, "dense")
    assert len({hit.id for hit in result.hits}) == ROWS


def test_hit_carries_record_passage_and_place(service: SearchService) -> None:
    hit = service.search("exact", "quiet oak lamp", 1).hits[0]
    assert hit.record.text[hit.passage.start : hit.passage.end] == hit.passage.text
    assert 0 <= hit.passage.ordinal < hit.passage.of
    assert list(hit.stages) == ["dense", "lexical", "fusion"]
    assert hit.score == hit.stages["fusion"].score


def test_best_passage_of_a_long_document_is_the_one_that_speaks_of_the_query(tmp_path: Path, tiny_model: Path) -> None:
    filler = " ".join(f"Sentence {number} is about weather and the sea." for number in range(60))
    text = f"{filler} The kettle whistles in marble halls. {filler}"
    source = write_jsonl(tmp_path / "long.jsonl", [{"id": "long", "text": text}, {"id": "other", "text": filler}])
    home = Home(tmp_path / "home")
    build(BuildSettings(source=source, name="long", model=str(tiny_model)), home)
    hit = SearchService(home).search("long", "kettle whistles marble", 1, "lexical").hits[0]
    assert (hit.id, "kettle whistles in marble" in hit.passage.text) == ("long", True)
    assert 0 < hit.passage.ordinal < hit.passage.of - 1


def test_similar_leaves_the_document_itself_out_and_equals_brute_force(opened: Opened, service: SearchService) -> None:
    row = 42
    vectors = opened.version.vectors_of(row)
    scores = np.array([(opened.version.vectors_of(r) @ vectors.T).max() for r in range(ROWS)], np.float32)
    others = np.delete(np.arange(ROWS), row)
    assert_ranking(service.similar(name_of(opened), f"SKU-{row:05}", 10), scores, others, 10)
    cheap = np.array([r for r in others if 0 <= _number(opened.version.record(r), "price") < 50])
    assert_ranking(service.similar(name_of(opened), f"SKU-{row:05}", 10, "price < 50"), scores, cheap, 10)


def test_json_is_stable_and_serialisable(service: SearchService) -> None:
    shown = service.search("exact", "oak lamp", 2).as_json()
    assert list(shown) == ["collection", "version", "took_ms", "hits"]
    assert list(shown["hits"][0]) == ["id", "score", "stages", "passage", "record"]
    assert list(shown["hits"][0]["stages"]["dense"]) == ["rank", "score"]
    json.dumps(shown, allow_nan=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"collection": "shoes"}, "no such collection"),
        ({"query": "  \n"}, "the query is empty"),
        ({"query": "a\ud800b"}, "not valid text"),
        ({"query": "x" * 100_001}, "too long"),
        ({"k": 0}, "not a number of documents"),
        ({"k": 10**9}, "not a number of documents"),
        ({"k": True}, "not a number of documents"),
        ({"k": float("nan")}, "not a number of documents"),
        ({"k": "10"}, "not a number of documents"),
        ({"mode": "magic"}, "no such mode"),
        ({"where": "prize < 5"}, "price"),
        ({"where": 'price < "cheap"'}, "price"),
    ],
)
def test_refusals_say_what_is_wrong(service: SearchService, arguments: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        service.search(**({"collection": "exact", "query": "lamp"} | arguments))  # type: ignore[arg-type]


@settings(max_examples=trials(500))
@given(
    query=st.text(max_size=300),
    k=st.one_of(st.integers(-2, 40), st.sampled_from([10**9, None, "x", 1.5])),
    mode=st.sampled_from(["hybrid", "dense", "lexical", "x"]),
    where=st.one_of(st.none(), st.text(max_size=40), st.sampled_from([text for text, _ in FILTERS.values()])),
)
def test_any_query_ends_in_an_answer_or_a_refusal(
    service: SearchService, query: str, k: int, mode: Mode, where: str | None
) -> None:
    refused, result = None, None
    try:
        result = service.search("exact", query, k, mode, where)
    except UserError as refusal:
        refused = refusal
    if result is None:
        assert refused is not None
        assert refused.todo
        return
    scores = [hit.score for hit in result.hits]
    assert len(scores) <= k
    assert scores == sorted(scores, reverse=True)
    json.dumps(result.as_json(), allow_nan=False)


def test_similar_to_an_unknown_id_is_refused(service: SearchService) -> None:
    with pytest.raises(UserError, match="no document with this id"):
        service.similar("exact", "SKU-99999")


def test_new_version_answers_from_the_next_query_on_and_rollback_takes_it_back(
    tmp_path: Path, tiny_model: Path
) -> None:
    home = Home(tmp_path / "home")
    for text in ("the first text", "the second text"):
        source = write_jsonl(tmp_path / "one.jsonl", [{"id": "1", "text": text}])
        build(BuildSettings(source=source, name="one", model=str(tiny_model)), home)
        service = SearchService(home)
        assert service.search("one", "text", 1).hits[0].record.text == text
    service.catalog.rollback("one", 1)
    result = service.search("one", "text", 1)
    assert (result.version, result.hits[0].record.text) == (1, "the first text")


def test_queries_are_encoded_only_by_the_model_of_the_version(tmp_path: Path) -> None:
    home, model = Home(tmp_path / "home"), tmp_path / "model"
    tiny_bert(model, seed=1)
    source = write_jsonl(tmp_path / "one.jsonl", [{"id": "1", "text": "some text"}])
    build(BuildSettings(source=source, name="one", model=str(model)), home)
    before = load_encoder(model).fingerprint
    tiny_bert(model, seed=2)
    with pytest.raises(UserError, match="built with another model") as refusal:
        SearchService(home).search("one", "text")
    assert before[:12] in str(refusal.value)
    assert load_encoder(model).fingerprint[:12] in str(refusal.value)
    assert "indexer build SOURCE --name one" in refusal.value.todo
    assert SearchService(home).search("one", "text", mode="lexical").hits[0].id == "1"


def test_damaged_version_is_refused_and_named(tmp_path: Path, tiny_model: Path) -> None:
    home = Home(tmp_path / "home")
    source = write_jsonl(tmp_path / "one.jsonl", [{"id": "1", "text": "some text"}])
    build(BuildSettings(source=source, name="one", model=str(tiny_model)), home)
    (vectors,) = home.root.rglob("dense.f32")
    content = bytearray(vectors.read_bytes())
    content[3] ^= 1
    vectors.write_bytes(content)
    with pytest.raises(DamagedError, match=r"vectors/dense\.f32"):
        SearchService(home).search("one", "text")
