"""The catalog on a real SQLite file, and on PostgreSQL: publishing, rolling back, builds, migrations up and down."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import indexer.catalog
from indexer.catalog import Catalog, Figure, VersionRow, now
from indexer.catalog_database import HEAD, migrate
from indexer.catalog_tables import METADATA
from indexer.errors import UserError
from indexer.home import Home

pytestmark = pytest.mark.catalog


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return Catalog.open(Home(tmp_path / "home"), create=True)


def row(number: int, collection: str = "shop") -> VersionRow:
    return VersionRow(collection, number, f"{number:064}", "minilm", "f" * 64, 10, 12, now(), current=True)


def test_published_version_is_current_and_the_earlier_stays(catalog: Catalog) -> None:
    catalog.publish(row(1))
    catalog.publish(row(2))
    assert [(v.number, v.current) for v in catalog.versions("shop")] == [(2, True), (1, False)]
    current = catalog.current("shop")
    assert current is not None
    assert (current.number, current.sha256, current.records) == (2, f"{2:064}", 10)
    assert catalog.next_number("shop") == 3
    assert catalog.next_number("unknown") == 1


def test_rollback_makes_an_earlier_version_current_without_losing_the_later(catalog: Catalog) -> None:
    catalog.publish(row(1))
    catalog.publish(row(2))
    catalog.rollback("shop", 1)
    assert catalog.version("shop").number == 1
    assert catalog.next_number("shop") == 3


def test_rollback_to_a_version_that_never_was_names_those_that_are(catalog: Catalog) -> None:
    catalog.publish(row(1))
    with pytest.raises(UserError, match="choose one of: 1"):
        catalog.rollback("shop", 7)
    assert catalog.version("shop").number == 1


def test_publishing_the_same_number_twice_changes_nothing(catalog: Catalog) -> None:
    catalog.publish(row(1))
    catalog.publish(row(2))
    with pytest.raises(UserError, match="version 1 of 'shop' was published already"):
        catalog.publish(row(1))
    assert catalog.version("shop").number == 2
    assert len(catalog.versions("shop")) == 2


def test_reading_where_there_is_no_home_makes_none(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no home here yet"):
        Catalog.open(Home(tmp_path / "typo"))
    assert list(tmp_path.iterdir()) == []


def test_unknown_collection_names_the_known_ones(catalog: Catalog) -> None:
    catalog.publish(row(1))
    with pytest.raises(UserError, match="choose one of: shop"):
        catalog.version("shoes")


def test_unknown_collection_in_an_empty_home_says_how_to_build_one(catalog: Catalog) -> None:
    with pytest.raises(UserError, match="indexer build SOURCE"):
        catalog.version("shop")


def test_drop_forgets_versions_too(catalog: Catalog) -> None:
    catalog.publish(row(1))
    catalog.publish(row(1, "other"))
    catalog.drop("shop")
    assert [version.collection for version in catalog.collections()] == ["other"]
    with catalog.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM versions")) == 1


def test_build_row_follows_a_build(catalog: Catalog) -> None:
    build = catalog.start_build("shop", pid=42)
    catalog.update_build(build, phase="embedding", done=5, total=9)
    catalog.update_build(build, state="done", version=1)
    (seen,) = catalog.builds("shop")
    assert (seen.state, seen.phase, seen.done, seen.total, seen.pid, seen.version) == ("done", "embedding", 5, 9, 42, 1)
    assert catalog.builds("other") == []


def test_build_that_was_killed_is_not_running_once_the_next_one_starts(catalog: Catalog) -> None:
    catalog.start_build("shop", pid=1)
    other = catalog.start_build("other", pid=2)
    newest = catalog.start_build("shop", pid=3)
    assert [(b.id, b.state) for b in catalog.builds("shop")] == [(newest, "running"), (1, "stopped")]
    assert catalog.builds("shop")[1].message == "its process was killed"
    assert [(b.id, b.state) for b in catalog.builds("other")] == [(other, "running")]


def test_model_is_found_by_fingerprint_under_the_name_last_used(catalog: Catalog) -> None:
    catalog.remember_model("a" * 64, "minilm", 384)
    catalog.remember_model("a" * 64, "renamed", 384)
    assert catalog.model_name("a" * 64) == "renamed"
    assert catalog.model_name("b" * 64) is None


def test_migrations_make_exactly_the_tables_the_code_expects(catalog: Catalog) -> None:
    assert is_as_expected(catalog.engine)


def test_head_is_the_newest_migration() -> None:
    folder = Path(indexer.catalog.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_current_head() == HEAD


def test_migrations_go_down_to_nothing_and_up_again(catalog: Catalog) -> None:
    migrate(catalog.engine, "base")
    assert set(sa.inspect(catalog.engine).get_table_names()) == {"alembic_version"}
    migrate(catalog.engine)
    catalog.publish(row(1))
    assert catalog.version("shop").number == 1


def test_each_migration_goes_down_and_up_and_keeps_what_is_there(catalog: Catalog) -> None:
    catalog.publish(row(1))
    catalog.remember_model("a" * 64, "minilm", 384)
    folder = ScriptDirectory(str(Path(indexer.catalog.__file__).parent / "migrations"))
    for step in range(1, len(list(folder.walk_revisions()))):
        migrate(catalog.engine, f"-{step}")
        assert not is_as_expected(catalog.engine) or catalog.engine.dialect.name == "sqlite"
        migrate(catalog.engine)
        assert is_as_expected(catalog.engine)
        assert catalog.version("shop").number == 1
        assert catalog.model_name("a" * 64) == "minilm"


def is_as_expected(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_catalog_of_a_later_release_is_not_touched(catalog: Catalog, tmp_path: Path) -> None:
    with catalog.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(UserError, match="made by a later release"):
        Catalog.open(Home(tmp_path / "home"))
    with catalog.engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == "9999"


@pytest.mark.sqlite
def test_sqlite_is_opened_for_durability(catalog: Catalog) -> None:
    with catalog.engine.connect() as connection:
        pragmas = {
            name: connection.scalar(sa.text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_figures_belong_to_a_version_and_are_replaced_by_the_next_measurement(catalog: Catalog) -> None:
    catalog.publish(row(1))
    catalog.publish(row(2))
    first = Figure("shop/test", 40, "hybrid", "nDCG@10", 0.8, 0.7, 0.9)
    other = Figure("own/test", 7, "hybrid", "nDCG@10", 0.5, 0.1, 0.9)
    catalog.remember_figures("shop", 1, [first, other])
    again = Figure("shop/test", 40, "hybrid", "nDCG@10", 0.85, 0.75, 0.95)
    catalog.remember_figures("shop", 1, [again])
    assert catalog.figures("shop", 1) == [other, again]
    assert catalog.figures("shop", 2) == []
    catalog.drop("shop")
    assert catalog.figures("shop", 1) == []


def test_names_as_long_as_paths_and_messages_with_anything_in_them_are_kept(catalog: Catalog) -> None:
    path = "/folder" * 500
    catalog.publish(replace(row(1), model_name=path))
    catalog.remember_model("f" * 64, path, 384)
    build = catalog.start_build("shop", pid=1)
    catalog.update_build(build, message="a\0b \ud800 ü")
    assert (catalog.version("shop").model_name, catalog.model_name("f" * 64)) == (path, path)
    assert catalog.builds("shop")[0].message == "a\\0b \\ud800 ü"


def test_collections_come_in_one_order_on_every_database(catalog: Catalog) -> None:
    for name in ("b", "B", "a-1", "a_1", "a.1", "Z", "10", "9"):
        catalog.publish(row(1, name))
    assert [version.collection for version in catalog.collections()] == ["10", "9", "B", "Z", "a-1", "a.1", "a_1", "b"]


def test_a_home_with_versions_gets_no_empty_catalog(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    version = home.collection("shop") / "versions" / "1.json"
    version.parent.mkdir(parents=True)
    version.write_bytes(b"{}")
    with pytest.raises(UserError, match="this catalog knows nothing of it"):
        Catalog.open(home)


@pytest.mark.sqlite
@pytest.mark.parametrize("content", [b"this is no database " * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_database_is_refused_in_three_parts(tmp_path: Path, content: bytes) -> None:
    home = Home(tmp_path)
    home.catalog_file.write_bytes(content)
    with pytest.raises(UserError, match="the catalog cannot be read or written") as refused:
        Catalog.open(home)
    assert str(refused.value.given).startswith("sqlite catalog.db: ")
    assert home.catalog_file.read_bytes() == content


@pytest.mark.sqlite
def test_a_path_may_hold_what_means_something_in_a_url(tmp_path: Path) -> None:
    home = Home(tmp_path / "a?b=c#d%20e")
    Catalog.open(home, create=True).publish(row(1))
    assert home.catalog_file.is_file()
    assert Catalog.open(home).version("shop").number == 1


@pytest.mark.slow
def test_two_processes_open_a_fresh_catalog_at_once_and_publish_side_by_side(tmp_path: Path) -> None:
    opening = [
        Popen([sys.executable, "-c", PUBLISH, str(tmp_path / "home"), name], stdin=PIPE, stdout=PIPE, text=True)
        for name in ("one", "two")
    ]
    for process in opening:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in opening:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in opening:
        process.communicate()
    assert [process.returncode for process in opening] == [0, 0]
    catalog = Catalog.open(Home(tmp_path / "home"))
    for name in ("one", "two"):
        assert [version.number for version in catalog.versions(name)] == list(range(20, 0, -1))
    assert catalog.model_name("f" * 64) == "minilm"


PUBLISH = """
import sys
from pathlib import Path
from indexer.catalog import Catalog, Figure
from indexer.home import Home
from tests.indexer.test_catalog import row
print("ready", flush=True)
sys.stdin.readline()
catalog = Catalog.open(Home(Path(sys.argv[1])), create=True)
for number in range(1, 21):
    catalog.remember_model("f" * 64, "minilm", 384)
    assert catalog.next_number(sys.argv[2]) == number
    catalog.publish(row(number, sys.argv[2]))
"""
