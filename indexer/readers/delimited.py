"""CSV and TSV, streamed, with standard quoting (RFC 4180): quoted cells may hold delimiters, line ends and doubled quotes.

Of TSV there are two kinds. Spreadsheets quote its cells as they do those of CSV; most public data sets follow the older rule
that a tab ends a cell and a quote is text. Nothing in the file says which, so both are tried on its beginning: quotes are
text where that leaves fewer bad rows, or takes apart what quoting would join. Where both fit, standard quoting holds.

The first row names the columns. A row's number is the line of the file on which it begins (the header is on line 1), as an
editor shows it. A record may run over many lines, so one stray quote could swallow every row behind it: a record is given up
at a megabyte, and when a broken record turns out to have swallowed lines that are rows by themselves, they are read again.
"""

from __future__ import annotations

import csv
import sys
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path

from indexer.errors import UserError
from indexer.readers.lines import lines
from indexer.records import LARGEST, Rejection, Row

_LOOKED_AT = 4_000_000  # bytes of a TSV that say how it is quoted
_PATIENCE = 100  # times a file's swallowed rows are read again: each costs up to a megabyte of reading


def read_csv(source: Path) -> Iterator[Row | Rejection]:
    """CSV with a header row (.csv, also .gz): commas, standard quoting."""
    return _rows(source, lines(source), ",", quoted=True)


def read_tsv(source: Path) -> Iterator[Row | Rejection]:
    """TSV with a header row (.tsv, also .gz): tabs; standard quoting, or quotes as text where that fits better."""
    return _rows(source, lines(source), "\t", quoted=_is_quoted(source))


def csv_columns(source: Path) -> Iterator[Row]:
    """The columns of a CSV, as one row: name → "any", for a file of texts does not tell what a column holds."""
    return _columns(source, ",", quoted=True)


def tsv_columns(source: Path) -> Iterator[Row]:
    """The columns of a TSV, as `csv_columns` gives them."""
    return _columns(source, "\t", quoted=_is_quoted(source))


def _columns(source: Path, delimiter: str, *, quoted: bool) -> Iterator[Row]:
    _, _, header = _begun(source, lines(source), delimiter, quoted=quoted)
    yield Row(source.name, 1, dict.fromkeys(header, "any"))


def _is_quoted(source: Path) -> bool:
    """Whether quotes mean something in a TSV, by its beginning."""
    beginning, size, quotes = [], 0, 0
    for line in lines(source):
        beginning.append(line)
        if not isinstance(line, Rejection):
            size += len(line[1])
            quotes += line[1].count(b'"')
        # Not in the middle of a quoted cell, if there is one: that would look like a broken row.
        if size > _LOOKED_AT and (quotes % 2 == 0 or size > _LOOKED_AT + LARGEST):
            break
    return _outcome(source, beginning, quoted=True) <= _outcome(source, beginning, quoted=False)


def _outcome(source: Path, beginning: list[tuple[int, bytes] | Rejection], *, quoted: bool) -> tuple[int, int]:
    """Bad rows, and good ones with a minus: the less the better."""
    try:
        rows = list(_rows(source, iter(beginning), "\t", quoted=quoted))
    except UserError:  # the header; told when the file is read
        return sys.maxsize, 0
    good = sum(isinstance(row, Row) for row in rows)
    return len(rows) - good, -good


def _rows(
    source: Path, content: Iterator[tuple[int, bytes] | Rejection], delimiter: str, *, quoted: bool
) -> Iterator[Row | Rejection]:
    feed, records, header = _begun(source, content, delimiter, quoted=quoted)
    while True:
        try:
            cells = feed.record(records)
            if not cells:
                continue  # an empty line
            if len(cells) != len(header):
                raise _BrokenError("broken line", f"{len(cells)} cells where the header has {len(header)}")
        except _BrokenError as broken:
            yield feed.reject(broken, delimiter, len(header))
        except StopIteration:
            return
        else:
            yield Row(feed.file, feed.taken[0][0], dict(zip(header, cells, strict=True)))


def _begun(
    source: Path, content: Iterator[tuple[int, bytes] | Rejection], delimiter: str, *, quoted: bool
) -> tuple[_Feed, Iterator[list[str]], list[str]]:
    """What the records are taken from, and the header that came before them."""
    # The limit is the csv module's own global; ours on whole records is what counts.
    csv.field_size_limit(max(csv.field_size_limit(), LARGEST))
    feed = _Feed(source.name, content)
    if quoted:
        records = csv.reader(feed, delimiter=delimiter, strict=True)
    else:
        records = csv.reader(feed, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    return feed, records, _header(feed, records, source)


def _header(feed: _Feed, records: Iterator[list[str]], source: Path) -> list[str]:
    try:
        cells = feed.record(records)
    except StopIteration:
        raise UserError(
            "The file has no header row", source, "put the names of the columns on the first line"
        ) from None
    except _BrokenError as broken:
        given = f"{source}: {broken.detail}"
        raise UserError(
            "The header row cannot be read", given, "put the names of the columns on the first line"
        ) from None
    if not cells:
        raise UserError("The first line is empty", source, "put the names of the columns on the first line")
    header = [name.strip() or f"column {place}" for place, name in enumerate(cells, 1)]
    name, times = Counter(header).most_common(1)[0]
    if times > 1:
        raise UserError(f"{times} columns have the same name", f"{name!r} in {source}", "give each column its own name")
    return header


class _BrokenError(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


class _Feed:
    """Hands lines to csv.reader and keeps those of the record at hand, at most a megabyte."""

    def __init__(self, file: str, content: Iterator[tuple[int, bytes] | Rejection]) -> None:
        self.file = file
        self.taken: list[tuple[int, bytes]] = []  # the lines of the record at hand
        self._lines = content
        self._again: deque[tuple[int, bytes] | Rejection] = deque()  # to be read once more
        self._size = 0
        self._fault = ""  # of a line that cannot be text; told once the record is complete
        self._patience = _PATIENCE

    def record(self, records: Iterator[list[str]]) -> list[str]:
        """The cells of the next record. Raises _BrokenError, and StopIteration at the end of the file."""
        self.taken, self._size, self._fault = [], 0, ""
        try:
            cells = next(records)
        except csv.Error as error:
            raise _BrokenError("broken line", self._fault or _told(error)) from None
        if self._fault:
            raise _BrokenError("broken line", self._fault)
        return cells

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        if isinstance(line, Rejection):
            self._interrupt(line)
            raise _BrokenError(line.reason, line.detail)
        number, content = line
        self.taken.append(line)
        self._size += len(content)
        if self._size > LARGEST + 2:  # + 2: the line end
            raise _BrokenError("too large", f"a record of more than {LARGEST:,} bytes, or a quote that is not closed")
        if b"\0" in content:
            self._fault = f"a NUL byte on line {number}: not a text file"
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            self._fault = f"not UTF-8: byte 0x{content[error.start]:02x} at position {error.start} of line {number}"
            return content.decode(errors="replace")

    def reject(self, broken: _BrokenError, delimiter: str, width: int) -> Rejection:
        """The rejection of the record at hand; rows that it swallowed will be read again."""
        first, swallowed = self.taken[0][0], self.taken[1:]
        detail = broken.detail
        if swallowed and self._patience and _are_rows(swallowed, delimiter, width):
            self._patience -= 1
            self._again.extendleft(reversed(swallowed))
            detail += "; the lines after it are read as rows"
        elif swallowed:
            if broken.reason == "too large":
                self._skip_to_closing_quote()
            detail += f"; lines {first} to {self.taken[-1][0]} make one record"
        return Rejection(self.file, first, broken.reason, detail)

    def _interrupt(self, rejection: Rejection) -> None:
        """A line that cannot be had: between records it is told at once, inside one the record is told first."""
        if self.taken:
            self._again.appendleft(rejection)
            raise _BrokenError("broken line", f"the record does not end before line {rejection.row}")
        self.taken.append((rejection.row, b""))

    def _skip_to_closing_quote(self) -> None:
        """Passes over the rest of a quoted cell; doubled quotes come in pairs, so the first odd line closes it."""
        line = self.taken[-1]
        while line[1].count(b'"') % 2 == 0:
            following = self._again.popleft() if self._again else next(self._lines, None)
            if following is None:
                return
            if isinstance(following, Rejection):
                self._again.appendleft(following)
                return
            line = following
            self.taken[-1] = line


def _are_rows(swallowed: list[tuple[int, bytes]], delimiter: str, width: int) -> bool:
    """Whether lines that a broken record took in look like rows; with one column, any line would."""
    some = swallowed[:100]
    return width > 1 and 2 * sum(_is_row(content, delimiter, width) for _, content in some) >= len(some)


def _is_row(content: bytes, delimiter: str, width: int) -> bool:
    if content.count(b'"') % 2:
        return False  # the last line of a quoted cell would pass otherwise
    try:
        return [len(cells) for cells in csv.reader([content.decode(errors="replace")], delimiter=delimiter)] == [width]
    except csv.Error:
        return False


def _told(error: csv.Error) -> str:
    """The csv module's message in a user's words."""
    message = str(error)
    if "unexpected end" in message:
        return "a quote is not closed"
    if "new-line character" in message:
        return "a carriage return outside quotes"
    return "text after a closing quote" if "expected after" in message else message
