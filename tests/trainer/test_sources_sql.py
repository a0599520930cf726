"""SQL: rows by value from real databases, read and never written, and no password in anything that is shown."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from indexer.errors import UserError
from tests.postgresql import postgresql
from tests.trainer.reading import found
from trainer.recipe import Holdout, Source, parse_recipe
from trainer.sources import digests_of, read_source, size_of
from trainer.sources_shapes import Example

ALL = "SELECT * FROM t ORDER BY 1"


def database(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    rows = "VALUES ('a', 'b', 1), ('c', 'd', 0.5), (NULL, 'x', 0), (7, 'x', 0), (x'00', 'x', 0), ('e', 'f', NULL), ('g', 'h', x'31')"
    return database(tmp_path / "shop.db", "CREATE TABLE t (query, positive, score)", f"INSERT INTO t {rows}")


def source(path: Path, query: str = ALL, **settings: Any) -> Source:
    return Source("s", url=f"sqlite:///{path}", query=query, **settings)


def test_rows_of_a_query(shop: Path) -> None:
    good, bad = found(source(shop, "SELECT * FROM t ORDER BY rowid"))
    assert good == [
        Example(1, "a", "b", (), 1.0),
        Example(2, "c", "d", (), 0.5),
        Example(6, "e", "f"),
    ]
    assert [(e.line, e.reason) for e in bad] == [
        (3, "missing field"),
        (4, "wrong type"),
        (5, "wrong type"),
        (7, "wrong type"),
    ]


@pytest.mark.parametrize(
    ("query", "anchors"),
    [
        ("SELECT query, positive FROM t WHERE query = 'a';", ["a"]),
        ("SELECT query, positive FROM t WHERE query = 'a' -- the first", ["a"]),
        ("/* one */ WITH x AS (SELECT 'a' AS query, 'b' AS positive) SELECT * FROM x", ["a"]),
        ("SELECT '100% :of %(it)s ?' AS query, 'b' AS positive", ["100% :of %(it)s ?"]),
        ("SELECT positive AS anchor, query AS positive FROM t WHERE query = 'c'", ["d"]),
    ],
)
def test_a_query_is_sent_as_it_is_written(shop: Path, query: str, anchors: list[str]) -> None:
    assert [example.anchor for example in found(source(shop, query))[0]] == anchors
    assert size_of(source(shop, query)) > 0


def test_other_shapes_and_named_fields(tmp_path: Path) -> None:
    path = database(
        tmp_path / "a.db",
        "CREATE TABLE t (premise, hypothesis, label)",
        "INSERT INTO t VALUES ('P', 'yes', 'entailment'), ('P', 'no', 'contradiction'), ('P', '?', 'huh')",
    )
    good, bad = found(source(path, "SELECT * FROM t"))
    assert good == [Example(1, "P", "yes"), Example(1, "P", "yes", ("no",))]
    assert [(e.line, e.reason) for e in bad] == [(3, "unknown label")]
    good, _ = found(source(path, "SELECT * FROM t", fields={"anchor": "label", "positive": "premise"}))
    assert good[0] == Example(1, "entailment", "P")


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("SELECT 1; DROP TABLE t", "one statement"),
        ("DROP TABLE t", "readonly"),
        ("INSERT INTO t VALUES (1, 2, 3)", "readonly"),
        ("INSERT INTO t VALUES (1, 2, 3) RETURNING *", "readonly"),
        ("VACUUM INTO '{folder}/other.db'", "denied"),
        ("ATTACH '{folder}/other.db' AS o", "not authorized"),
        ("BEGIN", "gives no rows"),
        ("-- nothing", "gives no rows"),
        ("SELECT nope FROM t", "no such column: nope"),
        ("SELECT query, query FROM t", "two columns of the query have one name"),
        ("SELECT score FROM t", "no column for 'anchor'"),
    ],
)
def test_what_does_not_only_read_is_refused(shop: Path, query: str, part: str) -> None:
    before = shop.read_bytes()
    with pytest.raises(UserError, match=part):
        found(source(shop, query.format(folder=shop.parent)))
    assert shop.read_bytes() == before
    assert [file.name for file in shop.parent.iterdir()] == ["shop.db"]


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("sqlite:///{folder}/none.db", "no such SQLite file"),
        ("sqlite://", "no such SQLite file"),
        ("sqlite:///{folder}/text.db", "not a database"),
        ("mysql://user:hush@host/shop", "not known"),
        ("postgresql://user:hush@host:port/shop", "no URL of a database"),
        ("postgresql user:hush@host", "no URL of a database"),
        ("postgresql://user:hush@127.0.0.1:1/shop", "did not give the rows"),
        ("postgresql://user:hush%40@127.0.0.1:1/shop?password=hush", "did not give the rows"),
        ("postgresql://user:hush@127.0.0.1:1/shop?hush=hush", "did not give the rows"),
    ],
)
def test_databases_that_cannot_be_read(tmp_path: Path, url: str, part: str) -> None:
    (tmp_path / "text.db").write_text("this is no database " * 100)
    with pytest.raises(UserError, match=part) as refused:
        found(Source("s", url=url.format(folder=tmp_path), query="SELECT * FROM t"))
    assert "hush" not in str(refused.value)
    assert refused.value.__cause__ is None
    assert not (tmp_path / "none.db").exists()


def test_the_digest_follows_the_rows(tmp_path: Path) -> None:
    made = ["CREATE TABLE t (query, positive)", "INSERT INTO t VALUES ('a', 'b'), ('c', 'd')"]
    first = digests_of(source(database(tmp_path / "a.db", *made)))
    assert list(first.values()) == ["sqlite a.db"]
    again = database(tmp_path / "b.db", *made, "CREATE TABLE other (x)")
    assert list(digests_of(source(again))) == list(first)
    assert list(digests_of(Holdout("h", url=f"sqlite:///{again}", query=ALL))) == list(first)
    others = ["SELECT * FROM t ORDER BY 1 DESC", "SELECT positive, query FROM t", "SELECT query, 1 AS positive FROM t"]
    assert len({*first, *(next(iter(digests_of(source(again, other)))) for other in others)}) == 4


def test_a_table_that_changes_is_refused(shop: Path) -> None:
    inputs = digests_of(source(shop))
    database(shop, "INSERT INTO t VALUES ('new', 'row', 1)")
    with pytest.raises(UserError, match="changed while it was read"):
        list(read_source(source(shop), inputs=inputs))
    reading = read_source(source(shop))  # takes the digest itself, then reads
    next(reading)
    assert len(list(reading)) == 7


def test_the_size_is_estimated_from_the_first_rows(tmp_path: Path) -> None:
    path = database(
        tmp_path / "a.db",
        "CREATE TABLE t (query, positive)",
        "INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 100000 UNION ALL SELECT i + 1 FROM n LIMIT 5000) "
        "SELECT 'q' || i, 'p' || i FROM n",
    )
    assert size_of(source(path)) == 5000 * len('["q100000","p100000"]\n')


def test_through_a_recipe_with_a_path_from_its_folder(shop: Path) -> None:
    table = {"name": "s", "format": "sql", "url": "sqlite:///shop.db", "query": ALL}
    assert len(found(parse_recipe({"source": [table]}, shop.parent).sources[0])[0]) == 3


@pytest.fixture(scope="module")
def server() -> Iterator[sa.URL]:
    """A PostgreSQL server of its own."""
    with postgresql() as running:
        url = sa.make_url(running.get_uri()).set(drivername="postgresql+psycopg", password="hush")
        run(url, f"CREATE TABLE t (query text, positive text, {', '.join(MORE)})", f"INSERT INTO t {ROWS}")
        run(url, "INSERT INTO t VALUES (NULL, 'x'), ('a', NULL)")
        yield url


MORE = ("score numeric", "negatives text[]", "good bool", "raw bytea", "day date")
ROWS = """SELECT 'q' || i, 'p' || i, i / 2.0, ARRAY['n' || i], i > 9, '\\x00ff', '2026-01-01'
          FROM generate_series(1, 2500) i"""


def run(url: sa.URL, *statements: str) -> None:
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


@pytest.mark.slow
def test_postgresql(server: sa.URL) -> None:
    def table(query: str) -> Source:
        url = server.set(drivername="postgresql").render_as_string(hide_password=False)
        return Source("s", url=url, query=query)

    rows = table("SELECT * FROM t ORDER BY score")
    good, bad = found(rows)
    assert good == [Example(i, f"q{i}", f"p{i}", (f"n{i}",), i / 2) for i in range(1, 2501)]
    assert [(e.line, e.reason) for e in bad] == [(2501, "missing field"), (2502, "missing field")]
    assert list(digests_of(rows).values()) == ["postgresql postgres"]
    assert size_of(rows) > 2500 * 50
    typed = found(table("SELECT raw AS query, positive FROM t WHERE raw IS NOT NULL"))[1]
    typed += found(table("SELECT query, day AS positive FROM t WHERE day IS NOT NULL"))[1]
    assert {e.reason for e in typed} == {"wrong type"}
    assert len(typed) == 5000
    asis = table("SELECT '100% :x %(a)s' AS query, 1::text AS positive, ARRAY['n', NULL] AS negatives")
    assert [e.reason for e in found(asis)[1]] == ["wrong type"]
    assert "hush" not in repr(rows)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("SELECT 1; COMMIT; DROP TABLE t", "multiple commands"),
        ("DELETE FROM t RETURNING *", "syntax error"),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", "data-modifying"),
        ("SELECT lo_create(0)", "read-only transaction"),
        ("TRUNCATE t", "syntax error"),
        ("SELECT query, 'infinity'::timestamp AS positive FROM t", "timestamp too large"),
        ("SELECT nope FROM t", "does not exist"),
    ],
)
def test_postgresql_is_only_read(server: sa.URL, query: str, part: str) -> None:
    rows = Source("s", url=server.render_as_string(hide_password=False), query=query)
    with pytest.raises(UserError, match=part) as refused:
        found(rows)
    assert "hush" not in str(refused.value)
    assert len(found(Source("s", url=rows.url, query="SELECT query, positive FROM t"))[0]) == 2500


@pytest.mark.slow
def test_a_postgresql_table_that_changes_is_refused(server: sa.URL) -> None:
    rows = Source("s", url=server.render_as_string(hide_password=False), query="SELECT * FROM grown ORDER BY 1")
    run(server, "CREATE TABLE grown AS SELECT query, positive FROM t")
    inputs = digests_of(rows)
    reading = read_source(rows, inputs=inputs)
    next(reading)  # the transaction sees the table as it was
    run(server, "INSERT INTO grown VALUES ('new', 'row')")
    assert len(list(reading)) == 2501
    with pytest.raises(UserError, match="changed while it was read"):
        list(read_source(rows, inputs=inputs))
