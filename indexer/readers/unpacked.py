"""Files that are read, plain or gzipped, and how far what is packed may grow.

A few kilobytes can unpack to terabytes. So whatever comes out of a packed file is counted, and once that is more than
ALLOWED bytes and more than SWOLLEN times the size of the file, reading ends with one refusal. Text and tables shrink to a
fifth or a tenth, logs of one line over and over to a hundredth; only what was made to burst goes beyond.
"""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn, cast

from indexer.errors import UserError

if TYPE_CHECKING:
    from typing_extensions import Buffer

SWOLLEN = 200  # times its own size that a packed file may grow, once it is past
ALLOWED = 2**30  # so many bytes
_CHUNK = 2**17  # bytes unpacked at a time


class Growth:
    """Counts what comes out of a packed file of `size` bytes."""

    def __init__(self, shown: object, size: int) -> None:
        self._shown, self._most, self._read = shown, max(ALLOWED, SWOLLEN * size), 0

    def add(self, count: int) -> None:
        """Count so many bytes more. Raises UserError once they are beyond reason."""
        self._read += count
        if self._read > self._most:
            refuse_swollen(self._shown, self._most)


def refuse_swollen(shown: object, most: int) -> NoReturn:
    """Refuse a packed file that grew to more than `most` bytes."""
    raise UserError(
        "A compressed file grows beyond reason.",
        f"{shown}: more than {most:,} bytes, {SWOLLEN} times its size",
        "if it is meant to be so repetitive, unpack it and name the unpacked file",
    )


def opened(path: Path) -> BinaryIO:
    """A file, unpacked where it ends in `.gz` or begins as gzip does. Raises UserError if it cannot be opened."""
    try:
        with path.open("rb") as stream:
            packed = path.suffix.lower() == ".gz" or stream.read(2) == b"\x1f\x8b"
        if not packed:
            return path.open("rb")
        unpacking = _Unpacking(gzip.GzipFile(path), Growth(path, path.stat().st_size))
        return cast(BinaryIO, io.BufferedReader(unpacking, _CHUNK))
    except OSError as error:
        raise UserError("The source cannot be read", f"{path}: {error.strerror}", "name a file you may read") from None


def beginning(path: Path, most: int) -> bytes:
    """The first `most` bytes of a file, unpacked. Raises UserError where they cannot be had."""
    try:
        with opened(path) as stream:
            return stream.read(most)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError("The file is damaged", f"{path}: {error}", "replace it") from None


class _Unpacking(io.RawIOBase):
    def __init__(self, file: gzip.GzipFile, growth: Growth) -> None:
        super().__init__()
        self._file, self._growth = file, growth

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer) -> int:
        content = self._file.read1(memoryview(buffer).nbytes)  # what is there: of a file cut off, all of it
        memoryview(buffer)[: len(content)] = content
        self._growth.add(len(content))
        return len(content)

    def close(self) -> None:
        self._file.close()
        super().close()
