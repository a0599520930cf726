"""What the cells of tables that have types (Parquet, saved data sets, databases) become: the values of a row.

JSON is the measure of what a row can hold. Texts, numbers and booleans stay; dates and times become ISO 8601; decimals,
UUIDs and the like the text they print as; lists and objects stay lists and objects. Missing are null and NaN, which data
frames write for it. Bytes are no text and are left out. A cell that Python cannot hold, a text that is no UTF-8 or a row
of more than LARGEST bytes makes its row a rejection, and costs no other row anything.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any

from indexer.records import LARGEST, Rejection, Row
from indexer.values import canonical_json

Classes = Mapping[str, list[str]]  # column → names of its classes, by number


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands for a cell that Python cannot hold; no field accepts it."""

    kind: str


def odd(cell: Any) -> Any:
    """An Arrow cell's value; of a text that is no UTF-8 the broken bytes as surrogates, of anything else just its type."""
    try:
        return cell.as_py()
    except UnicodeDecodeError:
        if hasattr(cell, "as_buffer"):
            return cell.as_buffer().to_pybytes().decode("utf-8", "surrogateescape")
        return Unreadable(str(cell.type))
    except (ValueError, OverflowError):
        return Unreadable(str(cell.type))


def classes_of(schema: Any) -> Classes:
    """The columns of an Arrow schema that the `datasets` library marked as classes."""
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        return {name: list(kind["names"]) for name, kind in features.items() if kind.get("_type") == "ClassLabel"}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def class_name(value: Any, names: list[str]) -> Any:
    """A class by its name instead of its number; −1, which the library writes for "no label", is nothing."""
    if value == -1:
        return None
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else value


def row_of(file: str, number: int, cells: Iterable[tuple[str, Any]]) -> Row | Rejection:
    """The row of these cells by column name, or why there is none."""
    values, size = {}, 0
    for name, cell in cells:
        try:
            value = _plain(cell)
            size += _size(value)
        except (ValueError, RecursionError) as error:
            told = "lists or objects nested too deeply" if isinstance(error, RecursionError) else error
            return Rejection(file, number, "broken line", f"column {name!a}: {told}")
        if size > LARGEST:
            return Rejection(file, number, "too large", f"a row of more than {LARGEST:,} bytes")
        if value is not _NOTHING:
            values[name] = value
    return Row(file, number, values)


_NOTHING = object()  # a cell that makes no value, not even a missing one


def _plain(cell: Any) -> Any:
    """The cell as JSON has it. ValueError, with what is wrong, where it cannot be."""
    if cell is None or isinstance(cell, bool | int):
        return cell
    if isinstance(cell, str):
        return _utf8(cell)
    if isinstance(cell, float):
        return None if math.isnan(cell) else cell
    if isinstance(cell, bytes | bytearray | memoryview):
        return _NOTHING
    if isinstance(cell, date | time):  # a datetime is a date
        return cell.isoformat()
    if isinstance(cell, Mapping):
        inner = {str(name): _plain(value) for name, value in cell.items()}
        return {name: value for name, value in inner.items() if value is not _NOTHING}
    if isinstance(cell, list | tuple | set | frozenset):
        inside = [_plain(value) for value in cell]
        return [value for value in inside if value is not _NOTHING]
    if isinstance(cell, Unreadable):
        raise ValueError(f"a {cell.kind} that is out of range")
    text = str(cell)
    return None if text in ("NaN", "NaT") else text  # a Decimal may be one


def _utf8(text: str) -> str:
    """The text itself. Broken bytes stand in it as surrogates, see `odd`."""
    if not text.isascii():
        for letter in text if not _encodable(text) else ():
            if "\udc80" <= letter <= "\udcff":
                raise ValueError(f"not UTF-8: byte 0x{ord(letter) - 0xDC00:02x} at position {text.index(letter)}")
    return text


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _size(value: Any) -> int:
    """About how many bytes a value takes as text: what may not be exact is never too much."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list | dict):
        return len(canonical_json(value))
    return 1
