"""What only PostgreSQL brings: URLs, lost connections, forks, homes that share a database, writers without a common lock.

The server is this file's own, since it is stopped and started; `test_catalog.py` runs on PostgreSQL by DATABASE=postgresql.
"""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE, Popen
from threading import Barrier, Event
from typing import Any

import pytest
import sqlalchemy as sa

from indexer.catalog import Catalog, Figure
from indexer.catalog_database import HEAD, SCHEMA, _postgresql, _refuse_a_stray_connection, _url, migrate, transaction
from indexer.errors import UserError
from indexer.home import Home
from tests.corpora import write_products
from tests.indexer.test_catalog import is_as_expected, row
from tests.postgresql import execute, postgresql, start

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with postgresql() as running:
        yield running


@pytest.fixture
def url(server: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL as a user writes it, in $SEARCHAPP_CATALOG; the password is not asked for, so it must not be shown."""
    url = str(server.get_uri()).replace("postgres:@", "postgres:hush@")
    monkeypatch.setenv("SEARCHAPP_CATALOG", url)
    return url


@pytest.fixture
def home(url: str, tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def catalog(home: Home) -> Catalog:
    return Catalog.open(home, create=True)


@pytest.mark.parametrize(
    ("given", "part"),
    [
        ("mysql://user:hush@host/shop", "cannot be kept in this kind of database"),
        ("postgresql+asyncpg://user:hush@host/shop", "cannot be kept in this kind of database"),
        ("sqlite:////tmp/shared.db?password=hush", "cannot be kept in this kind of database"),
        ("postgresql://user:hush@host:port/shop", "is no URL of a database"),
        ("postgresql user:hush@host", "is no URL of a database"),
        ("postgresql://user:hush@127.0.0.1:1/shop", "cannot be read or written"),
        ("postgresql://user:hush%40@127.0.0.1:1/shop?password=hush%40", "cannot be read or written"),
        ("postgresql://user:hush@127.0.0.1:1/shop?hush=hush", "cannot be read or written"),
        ("postgresql+psycopg://user:hush@127.0.0.1:1/shop?sslmode=hush", "cannot be read or written"),
    ],
)
def test_a_url_that_leads_to_no_catalog_is_refused_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, part: str
) -> None:
    monkeypatch.setenv("SEARCHAPP_CATALOG", given)
    with pytest.raises(UserError, match=part) as refused:
        Catalog.open(Home(tmp_path / "home"), create=True)
    assert refused.value.todo
    assert "hush" not in str(refused.value)
    assert "hush" not in "".join(traceback.format_exception_only(refused.value))
    assert refused.value.__cause__ is None
    assert not list(tmp_path.rglob("catalog.db"))


def test_a_database_that_is_not_there_is_named_without_the_password(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARCHAPP_CATALOG", url.replace("/postgres?", "/shoes?"))
    with pytest.raises(UserError, match='database "shoes" does not exist') as refused:
        Catalog.open(Home(tmp_path / "home"), create=True)
    assert "hush" not in str(refused.value)


def test_the_url_users_write_works_and_the_tables_are_as_expected(catalog: Catalog, home: Home) -> None:
    assert catalog.engine.dialect.driver == "psycopg"
    assert is_as_expected(catalog.engine)
    assert not home.catalog_file.exists()
    catalog.publish(row(1))
    assert Catalog.open(home).version("shop").number == 1


def test_a_lost_connection_costs_one_sentence_while_the_server_is_away_and_nothing_afterwards(
    server: Any, catalog: Catalog
) -> None:
    catalog.publish(row(1))
    server.stop()
    try:
        with pytest.raises(UserError, match="cannot be read or written") as refused:
            catalog.publish(row(2))
        assert "check that the server runs" in refused.value.todo
        assert "hush" not in str(refused.value)
    finally:
        start(server)
    assert catalog.version("shop").number == 1
    catalog.publish(row(2))
    assert catalog.version("shop").number == 2


def test_a_transaction_that_is_cut_off_leaves_nothing(server: Any, catalog: Catalog) -> None:
    kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"

    def cut_off() -> None:
        with transaction(catalog.engine) as connection:
            connection.execute(sa.text("INSERT INTO collections (name, created_at) VALUES ('half', now())"))
            execute(server.get_uri(), kill)
            connection.execute(sa.text("SELECT 1"))

    with pytest.raises(UserError, match="terminating connection"):
        cut_off()
    with catalog.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM collections")) == 0


def test_a_forked_child_makes_its_own_connection_and_leaves_its_parents_alone(home: Home) -> None:
    done = Popen([sys.executable, "-c", FORK, str(home.root)], stdout=PIPE, stderr=PIPE, text=True)
    out, err = done.communicate()
    assert (done.returncode, err) == (0, "")
    parent, child, after = out.split()
    assert parent == after != child


FORK = """
import os, sys
from pathlib import Path
import sqlalchemy as sa
from indexer.catalog import Catalog
from indexer.home import Home
catalog = Catalog.open(Home(Path(sys.argv[1])), create=True)
def backend():
    with catalog.engine.connect() as connection:
        print(connection.scalar(sa.text("SELECT pg_backend_pid()")), flush=True)
backend()
child = os.fork()
if not child:
    backend()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
backend()
"""


def test_homes_share_a_database_without_seeing_each_other(catalog: Catalog, tmp_path: Path) -> None:
    other = Catalog.open(Home(tmp_path / "other"), create=True)
    catalog.publish(row(1))
    other.publish(row(1))
    other.publish(row(2))
    assert [version.number for version in catalog.versions("shop")] == [1]
    other.drop("shop")
    assert catalog.version("shop").number == 1


def test_a_home_may_be_moved(catalog: Catalog, home: Home, tmp_path: Path) -> None:
    catalog.publish(row(1))
    moved = Home(tmp_path / "o'ther \\ %s\"")
    home.root.rename(moved.root)
    for _ in range(2):
        assert Catalog.open(moved).version("shop").number == 1
    with catalog.engine.connect() as connection:
        noted = connection.scalar(sa.text("SELECT obj_description(to_regnamespace(current_schema()), 'pg_namespace')"))
    assert noted == str(moved.root)
    linked = tmp_path / "linked"
    linked.symlink_to(moved.root)
    assert Catalog.open(Home(linked)).version("shop").number == 1


def test_a_copy_of_a_home_is_refused_while_the_other_is_there(catalog: Catalog, home: Home, tmp_path: Path) -> None:
    catalog.publish(row(1))
    copy = Home(tmp_path / "copy")
    shutil.copytree(home.root, copy.root)
    with pytest.raises(UserError, match="this home is a copy") as refused:
        Catalog.open(copy)
    assert str(home.root) in refused.value.given
    assert Catalog.open(home).version("shop").number == 1
    shutil.rmtree(home.root)
    assert Catalog.open(copy).version("shop").number == 1


@pytest.mark.parametrize("harm", ["lost", "other", "unset"])
def test_a_home_with_versions_that_lost_its_catalog_is_refused(
    catalog: Catalog, home: Home, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = home.collection("shop") / "versions" / "1.json"
    version.parent.mkdir(parents=True)
    version.write_bytes(b"{}")
    if harm == "lost":
        (home.root / SCHEMA).unlink()
    elif harm == "other":
        (home.root / SCHEMA).write_text("searchapp_0123456789abcdef\n")
    else:
        monkeypatch.delenv("SEARCHAPP_CATALOG")
    for _ in range(2):
        with pytest.raises(UserError, match="this catalog knows nothing of it"):
            Catalog.open(home)


@pytest.mark.parametrize("content", [b"", b"public; DROP SCHEMA x", b"\xff\xfe", b'a"b', b"A" * 99])
def test_a_damaged_name_of_the_schema_is_refused(catalog: Catalog, home: Home, content: bytes) -> None:
    (home.root / SCHEMA).write_bytes(content)
    with pytest.raises(UserError, match="should hold the name of the home's schema"):
        Catalog.open(home)


def test_a_connection_that_does_not_keep_to_the_schema_is_refused(catalog: Catalog) -> None:
    """As behind a pooler that drops what a connection was opened with."""
    with catalog.engine.connect() as connection:
        connection.execute(sa.text("SET LOCAL search_path TO public"))
        with pytest.raises(UserError, match="does not keep to the home's schema") as refused:
            _refuse_a_stray_connection(connection, "searchapp_0123")
    assert refused.value.given == "search_path is public"


def test_many_machines_make_the_tables_of_one_catalog_at_once(url: str, tmp_path: Path) -> None:
    """Machines have no common file lock: each thread here has an engine of its own and no lock but the database's."""
    engines = [_postgresql(_url(url), "at_once") for _ in range(4)]
    together = Barrier(len(engines))

    def make(engine: sa.Engine) -> None:
        together.wait()
        migrate(engine)

    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(make, engines))
    with engines[0].connect() as connection:
        assert connection.scalars(sa.text("SELECT version_num FROM alembic_version")).all() == [HEAD]
    assert is_as_expected(engines[0])
    for engine in engines:
        engine.dispose()


def test_of_many_machines_that_publish_one_number_one_does(catalog: Catalog, home: Home) -> None:
    catalog.publish(row(1))
    others = [Catalog.open(home) for _ in range(6)]
    together = Barrier(len(others))

    def publish(place: int) -> str:
        together.wait()
        try:
            others[place].publish(replace(row(2), records=place))
        except UserError as error:
            return error.what
        return f"{place}"

    with ThreadPoolExecutor(len(others)) as pool:
        said = list(pool.map(publish, range(len(others))))
    (winner,) = [what for what in said if what.isdigit()]
    assert set(said) == {winner, "version 2 of 'shop' was published already"}
    assert [(v.number, v.current) for v in catalog.versions("shop")] == [(2, True), (1, False)]
    assert catalog.version("shop").records == int(winner)


def test_readers_see_whole_versions_while_they_are_published(catalog: Catalog, home: Home) -> None:
    catalog.publish(row(1))
    over = Event()

    def read() -> list[int]:
        reader, seen = Catalog.open(home), []
        while not over.is_set():
            versions = reader.versions("shop")
            (current,) = [version for version in versions if version.current]
            assert [version.number for version in versions] == list(range(len(versions), 0, -1))
            assert current == versions[0]
            assert current.sha256 == f"{current.number:064}"
            seen.append(current.number)
        return seen

    with ThreadPoolExecutor(3) as pool:
        reading = [pool.submit(read) for _ in range(3)]
        for number in range(2, 52):
            catalog.publish(row(number))
        over.set()
        for result in reading:
            seen = result.result()
            assert seen == sorted(seen)
            assert len(set(seen)) > 1


def test_figures_of_one_version_are_measured_twice_at_once(catalog: Catalog, home: Home) -> None:
    catalog.publish(row(1))
    others = [Catalog.open(home) for _ in range(4)]

    def measure(place: int) -> None:
        figures = [Figure("shop/test", 40, "hybrid", f"P@{cut}", place, place, place) for cut in range(1, 6)]
        for _ in range(5):
            others[place].remember_figures("shop", 1, figures)

    with ThreadPoolExecutor(len(others)) as pool:
        list(pool.map(measure, range(len(others))))
    kept = catalog.figures("shop", 1)
    assert len(kept) == 5
    assert len({figure.value for figure in kept}) == 1


def test_two_processes_build_two_collections_of_one_home_at_once(home: Home, tmp_path: Path, tiny_model: Path) -> None:
    source = write_products(tmp_path / "products.jsonl", range(200))
    words = ["--model", str(tiny_model), "--home", str(home.root), "--json"]
    builds = [
        Popen(
            [sys.executable, "-m", "indexer.cli", "build", str(source), "--name", name, *words],
            stdout=PIPE,
            stderr=PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for name in ("one", "two")
    ]
    said = [process.communicate() for process in builds]
    assert [process.returncode for process in builds] == [0, 0], said
    catalog = Catalog.open(home)
    assert [(v.collection, v.number, v.records) for v in catalog.collections()] == [("one", 1, 200), ("two", 1, 200)]
    assert {(row.collection, row.state) for row in catalog.builds()} == {("one", "done"), ("two", "done")}
    assert catalog.model_name(catalog.version("one").model_fingerprint) == str(tiny_model)
