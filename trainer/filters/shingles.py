"""Texts as sets of three-word runs, and those sets as MinHash signatures (rensa): what near-duplicate search compares.

Words are runs of letters and digits of the normalised text, and mathematical or currency signs; other punctuation does
not count, so "is it soft?" and "is it soft !" are one set. A text of up to three words is one run: short texts are near
each other only when their words are the same, because one word in three is a different question.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from trainer.normal import as_series, normalised

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

RUN = 3
HASHES = 64  # per text
ROWS = 4  # signature rows per band
BANDS = HASHES // ROWS
MIX = np.array([0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB], np.uint64)
Matrix = np.ndarray[Any, Any]


def signatures(texts: pa.Array | list[str], seed: int = 1) -> Matrix:
    """uint32 [texts, HASHES]: the share of equal entries of two rows estimates the Jaccard similarity of their sets."""
    import rensa

    if not len(texts):
        return np.zeros((0, HASHES), np.uint32)
    runs, offsets = shingles(normalised(as_series(texts)))
    matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(runs, offsets, HASHES, seed)
    return np.array(matrix.to_rows(), dtype=np.uint32)


def shingles(texts: pl.Series) -> tuple[Matrix, Matrix]:
    """The hashes of all runs, one text after the other, and where each text's begin (one more than texts)."""
    words, lengths = _words(texts)
    padded = np.maximum(lengths, RUN)
    room = np.zeros(int(padded.sum()), np.uint64)
    starts = np.concatenate([[0], np.cumsum(padded)])
    room[np.arange(len(words)) + np.repeat(starts[:-1] - (np.cumsum(lengths) - lengths), lengths)] = words
    counts = padded - (RUN - 1)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    first = np.arange(offsets[-1]) + np.repeat(starts[:-1] - offsets[:-1], counts)
    mixed = room[first] * MIX[0] ^ (room[first + 1] * MIX[1] + (room[first + 2] * MIX[2] >> np.uint64(7)))
    return mixed ^ (mixed >> np.uint64(31)), offsets.astype(np.uint64)


def _words(texts: pl.Series) -> tuple[Matrix, Matrix]:
    import polars as pl
    import pyarrow.compute as pc

    spaced = texts.str.replace_all(r"[^\w\p{Sm}\p{Sc}]+", " ").str.strip_chars(" ")
    spaced = pl.select(
        pl.when(spaced == "").then(texts).otherwise(spaced)
    ).to_series()  # nothing but punctuation: itself
    lists = spaced.str.split(" ")
    coded = pc.dictionary_encode(lists.explode().to_arrow().cast("string"))
    hashed = [
        int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
        for word in coded.dictionary.to_pylist()
    ]
    lengths = lists.list.len().to_numpy().astype(np.int64)
    return np.array(hashed, np.uint64)[coded.indices.to_numpy()], lengths


def bands(*parts: Matrix) -> Matrix:
    """uint64 [texts, BANDS]: equal entries make two texts (or pairs of texts: a part for each side) candidates."""
    mixed = np.zeros((len(parts[0]), BANDS), np.uint64)
    for part in parts:
        rows = part.reshape(-1, BANDS, ROWS).astype(np.uint64)
        for column in range(ROWS):
            mixed = (mixed ^ rows[:, :, column]) * MIX[column % 3]
            mixed ^= mixed >> np.uint64(29)
    return mixed


def similar(first: Matrix, second: Matrix) -> Matrix:
    """The estimated Jaccard similarity of two signatures, row by row."""
    shares: Matrix = (first == second).mean(axis=1)
    return shares
