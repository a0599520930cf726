"""The catalog on a real SQLite file: publishing, rolling back, builds, migrations."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import indexer.catalog
from indexer.catalog import HEAD, METADATA, Catalog, Figure, VersionRow, migrate, now
from indexer.errors import UserError
from indexer.home import Home


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
    with pytest.raises(sa.exc.IntegrityError):
        catalog.publish(row(1))
    assert catalog.version("shop").number == 2


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
    with catalog.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_head_is_the_newest_migration() -> None:
    folder = Path(indexer.catalog.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_current_head() == HEAD


def test_migrations_go_down_to_nothing_and_up_again(catalog: Catalog) -> None:
    migrate(catalog.engine, "base")
    assert set(sa.inspect(catalog.engine).get_table_names()) == {"alembic_version"}
    migrate(catalog.engine)
    catalog.publish(row(1))
    assert catalog.version("shop").number == 1


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
