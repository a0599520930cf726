"""The stream of a whole source: every row becomes a record or a rejection, ids are unique, memory stays bounded.

Whether an id was seen before is answered exactly, by a scratch SQLite table of all ids so far. Records wait in small batches
for that answer: a batch whose ids are all new, which is nearly every batch, costs one statement.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from operator import itemgetter
from pathlib import Path

from indexer.errors import UserError
from indexer.readers import Source, read_rows
from indexer.records import Columns, Record, Rejection, Row, characters, to_record

_BATCH_ROWS = 2_000
_BATCH_CHARACTERS = 4_000_000  # of texts that wait for their ids to be checked
_SAMPLED_CHARACTERS = 32_000_000
_CACHE_KIB = 8_192


def read_records(source: Source, reader: str, columns: Columns, workdir: Path) -> Iterator[Record | Rejection]:
    """Every row of `source`, in order, as a record or a rejection; of several rows with one id the first is kept.

    `reader` is a name in READERS. Ids seen so far lie in a scratch file in `workdir`, removed at the end; one that a killed
    process left behind is replaced. Memory does not grow with the source.
    """
    scratch = workdir / "seen-ids.sqlite"
    scratch.unlink(missing_ok=True)
    try:
        with closing(_open(scratch)) as seen:
            for batch in _batches(read_rows(reader, source), columns):
                yield from _without_duplicates(batch, seen)
    except sqlite3.Error as error:
        raise UserError(
            "The list of ids seen so far cannot be kept", f"{scratch}: {error}", "make room on the disk"
        ) from None
    finally:
        scratch.unlink(missing_ok=True)


def sample(source: Source, reader: str, limit: int, seed: int = 0) -> list[Row | Rejection]:
    """At most `limit` rows drawn uniformly from the whole source, in its order: the same ones for the same `seed`.

    One full pass (Vitter 1985, algorithm R): the first rows of a sorted corpus would not stand for the rest. Where the rows
    are so long that they would not fit in memory, fewer are drawn.
    """
    chance = random.Random(seed)
    kept: list[tuple[int, Row | Rejection]] = []
    weight = 0
    for place, row in enumerate(read_rows(reader, source)):
        if place < limit:
            kept.append((place, row))
        elif (slot := int(chance.random() * (place + 1))) < limit:
            weight -= _weight(kept[slot][1])
            kept[slot] = (place, row)
        else:
            continue
        weight += _weight(row)
        if weight > _SAMPLED_CHARACTERS:  # half of a uniform draw is one too
            limit = max(1, len(kept) // 2)
            kept = chance.sample(kept, limit)
            weight = sum(_weight(row) for _, row in kept)
    return [row for _, row in sorted(kept, key=lambda pair: pair[0])]


def _weight(row: Row | Rejection) -> int:
    values = [] if isinstance(row, Rejection) else row.values.values()
    return sum(len(value) for value in values if isinstance(value, str))


def _batches(
    rows: Iterator[Row | Rejection], columns: Columns
) -> Iterator[list[tuple[Row | Rejection, Record | Rejection]]]:
    """Rows with what became of them, in lists that are small in number and in characters."""
    batch: list[tuple[Row | Rejection, Record | Rejection]] = []
    waiting = 0
    for row in rows:
        made = to_record(row, columns)
        batch.append((row, made))
        if isinstance(made, Record):
            waiting += characters(made)
        if len(batch) == _BATCH_ROWS or waiting > _BATCH_CHARACTERS:
            yield batch
            batch, waiting = [], 0
    yield batch


def _without_duplicates(
    batch: list[tuple[Row | Rejection, Record | Rejection]], seen: sqlite3.Connection
) -> Iterator[Record | Rejection]:
    ids = [(made.id, row.file, row.number) for row, made in batch if isinstance(row, Row) and isinstance(made, Record)]
    firsts = iter(_first_rows(ids, seen))
    for row, made in batch:
        first = next(firsts) if isinstance(made, Record) else None
        if first is None or isinstance(row, Rejection) or isinstance(made, Rejection):
            yield made
        else:
            file, number = first
            where = f"row {number}" if file == row.file else f"row {number} of {file}"
            yield Rejection(row.file, row.number, "duplicate id", f"id {made.id[:80]!a} is that of {where}")


def _open(scratch: Path) -> sqlite3.Connection:
    """An empty table for one pass: one transaction that is never committed, for nobody will read the file again."""
    # Our own BEGIN; and a generator may be resumed on another thread than it was started on.
    seen = sqlite3.connect(scratch, isolation_level=None, check_same_thread=False)
    for setting in (
        "journal_mode = OFF",
        "synchronous = OFF",
        f"cache_size = -{_CACHE_KIB}",
        "locking_mode = EXCLUSIVE",
    ):
        seen.execute(f"PRAGMA {setting}")
    seen.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, file TEXT NOT NULL, row INTEGER NOT NULL) WITHOUT ROWID")
    seen.execute("BEGIN")
    return seen


def _first_rows(ids: Sequence[tuple[str, str, int]], seen: sqlite3.Connection) -> list[tuple[str, int] | None]:
    """For every (id, file, row number) the file and row that had the id before, or None; new ids are remembered."""
    # In order of ids the inserts touch neighbouring pages; of the rows with one id the first stays before the others.
    by_id = sorted(ids, key=itemgetter(0))
    if seen.executemany("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", by_id).rowcount == len(ids):
        return [None] * len(ids)
    return [None if first == (file, row) else first for id, file, row in ids for first in [_row_of(id, seen)]]


def _row_of(id: str, seen: sqlite3.Connection) -> tuple[str, int]:
    file, row = seen.execute("SELECT file, row FROM seen WHERE id = ?", (id,)).fetchone()
    return file, row
