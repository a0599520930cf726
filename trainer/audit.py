"""`trainer audit`: are the drops right? A sheet to judge by hand, and the rate of wrong drops with its interval.

The sheet is a CSV of a seeded sample; whoever judges writes `right` (the row had to go) or `wrong` (it was good) into the
last column and leaves a row empty when unsure. The judged sheet gives, per filter, the share of wrong drops with
Wilson's 95 % interval (Wilson 1927), which stays honest for small samples and shares near 0.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from indexer.cells import safe_cell
from indexer.errors import UserError
from indexer.files import writing
from trainer.dropped import Dropped, sample_dropped

COLUMNS = ("content", "filter", "reason", "source", "anchor", "positive", "negatives", "evidence", "judgement")
RIGHT, WRONG = "right", "wrong"
_Z = 1.959963984540054  # two-sided 95 %


@dataclass(frozen=True, slots=True)
class Rate:
    """Of the judged drops of a filter, how many were wrong, with the 95 % interval of that share."""

    filter: str
    judged: int
    wrong: int
    rate: float
    low: float
    high: float


def write_sheet(
    folder: Path, sheet: Path, *, filter: str | None = None, source: str | None = None, sample: int = 200, seed: int = 0
) -> int:
    """Write a sheet of `sample` drops to judge; returns how many. UserError as `sample_dropped`."""
    rows = sample_dropped(folder, filter=filter, source=source, sample=sample, seed=seed)
    with writing(sheet) as file:
        for line in _lines(rows):
            file.write(line.encode())
    return len(rows)


def read_sheet(sheet: Path) -> list[Rate]:
    """The rates of a judged sheet, by filter. UserError for what is no sheet, an unknown word, or nothing judged."""
    found: defaultdict[str, list[bool]] = defaultdict(list)
    for number, (_, name, word) in enumerate(_rows(sheet), 2):
        if word not in ("", RIGHT, WRONG):
            given = f"{word!r} in row {number}"
            raise UserError("that is no judgement", given, f"write {RIGHT} or {WRONG}, or leave the cell empty")
        if word:
            found[name].append(word == WRONG)
    if not found:
        raise UserError(
            "nothing in this sheet is judged yet", str(sheet), f"write {RIGHT} or {WRONG} in the last column"
        )
    return [rate(name, wrong) for name, wrong in sorted(found.items())]


def wrong_drops(sheet: Path) -> list[str]:
    """The contents of the rows that a judged sheet calls wrongly dropped. UserError as `read_sheet`."""
    read_sheet(sheet)
    return [content for content, _, word in _rows(sheet) if word == WRONG]


def wilson(hits: int, of: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927): `hits` out of `of` > 0."""
    share, z = hits / of, _Z * _Z / of
    middle = (share + z / 2) / (1 + z)
    half = _Z * sqrt(share * (1 - share) / of + z / (4 * of)) / (1 + z)
    return max(0.0, middle - half), min(1.0, middle + half)


def rate(name: str, wrong: Sequence[bool]) -> Rate:
    """The rate of a filter whose judged drops were wrong or not, at least one."""
    low, high = wilson(sum(wrong), len(wrong))
    return Rate(name, len(wrong), sum(wrong), round(sum(wrong) / len(wrong), 4), round(low, 4), round(high, 4))


def _lines(rows: Sequence[Dropped]) -> list[str]:
    import io

    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for row in rows:
        evidence = json.dumps(row.evidence, ensure_ascii=False)
        cells = (row.content, row.filter, row.reason, row.source, row.anchor, row.positive, " | ".join(row.negatives))
        writer.writerow([*map(safe_cell, cells), safe_cell(evidence), ""])
    return [buffer.getvalue()]


def _rows(sheet: Path) -> list[tuple[str, str, str]]:
    """Content, filter and judgement of every row."""
    try:
        with sheet.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            if tuple(reader.fieldnames or ()) != COLUMNS:
                todo = f"give a sheet that `trainer audit` wrote: its columns are {', '.join(COLUMNS)}"
                raise UserError("that is no sheet of an audit", str(sheet), todo)
            return [(row["content"], row["filter"], str(row["judgement"] or "").strip().lower()) for row in reader]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("the sheet cannot be read", f"{sheet}: {error}", "name a CSV file in UTF-8") from None
