"""Files of rows: JSONL, CSV, TSV and Parquet, plain or gzipped, read row by row with the line each row began on.

A row that cannot be read is a `Bad` with its reason and the reading goes on with the next line; only a file that is
damaged as a whole (a torn gzip, a broken Parquet) is refused. In TSV there is no quoting: quotes are text. In CSV a
quoted cell may span lines; where a quote is never closed, only the line that opened it is lost.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from indexer.errors import UserError

TABLES = ("jsonl", "csv", "tsv", "parquet")
SPAN = 200  # lines a quoted CSV cell may span before its opening line counts as broken
LOOKED = 100  # objects of a JSONL file whose keys say what fields there are
SHOWN = 2000  # characters of a bad row that are kept


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
    reader = {"jsonl": _jsonl, "csv": _csv, "tsv": _tsv, "parquet": _parquet}.get(kind or container(path) or "")
    if reader is None:
        raise UserError(
            "This kind of file cannot be read.", path, f"give a file that ends in {', '.join(TABLES)} (.gz)"
        )
    return reader(path)


def columns(path: Path, kind: str | None = None) -> list[str]:
    """The column names a table begins with: its header, its schema or the keys of its first good objects."""
    kind = kind or container(path)
    if kind == "parquet":
        return list(_opened_parquet(path).schema_arrow.names)
    if kind in ("csv", "tsv"):
        return _header(_lines(path), kind)
    seen: dict[str, None] = {}
    for _, row in islice((row for row in read_table(path, kind) if not isinstance(row, Bad)), LOOKED):
        seen |= dict.fromkeys(row)
    return list(seen)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with gzip.open(path) if path.suffix.lower() in (".gz", ".gzip") else path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
    except (EOFError, OSError, zlib.error) as error:
        _refuse(path, error)


def _refuse(path: Path, error: Exception) -> NoReturn:
    raise UserError("A source file cannot be read to its end.", f"{path}: {error}", "replace the file") from error


def _bad(line: int, reason: str, raw: bytes) -> Bad:
    return Bad(line, reason, raw[: 4 * SHOWN].decode("utf-8", "replace")[:SHOWN].rstrip("\r\n"))


def _jsonl(path: Path) -> Iterator[Row | Bad]:
    for number, line in _lines(path):
        if not line.strip():
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
        return text.split("\t") if kind == "tsv" else next(csv.reader([text], strict=True), [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError("The header of a table cannot be read.", error, "write the column names in line 1") from error


def _tsv(path: Path) -> Iterator[Row | Bad]:
    lines = _lines(path)
    header = _header(lines, "tsv")
    for number, line in lines:
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
    used, quotes = 1, first.count(b'"')
    while quotes % 2:
        if used == len(waiting):
            more = next(lines, None) if used < SPAN else None
            if more is None:
                return 1, _bad(number, "broken line", first)
            waiting.append(more)
        quotes += waiting[used][1].count(b'"')
        used += 1
    raw = b"".join(line for _, line in waiting[:used])
    try:
        cells = next(csv.reader(raw.decode("utf-8").splitlines(keepends=True), strict=True), [])
    except (UnicodeDecodeError, csv.Error):
        return 1, _bad(number, "broken line", first)
    row = _celled(number, header, cells, raw) if cells else None
    return (1, _bad(number, "broken line", first)) if isinstance(row, Bad) and used > 1 else (used, row)


def _opened_parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        _refuse(path, error)


def _parquet(path: Path) -> Iterator[Row | Bad]:
    import pyarrow as pa

    number = 0
    try:
        for batch in _opened_parquet(path).iter_batches(batch_size=4096):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        _refuse(path, error)
