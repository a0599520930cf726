"""The planner: which index, and does the sentence say why with the numbers."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys

import pytest

from indexer.errors import UserError
from indexer.plan import EXACT_FLOATS, NAMED, IndexPlan, Kind, plan_index

BORDER = EXACT_FLOATS // 384  # rows of 384 dimensions that are still read in full


@pytest.mark.parametrize(
    ("rows", "dim", "kind", "factory"),
    [
        pytest.param(0, 384, "exact", None, id="no rows"),
        pytest.param(BORDER, 384, "exact", None, id="just few enough"),
        pytest.param(BORDER + 1, 384, "fastscan", "IVF1,PQ192x4fs", id="one too many"),
        pytest.param(100_000, 768, "fastscan", "IVF1,PQ384x4fs", id="wide"),
        pytest.param(1_000_000, 64, "fastscan", "IVF1,PQ64x4fs", id="narrow: 4 bits for every dimension"),
        pytest.param(1_000_000, 33, "fastscan", "IVF1,PQ33x4fs", id="narrow and odd"),
        pytest.param(100_000, 385, "fastscan", "IVF1,PQ385x4fs", id="wide and odd: 4 bits for every dimension"),
        pytest.param(1_041_666, 384, "fastscan", "IVF1,PQ192x4fs", id="100 MB of codes"),
        pytest.param(1_041_667, 384, "ivf", "IVF2048,PQ192x4fs", id="more than 100 MB of codes"),
        pytest.param(10_000_000, 384, "ivf", "IVF8192,PQ192x4fs", id="many more"),
        pytest.param(1_000_000, 769, "ivf", "IVF2048,PQ769x4fs", id="many, wide and odd"),
        pytest.param(15, 1_000_000, "exact", None, id="too few to learn from"),
    ],
)
def test_size_decides(rows: int, dim: int, kind: str, factory: str | None) -> None:
    plan = plan_index(rows, dim)
    assert (plan.kind, plan.factory, plan.rows, plan.dim) == (kind, factory, rows, dim)


def test_why_names_the_numbers() -> None:
    assert plan_index(5_183, 384).why == (
        "exact search over 5,183 vectors of 384 dimensions: reading all 8.0 MB takes a few milliseconds a query"
    )
    assert plan_index(100_000, 384).why == (
        "4-bit codes of 100,000 vectors of 384 dimensions (10 MB) propose, the vectors themselves decide: "
        "reading the vectors themselves would be 154 MB for every query"
    )
    assert plan_index(2_000_000, 384).why == (
        "2,048 lists of 4-bit codes of 2,000,000 vectors of 384 dimensions (214 MB): those around the query propose, "
        "the vectors themselves decide: looking through all codes would be 192 MB for every query"
    )
    assert "385 dimensions do not pair" in plan_index(100_000, 385).why
    assert "too few" in plan_index(15, 1_000_000).why
    assert "HNSW32" in plan_index(10, 8, override="HNSW32").why


def test_sizes_are_those_of_codes_and_vectors() -> None:
    exact, codes = plan_index(1_000, 100), plan_index(1_000_000, 100)
    assert exact.memory_bytes == exact.disk_bytes == 1_000 * 100 * 4
    assert codes.memory_bytes == 1_000_000 * (50 + 8)
    assert codes.disk_bytes == codes.memory_bytes + 1_000_000 * 100 * 4


@pytest.mark.parametrize("override", [*NAMED, "HNSW32"])
def test_override_wins_over_size(override: str) -> None:
    plans = [plan_index(rows, 8, override=override) for rows in (100, 10_000_000)]
    assert {plan.kind for plan in plans} == {override if override in NAMED else "factory"}
    assert all("you asked for it" in plan.why for plan in plans)


@pytest.mark.parametrize("override", ["fastscan", "ivf", "hnsw"])
def test_too_few_vectors_to_learn_from_are_refused_when_asked_for(override: str) -> None:
    with pytest.raises(UserError, match="16 vectors") as refusal:
        plan_index(15, 8, override=override)
    assert override in str(refusal.value.given)
    assert "exact" in refusal.value.todo


@pytest.mark.parametrize("rows", [16, 100, 5_000, 1_000_000])
def test_lists_never_outnumber_what_they_learn_from(rows: int) -> None:
    lists = int(re.findall(r"IVF(\d+)", str(plan_index(rows, 8, override="ivf").factory))[0])
    assert 1 <= lists <= max(1, rows // 39)


def test_memory_allowed_turns_exact_into_codes_and_then_refuses() -> None:
    assert plan_index(20_000, 384, memory_bytes=40_000_000).kind == "exact"
    squeezed = plan_index(20_000, 384, memory_bytes=10_000_000)
    assert squeezed.kind == "fastscan"
    assert "10 MB allowed" in squeezed.why
    with pytest.raises(UserError, match="more memory") as refusal:
        plan_index(20_000_000, 384, memory_bytes=10_000_000)
    assert "--index" in refusal.value.todo


@pytest.mark.parametrize("override", [*NAMED, "HNSW32", "IVF64,Flat"])
def test_memory_allowed_binds_what_is_asked_for_too(override: str) -> None:
    needed = plan_index(20_000, 384, override=override).memory_bytes
    assert plan_index(20_000, 384, override=override, memory_bytes=needed).memory_bytes == needed
    with pytest.raises(UserError, match="more memory"):
        plan_index(20_000, 384, override=override, memory_bytes=needed - 1)


def test_memory_allowed_turns_lists_into_codes_alone() -> None:
    lists = plan_index(2_000_000, 384)
    assert plan_index(2_000_000, 384, memory_bytes=lists.memory_bytes - 1).kind == "fastscan"


def test_a_manifest_can_hold_a_plan() -> None:
    for rows, override in ((100_000, "auto"), (2_000_000, "auto"), (100_000, "hnsw"), (100_000, "IVF64,Flat")):
        plan = plan_index(rows, 384, override=override)
        assert IndexPlan(**json.loads(json.dumps(dataclasses.asdict(plan)))) == plan


@pytest.mark.parametrize(
    ("kind", "factory"), [("exact", None), ("fastscan", "IVF1,PQ192x4fs"), ("factory", "PQ16x4fs,RFlat")]
)
def test_plans_of_earlier_manifests_still_open(kind: Kind, factory: str | None) -> None:
    written = f'{{"kind": "{kind}", "factory": {json.dumps(factory)}, "why": "as it was", "rows": 7, "dim": 384, '
    plan = IndexPlan(**json.loads(written + '"memory_bytes": 728, "disk_bytes": 11480}'))
    assert (plan.kind, plan.factory, plan.rows, plan.dim) == (kind, factory, 7, 384)


def test_planning_loads_no_faiss() -> None:
    code = (
        "import sys, indexer.plan, indexer.hits; [indexer.plan.plan_index(5_000_000, 385, override=name) for name in "
        "('auto', *indexer.plan.NAMED)]; print('faiss' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
