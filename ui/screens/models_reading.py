"""Reading what lies on this machine for the page *Models*: folders named by a person, JSON that somebody else wrote.

Nothing is written or run. What is missing, too large or not what it should be becomes one refusal in three parts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from indexer.errors import UserError

LARGEST = 50_000_000  # bytes; a card has a few thousand, the log of a week's training a few million
_Read = TypeVar("_Read")


def folder_at(given: str, todo: str) -> Path:
    """The folder at a path as a person types it; of a file, the folder it lies in. Raises UserError when there is none."""
    try:
        path = Path(given.strip()).expanduser()
        folder = path.parent if path.is_file() else path
        found = folder.is_dir()
    except (OSError, RuntimeError, ValueError):  # too long, nobody's home, a null byte
        found = False
    if not found:
        raise UserError("there is no such folder on this machine", repr(given[:200]), todo)
    return folder


def read_text(file: Path) -> str:
    """A file's text. Raises UserError where it cannot be read, or is larger than anything that belongs here."""
    todo = "give another folder, or write this one again"
    try:
        size = file.stat().st_size
        if size > LARGEST:
            raise UserError("the file is too large for this page", f"{file}: {size:,} bytes", todo)
        return file.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise UserError("the file cannot be read", f"{file}: {error}", todo) from error


def read_json(file: Path, shape: Callable[[Any], _Read], kind: str) -> _Read:
    """What `shape` makes of a JSON file. Raises UserError where it is none, or lacks what a `kind` has."""
    try:
        return shape(json.loads(read_text(file)))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        said = f"{type(error).__name__}: {error}"[:200]
        raise UserError(
            f"this is not {kind}", f"{file}: {said}", "give another folder, or write this one again"
        ) from error


def number(value: object) -> float:
    """A finite number. ValueError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"no number: {value!r}"[:100])
    return float(value)
