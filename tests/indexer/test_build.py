"""`indexer build` from source to published version: what it publishes, what it sets aside, what it does the second time."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import indexer.embed
import indexer.lexical
from indexer.build import build
from indexer.catalog import Catalog
from indexer.encode import load_encoder
from indexer.errors import UserError
from indexer.home import Home
from indexer.opened import OpenVersion
from indexer.passages import PassageSettings, passage_text
from indexer.preview import preview
from indexer.settings import BuildSettings
from tests.corpora import product, write_jsonl, write_products

pytestmark = [pytest.mark.slow, pytest.mark.catalog]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def products(tmp_path: Path) -> Path:
    return write_products(tmp_path / "products.jsonl", range(300))


def settings(source: Path, model: Path, **changes: object) -> BuildSettings:
    return BuildSettings(source=source, name="shop", model=str(model), **changes)  # type: ignore[arg-type]


def current(home: Home) -> OpenVersion:
    row = Catalog.open(home).version("shop")
    return OpenVersion(home, row.collection, row.number, row.sha256)


def published(home: Home) -> dict[str, bytes]:
    """Every published file by its path in the collection."""
    folder = home.collection("shop")
    files = [path for part in ("segments", "versions") for path in (folder / part).rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def test_version_holds_every_record_with_its_fields_and_the_vector_of_its_text(
    products: Path, tiny_model: Path, home: Home
) -> None:
    report = build(settings(products, tiny_model), home)
    version = current(home)
    assert (report.version, report.records, report.rejected, report.unchanged) == (1, 300, {}, False)
    assert (version.columns.id, version.columns.title, version.columns.text) == ("sku", "name", "description")
    kinds = {"price": "number", "brand": "text", "discontinued": "boolean", "stock": "integer", "added": "date"}
    assert dict(version.columns.fields) == kinds
    record, wanted = version.record(123), product(123)
    assert (record.id, record.title, record.text) == (wanted["sku"], wanted["name"], wanted["description"])
    assert record.fields["price"] == wanted["price"]
    encoder = load_encoder(tiny_model)
    texts = [passage_text(record.title, record.text[span.start : span.end]) for span in version.spans(123)]
    np.testing.assert_allclose(version.vectors_of(123), encoder.encode_document(texts), atol=1e-6)


def test_passage_settings_decide_what_is_embedded(products: Path, tiny_model: Path, home: Home) -> None:
    build(settings(products, tiny_model, passages=PassageSettings(title=False, max_tokens=24)), home)
    version, encoder = current(home), load_encoder(tiny_model)
    text, spans = version.record(11).text, version.spans(11)
    pieces = [text[span.start : span.end] for span in spans]
    assert len(pieces) > 1
    assert all(len(encoder.tokenizer.encode(piece).ids) <= 24 for piece in pieces)
    np.testing.assert_allclose(version.vectors_of(11), encoder.encode_document(pieces), atol=1e-6)


def test_same_source_again_changes_nothing(products: Path, tiny_model: Path, home: Home) -> None:
    build(settings(products, tiny_model), home)
    before = published(home)
    report = build(settings(products, tiny_model), home)
    assert (report.unchanged, report.version, report.embedded) == (True, 1, 0)
    assert published(home) == before
    assert [row.state for row in Catalog.open(home).builds("shop")] == ["unchanged", "done"]


def test_without_a_model_a_collection_keeps_its_own_and_a_new_one_gets_default(
    products: Path, tiny_model: Path, home: Home
) -> None:
    asked = BuildSettings(source=products, name="shop")
    assert asked.with_model(home).model == "default"
    assert not home.root.exists()
    build(settings(products, tiny_model), home)
    assert build(asked, home).unchanged
    assert preview(asked, home).model_reads == load_encoder(tiny_model).document_tokens
    assert asked.with_model(home).model == str(tiny_model)
    assert replace(asked, model="minilm").with_model(home).model == "minilm"


def test_two_homes_get_the_same_bytes(products: Path, tiny_model: Path, tmp_path: Path) -> None:
    homes = [Home(tmp_path / name) for name in ("one", "two")]
    for home in homes:
        build(settings(products, tiny_model), home)
    assert published(homes[0]) == published(homes[1])


def test_only_what_changed_is_embedded_again(tmp_path: Path, products: Path, tiny_model: Path, home: Home) -> None:
    build(settings(products, tiny_model), home)
    rows = [product(number) for number in range(10, 320)]
    rows[5] = rows[5] | {"description": "Something else entirely."}
    rows[6] = rows[6] | {"price": 1.25}
    changed = write_jsonl(tmp_path / "changed.jsonl", rows)
    report = build(settings(changed, tiny_model), home)
    assert (report.version, report.records) == (2, 310)
    assert report.embedded == report.passages - _passages_of(home, 1, set(range(10, 300)) - {15, 16})
    version = current(home)
    encoder = load_encoder(tiny_model)
    for row in (0, 5, 6, 150, 309):
        record = version.record(row)
        texts = [passage_text(record.title, record.text[span.start : span.end]) for span in version.spans(row)]
        np.testing.assert_allclose(version.vectors_of(row), encoder.encode_document(texts), atol=1e-5)
    assert build(settings(changed, tiny_model), home).unchanged


def _passages_of(home: Home, number: int, rows: set[int]) -> int:
    row = Catalog.open(home).version("shop", number)
    version = OpenVersion(home, row.collection, row.number, row.sha256)
    return sum(len(version.spans(row)) for row in rows)


def test_bad_rows_are_set_aside_with_place_and_reason(tmp_path: Path, tiny_model: Path, home: Home) -> None:
    lines = [json.dumps(product(number)) for number in range(400)]
    lines[7] = "{broken"
    lines[9] = json.dumps(product(9) | {"name": "", "description": "  "})
    lines[11] = json.dumps(product(8))
    source = tmp_path / "products.jsonl"
    source.write_text("\n".join(lines) + "\n")
    report = build(settings(source, tiny_model), home)
    assert report.rejected == {"blank": 1, "broken line": 1, "duplicate id": 1}
    assert report.records == 397
    rejected = [json.loads(line) for line in (home.collection("shop") / "rejected.jsonl").read_text().splitlines()]
    assert [(row["file"], row["row"], row["reason"]) for row in rejected] == [
        ("products.jsonl", 8, "broken line"),
        ("products.jsonl", 10, "blank"),
        ("products.jsonl", 12, "duplicate id"),
    ]


def test_too_many_bad_rows_stop_the_build_and_publish_nothing(tmp_path: Path, tiny_model: Path, home: Home) -> None:
    rows = [product(number) if number % 20 else {"sku": str(number)} for number in range(200)]
    source = write_jsonl(tmp_path / "products.jsonl", rows)
    with pytest.raises(UserError, match=r"10 of 200 rows are bad, more than --max-rejected 0\.01"):
        build(settings(source, tiny_model), home)
    assert (home.collection("shop") / "rejected.jsonl").read_text().count("\n") == 10
    assert Catalog.open(home).collections() == []
    assert not list((home.collection("shop") / "segments").glob("*"))
    assert build(settings(source, tiny_model, max_rejected=0.05), home).records == 190


def test_source_without_a_usable_row_is_refused(tmp_path: Path, tiny_model: Path, home: Home) -> None:
    source = write_jsonl(tmp_path / "products.jsonl", [{"id": "1", "text": " "}])
    with pytest.raises(UserError, match="no usable row"):
        build(settings(source, tiny_model, text="text", max_rejected=1.0), home)


def test_failed_build_is_noted_and_leaves_the_published_version(
    products: Path, tiny_model: Path, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build(settings(products, tiny_model), home)
    more = write_products(tmp_path / "more.jsonl", range(350))
    with monkeypatch.context() as patch:
        patch.setattr(indexer.lexical, "write_lexical", _fail)
        with pytest.raises(OSError, match="disk full"):
            build(settings(more, tiny_model), home)
    assert Catalog.open(home).version("shop").number == 1
    latest = Catalog.open(home).builds("shop")[0]
    assert (latest.state, latest.message) == ("failed", "disk full")
    assert current(home).rows == 300
    assert build(settings(more, tiny_model), home).version == 2


def _fail(*_: object) -> None:
    raise OSError("disk full")


def test_finished_blocks_are_not_encoded_again(
    products: Path, tiny_model: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexer.embed, "BLOCK", 64)
    encoded: list[int] = []

    def stop_after_two(phase: str, done: int, total: int | None) -> None:
        if phase == "embedding":
            encoded.append(done)
            if done == 128:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(settings(products, tiny_model), home, stop_after_two)
    assert Catalog.open(home).builds("shop")[0].state == "stopped"
    (blocks,) = (home.collection("shop") / "building").glob("*/blocks")
    stamps = {path.name: path.stat().st_mtime_ns for path in blocks.iterdir()}
    assert sorted(stamps) == ["000000.block", "000001.block"]
    kept: dict[str, int] = {}

    def look(phase: str, done: int, total: int | None) -> None:
        if phase == "indexing vectors":
            kept.update({path.name: path.stat().st_mtime_ns for path in blocks.iterdir()})

    build(settings(products, tiny_model), home, look)
    assert {name: kept[name] for name in stamps} == stamps
    assert not list((home.collection("shop") / "building").iterdir())


def test_damaged_block_is_encoded_again(products: Path, tiny_model: Path, tmp_path: Path) -> None:
    whole, hurt = Home(tmp_path / "whole"), Home(tmp_path / "hurt")
    build(settings(products, tiny_model), whole)

    def damage(phase: str, done: int, total: int | None) -> None:
        if phase == "embedding" and done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(settings(products, tiny_model), hurt, damage)
    (block,) = (hurt.collection("shop") / "building").glob("*/blocks/000000.block")
    content = bytearray(block.read_bytes())
    content[1000] ^= 4
    block.write_bytes(content)
    build(settings(products, tiny_model), hurt)
    assert published(hurt) == published(whole)


def test_segment_of_a_build_that_never_published_goes_with_the_next(
    products: Path, tiny_model: Path, home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    build(settings(products, tiny_model), home)
    with monkeypatch.context() as patch:
        patch.setattr(Catalog, "publish", _fail)
        with pytest.raises(OSError, match="disk full"):
            build(settings(write_products(tmp_path / "a.jsonl", range(40)), tiny_model), home)
    segments = home.collection("shop") / "segments"
    assert len(list(segments.iterdir())) == 2
    build(settings(write_products(tmp_path / "b.jsonl", range(50)), tiny_model), home)
    named = [json.loads((home.collection("shop") / "versions" / f"{n}.json").read_text()) for n in (1, 2)]
    assert {path.name for path in segments.iterdir()} == {version["segments"][0]["id"] for version in named}
    assert current(home).rows == 50


def test_unknown_source_is_refused_before_a_model_is_loaded(tmp_path: Path, home: Home) -> None:
    with pytest.raises(UserError, match="nothing at the source"):
        build(settings(tmp_path / "nowhere.csv", tmp_path / "no-model"), home)


def test_long_documents_become_passages_that_lie_inside_their_text(
    tmp_path: Path, tiny_model: Path, home: Home
) -> None:
    text = " ".join(f"Sentence number {number} speaks of oak and steel." for number in range(200))
    source = write_jsonl(
        tmp_path / "long.jsonl", [{"id": "long", "title": "Long", "text": text}, {"id": "s", "text": "Short."}]
    )
    report = build(settings(source, tiny_model), home)
    version = current(home)
    spans = version.spans(0)
    assert report.passages == len(spans) + 1
    assert len(spans) > 5
    covered = "".join(text[span.start : span.end] for span in spans)
    assert covered.replace(" ", "") == text.replace(" ", "")
