"""Vectors in blocks survive a kill at any moment, also between the last block and the rename."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainer.filters.consistency_vectors import open_vectors, write_vectors

ROWS, DIM, BLOCK = 10, 4, 4  # the last block has two rows
VECTORS = np.arange(ROWS * DIM, dtype=np.float32).reshape(ROWS, DIM)


class KilledError(Exception):
    """Stands for a kill."""


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_run_killed_after_any_block_goes_on_to_the_same_bytes(tmp_path: Path, after: int) -> None:
    encoded: list[int] = []

    def encode(number: int) -> np.ndarray:  # type: ignore[type-arg]
        encoded.append(number)
        return VECTORS[number * BLOCK : (number + 1) * BLOCK]

    def killed(done: int) -> None:
        if done == after:
            raise KilledError

    file = tmp_path / "vectors.f32"
    with pytest.raises(KilledError):
        write_vectors(file, 3, BLOCK * DIM * 4, encode, killed)
    write_vectors(file, 3, BLOCK * DIM * 4, encode, lambda done: None)
    assert np.array_equal(open_vectors(file, ROWS), VECTORS)
    assert encoded == [0, 1, 2]  # nothing was encoded twice
