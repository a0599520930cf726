"""The small transactional truth: which collections exist, which version of each is current, and how builds are doing.

Everything large lies in immutable files; the catalog holds their digests. A version becomes visible in ONE transaction
(`publish`), after its files are durable, so a reader sees all of it or none of it; every read is one statement. The
database is SQLite inside the home or PostgreSQL by URL (`indexer/catalog_database.py`), the same code on both. What it
says of collections is compared with a second copy (`indexer/integrity.py`) whenever it is read.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from indexer.catalog_database import open_database, transaction
from indexer.catalog_tables import BUILDS, COLLECTIONS, EVALUATIONS, MODELS, VERSIONS
from indexer.errors import NotFoundError, UserError, shown
from indexer.home import Home, check_name
from indexer.integrity import Mirror, Part, Rows, State, check_sqlite, unreadable

_FACTS = [column for column in VERSIONS.c if column.key not in ("id", "collection_id")]
PARTS: tuple[Part, ...] = ("versions", "figures")
STATES = ("running", "done", "unchanged", "failed", "stopped")
_INSERTS: dict[str, Any] = {
    "sqlite": sqlite.insert,
    "postgresql": postgresql.insert,
}  # those that can turn into an update


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

    def as_json(self) -> dict[str, Any]:
        """For machines: plain values, stable keys; the time in UTC, as the catalog keeps it."""
        return {
            "collection": self.collection,
            "version": self.number,
            "records": self.records,
            "passages": self.passages,
            "model": self.model_name,
            "fingerprint": self.model_fingerprint,
            "published": self.published_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }


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
    """All reads and writes of the catalog; UserError where its database does not do them. One per process is enough."""

    def __init__(self, engine: sa.Engine, mirror: Mirror) -> None:
        self.engine, self.mirror = engine, mirror
        weakref.finalize(self, engine.dispose)  # its connections end with it

    @classmethod
    def open(cls, home: Home, *, create: bool = False) -> Catalog:
        """The home's catalog, moved to the newest schema first. UserError where there is no home, unless `create`."""
        if not create and not home.made:
            todo = "build a collection there first (indexer build SOURCE --name NAME), or name another home with --home"
            raise UserError("there is no home here yet", shown(home.root), todo)
        try:
            home.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError("the home cannot be made", shown(home.root), f"name another ({error.strerror})") from None
        catalog = cls(open_database(home), Mirror(home))
        with catalog._transaction() as connection:
            check_sqlite(connection)
        catalog.collections()
        return catalog

    def versions(self, name: str) -> list[VersionRow]:
        """Every published version of a collection, newest first; UserError for a collection that is not there."""
        rows = self._said("versions", check_name(name)).get(name)
        if not rows:
            raise self._no_collection(name)
        return [VersionRow(**row) for row in rows]

    def version(self, name: str, number: int | None = None) -> VersionRow:
        """The current version, or the one with that number."""
        rows = self.versions(name)
        for row in rows:
            if row.number == number or (number is None and row.current):
                return row
        known = ", ".join(str(row.number) for row in rows)
        raise NotFoundError(f"{name!r} has no such version", shown(number), f"choose one of: {known}")

    def collections(self) -> list[VersionRow]:
        """The current version of every collection, by name."""
        said = self._said("versions")
        return [VersionRow(**row) for name in sorted(said) for row in said[name] if row["current"]]

    def current(self, name: str) -> VersionRow | None:
        """The current version of a collection; None when there is no such collection."""
        return next((row for row in self.collections() if row.collection == name), None)

    def next_number(self, name: str) -> int:
        """The number the next version will have; call it under the collection's writer lock."""
        return 1 + max((row["number"] for row in self._said("versions", name).get(name, [])), default=0)

    def publish(self, row: VersionRow) -> None:
        """Make a version current: the one commit point of a build. Its files must be durable before.

        UserError if that number is published already; then nothing has changed.
        """
        try:
            with self._changing(row.collection) as connection:
                _publish(connection, row)
        except sa.exc.IntegrityError:
            raise UserError(
                f"version {row.number} of {row.collection!r} was published already",
                "another process did that meanwhile",
                "run the build again: it takes the next number",
            ) from None

    def rollback(self, name: str, number: int) -> None:
        """Make an earlier (or later) published version current again."""
        self.version(name, number)
        with self._changing(name) as connection:
            connection.execute(_set_current(name, number))

    def drop(self, name: str) -> None:
        """Forget a collection and its versions. Files are removed afterwards: rows never point at nothing."""
        self.versions(name)
        with self._changing(name) as connection:
            connection.execute(sa.delete(COLLECTIONS).where(COLLECTIONS.c.name == name))

    def forget(self, name: str, numbers: Sequence[int]) -> None:
        """Forget versions that are not current, and what was measured of them. Files are removed afterwards."""
        collection = sa.select(COLLECTIONS.c.id).where(COLLECTIONS.c.name == name).scalar_subquery()
        current = sa.select(COLLECTIONS.c.current).where(COLLECTIONS.c.name == name).scalar_subquery()
        with self._changing(name) as connection:
            connection.execute(
                sa.delete(VERSIONS).where(
                    VERSIONS.c.collection_id == collection, VERSIONS.c.number.in_(numbers), VERSIONS.c.number != current
                )
            )

    def remember_model(self, fingerprint: str, name: str, dim: int) -> None:
        """Note under which name the model with this fingerprint was found, so that searching finds it again."""
        values = {"name": name, "dim": dim, "used_at": now()}
        insert = _INSERTS[self.engine.dialect.name](MODELS).values(fingerprint=fingerprint, **values)
        with self._transaction() as connection:
            connection.execute(insert.on_conflict_do_update(index_elements=[MODELS.c.fingerprint], set_=values))

    def model_name(self, fingerprint: str) -> str | None:
        """The name under which the model with this fingerprint was last used here."""
        with self._transaction() as connection:
            return connection.scalar(sa.select(MODELS.c.name).where(MODELS.c.fingerprint == fingerprint))

    def remember_figures(self, name: str, number: int, figures: Sequence[Figure]) -> None:
        """Keep what was measured of a version; figures of the same judgements are replaced."""
        query = sa.select(VERSIONS.c.id).join(COLLECTIONS)
        query = query.where(COLLECTIONS.c.name == name, VERSIONS.c.number == number)
        version = query.scalar_subquery()
        before = sa.delete(EVALUATIONS).where(
            EVALUATIONS.c.version_id == version,
            EVALUATIONS.c.judgements.in_({figure.judgements for figure in figures}),
        )
        rows = [{**asdict(figure), "measured_at": now()} for figure in figures]
        with self._changing(name) as connection:
            # Locked: of two measurements one comes after the other.
            if connection.scalar(query.with_for_update(of=VERSIONS)) is None:
                raise NotFoundError(
                    "the version was removed while it was measured", f"{name} {number}", "measure again"
                )
            connection.execute(before)
            connection.execute(sa.insert(EVALUATIONS).values(version_id=version), rows)

    def figures(self, name: str, number: int) -> list[Figure]:
        """What was measured of a version, in the order it was kept."""
        rows = self._said("figures", name).get(name, [])
        wanted = [field.name for field in fields(Figure)]
        return [Figure(**{key: row[key] for key in wanted}) for row in rows if row["number"] == number]

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
        with self._transaction() as connection:
            connection.execute(orphans.values(state="stopped", message="its process was killed", updated_at=moment))
            return int(connection.execute(insert).scalar_one())

    def update_build(self, build: int, **values: Any) -> None:
        """Set columns of a build's row (state, phase, done, total, message, version)."""
        if "message" in values:
            values["message"] = _storable(values["message"])
        with self._transaction() as connection:
            connection.execute(sa.update(BUILDS).where(BUILDS.c.id == build).values(**values, updated_at=now()))

    def builds(self, collection: str | None = None, limit: int = 20) -> list[BuildRow]:
        """The latest builds, newest first."""
        query = sa.select(BUILDS).order_by(BUILDS.c.id.desc()).limit(limit)
        if collection is not None:
            query = query.where(BUILDS.c.collection == collection)
        with self._transaction() as connection:
            return [_sound(BuildRow(**row)) for row in _rows(connection, query)]

    def _said(self, part: Part, name: str | None = None) -> dict[str, Rows]:
        """What the catalog says of a collection, or of all, by name, when its copy says the same."""

        def read() -> dict[str, Rows]:
            with self._transaction() as connection:
                return _facts(connection, part, name)

        return self.mirror.agreed(part, name, read)

    @contextmanager
    def _changing(self, name: str) -> Iterator[sa.Connection]:
        """A transaction that changes what the catalog says of one collection; its copy changes around it."""
        with self.mirror.lock(name):
            for part in PARTS:  # what a damaged catalog says must not become what the copy says
                self._said(part, name)
            with self._transaction() as connection:
                before = _state(connection, name)
                yield connection
                after = _state(connection, name)
                self.mirror.write(name, before, after)
            self.mirror.write(name, after)

    def _transaction(self) -> AbstractContextManager[sa.Connection]:
        return transaction(self.engine)

    def _no_collection(self, name: str) -> NotFoundError:
        known: Sequence[str] = [row.collection for row in self.collections()]
        todo = f"choose one of: {', '.join(known)}" if known else "build it first: indexer build SOURCE --name NAME"
        return NotFoundError("there is no such collection", repr(name), todo)


def now() -> datetime:
    """The time in UTC, without an offset: every database stores that the same way."""
    return datetime.now(UTC).replace(tzinfo=None)


def _version_rows() -> sa.Select[Any]:
    current = (VERSIONS.c.number == COLLECTIONS.c.current).label("current")
    query = sa.select(COLLECTIONS.c.name.label("collection"), *_FACTS, current).select_from(VERSIONS.join(COLLECTIONS))
    return query.order_by(VERSIONS.c.number.desc())


def _figure_rows() -> sa.Select[Any]:
    columns = [EVALUATIONS.c[field.name] for field in fields(Figure)]
    query = sa.select(COLLECTIONS.c.name.label("collection"), VERSIONS.c.number, *columns)
    return query.select_from(EVALUATIONS.join(VERSIONS).join(COLLECTIONS)).order_by(EVALUATIONS.c.id)


def _facts(connection: sa.Connection, part: Part, name: str | None) -> dict[str, Rows]:
    query = _version_rows() if part == "versions" else _figure_rows()
    if name is not None:
        query = query.where(COLLECTIONS.c.name == name)
    found: dict[str, Rows] = {}
    for row in _rows(connection, query):
        found.setdefault(row["collection"], []).append(row)
    return found


def _state(connection: sa.Connection, name: str) -> State:
    return {part: _facts(connection, part, name).get(name, []) for part in PARTS}


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> Rows:
    try:
        return [dict(row._mapping) for row in connection.execute(query)]
    except (ValueError, TypeError) as error:  # a time that is none, a text where a number was
        raise unreadable(error) from None


def _sound(build: BuildRow) -> BuildRow:
    """Builds have no second copy: nothing is answered from them. But whoever shows them must be able to."""
    numbers = (build.id, build.done, build.pid, build.total or 0, build.version or 0)
    if build.state not in STATES or not all(isinstance(number, int) for number in numbers):
        raise unreadable(f"the row of build {build.id!r}")
    return build


def _publish(connection: sa.Connection, row: VersionRow) -> None:
    """The collection's row is held until the end: publishing and dropping it elsewhere wait."""
    find = sa.select(COLLECTIONS.c.id).where(COLLECTIONS.c.name == row.collection).with_for_update()
    collection = connection.scalar(find)
    if collection is None:
        insert = sa.insert(COLLECTIONS).values(name=row.collection, created_at=row.published_at)
        collection = connection.execute(insert.returning(COLLECTIONS.c.id)).scalar_one()
    values = {column.key: getattr(row, column.key) for column in _FACTS}
    connection.execute(sa.insert(VERSIONS).values(collection_id=collection, **values))
    connection.execute(_set_current(row.collection, row.number))


def _storable(text: str) -> str:
    """A message may quote broken input; PostgreSQL takes no NUL, and no database half a character."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def _set_current(name: str, number: int) -> sa.Update:
    return sa.update(COLLECTIONS).where(COLLECTIONS.c.name == name).values(current=number)
