"""JSON files of a model folder, read as something a stranger may have written.

A file is refused, by name, when it is too large, not UTF-8, not JSON, nested deeper than any model needs, or names a key
twice: two readers may then each take another of the two values, and the one that was checked need not be the one used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from indexer.errors import UserError

Json = dict[str, object]
_LARGEST = 200_000_000  # bytes; the largest tokenizers in use are about 35 MB
_DEEPEST = 64


def read_json(file: Path) -> object:
    """What the file holds. Raises UserError for anything but one sound JSON value."""
    try:
        if file.stat().st_size > _LARGEST:
            _refuse(file, f"it is larger than {_LARGEST // 1_000_000} MB")
        found = parse_json(file.read_bytes())
    except RecursionError:
        _refuse(file, f"it is nested deeper than {_DEEPEST} levels")
    except (OSError, ValueError) as error:
        _refuse(file, str(error), error)
    return found


def parse_json(content: bytes) -> object:
    """One JSON value. Raises ValueError, or RecursionError from deep inside."""
    found: object = json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_number)
    level = [found]
    for _ in range(_DEEPEST):
        level = [child for value in level for child in _inside(value) if isinstance(child, dict | list)]
        if not level:
            return found
    raise ValueError(f"it is nested deeper than {_DEEPEST} levels")


def read_object(file: Path) -> Json:
    """The JSON object in `file`; an empty one where there is no such file."""
    if not file.is_file():
        return {}
    found = read_json(file)
    if not isinstance(found, dict):
        raise UserError(f"{file.name} is not a JSON object.", file, "Save or download the model again.")
    return found


def read_list(file: Path) -> list[object]:
    """The JSON list in `file`."""
    found = read_json(file)
    if not isinstance(found, list):
        raise UserError(f"{file.name} is not a JSON list.", file, "Save or download the model again.")
    return found


def settings_in(value: object) -> Iterator[tuple[str, object]]:
    """Every key with its value, at any depth: what a loader does with an inner part is its own affair."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield from found.items()
        waiting.extend(child for child in _inside(found) if isinstance(child, dict | list))


def _inside(value: object) -> list[object]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _unique(pairs: list[tuple[str, object]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands there twice")
    return found


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")


def _refuse(file: Path, why: str, cause: Exception | None = None) -> NoReturn:
    raise UserError(f"{file.name} cannot be read: {why}.", file, "Save or download the model again.") from cause
