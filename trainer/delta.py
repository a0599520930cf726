"""A tuned model as a small difference from its start: `trainer delta`, the counterpart of `indexer.encode.delta`.

Each changed matrix is cut to a low rank by a singular value decomposition of its difference in float64, the best approximation
of that rank (Eckart and Young 1936); vectors are kept whole. The parts are then rounded to 16 bits. A model tuned with
LoRA of the same rank loses nothing but the rounding; a full fine-tune loses what lies beyond the rank, and the report says how much.
What counts is the merged model: measure that one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.encode.delta import RANKS, as_matrix_delta, as_vector_delta
from indexer.errors import UserError
from indexer.files import sha256, writing
from indexer.progress import Watcher, unwatched


@dataclass(frozen=True, slots=True)
class DeltaReport:
    """`kept`: of the squared difference between both models, the share that the delta holds, before rounding."""

    file: Path
    sha256: str
    bytes: int
    rank: int
    tensors: int
    kept: float


def make_delta(tuned: Path, base: Path, file: Path, *, rank: int = 64, watch: Watcher = unwatched) -> DeltaReport:
    """Write the difference of the folder `tuned` from the folder `base` to `file`. Both must have the same tensors."""
    if rank not in RANKS:
        raise UserError(
            "This rank cannot be used.", rank, f"give a whole number from {RANKS.start} to {RANKS.stop - 1}"
        )
    before, after = _tensors(base), _tensors(tuned)
    # Saving a model again may drop buffers that nothing reads; what the tuned model has, its start must have.
    if any(name not in before or before[name].shape != array.shape for name, array in after.items()):
        raise UserError(
            "The two models do not have the same tensors.", f"{tuned}, {base}", "give a model and its start"
        )
    arrays: dict[str, NDArray[Any]] = {}
    whole = kept = 0.0
    changed = [name for name in sorted(after) if not np.array_equal(before[name], after[name])]
    for done, name in enumerate(changed):
        difference = after[name].astype(np.float64) - before[name].astype(np.float64)
        share, parts = _reduced(name, difference, rank)
        arrays |= parts
        whole, kept = whole + float((difference**2).sum()), kept + share
        watch("reducing", done + 1, len(changed))
    _write(arrays, file)
    size = file.stat().st_size
    return DeltaReport(file, sha256(file), size, rank, len(changed), round(kept / whole, 6) if whole else 1.0)


def _tensors(folder: Path) -> dict[str, NDArray[Any]]:
    from safetensors.numpy import load_file

    file = folder / "model.safetensors"
    if not file.is_file():
        raise UserError("This folder has no weights in one file.", file, "give a folder that holds model.safetensors")
    loaded: dict[str, NDArray[Any]] = load_file(file)
    return loaded


def _reduced(name: str, difference: NDArray[np.float64], rank: int) -> tuple[float, dict[str, NDArray[Any]]]:
    """The squared norm that is kept, and the arrays that keep it."""
    if difference.ndim != 2:
        return float((difference**2).sum()), as_vector_delta(name, difference)
    left, values, right = np.linalg.svd(difference, full_matrices=False)
    root = np.sqrt(values[:rank])
    return float((values[:rank] ** 2).sum()), as_matrix_delta(name, left[:, :rank] * root, root[:, None] * right[:rank])


def _write(arrays: dict[str, NDArray[Any]], file: Path) -> None:
    from safetensors.numpy import save

    with writing(file) as stream:
        stream.write(save({name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}))
