"""Damage trials: any published file of a collection, flipped, cut, emptied, missing or swapped. Named, never searched."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.build import build
from indexer.catalog import Catalog
from indexer.home import Home
from indexer.opened import OpenVersion
from indexer.settings import BuildSettings
from indexer.store import DamagedError, damaged_files
from tests.corpora import write_products
from tests.postgresql import copy_home
from tests.trials import trials

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Home:
    """A home with two versions of a collection; the second has a stored index (fast scan), the first none."""
    folder = tmp_path_factory.mktemp("damage")
    home = Home(folder / "home")
    source = folder / "products.jsonl"
    for numbers, index in ((range(120), "exact"), (range(400), "fastscan")):
        write_products(source, numbers)
        build(BuildSettings(source=source, name="shop", model=str(tiny_model), index=index), home)
    return home


def flip(path: Path, chance: random.Random, other: Path) -> None:
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def cut(path: Path, chance: random.Random, other: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: chance.randrange(len(content))])


def swap(path: Path, chance: random.Random, other: Path) -> None:
    mine, theirs = path.read_bytes(), other.read_bytes()
    path.write_bytes(theirs)
    other.write_bytes(mine)


def lose(path: Path, chance: random.Random, other: Path) -> None:
    path.unlink()


HARMS: tuple[Callable[[Path, random.Random, Path], None], ...] = (flip, cut, swap, lose)


def files_of_version_2(home: Home) -> list[Path]:
    segment = _segment(home, 2)
    folder = home.collection("shop")
    return sorted(path for path in (*segment.rglob("*"), folder / "versions" / "2.json") if path.is_file())


def counterpart(home: Home, path: Path) -> Path | None:
    """The same file of version 1, where there is one with other bytes."""
    if path.name == "2.json":
        return path.with_name("1.json")
    other = _segment(home, 1) / path.relative_to(_segment(home, 2))
    return other if other.is_file() and other.read_bytes() != path.read_bytes() else None


def _segment(home: Home, number: int) -> Path:
    row = Catalog.open(home).version("shop", number)
    return OpenVersion(home, "shop", number, row.sha256).folders[0]


def test_every_harm_to_every_file_is_named_and_nothing_is_searched(whole: Home, tmp_path: Path) -> None:
    chance = random.Random(1)
    row = Catalog.open(whole).version("shop", 2)
    targets = [(path, harm) for path in files_of_version_2(whole) for harm in HARMS]
    targets = [(path, harm) for path, harm in targets if harm is not swap or counterpart(whole, path)]
    chance.shuffle(targets)
    rounds = trials(max(20, len(targets)), 200)
    for number in range(rounds):
        path, harm = targets[number % len(targets)]
        hurt = Home(tmp_path / "hurt")
        shutil.copytree(whole.root, hurt.root)
        victim = hurt.root / path.relative_to(whole.root)
        other = counterpart(whole, path)
        harm(victim, chance, hurt.root / other.relative_to(whole.root) if other else victim)
        assert damaged_files(hurt, "shop", 2, row.sha256) == [hurt.relative(victim)], (number, harm.__name__)
        with pytest.raises(DamagedError) as refusal:
            OpenVersion(hurt, "shop", 2, row.sha256)
        assert refusal.value.files == [hurt.relative(victim)]
        shutil.rmtree(hurt.root)


def test_stray_files_are_no_damage(whole: Home, tmp_path: Path) -> None:
    hurt = copy_home(whole, tmp_path / "hurt")
    row = Catalog.open(hurt).version("shop", 2)
    for folder in [path for path in hurt.root.rglob("*") if path.is_dir()]:
        (folder / ".file.123.partial").write_bytes(b"left by a killed process")
    assert damaged_files(hurt, "shop", 2, row.sha256) == []
    assert OpenVersion(hurt, "shop", 2, row.sha256).rows == 400


def test_damaged_version_does_not_stop_the_next_build(whole: Home, tmp_path: Path, tiny_model: Path) -> None:
    hurt = copy_home(whole, tmp_path / "hurt")
    victim = hurt.root / (_segment(whole, 2) / "vectors" / "dense.f32").relative_to(whole.root)
    flip(victim, random.Random(2), victim)
    source = write_products(tmp_path / "products.jsonl", range(400))
    report = build(BuildSettings(source=source, name="shop", model=str(tiny_model), index="fastscan"), hurt)
    assert report.version == 3
    row = Catalog.open(hurt).version("shop")
    assert damaged_files(hurt, "shop", 3, row.sha256) == []
