"""What a source becomes: rows, and out of each row a record or a rejection.

A reader (`indexer.readers`) turns a file into `Row`s. `indexer.columns` looks at the rows and settles which column is the id,
the title and the text, and which type each other column has: that is `Columns`. Here `to_record` applies the columns to one
row. It either gives a `Record` that everything downstream may trust (text that is there and can be encoded, fields of their
column's type) or a `Rejection` that names the file, the row and the reason; nothing is mended in silence. A record has one
identity, `content_digest`, the same on every platform.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Literal, get_args

from indexer.values import convert

Value = str | int | float | bool | datetime | None  # a datetime is timezone-aware UTC
FieldType = Literal["text", "integer", "number", "boolean", "date"]
Reason = Literal[
    "broken line",  # not JSON, not UTF-8, a wrong number of cells
    "no text",  # the text is absent, null or empty, and there is no title either
    "blank",  # the text is only white space or invisible characters, and there is no title either
    "wrong type",  # a field does not fit its column's type; an id, title or text is no string or number
    "duplicate id",  # an earlier row has this id
    "lone surrogate",  # half of a UTF-16 pair: such text has no UTF-8
    "too large",  # more than LARGEST bytes
    "no id",  # the id column is missing or blank in this row
    "broken file",  # the file ends or fails before its end, as a cut-off gzip does
]
REASONS: tuple[Reason, ...] = get_args(Reason)
LARGEST = 1_000_000  # bytes of UTF-8, of a source line and of a record's text

# White space, control characters, Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt) and the Braille blank.
_VISIBLE = re.compile(
    "[^\\s\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Row:
    """One row as its reader found it: `number` is the line of `file`, from 1, on which the row begins."""

    file: str
    number: int
    values: dict[str, object]
    place: str | None = None  # the id where no column gives one; None: the number, which of several files would not do


@dataclass(frozen=True, slots=True)
class Record:
    """One document, ready to be indexed; `fields` holds every kept column, None where the row has no value."""

    id: str
    title: str
    text: str
    fields: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Columns:
    """How the columns of a source become a record; stored in the manifest, shown by `--dry-run`."""

    id: str | None  # source column; None = the row number is the id, in a folder of shards after the shard's name
    title: str | None
    text: str
    fields: Mapping[str, FieldType]  # every other column that is kept, in order of first appearance


@dataclass(frozen=True, slots=True)
class Rejection:
    """One row that was set aside: `file` relative to the source, `row` from 1, `reason` one of REASONS."""

    file: str
    row: int
    reason: str
    detail: str


def to_record(row: Row | Rejection, columns: Columns) -> Record | Rejection:
    """The record of `row`, or why there is none; what its reader rejected stays rejected.

    A row without text (absent, empty or blank) whose title has content keeps that title as its text and has no title: a
    product list often has rows with nothing but a name. Empty strings are missing values.
    """
    if isinstance(row, Rejection):
        return row
    try:
        id = _id(row, columns.id)
        title, text = _title_and_text(row.values, columns)
        fields = _fields(row.values, columns.fields)
        _check_text([id, title, text, *(value for value in fields.values() if isinstance(value, str))])
    except _UnfitError as unfit:
        return Rejection(row.file, row.number, unfit.reason, unfit.detail)
    return Record(id, title, text, fields)


def content_digest(record: Record) -> bytes:
    """SHA-256 over id, title, text and fields: 32 bytes, equal exactly for equal records, on every platform.

    Every part is preceded by its length, fields are ordered by name and carry their type; missing fields count as absent.
    """
    parts = [b"record 1", record.id.encode(), record.title.encode(), record.text.encode()]
    for name in sorted(record.fields):
        value = record.fields[name]
        if value is not None:
            parts += (name.encode(), _canonical(value))
    return sha256(b"".join(piece for part in parts for piece in (struct.pack(">Q", len(part)), part))).digest()


def characters(record: Record) -> int:
    """How much text a record holds: what it weighs in memory."""
    fields = sum(len(value) for value in record.fields.values() if isinstance(value, str))
    return len(record.id) + len(record.title) + len(record.text) + fields


def as_json(record: Record) -> dict[str, object]:
    """The record for machine output: dates as `iso` writes them."""
    fields = {name: iso(value) if isinstance(value, datetime) else value for name, value in record.fields.items()}
    return {"id": record.id, "title": record.title, "text": record.text, "fields": fields}


class _UnfitError(Exception):
    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


def _id(row: Row, column: str | None) -> str:
    if column is None:
        return row.place or str(row.number)
    id = _plain(row.values.get(column), column)
    if not _is_visible(id):
        raise _UnfitError("no id", f"column {column!r} is {'blank' if id else 'missing'}")
    return id


def _is_visible(text: str) -> bool:
    return "!" <= text[:1] <= "~" or _VISIBLE.search(text) is not None  # the first only saves time


def _title_and_text(values: Mapping[str, object], columns: Columns) -> tuple[str, str]:
    title = "" if columns.title is None else _plain(values.get(columns.title), columns.title)
    text = _plain(values.get(columns.text), columns.text)
    if _is_visible(text):
        return title, text
    if _is_visible(title):
        return "", title
    if text:
        raise _UnfitError("blank", f"column {columns.text!r} holds {len(text)} characters, none of them visible")
    raise _UnfitError("no text", f"column {columns.text!r} is missing or empty")


def _plain(value: object, column: str) -> str:
    """A string or number as text; a missing value as the empty string."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _UnfitError("wrong type", f"column {column!r} holds {_kind(value)}, not a string or number")
    try:
        return str(convert(value, "text"))
    except ValueError as error:
        raise _UnfitError("wrong type", f"column {column!r}: {error}") from None


def _fields(values: Mapping[str, object], types: Mapping[str, FieldType]) -> dict[str, Value]:
    fields: dict[str, Value] = {}
    for name, kind in types.items():
        value = values.get(name)
        try:
            fields[name] = None if value is None or value == "" else convert(value, kind)
        except ValueError as error:
            raise _UnfitError("wrong type", f"column {name!r}: {error}") from None
    return fields


def _check_text(texts: list[str]) -> None:
    """Everything can be encoded, and is not too large together."""
    joined = "".join(texts)
    try:
        size = len(joined) if joined.isascii() else len(joined.encode())
    except UnicodeEncodeError as error:
        around = joined[max(0, error.start - 20) : error.start + 20]
        raise _UnfitError("lone surrogate", f"U+{ord(joined[error.start]):04X} in {around!a}") from None
    if size > LARGEST:
        raise _UnfitError("too large", f"{size:,} bytes of text, at most {LARGEST:,} are read")


def _kind(value: object) -> str:
    return {bool: "true or false", list: "a list", dict: "an object"}.get(type(value), type(value).__name__)


def _canonical(value: str | int | float | bool | datetime) -> bytes:
    if isinstance(value, str):
        return b"t" + value.encode()
    if isinstance(value, bool):
        return b"b1" if value else b"b0"
    if isinstance(value, int):
        return b"i" + str(value).encode()
    if isinstance(value, float):
        return b"f" + struct.pack(">d", value + 0.0)  # + 0.0: -0.0 equals 0.0, so their records are equal too
    return b"d" + str((value - _EPOCH) // timedelta(microseconds=1)).encode()


def iso(value: datetime) -> str:
    """`2024-01-31` at midnight UTC, `2024-01-31T10:00:00Z` otherwise."""
    moment = value.astimezone(UTC).replace(tzinfo=None)
    text = moment.isoformat()
    return text.removesuffix("T00:00:00") if text.endswith("T00:00:00") else text + "Z"
