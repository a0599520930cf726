"""A model as a delta over another: exact whatever the order of the sums, cut to a rank, refused where it does not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from indexer.encode import fingerprint
from indexer.encode.delta import as_matrix_delta, as_vector_delta, merged, quantised, write_merged
from indexer.errors import UserError
from trainer.delta import make_delta

pytestmark = pytest.mark.slow


@pytest.fixture
def tuned(tiny_model: Path, tmp_path: Path) -> Path:
    """The tiny model with a rank-2 change of one matrix and a change of one vector."""
    import shutil

    folder = tmp_path / "tuned"
    shutil.copytree(tiny_model, folder)
    tensors = load_file(folder / "model.safetensors")
    draw = np.random.default_rng(0)
    matrix = next(name for name in sorted(tensors) if name.endswith("query.weight"))
    rows, columns = tensors[matrix].shape
    change = draw.normal(size=(rows, 2)) @ draw.normal(size=(2, columns)) * 0.01
    tensors[matrix] = (tensors[matrix] + change).astype(np.float32)
    vector = matrix.replace("weight", "bias")
    tensors[vector] = tensors[vector] + np.float32(0.5)
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    return folder


def test_delta_of_enough_rank_gives_the_tuned_model_back(tiny_model: Path, tuned: Path, tmp_path: Path) -> None:
    report = make_delta(tuned, tiny_model, tmp_path / "delta.safetensors", rank=2)
    folder = write_merged(tiny_model, report.file, tmp_path / "merged")
    wanted, got = load_file(tuned / "model.safetensors"), load_file(folder / "model.safetensors")
    assert set(wanted) == set(got)
    assert max(float(np.abs(wanted[name] - got[name]).max()) for name in wanted) < 2e-5
    assert report.tensors == 2
    assert report.kept > 0.999999
    assert fingerprint(folder) != fingerprint(tiny_model)


def test_a_smaller_rank_keeps_the_larger_part(tiny_model: Path, tuned: Path, tmp_path: Path) -> None:
    one, two = (make_delta(tuned, tiny_model, tmp_path / f"{rank}.safetensors", rank=rank) for rank in (1, 2))
    assert 0.4 < one.kept < two.kept <= 1
    assert one.bytes < two.bytes


def test_merging_is_exact_in_any_order_of_the_sum() -> None:
    draw = np.random.default_rng(1)
    delta = as_matrix_delta("w", draw.normal(size=(8, 64)), draw.normal(size=(64, 8)))
    base = {"w": draw.normal(size=(8, 8)).astype(np.float32)}
    turned = dict(delta) | {"w.left": delta["w.left"][:, ::-1].copy(), "w.right": delta["w.right"][::-1].copy()}
    one, other = merged(base, delta, Path("d")), merged(base, turned, Path("d"))
    assert one["w"].tobytes() == other["w"].tobytes()


def test_rounding_is_half_a_step_of_sixteen_bits_at_most() -> None:
    values = np.random.default_rng(2).normal(size=(50, 3)) * 1e-3
    whole, exponent = quantised(values)
    assert np.abs(np.ldexp(whole.astype(np.float64), exponent) - values).max() <= 2.0 ** (exponent - 1) * (1 + 1e-9)
    assert quantised(np.zeros((2, 2)))[0].tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize(
    ("delta", "why"),
    [
        (as_vector_delta("absent", np.ones(3)), "no tensor"),
        (as_vector_delta("w", np.ones(3)), "shape"),
        ({"w.left": np.ones((2, 1), np.int16), "w.exponent": np.array([0], np.int32)}, "not whole"),
    ],
    ids=["unknown tensor", "other shape", "half a matrix"],
)
def test_delta_that_does_not_fit_is_refused(delta: dict[str, np.ndarray], why: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(UserError, match=why):
        merged({"w": np.ones((2, 2), np.float32)}, delta, Path("d"))


def test_other_architecture_and_rank_zero_are_refused(tiny_model: Path, tuned: Path, tmp_path: Path) -> None:
    tensors = load_file(tuned / "model.safetensors")
    tensors["of.another"] = tensors.pop(sorted(tensors)[0])
    save_file(tensors, tuned / "model.safetensors")
    with pytest.raises(UserError, match="same tensors"):
        make_delta(tuned, tiny_model, tmp_path / "d")
    with pytest.raises(UserError, match="rank"):
        make_delta(tuned, tiny_model, tmp_path / "d", rank=0)
    assert not (tmp_path / "d").exists()
