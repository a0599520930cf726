"""The rows of one query on SQLite or PostgreSQL, streamed, without ever writing.

SQLite is opened read-only; PostgreSQL reads in one read-only transaction through a server-side cursor, which takes a single
SELECT and nothing else. The query is sent as it is written (a colon or a percent sign in it means nothing to us). Passwords
may stand in the URL, or better in PGPASSWORD or ~/.pgpass; no text that leaves this module shows one.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from indexer.errors import UserError

if TYPE_CHECKING:
    import sqlalchemy as sa

KINDS = '"sqlite:///file.db" or "postgresql://user@host/database"'
_PASSWORDS = re.compile(r"(://[^\s:/@]*:).*(?=@)|([?&]\w*password=)[^&\s'\"]*", re.DOTALL | re.IGNORECASE)


def masked(text: str) -> str:
    """The text with every password of a URL in it hidden."""
    return _PASSWORDS.sub(r"\1\2***", text)


def known_url(given: str, whose: str = "") -> sa.URL:
    """The URL of a database that can be read here. Raises UserError, which begins with `whose` URL it is, if it is none."""
    import sqlalchemy as sa

    todo = f"url = {KINDS}"
    try:
        url = sa.make_url(given)
    except (sa.exc.ArgumentError, ValueError):
        raise UserError(
            f"{whose}this is no URL of a database.", "not shown, since it may hold a password", todo
        ) from None
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("sqlite", "postgresql+psycopg"):
        raise UserError(f"{whose}this database is not known.", url.drivername, todo)
    if url.drivername == "sqlite" and not Path(url.database or "").is_file():
        raise UserError(f"{whose}there is no such SQLite file.", url.database or "no path", todo)
    return url


def shown(url: sa.URL) -> str:
    """A database as errors and cards may name it: its kind and its name."""
    return f"{url.get_backend_name()} {Path(url.database or '').name}"


@contextmanager
def rows_of_query(url: sa.URL, query: str, at_once: int, whose: str = "") -> Iterator[sa.CursorResult[Any]]:
    """The rows, `at_once` fetched at a time. Raises UserError, also while they are read, where the database refuses."""
    import sqlalchemy as sa

    engine = _engine(url)
    try:
        with engine.connect() as connection:
            options: dict[str, Any] = {"yield_per": at_once, "no_parameters": True}
            if url.drivername != "sqlite":
                options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            connection = connection.execution_options(**options)
            with connection.exec_driver_sql(query) as result:
                if not result.returns_rows:
                    _refuse(url, "the statement gives no rows", whose)
                yield result
    except (sa.exc.SQLAlchemyError, sqlite3.Error, ValueError) as error:
        _refuse(url, getattr(error, "orig", None) or error, whose)


def names_of(result: sa.CursorResult[Any], whose: str = "") -> list[str]:
    """The names of the columns. Raises UserError if two are the same."""
    names = list(result.keys())
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"{whose}two columns of the query have one name.", twice, f"{twice} AS other_name")
    return names


def _refuse(url: sa.URL, error: object, whose: str) -> NoReturn:
    """Without the cause behind it: drivers may show what they connected with."""
    told = masked(str(error)).strip()
    for secret in (url.password, quote(str(url.password or ""), safe="")):
        told = told.replace(str(secret), "***") if secret else told
    raise UserError(
        f"{whose}the database did not give the rows.",
        f"{shown(url)}: {told}",
        "check the url, and that the query is one SELECT",
    ) from None


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
