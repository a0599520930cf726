"""Taking a corpus in: from a source on disk to checked rows in a working folder, with every bad row set aside.

Bad rows go to `rejected.jsonl` with file, row, reason and detail, and nothing good is lost: the rest goes on. Only when more
than a stated share of rows is bad does the build stop, because then the mapping of columns is more likely wrong than the
rows. Memory stays within a batch, however long the source.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from indexer.corpus import read_records
from indexer.errors import UserError, shown
from indexer.files import writing
from indexer.readers import Query, Source, choose_reader
from indexer.records import Columns, Record, Rejection, content_digest
from indexer.rows import IDENTITIES, IDENTITY, RECORDS, write_records

MOST_SHOWN = 1_000  # bad rows that are looked for and written down before a build stops for them


@dataclass(frozen=True, slots=True)
class Intake:
    """What was taken in: the working folder holds the rows."""

    records: int
    rejected: dict[str, int]  # reason → rows
    digest: str  # SHA-256 over the identities in order: the identity of the corpus


def take_in(
    source: Source,
    reader: str,
    columns: Columns,
    folder: Path,
    rejected_file: Path,
    *,
    max_rejected: float,
    expected: int | None = None,
    done: Callable[[int], None] = lambda count: None,
) -> Intake:
    """Read the source into `folder` (records.arrow, identities.bin) and `rejected_file`.

    Raises UserError when more than `max_rejected` (a share of all rows) are bad, or nothing good is left. Where it is known
    how many rows to expect, reading ends with the row that is too much: a billion bad ones need not all be written down.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rejected: Counter[str] = Counter()
    corpus = hashlib.sha256()
    enough = math.inf if expected is None else max(max_rejected * expected, MOST_SHOWN)
    with writing(rejected_file) as bad, (folder / IDENTITIES).open("wb") as identities:

        def good() -> Iterator[Record]:
            for count, item in enumerate(read_records(source, reader, columns, folder), 1):
                if isinstance(item, Rejection):
                    rejected[item.reason] += 1
                    bad.write(json.dumps(asdict(item)).encode() + b"\n")
                    if rejected.total() > enough:
                        return
                else:
                    identity = content_digest(item)[:IDENTITY]
                    corpus.update(identity)
                    identities.write(identity)
                    yield item
                if count % 4096 == 0:
                    done(count)

        records = write_records(folder / RECORDS, good(), columns)
    rows = expected if expected is not None and rejected.total() > enough else records + rejected.total()
    _refuse_too_many(records, rows, rejected, max_rejected, rejected_file)
    return Intake(records, dict(sorted(rejected.items())), corpus.hexdigest())


def check_source(source: Source) -> str:
    """The name of the reader for `source`; UserError when there is nothing there or no reader for it."""
    if not isinstance(source, Query) and not os.path.exists(source):  # false, too, for what can be no path
        raise UserError(
            "there is nothing at the source",
            shown(source),
            "check the path; give a file, a folder, or a query with --sql",
        )
    return choose_reader(source)


def _refuse_too_many(records: int, rows: int, rejected: Counter[str], limit: float, rejected_file: Path) -> None:
    bad, seen = rejected.total(), records + rejected.total()
    counts = ", ".join(f"{reason}: {count}" for reason, count in rejected.most_common()) or "no rows at all"
    if not records and seen >= rows:
        raise UserError(
            "the source holds no usable row", counts, f"see {rejected_file.name} for each row and its reason"
        )
    if bad > limit * rows:
        raise UserError(
            f"{'at least ' if seen < rows else ''}{bad} of {rows} rows are bad, more than --max-rejected {limit:g} allows",
            counts,
            f"look at {rejected_file}; mend the source or the column choice, or raise --max-rejected",
        )
