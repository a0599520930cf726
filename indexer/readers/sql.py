"""The rows of a SELECT as a corpus: `indexer build --sql URL "select …"`; `indexer.database` reads them.

A database may give the same rows in another order each time: with an ORDER BY the same data is known as unchanged. Where the
rows change between the two looks that a build takes at its source, what the second look saw is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from indexer.database import known_url, names_of, rows_of_query, shown
from indexer.readers.cells import row_of
from indexer.records import Rejection, Row

AT_ONCE = 100  # rows fetched at a time: of a megabyte each, they are what a reader may hold


@dataclass(frozen=True, slots=True)
class Query:
    """One SELECT and the URL of the database that answers it. The URL may hold a password and is never shown."""

    url: str = field(repr=False)
    statement: str

    def __str__(self) -> str:
        return self.statement


def read_sql(query: Query) -> Iterator[Row | Rejection]:
    """A SELECT on SQLite or PostgreSQL (--sql URL), read-only and streamed; binary columns are left out."""
    url = known_url(query.url)
    with rows_of_query(url, query.statement, AT_ONCE) as result:
        names = names_of(result)
        for number, cells in enumerate(result, 1):
            yield row_of(shown(url), number, zip(names, cells, strict=True))
