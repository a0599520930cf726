"""The lines of a file, plain or gzipped, one at a time and never more than a megabyte of them.

A line longer than that is reported and skipped without ever being held. When the file fails before its end, as a cut-off
gzip does, the lines that could still be read come first and the failure last.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from indexer.readers.unpacked import opened
from indexer.records import LARGEST, Rejection

_BOM = b"\xef\xbb\xbf"


def lines(path: Path) -> Iterator[tuple[int, bytes] | Rejection]:
    """Line numbers from 1 with the bytes of each line, its line end included; a byte-order mark is left out.

    Rejections: "too large" for a line, "broken file" at the end. Raises UserError when the file cannot be opened, and
    when a gzip grows beyond reason.
    """
    number = 0
    with opened(path) as stream:
        try:
            while line := stream.readline(LARGEST + 2):  # + 2: room for the line end
                number += 1
                if number == 1:
                    line = line.removeprefix(_BOM)
                if len(line) > LARGEST and len(line.rstrip(b"\r\n")) > LARGEST:
                    _skip_rest(stream, line)
                    yield Rejection(path.name, number, "too large", f"a line of more than {LARGEST:,} bytes")
                else:
                    yield number, line
        except (OSError, EOFError, zlib.error) as error:
            yield Rejection(path.name, number + 1, "broken file", f"not readable after line {number}: {error}")


def _skip_rest(stream: BinaryIO, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(LARGEST)
