"""Every kind of index against the oracle: unfiltered, filtered at every selectivity, at the door, and twice over."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer import index as index_module
from indexer.errors import UserError
from indexer.hits import ABSENT, Hits, empty, fold, merge, top_k
from indexer.index import Index, build_index
from indexer.plan import plan_index
from indexer.scan import rerank, scan, score
from tests import oracle
from tests.trials import trials

pytestmark = pytest.mark.slow

ROWS, DIM, QUERIES = 24_000, 32, 12
KINDS = ["exact", "fastscan", "ivf", "hnsw", "IVF64,Flat", "HNSW16", "Flat", "SQ8", "PCA16,IVF16,SQ8"]
GRAPHS = ("hnsw", "HNSW16")  # never asked when a search is filtered
SELECTIVITIES = {"half": ROWS // 2, "5 %": ROWS // 20, "0.5 %": ROWS // 200, "one row": 1, "none": 0}


def unit(vectors: NDArray[np.floating]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.ascontiguousarray(vectors / lengths, np.float32)


@cache
def corpus() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors in clusters on a decaying spectrum, as embeddings lie, one in forty a copy of another; and queries."""
    rng = np.random.default_rng(7)
    spectrum = (1 + np.arange(DIM)) ** -0.4
    centres = rng.standard_normal((600, DIM))
    vectors = (centres[rng.integers(600, size=ROWS)] + 0.8 * rng.standard_normal((ROWS, DIM))) * spectrum
    queries = (centres[rng.integers(600, size=QUERIES)] + 0.8 * rng.standard_normal((QUERIES, DIM))) * spectrum
    vectors[rng.integers(ROWS, size=ROWS // 40)] = vectors[rng.integers(ROWS, size=ROWS // 40)]
    return unit(vectors), unit(queries)


@cache
def opened(kind: str) -> Index:
    vectors, _ = corpus()
    plan = plan_index(ROWS, DIM, override=kind)
    return Index(vectors, build_index(vectors, plan), plan, threads=1)


@cache
def allowed(count: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(count).permutation(ROWS)[:count]).astype(np.int64)


def assert_sound(hits: Hits, queries: NDArray[np.float32], k: int, possible: NDArray[np.int64]) -> None:
    """What holds for every answer, approximate or not."""
    vectors, _ = corpus()
    assert hits.ids.shape == hits.scores.shape == (len(queries), k)
    places = min(k, possible.size)
    assert (hits.ids[:, :places] >= 0).all(), "a place is empty although rows are left"
    assert (hits.ids[:, places:] == ABSENT).all()
    assert (hits.scores[:, places:] == -np.inf).all()
    assert np.isin(hits.ids[:, :places], possible).all(), "a row that is not allowed"
    for query, ids, scores in zip(queries, hits.ids[:, :places], hits.scores[:, :places], strict=True):
        assert len(set(ids.tolist())) == places, "a row twice"
        right = (vectors[ids].astype(np.float64) @ query.astype(np.float64)).astype(np.float32)
        np.testing.assert_array_equal(scores, right, "a score is not the exact cosine")
        assert sorted(zip(-scores, ids, strict=True)) == list(zip(-scores, ids, strict=True)), "order, or ties by row"


@pytest.mark.parametrize("selectivity", SELECTIVITIES)
@pytest.mark.parametrize("kind", KINDS)
def test_filtered_search_finds_what_the_oracle_finds(kind: str, selectivity: str) -> None:
    vectors, queries = corpus()
    among = allowed(SELECTIVITIES[selectivity])
    hits = opened(kind).search(queries, 10, among=among)
    assert_sound(hits, queries, 10, among)
    ids, scores = oracle.search(vectors, queries, 10, among)
    if kind in ("exact", *GRAPHS) or among.size <= index_module.FEW:
        np.testing.assert_array_equal(hits.ids, ids)
        np.testing.assert_array_equal(hits.scores, scores)
    assert oracle.recall(hits.ids, ids) >= (0.97 if kind.startswith("PCA") else 0.99)


@pytest.mark.parametrize("kind", KINDS)
def test_few_allowed_rows_still_go_through_the_index_when_told_to(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The selector and the widening, at selectivities the exact scan would otherwise take over."""
    monkeypatch.setattr(index_module, "FEW", 0)
    vectors, queries = corpus()
    for count in (ROWS // 2, ROWS // 20):
        hits = opened(kind).search(queries, 10, among=allowed(count))
        assert_sound(hits, queries, 10, allowed(count))
        floor = 0.9 if kind.startswith("PCA") else 0.99
        assert oracle.recall(hits.ids, oracle.search(vectors, queries, 10, allowed(count))[0]) >= floor


@pytest.mark.parametrize("kind", KINDS)
def test_allowed_rows_far_from_the_query_are_found(kind: str) -> None:
    """Everything near the query is forbidden: an index that only drops hits would come back empty, or read the wrong lists."""
    vectors, queries = corpus()
    for number in range(3):
        query = queries[number : number + 1]
        far = np.sort(np.argsort(vectors @ query[0])[: ROWS // 2]).astype(np.int64)
        hits = opened(kind).search(query, 10, among=far)
        assert_sound(hits, query, 10, far)
        np.testing.assert_array_equal(hits.ids, oracle.search(vectors, query, 10, far)[0])


@pytest.mark.parametrize("k", [1, 10, 100, 3_000])
@pytest.mark.parametrize("kind", KINDS)
def test_unfiltered_search(kind: str, k: int) -> None:
    vectors, queries = corpus()
    hits = opened(kind).search(queries, k)
    assert_sound(hits, queries, k, np.arange(ROWS))
    ids, _ = oracle.search(vectors, queries, k)
    if kind == "exact":
        np.testing.assert_array_equal(hits.ids, ids)
    floor = {"fastscan": 0.99, "HNSW16": 0.8, "PCA16,IVF16,SQ8": 0.8}.get(kind, 0.94)  # what the kind itself reaches
    assert oracle.recall(hits.ids, ids) >= floor


@pytest.mark.parametrize("kind", ["exact", "fastscan", "ivf", "hnsw", "HNSW16"])
def test_one_million_wanted_of_few_rows(kind: str) -> None:
    _, queries = corpus()
    hits = opened(kind).search(queries[:2], 1_000_000)
    assert (hits.ids[:, :ROWS] >= 0).all()
    assert (hits.ids[:, ROWS:] == ABSENT).all()
    assert (hits.scores[:, ROWS:] == -np.inf).all()


@pytest.mark.parametrize("kind", ["exact", "fastscan", "ivf", "hnsw"])
def test_a_score_does_not_depend_on_batch_filter_or_thread(kind: str) -> None:
    _, queries = corpus()
    index = opened(kind)
    together = index.search(queries, 10)
    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda query: index.search(query[None], 10), [*queries] * 5))
    for number, hits in enumerate(alone):
        np.testing.assert_array_equal(hits.ids[0], together.ids[number % QUERIES])
        np.testing.assert_array_equal(hits.scores[0], together.scores[number % QUERIES])
    filtered = index.search(queries[:1], 10, among=np.unique(together.ids[0]))
    np.testing.assert_array_equal(filtered.scores[0], together.scores[0])


def test_fewer_rows_than_an_index_would_want() -> None:
    vectors, queries = corpus()
    plan = plan_index(3, DIM)
    hits = Index(vectors[:3], build_index(vectors[:3], plan), plan).search(queries, 5)
    np.testing.assert_array_equal(hits.ids, oracle.search(vectors[:3], queries, 5)[0])
    plan = plan_index(0, DIM)
    nothing = Index(vectors[:0], build_index(vectors[:0], plan), plan).search(queries, 5)
    assert (nothing.ids == ABSENT).all()


@pytest.mark.parametrize("dim", [3, 33, 256])
def test_codes_of_any_planned_dimension(dim: int) -> None:
    rng = np.random.default_rng(dim)
    vectors, queries = unit(rng.standard_normal((12_000, dim))), unit(rng.standard_normal((5, dim)))
    plan = plan_index(12_000, dim, override="fastscan")
    hits = Index(vectors, build_index(vectors, plan), plan, threads=1).search(queries, 10)
    assert oracle.recall(hits.ids, oracle.search(vectors, queries, 10)[0]) >= 0.9  # no clusters: the hardest vectors


def test_read_only_memory_map_is_searched_in_place(tmp_path: Path) -> None:
    vectors, queries = corpus()
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    for kind in ("exact", "fastscan"):
        plan = plan_index(ROWS, DIM, override=kind)
        hits = Index(mapped, build_index(mapped, plan), plan).search(queries, 10, among=allowed(ROWS // 20))
        np.testing.assert_array_equal(hits.ids, oracle.search(vectors, queries, 10, allowed(ROWS // 20))[0])


# Refusals.

VECTORS, QUERY = corpus()
REFUSED: dict[str, tuple[Callable[[Index], object], str]] = {
    "k of nothing": (lambda index: index.search(QUERY, 0), "k is the number of hits"),
    "k too large": (lambda index: index.search(QUERY, 1_000_001), "k is the number of hits"),
    "k negative": (lambda index: index.search(QUERY, -1), "k is the number of hits"),
    "k a fraction": (lambda index: index.search(QUERY, 2.0), "k is the number of hits"),  # type: ignore[arg-type]
    "k a boolean": (lambda index: index.search(QUERY, True), "k is the number of hits"),
    "another dimension": (lambda index: index.search(QUERY[:, :8], 5), r"queries must be \[queries, 32\]"),
    "a bare vector": (lambda index: index.search(QUERY[0], 5), r"queries must be \[queries, 32\]"),
    "whole numbers": (lambda index: index.search(np.ones((1, DIM), np.int64), 5), "floats"),
    "a list": (lambda index: index.search([[0.0] * DIM], 5), "floats"),  # type: ignore[arg-type]
    "NaN": (lambda index: index.search(np.full((1, DIM), np.nan, np.float32), 5), "not finite"),
    "infinite": (lambda index: index.search(np.full((1, DIM), np.inf, np.float32), 5), "not finite"),
    "not normalised": (lambda index: index.search(QUERY * np.float32(3), 5), "unit length"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("kind", ["exact", "fastscan"])
def test_refused_at_the_door(kind: str, case: str) -> None:
    ask, reason = REFUSED[case]
    with pytest.raises(UserError, match=reason) as refusal:
        ask(opened(kind))
    assert refusal.value.todo


@pytest.mark.parametrize(
    "among",
    [
        pytest.param(np.array([3, 1]), id="unsorted"),
        pytest.param(np.array([1, 1]), id="twice"),
        pytest.param(np.array([-1, 4]), id="negative"),
        pytest.param(np.array([ROWS]), id="beyond the end"),
        pytest.param(np.array([1], np.int32), id="int32"),
    ],
)
def test_wrong_rows_are_a_programming_error(among: NDArray[np.int64]) -> None:
    with pytest.raises(ValueError, match="among"):
        opened("exact").search(QUERY, 5, among=among)


@pytest.mark.parametrize(("value", "kind"), [(np.nan, "exact"), (0.0, "fastscan"), (np.inf, "HNSW16")])
def test_a_vector_that_could_never_be_found_is_refused_by_number(value: float, kind: str) -> None:
    vectors = VECTORS[:20_000].copy()
    vectors[17_001] = value
    with pytest.raises(UserError, match="a vector is not finite") as refusal:
        build_index(vectors, plan_index(20_000, DIM, override=kind))
    assert "vector 17001" in str(refusal.value.given)


def test_blob_plan_and_vectors_must_belong_together() -> None:
    plan = plan_index(ROWS, DIM, override="fastscan")
    blob = build_index(VECTORS, plan)
    assert blob is not None
    with pytest.raises(UserError, match="disagree"):
        Index(VECTORS, None, plan)
    with pytest.raises(UserError, match="disagree"):
        Index(VECTORS, blob, plan_index(ROWS, DIM))
    with pytest.raises(UserError, match="not those the index was planned for"):
        Index(VECTORS[:-1], blob, plan)
    with pytest.raises(UserError, match="not that of these vectors"):
        Index(VECTORS[:-1], blob, plan_index(ROWS - 1, DIM, override="fastscan"))


@pytest.mark.parametrize("kept", [0, 3, 50, 1_000, -1])
@pytest.mark.parametrize("kind", ["fastscan", "ivf"])
def test_a_cut_index_is_refused(kind: str, kept: int) -> None:
    plan = plan_index(ROWS, DIM, override=kind)
    blob = build_index(VECTORS, plan)
    assert blob is not None
    with pytest.raises(UserError, match="damaged"):
        Index(VECTORS, blob[:kept], plan)


# The same bytes, whoever builds.

BUILD = """
import sys, hashlib
from tests.indexer.test_index import DIM, corpus
from indexer.index import build_index
from indexer.plan import plan_index
vectors = corpus()[0][:12_000]
print(hashlib.sha256(build_index(vectors, plan_index(12_000, DIM, override=sys.argv[1]), threads=int(sys.argv[2]))).hexdigest())
"""


@pytest.mark.parametrize("kind", ["fastscan", "ivf", "hnsw"])
def test_two_processes_build_the_same_bytes(kind: str) -> None:
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-c", BUILD, kind, "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    plan = plan_index(12_000, DIM, override=kind)
    blob = build_index(VECTORS[:12_000], plan, threads=1)
    assert blob is not None
    assert hashlib.sha256(blob).hexdigest() == done.stdout.strip()


# Ranking itself, on generated inputs: coarse values, so that ties and copies are everywhere.


@st.composite
def spaces(draw: st.DrawFn) -> tuple[NDArray[np.float32], NDArray[np.float32], int, NDArray[np.int64] | None]:
    dim, rows, queries = draw(st.integers(2, 6)), draw(st.integers(0, 60)), draw(st.integers(1, 10))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    coarse = rng.integers(-2, 3, (rows + queries, dim)) + np.eye(1, dim) * 0.5
    points = unit(coarse)
    among = np.flatnonzero(rng.random(rows) < draw(st.floats(0, 1))) if draw(st.booleans()) else None
    return points[:rows], points[rows:], draw(st.integers(1, 80)), among


@settings(max_examples=trials(500))
@given(space=spaces(), block=st.integers(1, 64))
def test_exact_scan_equals_the_oracle(
    space: tuple[NDArray[np.float32], NDArray[np.float32], int, NDArray[np.int64] | None], block: int
) -> None:
    vectors, queries, k, among = space
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("indexer.scan.ROWS_AT_ONCE", block)
        hits = scan(vectors, queries, k, among)
    ids, scores = oracle.search(vectors, queries, k, among)
    np.testing.assert_array_equal(hits.ids, ids)
    np.testing.assert_array_equal(hits.scores, scores)


@settings(max_examples=trials(500))
@given(
    scores=st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 1.0]), max_size=40),
    owners=st.integers(1, 9),
    k=st.integers(1, 50),
    parts=st.integers(1, 4),
)
def test_ranking_folding_and_merging_equal_the_oracle(scores: list[float], owners: int, k: int, parts: int) -> None:
    row = np.array([scores], np.float32)
    ids = np.arange(len(scores)) * 3
    present = np.isfinite(row[0])
    right_ids, right_scores = oracle.rank(row[:, present], ids[present], k)
    hits = top_k(row, ids, k)
    np.testing.assert_array_equal(hits.ids, right_ids)
    np.testing.assert_array_equal(hits.scores, right_scores)

    pieces = [top_k(row[:, part::parts], ids[part::parts], k) for part in range(parts)]
    np.testing.assert_array_equal(merge(pieces, k).ids, right_ids)


@settings(max_examples=trials(500))
@given(space=spaces(), documents=st.integers(1, 9))
def test_folding_equals_brute_force(
    space: tuple[NDArray[np.float32], NDArray[np.float32], int, NDArray[np.int64] | None], documents: int
) -> None:
    vectors, queries, k, among = space
    owner = (np.arange(len(vectors)) * 7 % documents).astype(np.int64)
    folded, passages = fold(scan(vectors, queries, max(1, len(vectors)), among), owner, k)
    ids, scores, right_passages = oracle.documents(vectors, queries, owner, k, among)
    np.testing.assert_array_equal(folded.ids, ids)
    np.testing.assert_array_equal(folded.scores, scores)
    np.testing.assert_array_equal(passages, right_passages)


def test_hits_refuse_what_is_not_hits() -> None:
    with pytest.raises(ValueError, match="both be"):
        Hits(np.zeros((1, 2), np.int64), np.zeros((1, 3), np.float32))
    with pytest.raises(ValueError, match="int64"):
        Hits(np.zeros((1, 2), np.int32), np.zeros((1, 2), np.float32))
    with pytest.raises(ValueError, match="NaN"):
        top_k(np.array([[np.nan]], np.float32), np.array([0]), 1)
    assert (empty(2, 3).ids == ABSENT).all()


def test_rerank_takes_candidates_as_an_index_gives_them() -> None:
    candidates = np.array([5, ABSENT, 3, 5, 900, ABSENT])
    hits = rerank(VECTORS, QUERY[0], candidates, 4)
    np.testing.assert_array_equal(hits.ids, oracle.search(VECTORS, QUERY[:1], 4, np.array([3, 5, 900]))[0])
    assert score(VECTORS, QUERY[0], np.array([3]))[0] == hits.scores[0][hits.ids[0] == 3][0]
