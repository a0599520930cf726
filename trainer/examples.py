"""What models learn from: pairs and triplets of texts, each knowing where it came from.

In memory they are small values; in bulk they travel as Arrow batches with the columns of `EXAMPLES`, because a filter that
looks at three million rows cannot afford an object for each. A row keeps its provenance to the end: source, digest of
the file, line, licence; and `content`, the hash of its normalised texts, which is its identity whatever file it stood in.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

Side = str | Path  # a text, or an image on disk
Task = Literal["retrieval", "text-matching", "code"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where an example came from: the recipe's name of the source, SHA-256 of the file, line or row (from 1), licence."""

    source: str
    file: str
    line: int
    licence: str
    task: Task


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts that belong together; `score` says how much, where there is a grade."""

    anchor: Side
    positive: Side
    provenance: Provenance
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Triplet:
    """An anchor, what belongs to it, and what does not. `negation`: the negative is a negation of the positive."""

    anchor: Side
    positive: Side
    negatives: tuple[Side, ...]
    provenance: Provenance
    negation: bool = False


def examples_schema() -> pa.Schema:
    """The columns of examples in bulk. A pair is a row without negatives."""
    import pyarrow as pa

    return pa.schema(
        [
            pa.field("anchor", pa.string(), nullable=False),
            pa.field("positive", pa.string(), nullable=False),
            pa.field("negatives", pa.list_(pa.string()), nullable=False),
            pa.field("score", pa.float64()),  # graded similarity; null where there is none
            pa.field("negation", pa.bool_(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("file", pa.string(), nullable=False),  # the first 16 hexadecimal digits of its SHA-256
            pa.field("line", pa.int64(), nullable=False),
            pa.field("licence", pa.string(), nullable=False),
            pa.field("task", pa.string(), nullable=False),
            pa.field("content", pa.binary(16), nullable=False),  # hash of the normalised anchor, positive and negatives
        ]
    )
