"""`--index FACTORY`: what is accepted equals the oracle under every filter, what is not is refused before anything is embedded."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer import index as index_module
from indexer.build import build
from indexer.copies import COPIES, displaced, surplus_rows
from indexer.errors import UserError
from indexer.factory import LONGEST, check_factory
from indexer.home import Home
from indexer.index import Index, build_index
from indexer.plan import NAMED, plan_index
from indexer.settings import BuildSettings
from tests import oracle
from tests.indexer.test_index import unit

pytestmark = pytest.mark.slow

ROWS, DIM = 4_000, 32
ACCEPTED = [
    "Flat",
    "SQ4",
    "SQ8",
    "SQfp16",
    "PQ16x4",
    "PQ16x4fs",
    "RaBitQ",
    "IVF64,Flat",
    "IVF64,SQ8",
    "IVF64,PQ16x4fs",
    "IVF64,PQ16x4fsr",
    "IVF16,RaBitQ",
    "IVF64_HNSW32,SQ8",
    "HNSW32",
    "HNSW16,SQ8",
    "IVF64,PQ8x4",
    "PCA16,SQ8",
    "PCA16,IVF16,SQ8",
    "PCA1,Flat",
    "OPQ2_8,IVF16,PQ4x4fs",
    "RR16,HNSW16",
    "Pad40,PQ20x4fs",
    "L2norm,Flat",
]
SELECTIVITIES = {"all": ROWS, "half": ROWS // 2, "5 %": ROWS // 20, "0.5 %": ROWS // 200, "one row": 1, "none": 0}


@cache
def corpus(rows: int = ROWS, dim: int = DIM) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors in 100 clusters, one in forty a copy of another; and 8 queries from the same clusters."""
    rng = np.random.default_rng(11)
    centres = rng.standard_normal((100, dim))
    points = centres[rng.integers(100, size=rows + 8)] + 0.7 * rng.standard_normal((rows + 8, dim))
    points[rng.integers(rows, size=rows // 40)] = points[rng.integers(rows, size=rows // 40)]
    vectors = unit(points)
    return vectors[:rows], vectors[rows:]


@cache
def blob(kind: str) -> bytearray:
    vectors, _ = corpus()
    made = build_index(vectors, plan_index(ROWS, DIM, override=kind))
    assert made is not None
    return made


def opened(kind: str) -> Index:
    return Index(corpus()[0], blob(kind), plan_index(ROWS, DIM, override=kind), threads=1)


@pytest.mark.parametrize("kind", [*ACCEPTED, "fastscan", "ivf", "hnsw"])
def test_filters_equal_the_oracle_on_every_kind(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every selectivity, with the exact scan of few rows and without: the index itself has to find them."""
    vectors, queries = corpus()
    index, rng = opened(kind), np.random.default_rng(0)
    for few in (index_module.FEW, 0):
        monkeypatch.setattr(index_module, "FEW", few)
        for name, count in SELECTIVITIES.items():
            among = np.sort(rng.permutation(ROWS)[:count]).astype(np.int64)
            hits = index.search(queries, 10, among=among)
            ids, scores = oracle.search(vectors, queries, 10, among)
            np.testing.assert_array_equal(hits.ids, ids, f"{name} allowed")
            np.testing.assert_array_equal(hits.scores, scores)


@pytest.mark.parametrize("kind", [*ACCEPTED, "fastscan", "ivf", "hnsw"])
def test_the_nearest_half_forbidden_equals_the_oracle_on_every_kind(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "FEW", 0)
    vectors, queries = corpus()
    index = opened(kind)
    for query in queries[:4, None]:
        far = np.sort(np.argsort(vectors @ query[0])[: ROWS // 2]).astype(np.int64)
        hits = index.search(query, 10, among=far)
        np.testing.assert_array_equal(hits.ids, oracle.search(vectors, query, 10, far)[0])


@pytest.mark.parametrize("kind", [*ACCEPTED, "fastscan", "ivf", "hnsw"])
def test_the_memory_a_plan_states_is_what_the_index_takes(kind: str) -> None:
    vectors, _ = corpus()
    plan = plan_index(ROWS, DIM, override=kind)
    fixed = 12_288  # centroids, headers and half-empty blocks of short lists, which a plan by name does not count
    assert plan.memory_bytes == pytest.approx(len(blob(kind)), rel=0.06, abs=fixed)
    assert plan.disk_bytes == plan.memory_bytes + vectors.nbytes


@pytest.mark.parametrize("kind", ["fastscan", "ivf", "hnsw"])
@pytest.mark.parametrize("rows", [16, 17, 40, 1_000])
def test_small_training_sets(kind: str, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "FEW", 0)
    vectors, queries = corpus()[0][:rows], corpus()[1]
    plan = plan_index(rows, DIM, override=kind)
    hits = Index(vectors, build_index(vectors, plan), plan, threads=1).search(queries, 1)
    np.testing.assert_array_equal(hits.ids, oracle.search(vectors, queries, 1)[0])


@pytest.mark.parametrize("kind", ["fastscan", "ivf", "hnsw", "SQ8", "IVF64,Flat", "HNSW16", "RR16,HNSW16"])
def test_ten_thousand_equal_vectors_come_in_the_order_of_their_rows(kind: str) -> None:
    """Whichever of them an index proposes: the first ones are wanted, and what lies beside them is still found."""
    rng = np.random.default_rng(3)
    vectors, queries = corpus()
    many = np.concatenate([vectors, np.repeat(queries[:1], 10_000, axis=0)])[rng.permutation(ROWS + 10_000)]
    plan = plan_index(len(many), DIM, override=kind)
    index = Index(many, build_index(many, plan), plan, threads=1)
    for k in (1, 10, 100):
        hits = index.search(queries[:1], k)
        ids, scores = oracle.search(many, queries[:1], k)
        np.testing.assert_array_equal(hits.ids, ids)
        np.testing.assert_array_equal(hits.scores, scores)
    others = index.search(queries[1:], 10)
    assert oracle.recall(others.ids, oracle.search(many, queries[1:], 10)[0]) >= 0.95


@pytest.mark.parametrize("dim", [257, 385])
def test_codes_of_dimensions_that_do_not_divide(dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "FEW", 0)
    vectors, queries = corpus(2_000, dim)
    for kind in ("fastscan", "ivf", "hnsw"):
        plan = plan_index(2_000, dim, override=kind)
        assert "do not pair" in plan.why or kind == "hnsw"  # whose codes take a byte for each
        hits = Index(vectors, build_index(vectors, plan), plan, threads=1).search(queries, 10)
        assert oracle.recall(hits.ids, oracle.search(vectors, queries, 10)[0]) >= 0.9


def test_only_the_first_copies_stand_in_a_graph() -> None:
    vectors = unit(np.random.default_rng(0).standard_normal((50_000, 3)))
    assert surplus_rows(vectors).size == 0
    copies = np.arange(100, 50_000, 1_000)
    vectors[copies] = vectors[0]
    surplus = surplus_rows(vectors)
    np.testing.assert_array_equal(surplus, copies[COPIES - 1 :])  # row 0 is the first copy
    moved = np.concatenate([displaced(vectors[at : at + 999], at, surplus) for at in range(0, 50_000, 999)])
    changed = np.flatnonzero((moved != vectors).any(axis=1))
    np.testing.assert_array_equal(changed, surplus)
    np.testing.assert_allclose(np.linalg.norm(moved[changed], axis=1), 1, atol=1e-6)
    assert len(np.unique(moved[changed], axis=0)) == len(changed)


# What is refused, and why.

REFUSED = {
    "empty": ("", "letters, digits"),
    "another alphabet": ("IVF٣٢,Flat", "letters, digits"),
    "a zero byte": ("Flat\0", "letters, digits"),
    "a line end": ("Flat\n", "letters, digits"),
    "endless": ("RR16," * 100 + "Flat", "letters, digits"),
    "nonsense": ("nonsense", "cannot read it"),
    "no code": ("IVF10", "cannot read it"),
    "two ends": ("Flat,Flat", "cannot read it"),
    "Euclidean only": ("LSH", "METRIC_L2"),
    "ranks by distance": ("HNSW16,PQ16x4", "does not rank by inner product"),
    "five pieces of 32": ("PQ5", "multiple"),
    "seven pieces of 32": ("PQ7x4fs", "multiple"),
    "three pieces in lists": ("IVF4,PQ3x4fs", "multiple"),
    "more dimensions than there are": ("PCA64,Flat", "cannot become 64"),
    "nothing": ("PCA0,Flat", "can be 0"),
    "no lists": ("IVF0,Flat", "can be 0"),
    "a chain of one link": ("HNSW1", "FAISS says"),
    "lists beyond the rows": (f"IVF{ROWS + 1},Flat", "rows to learn from"),
    "lists beyond counting": ("IVF999999999999999999,Flat", "rows to learn from"),
    "centroids beyond counting": ("PQ8x24", "8 bits a code"),
    "links without end": ("HNSW4096", "out of all proportion"),
    "links beyond counting": ("HNSW99999999", "too large"),
    "matrices without end": ("RR8192,RR8192,RR8192,Flat", "out of all proportion"),
    "half a byte of a vector": ("PQ1x4", "tell them apart"),
    "a byte of a vector": ("PQ1x8", "tell them apart"),
    "numbers of its own": ("IDMap,Flat", "IndexIDMap"),
    "the vectors once more": ("PQ16x4fs,RFlat", "the vectors themselves order again"),
    "and in another code": ("IVF64,PQ16x4fs,Refine(SQ8)", "the vectors themselves order again"),
    "slow to learn": ("LSQ4x8", "IndexLocalSearchQuantizer"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_is_embedded(case: str) -> None:
    factory, reason = REFUSED[case]
    with pytest.raises(UserError, match="no index can be built") as refusal:
        plan_index(ROWS, DIM, override=factory)
    assert reason in refusal.value.what
    assert factory[:LONGEST] in str(refusal.value.given)
    assert "HNSW32" in refusal.value.todo
    assert "/" not in refusal.value.what, "a path of the machine FAISS was built on"


@pytest.mark.parametrize(("factory", "rows"), [("PQ16", 255), ("IVF16,PQ16x4fs", 15), ("PCA16,Flat", 15)])
def test_fewer_rows_than_it_learns_from_are_refused(factory: str, rows: int) -> None:
    plan_index(rows + 1, DIM, override=factory)
    with pytest.raises(UserError, match="learn"):
        plan_index(rows, DIM, override=factory)


def test_a_build_is_refused_before_it_embeds(tiny_model: Path, tmp_path: Path) -> None:
    source = tmp_path / "few.csv"
    source.write_text("text\nred shoes\nblue shoes\n")
    home = Home(tmp_path / "home")
    for index in ("IVF64,Flat", "nonsense", "hnsw"):
        with pytest.raises(UserError) as refusal:
            build(BuildSettings(source=source, name="shop", model=str(tiny_model), index=index), home)
        assert f"--index {index}, 2 vectors" in str(refusal.value.given)
    assert not list(home.root.rglob("blocks"))
    assert build(BuildSettings(source=source, name="shop", model=str(tiny_model), index="Flat"), home).version == 1


def test_a_dry_run_of_a_named_kind_needs_no_faiss_and_of_a_string_does() -> None:
    code = "import sys; from indexer.plan import plan_index; plan_index(5000, 32, override=sys.argv[1]); print('faiss' in sys.modules)"
    for override, loaded in (*((name, "False") for name in ("auto", *NAMED)), ("HNSW32", "True")):
        done = subprocess.run([sys.executable, "-c", code, override], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == loaded, override


def test_a_factory_of_the_largest_numbers_costs_no_memory_to_look_at() -> None:
    """FAISS takes what a string asks for while reading it, so what passes the first look has to be small."""
    assert check_factory("IVF4000,Flat", ROWS, DIM) < 2e6
    assert check_factory("PQ16x8", ROWS, DIM) < 1e6
