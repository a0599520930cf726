"""Damage trials on the catalog: any bit flipped, any file of it cut, overwritten, lost, or another home's. What it then says is
what was published, or the damage is named; an older version is never answered as if it were the current one."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from indexer.build import build
from indexer.catalog import Catalog, Figure, VersionRow, now
from indexer.errors import UserError
from indexer.home import Home
from indexer.integrity import FILE, DamagedCatalogError, Mirror
from indexer.settings import BuildSettings
from searchapp.service import SearchService
from tests.corpora import write_products
from tests.trials import trials

FIGURE = Figure("shop/test", 50, "fused", "nDCG@10", 0.71, 0.66, 0.76)


def row(number: int, collection: str = "shop") -> VersionRow:
    return VersionRow(collection, number, f"{number:064}", "minilm", "f" * 64, 10 * number, 12, now(), current=True)


def publish(home: Home, *rows: VersionRow) -> None:
    """With the version files that a real build leaves, as far as the catalog looks at them."""
    with closing_catalog(home) as catalog:
        for one in rows:
            file = home.collection(one.collection) / "versions" / f"{one.number}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("{}")
            catalog.publish(one)


def closing_catalog(home: Home) -> closing[Any]:
    """So that SQLite's journal is written back, as it is when a process ends."""
    catalog = Catalog.open(home, create=True)
    catalog.close = catalog.engine.dispose  # type: ignore[attr-defined]
    return closing(catalog)


def said(home: Home) -> dict[str, object]:
    """All that is ever answered from a catalog."""
    with closing_catalog(home) as catalog:
        names = [one.collection for one in catalog.collections()]
        return {
            "current": catalog.collections(),
            "versions": {name: catalog.versions(name) for name in names},
            "figures": {(name, n): catalog.figures(name, n) for name in names for n in (1, 2, 3)},
            "next": {name: catalog.next_number(name) for name in names},
        }


# Trials


@dataclass(frozen=True)
class Whole:
    """A home's catalog as it lies on disk, an older state of it and another home's, and what it says."""

    home: Home
    older: Path
    other: Path
    says: dict[str, object]

    @property
    def files(self) -> list[Path]:
        found = [*self.home.root.glob("catalog.db*"), *self.home.root.glob(f"collections/*/{FILE}")]
        return sorted(path.relative_to(self.home.root) for path in found)


@pytest.fixture(scope="module", params=["closed", "with a journal"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    place = tmp_path_factory.mktemp("catalog")
    home, other = Home(place / "home"), Home(place / "other")
    publish(home, row(1), row(1, "books"))
    shutil.copytree(home.root, place / "older")
    publish(other, replace(row(1), sha256="a" * 64), row(2), row(3))
    with closing_catalog(home) as catalog:
        catalog.update_build(catalog.start_build("shop", 1), state="done")
        catalog.remember_model("f" * 64, "minilm", 384)
        file = home.collection("shop") / "versions" / "2.json"
        file.write_text("{}")
        catalog.publish(row(2))
        catalog.remember_figures("shop", 2, [FIGURE])
        if request.param == "with a journal":  # as a killed process leaves it
            shutil.copytree(home.root, place / "killed")
    kept = Home(place / "killed") if request.param == "with a journal" else home
    names = {path.name for path in kept.root.glob("catalog.db*")}
    assert ("catalog.db-wal" in names) == (request.param == "with a journal")
    shutil.copytree(kept.root, place / "read")
    return Whole(kept, place / "older", other.root, said(Home(place / "read")))


def flip(file: Path, at: float, chance: random.Random, instead: Path) -> None:
    content = bytearray(file.read_bytes())
    content[int(at * len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def overwrite(file: Path, at: float, chance: random.Random, instead: Path) -> None:
    content = bytearray(file.read_bytes())
    start, length = int(at * len(content)), chance.choice([2, 16, 512, 4096])
    content[start : start + length] = chance.choice([bytes(length), chance.randbytes(length)])
    file.write_bytes(content)


def cut(file: Path, at: float, chance: random.Random, instead: Path) -> None:
    file.write_bytes(file.read_bytes()[: int(at * file.stat().st_size)])


def lose(file: Path, at: float, chance: random.Random, instead: Path) -> None:
    file.unlink()


def swap(file: Path, at: float, chance: random.Random, instead: Path) -> None:
    lose(file, at, chance, instead)
    if instead.exists():
        shutil.copyfile(instead, file)


HARMS: tuple[Callable[[Path, float, random.Random, Path], None], ...] = (flip, flip, flip, overwrite, cut)


@pytest.mark.sqlite
def test_no_damage_to_a_catalog_changes_what_it_says(whole: Whole, tmp_path: Path) -> None:
    chance, rounds = random.Random(4), trials(100, 2_500)
    seen: set[str] = set()
    for number in range(rounds):
        harm, file = HARMS[number % len(HARMS)], whole.files[number // len(HARMS) % len(whole.files)]
        at = (number + chance.random()) / rounds  # over every region of the file
        seen.add(_judged(whole, tmp_path / "hurt", lambda path, harm=harm, at=at: harm(path, at, chance, path), file))
    assert seen == {"right", "named"}


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "harm",
    [lose, swap],
    ids=[
        "lost",
        "older",
    ],
)
@pytest.mark.parametrize("name", ["catalog.db", "catalog.db-wal", "catalog.db-shm", f"collections/shop/{FILE}"])
def test_a_lost_or_older_file_of_a_catalog_changes_nothing_it_says(
    name: str, harm: Callable[..., None], whole: Whole, tmp_path: Path
) -> None:
    if not (whole.home.root / name).exists():
        pytest.skip("a closed catalog has no journal")
    outcome = _judged(
        whole, tmp_path / "hurt", lambda path: harm(path, 0, random.Random(1), whole.older / name), Path(name)
    )
    harmless = {("catalog.db-shm", lose), ("catalog.db-shm", swap), (f"collections/shop/{FILE}", lose)}
    if (name, harm) == ("catalog.db", swap) and "catalog.db-wal" in map(str, whole.files):
        harmless.add((name, harm))  # everything that came later is in the journal
    assert outcome == ("right" if (name, harm) in harmless else "named")


@pytest.mark.sqlite
def test_another_homes_catalog_is_named(whole: Whole, tmp_path: Path) -> None:
    hurt = Home(shutil.copytree(whole.home.root, tmp_path / "hurt"))
    for file in hurt.root.glob("catalog.db*"):
        file.unlink()
    shutil.copyfile(whole.other / "catalog.db", hurt.root / "catalog.db")
    with pytest.raises(DamagedCatalogError, match="another home's"):
        Catalog.open(hurt)


def _judged(whole: Whole, place: Path, harm: Callable[[Path], None], file: Path) -> str:
    hurt = Home(shutil.copytree(whole.home.root, place))
    harm(hurt.root / file)
    try:
        found = said(hurt)
        with closing_catalog(hurt) as catalog:
            catalog.builds()
            catalog.model_name("f" * 64)
    except UserError as error:
        refusal = error
    else:
        assert found == whole.says, file
        return "right"
    finally:
        shutil.rmtree(place)
    assert all((refusal.what, str(refusal.given), refusal.todo)), file
    return "named"


# Single cases, on both databases


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    publish(home, row(1), row(2))
    return home


CHANGES = {
    "current": "UPDATE collections SET current = 1",
    "no current": "UPDATE collections SET current = NULL",
    "a digest": "UPDATE versions SET sha256 = 'e' || substr(sha256, 2) WHERE number = 2",
    "a number": "UPDATE versions SET number = 3 WHERE number = 2",
    "a name": "UPDATE collections SET name = 'shoq'",
    "a model": "UPDATE versions SET model_fingerprint = 'e' || substr(model_fingerprint, 2)",
    "a count": "UPDATE versions SET records = records + 1",
    "a lost version": "DELETE FROM versions WHERE number = 1",
    "a lost collection": "DELETE FROM collections",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_row_is_named_wherever_it_is_read(change: str, home: Home) -> None:
    catalog = Catalog.open(home)
    with catalog.engine.begin() as connection:
        connection.exec_driver_sql(CHANGES[change])
    for read in (
        lambda: Catalog.open(home),
        catalog.collections,
        lambda: catalog.versions("shop"),
        lambda: catalog.version("shop", 2),
        lambda: catalog.current("shop"),
        lambda: catalog.next_number("shop"),
    ):
        with pytest.raises(DamagedCatalogError, match="not what was published"):
            read()


def test_a_changed_figure_is_named(home: Home) -> None:
    catalog = Catalog.open(home)
    catalog.remember_figures("shop", 2, [FIGURE])
    assert catalog.figures("shop", 2) == [FIGURE]
    with catalog.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE evaluations SET value = 0.96")
    with pytest.raises(DamagedCatalogError):
        catalog.figures("shop", 2)


def test_a_damaged_catalog_is_never_made_the_truth(home: Home) -> None:
    catalog = Catalog.open(home)
    copy = Mirror(home).file("shop").read_bytes()
    with catalog.engine.begin() as connection:
        connection.exec_driver_sql(CHANGES["current"])
    for change in (
        lambda: catalog.publish(row(3)),
        lambda: catalog.remember_figures("shop", 2, [FIGURE]),
        lambda: catalog.rollback("shop", 2),
        lambda: catalog.drop("shop"),
    ):
        with pytest.raises(DamagedCatalogError):
            change()
    assert Mirror(home).file("shop").read_bytes() == copy


@pytest.mark.parametrize("committed", [False, True], ids=["before it committed", "after it committed"])
def test_a_change_that_was_killed_on_its_way_is_no_damage(committed: bool, home: Home, tmp_path: Path) -> None:
    file = Mirror(home).file("shop")
    before = json.loads(file.read_bytes())["states"]
    told: list[bytes] = []

    class Dies(Mirror):
        def write(self, name: str, *states: Any) -> None:
            if len(states) == 1 or not committed:
                if not committed:
                    super().write(name, *states)
                raise KeyboardInterrupt
            super().write(name, *states)
            told.append(file.read_bytes())

    catalog = Catalog.open(home)
    catalog.mirror = Dies(home)
    with pytest.raises(KeyboardInterrupt):
        catalog.publish(row(3))
    assert len(json.loads(file.read_bytes())["states"]) == 2
    assert json.loads(file.read_bytes())["states"][:1] == before
    again = Catalog.open(home)
    assert again.version("shop").number == (3 if committed else 2)
    again.publish(row(4))
    assert len(json.loads(file.read_bytes())["states"]) == 1
    assert again.version("shop").number == 4


def test_a_damaged_copy_is_named_and_a_lost_one_comes_back(home: Home) -> None:
    file = Mirror(home).file("shop")
    content = bytearray(file.read_bytes())
    for at in range(0, len(content), 7):
        content[at] ^= 1
        file.write_bytes(content)
        with pytest.raises(DamagedCatalogError, match="the copy beside the collection is damaged") as refusal:
            Catalog.open(home)
        assert str(file) in str(refusal.value.given)
        content[at] ^= 1
    file.unlink()
    catalog = Catalog.open(home)
    assert catalog.version("shop").number == 2
    catalog.publish(row(3))
    assert file.is_file()


def test_copies_of_two_collections_cannot_change_places(home: Home) -> None:
    publish(home, row(1, "books"))
    shutil.copyfile(Mirror(home).file("books"), Mirror(home).file("shop"))
    with pytest.raises(DamagedCatalogError, match="the copy beside"):
        Catalog.open(home)


def test_a_dropped_collection_may_come_again(home: Home) -> None:
    catalog = Catalog.open(home)
    catalog.drop("shop")
    with pytest.raises(UserError, match="no such collection"):
        catalog.versions("shop")
    catalog.publish(row(1))
    assert catalog.version("shop").number == 1


def test_builds_of_a_damaged_row_are_named(home: Home) -> None:
    catalog = Catalog.open(home)
    catalog.start_build("shop", 1)
    with catalog.engine.begin() as connection:
        connection.execute(sa.text("UPDATE builds SET state = 'runninf'"))
    with pytest.raises(DamagedCatalogError, match="the catalog is damaged"):
        catalog.builds()


@pytest.mark.slow
def test_search_and_verify_name_a_damaged_catalog(tmp_path: Path, tiny_model: Path) -> None:
    home = Home(tmp_path / "home")
    for numbers in (range(30), range(60)):
        source = write_products(tmp_path / "products.jsonl", numbers)
        build(BuildSettings(source=source, name="shop", model=str(tiny_model)), home)
    service = SearchService(home)
    assert service.search("shop", "oak lamp").hits
    catalog = Catalog.open(home)
    with catalog.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE collections SET current = 1")
    for ask in (lambda: service.search("shop", "oak lamp"), lambda: SearchService(home).search("shop", "oak lamp")):
        with pytest.raises(DamagedCatalogError):
            ask()
    with pytest.raises(DamagedCatalogError):
        build(BuildSettings(source=source, name="shop", model=str(tiny_model)), home)
    command = [sys.executable, "-m", "indexer.cli", "verify", "shop", "--home", str(home.root)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "the catalog is damaged" in run.stderr
    assert "Traceback" not in run.stderr
