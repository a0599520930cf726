"""`trainer dropped`: what a preparation left out and why, a sample at a time.

`dropped.parquet` holds every row that a source or a filter refused, with all its columns, the filter, the reason word and
the evidence (scores, rank, the neighbour that outranked it). A sample is drawn by a seeded hash of the row's content and place in its
file, so the same command shows the same rows, whatever order they lie in.
"""

from __future__ import annotations

import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.errors import UserError

FILE = "dropped.parquet"


@dataclass(frozen=True, slots=True)
class Dropped:
    """A row that was left out. `content` names it in a sheet and on the white list."""

    content: str  # hexadecimal
    filter: str
    reason: str
    source: str
    file: str
    line: int
    anchor: str
    positive: str
    negatives: tuple[str, ...]
    evidence: dict[str, Any]


def sample_dropped(
    folder: Path, *, filter: str | None = None, source: str | None = None, sample: int = 20, seed: int = 0
) -> list[Dropped]:
    """At most `sample` rows that a preparation in `folder` dropped, of one filter and one source where named.

    UserError where there is no preparation, for a sample below 1, and for a filter or source that dropped nothing.
    """
    if sample < 1:
        raise UserError("a sample has at least one row", sample, "give --sample a whole number from 1")
    seen: Counter[tuple[str, str]] = Counter()
    fitting = _fitting(read_dropped(folder), filter, source, seen)
    chosen = heapq.nsmallest(sample, fitting, key=lambda row: (_place(row, seed), row.content, row.line))
    if not chosen and seen:
        _refuse(seen, filter, source)
    return chosen


def read_dropped(folder: Path) -> Iterator[Dropped]:
    """Every dropped row, a batch in memory at a time."""
    import pyarrow.parquet as pq

    path = folder / FILE
    if not path.is_file():
        todo = "run `trainer prepare RECIPE --out DIR` first, and name that DIR"
        raise UserError("there is no preparation here", str(folder), todo)
    for batch in pq.ParquetFile(path).iter_batches(batch_size=20_000):
        yield from map(_row, batch.to_pylist())


def _row(values: dict[str, Any]) -> Dropped:
    content = values["content"]
    return Dropped(
        content=content.hex() if isinstance(content, bytes) else str(content or ""),
        filter=values["filter"],
        reason=values["reason"],
        source=values["source"],
        file=values["file"],
        line=values["line"],
        anchor=values["anchor"] or "",
        positive=values["positive"] or "",
        negatives=tuple(values["negatives"] or ()),
        evidence=json.loads(values["evidence"] or "{}"),
    )


def _fitting(
    rows: Iterator[Dropped], filter: str | None, source: str | None, seen: Counter[tuple[str, str]]
) -> Iterator[Dropped]:
    for row in rows:
        seen[row.filter, row.source] += 1
        if filter in (None, row.filter) and source in (None, row.source):
            yield row


def _refuse(seen: Counter[tuple[str, str]], filter: str | None, source: str | None) -> None:
    known = ", ".join(f"{count} by {name} from {where}" for (name, where), count in sorted(seen.items()))
    given = " ".join(part for part in (filter and f"--filter {filter}", source and f"--source {source}") if part)
    raise UserError("nothing was dropped by that filter from that source", given, f"dropped were: {known}")


def _place(row: Dropped, seed: int) -> bytes:
    """Drawn row by row: by content alone the copies of a row would come together, or not at all."""
    return hashlib.blake2b(f"{seed}:{row.content}:{row.file}:{row.line}".encode(), digest_size=8).digest()
