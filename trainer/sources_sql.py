"""SQL: the rows of one query on SQLite or PostgreSQL as a table of training data; `indexer.database` reads them.

A table has no file to take a digest of: its identity is the SHA-256 over the rows in canonical JSON, and rows that turn
out to be others when they are read again are refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from indexer.database import known_url, names_of, rows_of_query, shown
from indexer.errors import UserError
from indexer.readers.cells import Classes
from trainer.sources_origin import Origin
from trainer.sources_tables import Bad, Row

if TYPE_CHECKING:
    import sqlalchemy as sa

AT_ONCE = 1000  # rows fetched at a time
LOOKED = 1000  # rows whose mean size stands for all


@dataclass(frozen=True, slots=True)
class QueryTable:
    """The rows of a query."""

    name: str  # of the source
    url: sa.URL = field(repr=False)
    query: str
    shown: str

    def columns(self) -> list[str]:
        """The names of the columns. Raises UserError if two are the same."""
        with self._result() as result:
            return self._names(result)

    def classes(self) -> Classes:
        """None: a database has texts and numbers."""
        return {}

    def rows(self, digest: str) -> Iterator[Row | Bad]:
        """The rows, numbered from 1. Raises UserError after the last if they are not the rows of the digest."""
        seen = hashlib.sha256()
        with self._result() as result:
            names = self._names(result)
            seen.update(_canonical(names))
            for number, row in enumerate(result, 1):
                seen.update(_canonical(row))
                yield number, dict(zip(names, row, strict=True))
        if seen.hexdigest() != digest:
            raise UserError(
                f"{self.name!r}: the table changed while it was read.",
                self.shown,
                "run again; if nobody writes to it, give the query an ORDER BY, so that its rows keep one order",
            )

    def digest(self) -> str:
        """SHA-256 over the names of the columns and every row, each as a line of JSON."""
        seen = hashlib.sha256()
        with self._result() as result:
            seen.update(_canonical(self._names(result)))
            for row in result:
                seen.update(_canonical(row))
        return seen.hexdigest()

    def size(self) -> int:
        """Bytes of the rows, estimated: their number times the mean size of the first ones."""
        with self._result() as result:
            first = [len(_canonical(row)) for row in islice(result, LOOKED)]
            return sum(first) + sum(1 for _ in result) * sum(first) // max(1, len(first))

    def _names(self, result: sa.CursorResult[Any]) -> list[str]:
        return names_of(result, self._whose)

    def _result(self) -> AbstractContextManager[sa.CursorResult[Any]]:
        return rows_of_query(self.url, self.query, AT_ONCE, self._whose)

    @property
    def _whose(self) -> str:
        return f"{self.name!r}: "


def query_table(origin: Origin) -> QueryTable:
    """The table of an origin's query, not yet opened. Raises UserError if the URL is none of ours."""
    url = known_url(str(origin.url), f"{origin.name!r}: ")
    return QueryTable(origin.name, url, str(origin.query), shown(url))


def _canonical(row: Any) -> bytes:
    line = json.dumps(list(row), ensure_ascii=True, separators=(",", ":"), sort_keys=True, default=_told)
    return line.encode() + b"\n"


def _told(value: object) -> list[str]:
    return [type(value).__name__, value.hex() if isinstance(value, bytes) else str(value)]
