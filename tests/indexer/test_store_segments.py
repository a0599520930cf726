"""Segments that nobody vouches for yet: one a killed build left is used if it is whole, made again if not, and never in the way."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from indexer.build import build
from indexer.catalog import Catalog
from indexer.embed import assemble
from indexer.errors import UserError
from indexer.files import canonical_json, sha256
from indexer.home import Home
from indexer.settings import BuildSettings
from indexer.store import read_segment, read_version, remove_orphans, version_file
from tests.corpora import write_products
from tests.indexer.test_build import published

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_products(tmp_path_factory.mktemp("source") / "products.jsonl", range(30))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, source: Path, tiny_model: Path) -> Home:
    home = Home(tmp_path_factory.mktemp("whole") / "home")
    build(BuildSettings(source=source, name="shop", model=str(tiny_model)), home)
    return home


@pytest.fixture
def home(tmp_path: Path, whole: Home) -> Home:
    """What a build leaves that was killed just before publishing: a whole segment, and no version."""
    home = Home(tmp_path / "home")
    shutil.copytree(whole.collection("shop") / "segments", home.collection("shop") / "segments")
    return home


def segment_of(home: Home) -> Path:
    [folder] = (home.collection("shop") / "segments").iterdir()
    return folder


def test_a_whole_segment_of_the_same_inputs_is_published_as_it_is(
    home: Home, whole: Home, source: Path, tiny_model: Path
) -> None:
    report = build(BuildSettings(source=source, name="shop", model=str(tiny_model)), home)
    assert (report.version, report.unchanged, report.embedded) == (1, False, 0)
    assert published(home) == published(whole)


def garbage(manifest: Path) -> None:
    manifest.write_bytes(b"\x00 no JSON")


def another_thing(manifest: Path) -> None:
    manifest.write_bytes(b'["a list"]')


def another_format(manifest: Path) -> None:
    manifest.write_bytes(canonical_json(json.loads(manifest.read_bytes()) | {"format": 2}))


def other_inputs(manifest: Path) -> None:
    content = json.loads(manifest.read_bytes())
    content["inputs"]["records"] = "0" * 64
    manifest.write_bytes(canonical_json(content))


def no_manifest(manifest: Path) -> None:
    manifest.unlink()


def a_file_less(manifest: Path) -> None:
    (manifest.parent / "records.arrow").unlink()


@pytest.mark.parametrize("harm", [garbage, another_thing, another_format, other_inputs, no_manifest, a_file_less])
def test_a_segment_that_is_not_whole_is_none(harm: Callable[[Path], None], home: Home) -> None:
    folder = segment_of(home)
    assert read_segment(folder) is not None
    harm(folder / "manifest.json")
    assert read_segment(folder) is None


def test_a_segment_under_another_name_is_none(home: Home) -> None:
    folder = segment_of(home)
    renamed = folder.rename(folder.with_name("0" * 32))
    assert read_segment(renamed) is None


def test_a_damaged_segment_is_made_again_with_the_same_bytes_and_old_working_folders_go(
    home: Home, whole: Home, source: Path, tiny_model: Path
) -> None:
    garbage(segment_of(home) / "manifest.json")
    building = home.collection("shop") / "building"
    (building / ("0" * 32) / "blocks").mkdir(parents=True)
    report = build(BuildSettings(source=source, name="shop", model=str(tiny_model)), home)
    assert report.embedded == report.passages
    assert published(home) == published(whole)
    assert list(building.iterdir()) == []


def test_segments_that_no_version_names_go_unless_a_version_cannot_be_read(whole: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(whole.root, home.root)
    folder = segment_of(home)
    orphan = folder.with_name("0" * 32)
    for unreadable in (lambda file: file.write_bytes(b"{"), lambda file: file.unlink()):
        orphan.mkdir()
        kept = version_file(home, "shop", 1).read_bytes()
        unreadable(version_file(home, "shop", 1))
        remove_orphans(home, "shop", [1])
        assert orphan.is_dir()  # the version that cannot be read might name it
        version_file(home, "shop", 1).write_bytes(kept)
        remove_orphans(home, "shop", [1])
        assert segment_of(home) == folder


def test_a_version_in_a_newer_format_is_refused_by_its_number(whole: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(whole.root, home.root)
    row = Catalog.open(whole).version("shop")
    assert read_version(home, "shop", 1, row.sha256).number == 1
    file = version_file(home, "shop", 1)
    file.write_bytes(canonical_json(json.loads(file.read_bytes()) | {"format": 2}))
    with pytest.raises(UserError, match="format this release does not read") as refused:
        read_version(home, "shop", 1, sha256(file))
    assert refused.value.given == "format 2, this release reads 1"


def test_a_matrix_with_a_block_less_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="block 0 of"):
        assemble(tmp_path / "blocks", tmp_path / "dense.f32", 3, 4)
    assert list(tmp_path.iterdir()) == []
