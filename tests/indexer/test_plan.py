"""The planner: which index, and does the sentence say why with the numbers."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import pytest

from indexer.errors import UserError
from indexer.plan import EXACT_FLOATS, IndexPlan, plan_index

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
        pytest.param(1_000_000, 385, "exact", None, id="wide and odd"),
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
    assert "385 is odd" in plan_index(1_000_000, 385).why
    assert "HNSW32" in plan_index(10, 8, override="HNSW32").why


def test_sizes_are_those_of_codes_and_vectors() -> None:
    exact, codes = plan_index(1_000, 100), plan_index(1_000_000, 100)
    assert exact.memory_bytes == exact.disk_bytes == 1_000 * 100 * 4
    assert codes.memory_bytes == 1_000_000 * (50 + 8)
    assert codes.disk_bytes == codes.memory_bytes + 1_000_000 * 100 * 4


@pytest.mark.parametrize("override", ["exact", "fastscan", "HNSW32"])
def test_override_wins_over_size(override: str) -> None:
    plans = [plan_index(rows, 8, override=override) for rows in (100, 10_000_000)]
    expected = override if override in ("exact", "fastscan") else "factory"
    assert {plan.kind for plan in plans} == {expected}
    assert all("you asked for it" in plan.why for plan in plans)


def test_codes_of_an_odd_dimension_are_refused_when_asked_for() -> None:
    with pytest.raises(UserError, match="in pairs") as refusal:
        plan_index(10, 257, override="fastscan")
    assert "exact" in refusal.value.todo


def test_memory_allowed_turns_exact_into_codes_and_then_refuses() -> None:
    assert plan_index(20_000, 384, memory_bytes=40_000_000).kind == "exact"
    squeezed = plan_index(20_000, 384, memory_bytes=10_000_000)
    assert squeezed.kind == "fastscan"
    assert "10 MB allowed" in squeezed.why
    with pytest.raises(UserError, match="more memory") as refusal:
        plan_index(20_000_000, 384, memory_bytes=10_000_000)
    assert "--index" in refusal.value.todo


def test_a_manifest_can_hold_a_plan() -> None:
    plan = plan_index(100_000, 384)
    assert IndexPlan(**json.loads(json.dumps(dataclasses.asdict(plan)))) == plan


def test_planning_loads_no_faiss() -> None:
    code = "import sys, indexer.plan, indexer.hits; print('faiss' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
