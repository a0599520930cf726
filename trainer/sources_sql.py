"""SQL: the rows of one query on SQLite or PostgreSQL, streamed, without ever writing.

SQLite is opened read-only; PostgreSQL reads in one read-only transaction through a server-side cursor, which takes a single
SELECT and nothing else. A table has no file to take a digest of: its identity is the SHA-256 over the rows in canonical
JSON, and rows that turn out to be others when they are read again are refused. The query is sent as it is written (a
colon or a percent sign in it means nothing to us). Passwords may stand in the URL, or better in PGPASSWORD or ~/.pgpass;
no text that leaves this module shows one.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from indexer.errors import UserError
from trainer.sources_arrow import Classes
from trainer.sources_origin import Origin, masked
from trainer.sources_tables import Bad, Row

if TYPE_CHECKING:
    import sqlalchemy as sa

AT_ONCE = 1000  # rows fetched at a time
LOOKED = 1000  # rows whose mean size stands for all
KINDS = 'url = "sqlite:///file.db" or "postgresql://user@host/database"'


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
        names = list(result.keys())
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise UserError(f"{self.name!r}: two columns of the query have one name.", twice, f"{twice} AS other_name")
        return names

    @contextmanager
    def _result(self, query: str | None = None) -> Iterator[sa.CursorResult[Any]]:
        import sqlalchemy as sa

        engine = _engine(self.url)
        try:
            with engine.connect() as connection:
                options: dict[str, Any] = {"yield_per": AT_ONCE, "no_parameters": True}
                if self.url.drivername != "sqlite":
                    options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
                connection = connection.execution_options(**options)
                with connection.exec_driver_sql(query or self.query) as result:
                    if not result.returns_rows:
                        self._refuse("the statement gives no rows")
                    yield result
        except (sa.exc.SQLAlchemyError, sqlite3.Error, ValueError) as error:
            self._refuse(getattr(error, "orig", None) or error)

    def _refuse(self, error: object) -> NoReturn:
        """Without the cause behind it: drivers may show what they connected with."""
        told = masked(str(error)).strip()
        for secret in (self.url.password, quote(str(self.url.password or ""), safe="")):
            told = told.replace(str(secret), "***") if secret else told
        raise UserError(
            f"{self.name!r}: the database did not give the rows.",
            f"{self.shown}: {told}",
            "check the url, and that the query is one SELECT",
        ) from None


def query_table(origin: Origin) -> QueryTable:
    """The table of an origin's query, not yet opened. Raises UserError if the URL is none of ours."""
    import sqlalchemy as sa

    try:
        url = sa.make_url(str(origin.url))
    except (sa.exc.ArgumentError, ValueError):
        given = "not shown, since it may hold a password"
        raise UserError(f"{origin.name!r}: this is no URL of a database.", given, KINDS) from None
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise UserError(f"{origin.name!r}: this database is not known.", url.drivername, KINDS)
    if url.drivername == "sqlite" and not Path(url.database or "").is_file():
        raise UserError(f"{origin.name!r}: there is no such SQLite file.", url.database or "no path", KINDS)
    shown = f"{url.get_backend_name()} {Path(url.database or '').name}"
    return QueryTable(origin.name, url, str(origin.query), shown)


def _engine(url: sa.URL) -> sa.Engine:
    import sqlalchemy as sa

    if url.drivername == "sqlite":
        return sa.create_engine("sqlite://", creator=lambda: _read_only(str(url.database)), poolclass=sa.NullPool)
    try:
        return sa.create_engine(url, poolclass=sa.NullPool)
    except ImportError:
        todo = 'install "psycopg[binary]"'
        raise UserError("PostgreSQL cannot be read here.", "the driver psycopg is not installed", todo) from None


def _read_only(path: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True)
    connection.set_authorizer(_without_other_files)
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")  # broken text: a bad row, not the end
    return connection


def _without_other_files(action: int, *what: str | None) -> int:
    """Read-only is the file that was opened; ATTACH, which VACUUM INTO uses too, would open another."""
    return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK


def _canonical(row: Any) -> bytes:
    line = json.dumps(list(row), ensure_ascii=True, separators=(",", ":"), sort_keys=True, default=_told)
    return line.encode() + b"\n"


def _told(value: object) -> list[str]:
    return [type(value).__name__, value.hex() if isinstance(value, bytes) else str(value)]
