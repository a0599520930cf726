"""Older versions go with what only they need; the current one, the newest, and whoever reads an old one are not disturbed."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import indexer.cli
import indexer.drop
from indexer.build import build
from indexer.catalog import Catalog, Figure
from indexer.drop import Pruned, prune
from indexer.errors import UserError
from indexer.home import Home
from indexer.settings import BuildSettings
from indexer.store import damaged_files
from searchapp.service import SearchService
from tests.corpora import write_products

pytestmark = [pytest.mark.slow, pytest.mark.catalog]
VERSIONS = 4


@pytest.fixture
def home(tmp_path: Path, tiny_model: Path) -> Home:
    """Four versions of 20 to 23 records; the first is measured, the second is current."""
    home = Home(tmp_path / "home")
    for number in range(VERSIONS):
        source = write_products(tmp_path / "products.jsonl", range(20 + number))
        build(BuildSettings(source=source, name="shop", model=str(tiny_model)), home)
    catalog = Catalog.open(home)
    catalog.remember_figures("shop", 1, [Figure("shop/test", 9, "dense", "nDCG@10", 0.5, 0.4, 0.6)])
    catalog.rollback("shop", 2)
    return home


def files(home: Home) -> set[str]:
    return {home.relative(path) for path in home.collection("shop").rglob("*") if path.is_file()}


def numbers(home: Home) -> list[int]:
    return [row.number for row in Catalog.open(home).versions("shop")]


def test_the_newest_and_the_current_one_stay_and_are_whole(home: Home) -> None:
    catalog, before = Catalog.open(home), files(home)
    sizes = {name: (home.root / name).stat().st_size for name in before}
    pruned = prune(catalog, home, "shop", keep=1)
    gone = before - files(home)
    assert pruned == Pruned("shop", (4, 2), (3, 1), pruned.bytes)
    assert pruned.bytes == pytest.approx(sum(sizes[name] for name in gone), abs=4_000)  # the catalog's copy got shorter
    assert numbers(home) == [4, 2]
    assert catalog.version("shop").number == 2
    assert {name for name in gone if name.startswith("collections/shop/versions/")} == {
        f"collections/shop/versions/{number}.json" for number in (1, 3)
    }
    assert len({name.split("/")[3] for name in files(home) if "/segments/" in name}) == 2
    for row in catalog.versions("shop"):
        assert damaged_files(home, "shop", row.number, row.sha256) == []
    assert catalog.figures("shop", 1) == []
    assert prune(catalog, home, "shop", keep=1) == Pruned("shop", (4, 2), (), 0)


def test_the_next_version_is_numbered_on_and_reuses_what_stayed(home: Home, tmp_path: Path) -> None:
    prune(Catalog.open(home), home, "shop", keep=1)
    report = build(BuildSettings(source=write_products(tmp_path / "products.jsonl", range(30)), name="shop"), home)
    assert (report.version, report.records) == (5, 30)
    assert report.embedded < 30
    assert numbers(home) == [5, 4, 2]


def test_a_segment_that_another_version_names_stays(home: Home, tmp_path: Path, tiny_model: Path) -> None:
    source = write_products(tmp_path / "products.jsonl", range(20))  # as version 1 was: the same segment again
    version = build(BuildSettings(source=source, name="shop", model=str(tiny_model)), home).version
    catalog = Catalog.open(home)
    prune(catalog, home, "shop", keep=1)
    row = catalog.version("shop")
    assert (row.number, row.records) == (version, 20)
    assert damaged_files(home, "shop", row.number, row.sha256) == []


def test_who_reads_an_old_version_goes_on_reading(home: Home) -> None:
    catalog = Catalog.open(home)
    service = SearchService(home)
    opened = service.opened("shop")
    catalog.rollback("shop", 4)
    prune(catalog, home, "shop", keep=1)
    assert opened.version.number == 2
    assert len(opened.version.dense(opened.encode("lamp"), 50).ids[0]) >= 21
    assert service.search("shop", "lamp", k=50).version == 4


@pytest.mark.parametrize("step", ["forgotten", "unlinked"])
def test_killed_in_between_the_next_call_removes_the_rest(
    home: Home, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class KilledError(Exception):
        pass

    def killed(*_: object) -> None:
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(indexer.drop, {"forgotten": "version_file", "unlinked": "remove_orphans"}[step], killed)
        with pytest.raises(KilledError):
            prune(Catalog.open(home), home, "shop", keep=1)
    assert numbers(home) == [4, 2]
    assert SearchService(home).search("shop", "lamp").version == 2
    assert prune(Catalog.open(home), home, "shop", keep=1).bytes > 0
    assert {Path(name).stem for name in files(home) if "/versions/" in name} == {"2", "4"}
    assert len({name.split("/")[3] for name in files(home) if "/segments/" in name}) == 2


def test_nothing_goes_while_something_is_written(home: Home) -> None:
    before = files(home)
    with home.writer_lock("shop"), pytest.raises(UserError, match="another process"):
        prune(Catalog.open(home), home, "shop", keep=1)
    with pytest.raises(UserError, match="at least one"):
        prune(Catalog.open(home), home, "shop", keep=0)
    assert files(home) == before


def test_the_command_asks_first(home: Home) -> None:
    def typed(*words: str, answer: str = "") -> tuple[int, str]:
        done = CliRunner().invoke(indexer.cli.app, ["prune", "shop", *words, "--home", str(home.root)], input=answer)
        return done.exit_code, done.output

    status, shown = typed("--keep", "1", answer="n\n")
    assert (status, numbers(home)) == (1, [4, 3, 2, 1])
    assert "Remove versions 3, 1 of shop?" in shown
    status, shown = typed("--keep", "1", "--yes")
    assert (status, numbers(home)) == (0, [4, 2])
    assert shown.startswith("shop: versions 3, 1 are gone, ")
    assert shown.endswith("left: 4, 2\n")
    assert typed("--keep", "1") == (0, "shop: nothing to remove, 0.0 MB freed; left: 4, 2\n")
