"""The small transactional truth: which collections exist, which version of each is current, and how builds are doing.

Everything large lies in immutable files; the catalog holds their digests. A version becomes visible in ONE transaction
(`publish`), after its files are durable, so a reader sees all of it or none of it. SQLAlchemy on SQLite inside the home,
or any database by URL; the schema is made and moved by Alembic (`indexer/migrations`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from indexer.errors import UserError
from indexer.home import Home, locked

# SQLite numbers rows only for INTEGER PRIMARY KEY, PostgreSQL wants BIGINT.
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

COLLECTIONS = sa.Table(
    "collections",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("current", sa.Integer),  # version number; null until the first is published
    sa.Column("created_at", sa.DateTime, nullable=False),
)
VERSIONS = sa.Table(
    "versions",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("collection_id", BIG, sa.ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),  # of the version file: the end of the digest chain
    sa.Column("model_name", sa.String(255), nullable=False),
    sa.Column("model_fingerprint", sa.String(64), nullable=False),
    sa.Column("records", sa.BigInteger, nullable=False),
    sa.Column("passages", sa.BigInteger, nullable=False),
    sa.Column("published_at", sa.DateTime, nullable=False),
    sa.UniqueConstraint("collection_id", "number"),
)
BUILDS = sa.Table(
    "builds",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("collection", sa.String(64), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),  # running, done, unchanged, failed, stopped
    sa.Column("phase", sa.String(32), nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger),  # null while it is not known
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("updated_at", sa.DateTime, nullable=False),
)
EVALUATIONS = sa.Table(
    "evaluations",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("version_id", BIG, sa.ForeignKey("versions.id", ondelete="CASCADE"), nullable=False),
    sa.Column("judgements", sa.String(255), nullable=False),  # the judged folder's name and split: `shop/test`
    sa.Column("queries", sa.Integer, nullable=False),
    sa.Column("mode", sa.String(16), nullable=False),
    sa.Column("measure", sa.String(32), nullable=False),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("low", sa.Float, nullable=False),  # 95 % interval
    sa.Column("high", sa.Float, nullable=False),
    sa.Column("measured_at", sa.DateTime, nullable=False),
    sa.UniqueConstraint("version_id", "judgements", "mode", "measure"),
)
_FACTS = [column for column in VERSIONS.c if column.key not in ("id", "collection_id")]
MODELS = sa.Table(
    "models",
    METADATA,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),  # as the user named it: `minilm`, or a folder
    sa.Column("dim", sa.Integer, nullable=False),
    sa.Column("used_at", sa.DateTime, nullable=False),
)


@dataclass(frozen=True, slots=True)
class VersionRow:
    """What the catalog knows of a published version."""

    collection: str
    number: int
    sha256: str
    model_name: str
    model_fingerprint: str
    records: int
    passages: int
    published_at: datetime
    current: bool


@dataclass(frozen=True, slots=True)
class BuildRow:
    """How a build is doing, for whoever watches it from outside."""

    id: int
    collection: str
    state: str
    phase: str
    done: int
    total: int | None
    message: str
    pid: int
    version: int | None
    started_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure of a version: the mean of a measure over judged queries, with its 95 % interval."""

    judgements: str
    queries: int
    mode: str
    measure: str
    value: float
    low: float
    high: float


class Catalog:
    """All reads and writes of the catalog. Cheap to make; one per process is enough."""

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url)
        if self.engine.dialect.name == "sqlite":
            sa.event.listen(self.engine, "connect", _prepare_sqlite)

    @classmethod
    def open(cls, home: Home, *, create: bool = False) -> Catalog:
        """The home's catalog, moved to the newest schema first. UserError where there is no home, unless `create`."""
        if not create and not home.root.is_dir():
            todo = "build a collection there first (indexer build SOURCE --name NAME), or name another home with --home"
            raise UserError("there is no home here yet", str(home.root), todo)
        home.root.mkdir(parents=True, exist_ok=True)
        catalog = cls(home.catalog_url)
        with locked_migration(home):
            migrate(catalog.engine)
        return catalog

    def versions(self, name: str) -> list[VersionRow]:
        """Every published version of a collection, newest first; UserError for a collection that is not there."""
        with self.engine.connect() as connection:
            rows = connection.execute(_version_rows().where(COLLECTIONS.c.name == name)).all()
        if not rows:
            raise self._no_collection(name)
        return [VersionRow(**row._mapping) for row in rows]

    def version(self, name: str, number: int | None = None) -> VersionRow:
        """The current version, or the one with that number."""
        rows = self.versions(name)
        for row in rows:
            if row.number == number or (number is None and row.current):
                return row
        known = ", ".join(str(row.number) for row in rows)
        raise UserError(f"{name!r} has no version {number}", number, f"choose one of: {known}")

    def collections(self) -> list[VersionRow]:
        """The current version of every collection, by name."""
        query = (
            _version_rows()
            .where(VERSIONS.c.number == COLLECTIONS.c.current)
            .order_by(None)
            .order_by(COLLECTIONS.c.name)
        )
        with self.engine.connect() as connection:
            return [VersionRow(**row._mapping) for row in connection.execute(query)]

    def current(self, name: str) -> VersionRow | None:
        """The current version of a collection; None when there is no such collection."""
        return next((row for row in self.collections() if row.collection == name), None)

    def next_number(self, name: str) -> int:
        """The number the next version will have; call it under the collection's writer lock."""
        query = sa.select(sa.func.max(VERSIONS.c.number)).join(COLLECTIONS).where(COLLECTIONS.c.name == name)
        with self.engine.connect() as connection:
            return (connection.scalar(query) or 0) + 1

    def publish(self, row: VersionRow) -> None:
        """Make a version current: the one commit point of a build. Its files must be durable before."""
        with self.engine.begin() as connection:
            collection = connection.scalar(sa.select(COLLECTIONS.c.id).where(COLLECTIONS.c.name == row.collection))
            if collection is None:
                insert = sa.insert(COLLECTIONS).values(name=row.collection, created_at=row.published_at)
                collection = connection.execute(insert.returning(COLLECTIONS.c.id)).scalar_one()
            values = {column.key: getattr(row, column.key) for column in _FACTS}
            connection.execute(sa.insert(VERSIONS).values(collection_id=collection, **values))
            connection.execute(_set_current(row.collection, row.number))

    def rollback(self, name: str, number: int) -> None:
        """Make an earlier (or later) published version current again."""
        self.version(name, number)
        with self.engine.begin() as connection:
            connection.execute(_set_current(name, number))

    def drop(self, name: str) -> None:
        """Forget a collection and its versions. Files are removed afterwards: rows never point at nothing."""
        self.versions(name)
        with self.engine.begin() as connection:
            connection.execute(sa.delete(COLLECTIONS).where(COLLECTIONS.c.name == name))

    def remember_model(self, fingerprint: str, name: str, dim: int) -> None:
        """Note under which name the model with this fingerprint was found, so that searching finds it again."""
        values = {"name": name, "dim": dim, "used_at": now()}
        with self.engine.begin() as connection:
            changed = connection.execute(sa.update(MODELS).where(MODELS.c.fingerprint == fingerprint).values(**values))
            if not changed.rowcount:
                connection.execute(sa.insert(MODELS).values(fingerprint=fingerprint, **values))

    def model_name(self, fingerprint: str) -> str | None:
        """The name under which the model with this fingerprint was last used here."""
        with self.engine.connect() as connection:
            return connection.scalar(sa.select(MODELS.c.name).where(MODELS.c.fingerprint == fingerprint))

    def remember_figures(self, name: str, number: int, figures: Sequence[Figure]) -> None:
        """Keep what was measured of a version; figures of the same judgements are replaced."""
        version = (
            sa.select(VERSIONS.c.id)
            .join(COLLECTIONS)
            .where(COLLECTIONS.c.name == name, VERSIONS.c.number == number)
            .scalar_subquery()
        )
        before = sa.delete(EVALUATIONS).where(
            EVALUATIONS.c.version_id == version,
            EVALUATIONS.c.judgements.in_({figure.judgements for figure in figures}),
        )
        rows = [{**asdict(figure), "measured_at": now()} for figure in figures]
        with self.engine.begin() as connection:
            connection.execute(before)
            connection.execute(sa.insert(EVALUATIONS).values(version_id=version), rows)

    def figures(self, name: str, number: int) -> list[Figure]:
        """What was measured of a version, in the order it was kept."""
        columns = [EVALUATIONS.c[field.name] for field in fields(Figure)]
        query = sa.select(*columns).select_from(EVALUATIONS.join(VERSIONS).join(COLLECTIONS))
        query = query.where(COLLECTIONS.c.name == name, VERSIONS.c.number == number).order_by(EVALUATIONS.c.id)
        with self.engine.connect() as connection:
            return [Figure(**row._mapping) for row in connection.execute(query)]

    def start_build(self, collection: str, pid: int) -> int:
        """Open a build's row and return its id. Call it under the writer's lock: a row still running then has no owner."""
        moment = now()
        orphans = sa.update(BUILDS).where(BUILDS.c.collection == collection, BUILDS.c.state == "running")
        values = {
            "collection": collection,
            "state": "running",
            "phase": "reading",
            "done": 0,
            "message": "",
            "pid": pid,
        }
        insert = sa.insert(BUILDS).values(**values, started_at=moment, updated_at=moment).returning(BUILDS.c.id)
        with self.engine.begin() as connection:
            connection.execute(orphans.values(state="stopped", message="its process was killed", updated_at=moment))
            return int(connection.execute(insert).scalar_one())

    def update_build(self, build: int, **values: Any) -> None:
        """Set columns of a build's row (state, phase, done, total, message, version)."""
        with self.engine.begin() as connection:
            connection.execute(sa.update(BUILDS).where(BUILDS.c.id == build).values(**values, updated_at=now()))

    def builds(self, collection: str | None = None, limit: int = 20) -> list[BuildRow]:
        """The latest builds, newest first."""
        query = sa.select(BUILDS).order_by(BUILDS.c.id.desc()).limit(limit)
        if collection is not None:
            query = query.where(BUILDS.c.collection == collection)
        with self.engine.connect() as connection:
            return [BuildRow(**row._mapping) for row in connection.execute(query)]

    def _no_collection(self, name: str) -> UserError:
        known: Sequence[str] = [row.collection for row in self.collections()]
        todo = f"choose one of: {', '.join(known)}" if known else "build it first: indexer build SOURCE --name NAME"
        return UserError("there is no such collection", repr(name), todo)


def now() -> datetime:
    """The time in UTC, without an offset: every database stores that the same way."""
    return datetime.now(UTC).replace(tzinfo=None)


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the schema to `revision`. Alembic is only imported when there is something to do."""
    if revision == "head" and _at_head(engine):
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "indexer:migrations")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        going_down = revision == "base" or revision.startswith("-")
        (command.downgrade if going_down else command.upgrade)(config, revision)


HEAD = "0002"  # the newest revision in indexer/migrations/versions; a test compares the two


def _at_head(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return False
        return bool(connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == HEAD)


def locked_migration(home: Home) -> Any:
    """Two processes that open a fresh home at once must not both make the tables."""
    return locked(home.root / "locks" / ".catalog", "the catalog", wait=True)


def _version_rows() -> sa.Select[Any]:
    current = (VERSIONS.c.number == COLLECTIONS.c.current).label("current")
    query = sa.select(COLLECTIONS.c.name.label("collection"), *_FACTS, current).select_from(VERSIONS.join(COLLECTIONS))
    return query.order_by(VERSIONS.c.number.desc())


def _set_current(name: str, number: int) -> sa.Update:
    return sa.update(COLLECTIONS).where(COLLECTIONS.c.name == name).values(current=number)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """WAL lets readers go on while a version is published; FULL makes the published row survive a power cut."""
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")
