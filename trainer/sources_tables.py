"""Files of rows: JSONL, CSV, TSV and Parquet, plain or gzipped, read row by row with the line each row began on.

A row that cannot be read is a `Bad` with its reason and the reading goes on with the next line; only a file that is
damaged as a whole (a torn gzip, a broken Parquet) is refused, and a gzip file that swells beyond all reason. A line of
more than LONGEST bytes is a bad row and never held in memory. In TSV there is no quoting: quotes are text. In CSV a
quoted cell may span lines; where a quote is never closed, only the line that opened it is lost.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from indexer.errors import UserError
from indexer.readers.unpacked import ALLOWED, SWOLLEN, refuse_swollen

TABLES = ("jsonl", "csv", "tsv", "parquet")
SPAN = 200  # lines a quoted CSV cell may span before its opening line counts as broken
LOOKED = 100  # objects of a JSONL file whose keys say what fields there are
SHOWN = 2000  # characters of a bad row that are kept
LONGEST = 64 * 2**20  # bytes of a line, and of a quoted CSV row over all its lines


@dataclass(frozen=True, slots=True)
class Bad:
    """A row that was set aside while reading: where, why, and the beginning of what stood there."""

    line: int
    reason: str
    raw: str


Row = tuple[int, dict[str, Any]]


def container(path: Path) -> str | None:
    """The kind of table a file name promises, None for any other file."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".gzip")
    return {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet"}.get(
        Path(name).suffix
    )


def read_table(path: Path, kind: str | None = None) -> Iterator[Row | Bad]:
    """The rows of a file with their lines (from 1), each a dict by column name."""
    from trainer.sources_arrow import read_parquet

    reader = {"jsonl": _jsonl, "csv": _csv, "tsv": _tsv, "parquet": read_parquet}.get(kind or container(path) or "")
    if reader is None:
        raise UserError(
            "This kind of file cannot be read.", path, f"give a file that ends in {', '.join(TABLES)} (.gz)"
        )
    return reader(path)


def columns(path: Path, kind: str | None = None) -> list[str]:
    """The column names a table begins with: its header, its schema or the keys of its first good objects."""
    kind = kind or container(path)
    if kind == "parquet":
        from trainer.sources_arrow import opened_parquet

        return list(opened_parquet(path).schema_arrow.names)
    if kind in ("csv", "tsv"):
        return _header(_lines(path), kind)
    seen: dict[str, None] = {}
    for _, row in islice((row for row in read_table(path, kind) if not isinstance(row, Bad)), LOOKED):
        seen |= dict.fromkeys(row)
    return list(seen)


def unpacked(path: Path, kind: str | None = None) -> int:
    """About how many bytes of rows a file holds: known for Parquet, four times its size for gzip."""
    if (kind or container(path)) == "parquet":
        from trainer.sources_arrow import opened_parquet

        about = opened_parquet(path).metadata
        return sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    return path.stat().st_size * (4 if _is_packed(path) else 1)


def _is_packed(path: Path) -> bool:
    return path.suffix.lower() in (".gz", ".gzip")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines with their numbers. One that is too long comes cut, just long enough to be told by its length."""
    packed = _is_packed(path)
    try:
        with io.BufferedReader(gzip.GzipFile(path), 2**17) if packed else path.open("rb") as file:
            read, most = 0, max(ALLOWED, SWOLLEN * path.stat().st_size)
            number, start = 0, True
            while line := file.readline(LONGEST + 1):
                read += len(line)
                if packed and read > most:
                    refuse_swollen(path, most)
                if start:
                    number += 1
                    yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
                start = line.endswith(b"\n")
    except (EOFError, OSError, zlib.error) as error:
        refuse(path, error)


def refuse(shown: object, error: Exception) -> NoReturn:
    """Refuse what cannot be read at all."""
    raise UserError("A source cannot be read to its end.", f"{shown}: {error}", "replace the file") from error


def _bad(line: int, reason: str, raw: bytes) -> Bad:
    return Bad(line, reason, raw[: 4 * SHOWN].decode("utf-8", "replace")[:SHOWN].rstrip("\r\n"))


def _jsonl(path: Path) -> Iterator[Row | Bad]:
    for number, line in _lines(path):
        if not line.strip():
            continue
        if len(line) > LONGEST:
            yield _bad(number, "line too long", line)
            continue
        try:
            value = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError):
            yield _bad(number, "broken line", line)
            continue
        yield (number, value) if isinstance(value, dict) else _bad(number, "no object", line)


def _header(lines: Iterator[tuple[int, bytes]], kind: str) -> list[str]:
    try:
        text = next(lines, (0, b""))[1].decode("utf-8").rstrip("\r\n")
        if kind == "tsv":
            return text.split("\t") if text else []
        return next(csv.reader([text], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError("The header of a table cannot be read.", error, "write the column names in line 1") from error


def _tsv(path: Path) -> Iterator[Row | Bad]:
    lines = _lines(path)
    header = _header(lines, "tsv")
    for number, line in lines:
        if len(line) > LONGEST:
            yield _bad(number, "line too long", line)
            continue
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            yield _bad(number, "broken line", line)
            continue
        if text:
            yield _celled(number, header, text.split("\t"), line)


def _celled(number: int, header: list[str], cells: list[str], raw: bytes) -> Row | Bad:
    if len(cells) != len(header):
        return _bad(number, "wrong number of cells", raw)
    return number, dict(zip(header, cells, strict=True))


def _csv(path: Path) -> Iterator[Row | Bad]:
    lines = _lines(path)
    header = _header(lines, "csv")
    csv.field_size_limit(max(LONGEST, csv.field_size_limit()))  # the module's own limit is 128 KiB
    waiting: list[tuple[int, bytes]] = []  # lines read ahead, first to be used
    while waiting or (taken := next(lines, None)) is not None:
        if not waiting:
            waiting.append(taken)  # type: ignore[arg-type]
        used, row = _csv_row(waiting, lines, header)
        del waiting[:used]
        if row is not None:
            yield row


def _csv_row(
    waiting: list[tuple[int, bytes]], lines: Iterator[tuple[int, bytes]], header: list[str]
) -> tuple[int, Row | Bad | None]:
    """The row that begins with the first waiting line, and how many lines it took; a broken one takes just one."""
    number, first = waiting[0]
    if len(first) > LONGEST:
        return 1, _bad(number, "line too long", first)
    used, size, quotes = 1, len(first), first.count(b'"')
    while quotes % 2:
        if used == len(waiting):
            more = next(lines, None) if used < SPAN and size <= LONGEST else None
            if more is None:
                return 1, _bad(number, "broken line", first)
            waiting.append(more)
        quotes += waiting[used][1].count(b'"')
        size += len(waiting[used][1])
        used += 1
    raw = b"".join(line for _, line in waiting[:used])
    try:
        cells = next(csv.reader([raw.decode("utf-8")], strict=True), [])  # one text: U+2028 in it ends no line
    except (UnicodeDecodeError, csv.Error):
        return 1, _bad(number, "broken line", first)
    row = _celled(number, header, cells, raw) if cells else None
    return (1, _bad(number, "broken line", first)) if isinstance(row, Bad) and used > 1 else (used, row)
