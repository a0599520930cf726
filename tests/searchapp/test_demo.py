"""The demo: texts of our own that are whole and varied, judgements that point at them, and a build that measures itself."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest

import searchapp.demo.command
from indexer.catalog import Catalog
from indexer.home import Home
from indexer.progress import unwatched
from searchapp.demo import DEMOS, HERE, folder
from searchapp.demo.command import prepare
from searchapp.evaluate import read_qrels, read_queries
from searchapp.usecases import USE_CASES


def rows(name: str, where: Path) -> list[dict[str, object]]:
    return [
        json.loads(line) for line in (folder(name, where) / "corpus.jsonl").read_text(encoding="utf-8").splitlines()
    ]


@pytest.mark.parametrize("name", DEMOS)
def test_judgements_point_at_queries_and_documents_that_are_there(name: str, tmp_path: Path) -> None:
    ids = {row["_id"] for row in rows(name, tmp_path)}
    source = folder(name, tmp_path)
    judged, queries = read_qrels(source, "test"), read_queries(source)
    assert 38 <= len(judged) == len(queries) <= 46
    assert set(judged) == set(queries)
    assert {document for found in judged.values() for document in found} <= ids
    assert {score for found in judged.values() for score in found.values()} <= {1, 2}


def test_products_are_many_varied_and_complete() -> None:
    products = [json.loads(line) for line in (HERE / "shop" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(products) >= 400
    fields = [product["metadata"] for product in products]
    assert all(
        set(one) == {"sku", "brand", "department", "price", "colour", "material", "size", "rating", "stock"}
        for one in fields
    )
    assert min(Counter(one["department"] for one in fields).values()) >= 20
    assert len({one["department"] for one in fields}) >= 12
    assert all(one["price"] > 0 and 1 <= one["rating"] <= 5 and one["stock"] >= 0 for one in fields)
    assert any("without" in product["title"].lower() for product in products)


@pytest.mark.parametrize("name", ["shop", "questions"])
def test_no_row_is_another_with_words_swapped(name: str, tmp_path: Path) -> None:
    """Hardly a sentence occurs twice (a look-alike may keep its partner's), and no five words open more than a few texts."""
    texts = [str(row["text"]) for row in rows(name, tmp_path)]
    sentences = Counter(part for text in texts for part in re.split(r"(?<=[.!?])\s+", text) if len(part.split()) > 4)
    assert len([text for text, count in sentences.items() if count > 1]) <= (0 if name == "shop" else 5)
    assert len(set(texts)) == len(texts)
    openings = Counter(" ".join(text.lower().split()[:5]) for text in texts)
    assert max(openings.values()) <= 5


def test_questions_have_true_duplicates_and_look_alikes() -> None:
    with (HERE / "questions" / "pairs.tsv").open(encoding="utf-8", newline="") as file:
        pairs = list(csv.DictReader(file, delimiter="\t"))
    ids = {json.loads(line)["_id"] for line in (HERE / "questions" / "corpus.jsonl").read_text().splitlines()}
    labels = Counter(pair["label"] for pair in pairs)
    assert len(ids) >= 300
    assert labels["1"] >= 90
    assert labels["0"] >= 40
    assert {pair["id1"] for pair in pairs} | {pair["id2"] for pair in pairs} <= ids
    assert len({frozenset((pair["id1"], pair["id2"])) for pair in pairs}) == len(pairs)


def test_reference_is_the_running_pythons_own_text(tmp_path: Path) -> None:
    from pydoc_data.topics import topics

    found = {str(row["_id"]): row for row in rows("python", tmp_path)}
    assert set(found) == set(topics)
    assert found["assert"]["title"] == "The assert statement"
    assert found["assert"]["text"] == topics["assert"]


def test_every_use_case_has_its_demo() -> None:
    assert {case.demo for case in USE_CASES.values()} == set(DEMOS)


@pytest.mark.slow
@pytest.mark.catalog
def test_prepared_demo_is_measured_once_and_then_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searchapp.demo.command, "DEMOS", {"questions": DEMOS["questions"]})
    home = Home(tmp_path / "home")
    (first,) = prepare(home, unwatched)
    figures = Catalog.open(home).figures("questions", 1)
    assert {figure.mode for figure in figures} == {"dense", "lexical", "hybrid"}
    assert first.quality == next(f.value for f in figures if (f.mode, f.measure) == ("hybrid", "nDCG@10")) > 0.4
    (second,) = prepare(home, unwatched)
    assert (second.unchanged, second.version, second.quality) == (True, 1, first.quality)
    assert Catalog.open(home).figures("questions", 1) == figures
