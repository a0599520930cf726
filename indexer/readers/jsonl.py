"""JSON lines: one object per line, its keys the columns. A row's number is its line in the file, as an editor shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from indexer.readers.lines import lines
from indexer.records import Rejection, Row

_DECODER = json.JSONDecoder()
_WHITE = b" \t\r\n"  # JSON's own; other white space is an error


def read_jsonl(source: Path) -> Iterator[Row | Rejection]:
    """JSON lines (.jsonl, .ndjson, also .gz): one object per line; empty lines are passed over."""
    file = source.name
    for line in lines(source):
        if isinstance(line, Rejection):
            yield line
        elif content := line[1].strip(_WHITE):
            values = _object(content)
            if isinstance(values, str):
                yield Rejection(file, line[0], "broken line", values)
            elif b"\\u" in content and (name := unwritable(values)):
                yield Rejection(file, line[0], "lone surrogate", f"in the name of column {name}")
            else:
                yield Row(file, line[0], values)


def _object(content: bytes) -> dict[str, object] | str:
    """The object on a line, or what is wrong with the line."""
    try:
        text = content.decode()
        value, end = _DECODER.raw_decode(text)
    except UnicodeDecodeError as error:
        return f"not UTF-8: byte 0x{content[error.start]:02x} at position {error.start}"
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg} at character {error.pos}"
    except ValueError:  # Python refuses integers of more than 4 300 digits
        return "an integer with thousands of digits"
    except RecursionError:
        return "lists or objects nested too deeply"
    if end != len(text):
        return f"not JSON: more text after the value, at character {end}"
    return value if isinstance(value, dict) else "not a JSON object"


def unwritable(values: dict[str, object]) -> str | None:
    """The first name with a lone surrogate: no file could store it."""
    for name in values:
        try:
            name.encode()
        except UnicodeEncodeError:
            return ascii(name)
    return None
