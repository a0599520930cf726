"""Vectors of many texts in one file, block after block, surviving a kill.

Blocks are encoded in order and appended; each one's SHA-256 is appended to a file beside, once the block is on the
disk. A run that was killed goes on after the last block whose digest holds, and ends with the same bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from indexer.files import sync_folder

Vectors = NDArray[np.float32]


def write_vectors(
    file: Path, blocks: int, block_bytes: int, encode: Callable[[int], Vectors], done: Callable[[int], None]
) -> None:
    """Make `file` hold the vectors `encode(number)` [rows, dim] of all blocks; every block but the last has
    `block_bytes` bytes. `done(blocks)` is called after each one."""
    if file.is_file():
        return
    partial, digests = file.with_suffix(".partial"), file.with_suffix(".digests")
    partial.touch()
    digests.touch()
    with partial.open("r+b") as vectors, digests.open("r+b") as marks:
        first = min(_sound_blocks(vectors, marks, block_bytes), blocks)
        for number in range(first, blocks):
            _append(vectors, marks, np.ascontiguousarray(encode(number), "<f4").tobytes())
            done(number + 1)
    partial.rename(file)
    digests.unlink()
    sync_folder(file.parent)


def open_vectors(file: Path, rows: int) -> Vectors:
    """[rows, dim], memory-mapped."""
    if not rows:
        return np.empty((0, 1), np.float32)
    return np.memmap(file, "<f4", "r").reshape(rows, -1)


def _append(vectors: BinaryIO, marks: BinaryIO, content: bytes) -> None:
    for file, data in ((vectors, content), (marks, hashlib.sha256(content).digest())):
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sound_blocks(vectors: BinaryIO, marks: BinaryIO, block_bytes: int) -> int:
    """How many whole blocks hold what their digest says; what comes after them is cut off."""
    sound = 0
    while (mark := marks.read(32)) and hashlib.sha256(vectors.read(block_bytes)).digest() == mark:
        sound += 1
    for file, size in ((vectors, block_bytes), (marks, 32)):
        whole = min(sound * size, file.seek(0, os.SEEK_END))  # the last block of all may be a short one
        file.seek(whole)
        file.truncate()
    return sound
