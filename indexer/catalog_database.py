"""The database behind the catalog: SQLite inside the home, or PostgreSQL by $SEARCHAPP_CATALOG.

On PostgreSQL every home has a schema of its own, so one database may serve any number of homes and none sees another's
tables. `<home>/catalog.schema` holds its name and moves with the home; the schema's comment says where that is, which
tells a home that was moved from one that was copied. A home with published versions never gets an empty catalog: that
would be the wrong database, or a lost one.

The tables are made and moved in one transaction under a lock of the database itself, so it does not matter how many
processes on how many machines open a catalog at once. No error that leaves this module shows a password.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from indexer.database import masked, shown
from indexer.errors import UserError
from indexer.files import write_bytes
from indexer.home import Home, locked

HEAD = "0003"  # the newest revision in indexer/migrations/versions; a test compares the two
SCHEMA = "catalog.schema"
TIMEOUT = 10  # seconds to wait for a server that does not answer, unless the URL says otherwise
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def open_database(home: Home) -> sa.Engine:
    """The engine of the home's catalog, its tables moved to the newest revision.

    UserError for a URL of no known kind, a database that cannot be reached, one that is not this home's, and one that a
    later release has moved on.
    """
    url = None if home.catalog_url is None else _url(home.catalog_url)
    with locked(home.root / "locks" / ".catalog", "the catalog", wait=True):
        engine = _sqlite(home.catalog_file) if url is None else _postgresql(url, _schema_of(home))
        try:
            _open(engine, home)
        except BaseException:
            engine.dispose()
            raise
    return engine


def _open(engine: sa.Engine, home: Home) -> None:
    with transaction(engine) as connection:
        if engine.dialect.name == "postgresql":
            _refuse_a_stray_connection(connection, _schema_of(home))
        revision = _revision(connection)
    if revision is None:
        _refuse_a_second_catalog(home, engine.url)
    if revision != HEAD:
        migrate(engine)
    if engine.dialect.name == "postgresql":
        _settle(engine, home)


@contextmanager
def transaction(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction. UserError where the database cannot be reached, is lost meanwhile or refuses; then nothing happened.

    A broken constraint stays an IntegrityError: whoever wrote knows what it means.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.IntegrityError:
        raise
    except sa.exc.DBAPIError as error:
        raise _refusal(engine.url, error.orig) from None
    except UnicodeDecodeError as error:  # SQLite quotes a damaged schema, and Python cannot read the quotation
        raise _refusal(engine.url, error) from None


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the tables to `revision`, up or down, in one transaction that waits for whoever is doing the same."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", "indexer:migrations")
    with transaction(engine) as connection:
        if engine.dialect.name == "postgresql":
            _make_schema(connection)
        config.attributes["connection"] = connection
        going_down = revision == "base" or revision.startswith("-")
        try:
            (command.downgrade if going_down else command.upgrade)(config, revision)
        except CommandError as error:
            todo = "use the release that made it, or build the collections again in a new home"
            raise UserError("this catalog was made by a later release", str(error), todo) from None


def _url(given: str) -> sa.URL:
    """PostgreSQL, with its driver. Not SQLite: a file has no schemas that would keep two homes apart."""
    todo = "set $SEARCHAPP_CATALOG to postgresql://user@host/database, or leave it unset for SQLite inside the home"
    try:
        url = sa.make_url(given)
    except (sa.exc.ArgumentError, ValueError):
        raise UserError(
            "$SEARCHAPP_CATALOG is no URL of a database", "not shown, since it may hold a password", todo
        ) from None
    if url.drivername not in ("postgresql", "postgresql+psycopg"):
        raise UserError("the catalog cannot be kept in this kind of database", url.drivername, todo)
    return url.set(drivername="postgresql+psycopg")


def _sqlite(file: Path) -> sa.Engine:
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(file)))
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return _kept_to_its_process(engine)


def _postgresql(url: sa.URL, schema: str) -> sa.Engine:
    """Connections are tried before use: a server that was started again meanwhile costs nobody an error."""
    given: Any = url.query.get("options", "")
    timeout: Any = url.query.get("connect_timeout", TIMEOUT)
    arguments = {"options": f"{given} -csearch_path={schema}".strip(), "connect_timeout": timeout}
    try:
        engine = sa.create_engine(
            url, connect_args=arguments, pool_pre_ping=True, isolation_level="READ COMMITTED", use_native_hstore=False
        )
    except ImportError:
        todo = 'install "psycopg[binary]"'
        raise UserError("PostgreSQL cannot be used here", "the driver psycopg is not installed", todo) from None
    return _kept_to_its_process(engine)


def _kept_to_its_process(engine: sa.Engine) -> sa.Engine:
    """A forked child must not talk through its parent's connections: it makes its own."""

    def made(_connection: Any, record: Any) -> None:
        record.info["process"] = os.getpid()

    def taken(_connection: Any, record: Any, proxy: Any) -> None:
        if record.info["process"] != os.getpid():
            record.dbapi_connection = proxy.dbapi_connection = None
            raise sa.exc.DisconnectionError("the connection belongs to the process this one was forked from")

    sa.event.listen(engine, "connect", made)
    sa.event.listen(engine, "checkout", taken)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """WAL lets readers go on while a version is published; FULL makes the published row survive a power cut."""
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


def _revision(connection: sa.Connection) -> str | None:
    """The revision of the tables; None where there are none yet, "" where they were taken down."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or ""


def _refuse_a_second_catalog(home: Home, url: sa.URL) -> None:
    if any(home.root.glob("collections/*/versions/*.json")):
        raise UserError(
            "this home has published versions, but this catalog knows nothing of it",
            f"{home.root}, {shown(url)}",
            "set $SEARCHAPP_CATALOG as it was when the home was built (unset for catalog.db in the home), or put what is "
            f"missing back: catalog.db, {SCHEMA} or the database; or build the collections again in a new home",
        )


def _schema_of(home: Home) -> str:
    """The name of the home's schema, chosen at random once. Call it under the home's lock."""
    file = home.root / SCHEMA
    if not file.exists():
        write_bytes(file, f"searchapp_{secrets.token_hex(8)}\n".encode())
    name = file.read_text(encoding="utf-8", errors="replace").strip()
    if not _NAME.fullmatch(name):
        todo = "put the file back as it was; the schemas of the database have the homes' folders as comments"
        raise UserError(f"{SCHEMA} should hold the name of the home's schema, and does not", f"{file}: {name!r}", todo)
    return name


def _refuse_a_stray_connection(connection: sa.Connection, schema: str) -> None:
    """A pooler in between may drop what a connection was opened with; the tables would be another home's, or nobody's."""
    path = connection.scalar(sa.text("SELECT current_setting('search_path')"))
    if path != schema:
        todo = "connect without a pooler, or with one that passes on the startup parameter `options`"
        raise UserError("the connection does not keep to the home's schema", f"search_path is {path}", todo)


def _make_schema(connection: sa.Connection) -> None:
    """The schema the connection keeps to is there, and ours alone until the transaction ends."""
    schema = {"schema": connection.scalar(sa.text("SELECT current_setting('search_path')"))}
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtextextended(:schema, 0))"), schema)
    if connection.scalar(sa.text("SELECT to_regnamespace(:schema) IS NULL"), schema):
        connection.execute(sa.schema.CreateSchema(schema["schema"]))


def _settle(engine: sa.Engine, home: Home) -> None:
    """See that the schema is this home's and not that of the home it was copied from; note where the home is now."""
    with transaction(engine) as connection:
        schema, there = connection.execute(_WHERE).one()
        if there == str(home.root):
            return
        if there and _is_another_home(Path(there), home, schema):
            raise UserError(
                "this home is a copy, and its catalog belongs to the one it was copied from",
                f"{home.root}, copied from {there}",
                "work with that one, or move it here instead; a second home is built anew",
            )
        connection.execute(sa.text("SELECT set_config('searchapp.home', :root, true)"), {"root": str(home.root)})
        connection.execute(_NOTE)


_WHERE = sa.text("SELECT current_schema(), obj_description(to_regnamespace(current_schema()), 'pg_namespace')")
_NOTE = sa.text(
    "DO $$ BEGIN EXECUTE format('COMMENT ON SCHEMA %I IS %L', current_schema(), current_setting('searchapp.home')); END $$"
)


def _is_another_home(there: Path, home: Home, schema: str) -> bool:
    try:
        return not there.samefile(home.root) and (there / SCHEMA).read_text().strip() == schema
    except (OSError, ValueError):
        return False


def _refusal(url: sa.URL, error: object) -> UserError:
    """Without the cause behind it: drivers may show what they connected with."""
    told = masked(" ".join(str(error).split()))
    for secret in (url.password, quote(str(url.password or ""), safe="")):
        told = told.replace(str(secret), "***") if secret else told
    if url.drivername == "sqlite":
        todo = "see that the disk is not full; put a damaged file back from a copy, or build again in a new home"
    else:
        todo = "check that the server runs and that $SEARCHAPP_CATALOG is right, then run this again"
    return UserError("the catalog cannot be read or written", f"{shown(url)}: {told}", todo)
