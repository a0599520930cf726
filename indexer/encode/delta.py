"""A model as a small difference from another: what a project can ship where 90 MB would be too much.

A delta is one safetensors file. For a weight matrix W [out, in] it holds `W.left` [out, r] and `W.right` [r, in], for a
vector `W.add`; all are int16, and `W.exponent` says by which power of two they are scaled:

    merged = float32(float64(base) + (left · right) · 2^exponent)

Whole numbers make the sum exact: |left · right| ≤ r · 2^30 < 2^53 for every rank that is allowed, so whatever order a
processor adds in, every machine gets the same bytes, and the fingerprint of the merged model is a constant that can be
written down. The low-rank form is LoRA's (Hu et al. 2021, arXiv 2106.09685, section 4.1).
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.errors import UserError

FILE = "delta.safetensors"
RANKS = range(1, 1 << 16)  # what keeps left · right below 2^53
_LEFT, _RIGHT, _ADD, _EXPONENT = ".left", ".right", ".add", ".exponent"
Arrays = dict[str, NDArray[Any]]


def write_merged(base: Path, delta: Path, target: Path) -> Path:
    """Merge the `delta` file into the sentence-transformers folder `base`, as the new folder `target`; returns it.
    The card that lies beside the delta goes with it.

    `target` appears whole or not at all; where another process was faster, its work stays. Raises UserError when the delta
    does not fit the base."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as beside:
        whole = Path(beside) / "model"
        shutil.copytree(
            base, whole, ignore=shutil.ignore_patterns("*.safetensors", "README.md", "__pycache__", ".git*")
        )
        card = delta.with_name("card.json")
        if card.is_file():
            shutil.copyfile(card, whole / card.name)
        _save(merged(_load(base / "model.safetensors"), _load(delta), delta), whole / "model.safetensors")
        try:
            whole.replace(target)
        except OSError:
            if not (target / "modules.json").is_file():
                raise
    return target


def merged(base: Arrays, delta: Arrays, file: Path) -> Arrays:
    """The base's tensors with the delta added; `file` is named in errors."""
    found = dict(base)
    for name in sorted({key.rpartition(".")[0] for key in delta}):
        if name not in base:
            raise _unfit(file, f"the base has no tensor {name!r}")
        whole = _change(delta, name, file)
        if whole.shape != base[name].shape:
            raise _unfit(file, f"{name!r} has the shape {whole.shape}, the base {base[name].shape}")
        found[name] = (base[name].astype(np.float64) + whole).astype(base[name].dtype)
    return found


def _change(delta: Arrays, name: str, file: Path) -> NDArray[np.float64]:
    """What is added to one tensor, float64, exact up to the one rounding of the power of two (none in practice)."""
    try:
        exponent = int(delta[name + _EXPONENT].item())
        if name + _ADD in delta:
            whole = delta[name + _ADD].astype(np.float64)
        else:
            whole = delta[name + _LEFT].astype(np.float64) @ delta[name + _RIGHT].astype(np.float64)
    except (KeyError, ValueError) as error:
        raise _unfit(file, f"the parts of {name!r} are not whole: {error}") from error
    return np.ldexp(whole, exponent)


def quantised(values: NDArray[np.float64]) -> tuple[NDArray[np.int16], int]:
    """Whole numbers q and an exponent e with values ≈ q · 2^e, the finest that fits int16."""
    largest = float(np.abs(values).max(initial=0.0))
    exponent = int(np.frexp(largest)[1]) - 15 if largest else 0
    return np.clip(np.rint(np.ldexp(values, -exponent)), -32767, 32767).astype(np.int16), exponent


def as_matrix_delta(name: str, left: NDArray[np.float64], right: NDArray[np.float64]) -> Arrays:
    """The arrays that stand for left [out, r] · right [r, in]."""
    (one, up), (two, down) = quantised(left), quantised(right)
    return {name + _LEFT: one, name + _RIGHT: two, name + _EXPONENT: np.array([up + down], np.int32)}


def as_vector_delta(name: str, add: NDArray[np.float64]) -> Arrays:
    """The arrays that stand for a difference that is kept whole."""
    one, exponent = quantised(add)
    return {name + _ADD: one, name + _EXPONENT: np.array([exponent], np.int32)}


def _load(file: Path) -> Arrays:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        loaded: Arrays = load_file(file)
    except (OSError, SafetensorError, KeyError) as error:
        raise UserError("A model's weights cannot be read.", f"{file}: {error}", "install the package again") from error
    return loaded


def _save(tensors: Arrays, file: Path) -> None:
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}, file, {"format": "pt"})


def _unfit(file: Path, why: str) -> UserError:
    return UserError(f"The delta does not fit its base: {why}.", file, "install the package again")
