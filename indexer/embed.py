"""Embedding a segment's passages in blocks that survive a kill.

Passages are cut into blocks of fixed size, pinned to row numbers; a block is encoded as one call, written under its final
name in one rename together with its own digest, and never encoded again. So a killed build continues at the first
missing block, and ends with the same bytes as one that was never killed: a batch never reaches across a block.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from indexer.encode import Encoder
from indexer.files import write_bytes, writing
from indexer.passages import PassageSettings, embedded_title, passage_text
from indexer.rows import PassageBlock, Records, read_blocks

BLOCK = 2048  # passages; the unit of resuming


@dataclass(frozen=True, slots=True)
class Reuse:
    """Vectors of an earlier version that still hold: for each passage its row there, or −1 where it must be encoded."""

    vectors: NDArray[np.float32]
    rows: NDArray[np.int64]  # [passages]


def embed(
    records: Records,
    passages: Path,
    encoder: Encoder,
    settings: PassageSettings,
    folder: Path,
    *,
    reuse: Reuse | None = None,
    done: Callable[[int], None] = lambda count: None,
) -> None:
    """Make `folder` hold the vectors of every block of the `passages` file.

    `done(passages)` is called after each block, also when it was there already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for number, block in enumerate(read_blocks(passages, BLOCK)):
        first = number * BLOCK
        path = folder / f"{number:06}.block"
        if read_block(path, len(block), encoder.dim) is None:
            vectors, fresh = _copied(reuse, first, len(block), encoder.dim)
            if fresh.size:
                vectors[fresh] = _encode(records, block, fresh, encoder, settings)
            content = np.ascontiguousarray(vectors, dtype="<f4").tobytes()
            write_bytes(path, hashlib.sha256(content).digest(), content)
        done(first + len(block))


def read_block(path: Path, rows: int, dim: int) -> NDArray[np.float32] | None:
    """The vectors of a finished block, [rows, dim]; None when it is missing or not what was written."""
    content = path.read_bytes() if path.is_file() else b""
    claimed, body = content[:32], content[32:]
    if len(body) != rows * dim * 4 or hashlib.sha256(body).digest() != claimed:
        return None
    return np.frombuffer(body, dtype="<f4").reshape(rows, dim)


def assemble(folder: Path, target: Path, passages: int, dim: int) -> None:
    """Join the blocks into one matrix file, [passages, dim] float32, row after row."""
    with writing(target) as file:
        for number, first in enumerate(range(0, passages, BLOCK)):
            block = read_block(folder / f"{number:06}.block", min(BLOCK, passages - first), dim)
            if block is None:
                raise OSError(f"block {number} of {folder} was there a moment ago and cannot be read back")
            file.write(block.tobytes())


def open_vectors(path: Path, dim: int) -> NDArray[np.float32]:
    """The matrix of `assemble`, memory-mapped read-only."""
    return np.memmap(path, dtype="<f4", mode="r").reshape(-1, dim)


def _copied(reuse: Reuse | None, first: int, count: int, dim: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """A block's vectors [count, dim] with those of an earlier version filled in, and the places still to be encoded."""
    vectors = np.empty((count, dim), np.float32)
    if reuse is None:
        return vectors, np.arange(count)
    rows = reuse.rows[first : first + count]
    vectors[rows >= 0] = reuse.vectors[rows[rows >= 0]]
    return vectors, np.flatnonzero(rows < 0)


def _encode(
    records: Records, block: PassageBlock, rows: NDArray[np.int64], encoder: Encoder, settings: PassageSettings
) -> NDArray[np.float32]:
    """The vectors of some `rows` of a block, [rows, dim]."""
    texts = records.text_at(block.record[rows].tolist())
    spans = zip(block.start[rows].tolist(), block.end[rows].tolist(), strict=True)
    titles = [embedded_title(title, encoder.tokenizer, encoder.document_tokens, settings) for title, _ in texts]
    pieces = [text[start:end] for (_, text), (start, end) in zip(texts, spans, strict=True)]
    return encoder.encode_document(list(map(passage_text, titles, pieces)))
