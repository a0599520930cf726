"""Duplicate groups as rows for other programs: CSV for spreadsheets, JSON Lines for everything else. Rows are made one by
one, so a large export never stands in memory.

A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` (also in full-width form, also after white space) or with a
tab or line break as a formula. In CSV such a cell gets an apostrophe before it, as OWASP advises, unless it is a number:
−12.5 stays −12.5. JSON Lines carry every text as it is.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from indexer.cells import safe_cell
from indexer.errors import UserError, shown
from indexer.files import writing
from indexer.opened import OpenVersion
from searchapp.conditions.limits import is_text
from searchapp.usecases.differences import differing_fields, fields_as_json
from searchapp.usecases.duplicates_groups import Group
from searchapp.usecases.pairs import Pairs

Row = dict[str, object]
LONGEST_NAME = 200  # bytes: file systems take 255, and the file stands under a longer name until it is whole
COLUMNS = (
    "group", "id_a", "id_b", "score", "dense", "words", "fields", "numbers_differ", "opposite",
    "differing_fields", "title_a", "title_b", "text_a", "text_b",
)  # fmt: skip


def rows(version: OpenVersion, pairs: Pairs, groups: Sequence[Group]) -> Iterator[Row]:
    """One row per scored pair inside each group: group number from 1, ids, score and its parts, what differs, the texts.

    Keys are COLUMNS; the parts are those of `Pairs.parts`.
    """
    for number, group in enumerate(groups, 1):
        for place in group.pairs:
            a, b = version.record(int(pairs.a[place])), version.record(int(pairs.b[place]))
            yield {
                "group": number,
                "id_a": a.id,
                "id_b": b.id,
                "score": float(pairs.score[place]),
                **pairs.parts(place),
                "differing_fields": fields_as_json(tuple(differing_fields(a, b))),
                "title_a": a.title,
                "title_b": b.title,
                "text_a": a.text,
                "text_b": b.text,
            }


def as_jsonl(found: Iterable[Row]) -> Iterator[str]:
    """One JSON object a line, nothing neutralised: encode as UTF-8."""
    for row in found:
        yield json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


def as_csv(found: Iterable[Row]) -> Iterator[str]:
    """A header and one line per row, as RFC 4180 has it (commas, quotes where needed, CRLF): encode as UTF-8."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for row in found:
        yield _taken(buffer)
        writer.writerow([_cell(row[name]) for name in COLUMNS])
    yield _taken(buffer)


def check_target(path: Path) -> None:
    """UserError where `write` would not know the format, or could not write: before minutes of work, not after them."""
    if path.suffix.lower() not in WRITERS:
        todo = f"name a file ending in {' or '.join(WRITERS)}"
        raise UserError("that is no kind of file to export to", shown(path), todo)
    if not os.path.isdir(path.absolute().parent):  # false, too, for what can be no path
        raise UserError("there is no folder for this file", shown(path), "make the folder first, or name another")
    if os.path.isdir(path):
        raise UserError("a folder has this name", shown(path), "name a file that does not exist yet")
    if not os.access(path.absolute().parent, os.W_OK):
        raise UserError("nothing can be written in this folder", shown(path), "name another, or ask who owns it")
    if "\0" in path.name or not is_text(path.name) or len(path.name.encode()) > LONGEST_NAME:
        todo = f"use at most {LONGEST_NAME} bytes of UTF-8, none of them zero"
        raise UserError("that can be no name of a file", shown(path), todo)


def write(path: Path, found: Iterable[Row]) -> None:
    """Write rows to a .csv or .jsonl file, whole or not at all. UserError where the disk refuses."""
    try:
        with writing(path) as file:
            for line in WRITERS[path.suffix.lower()](found):
                file.write(line.encode())
    except OSError as error:
        raise UserError("the file cannot be written", shown(path), f"name another ({error.strerror})") from None


def _cell(value: object) -> object:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, allow_nan=False) if value else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe_cell(value) if isinstance(value, str) else value


def _taken(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


WRITERS = {".csv": as_csv, ".jsonl": as_jsonl}
