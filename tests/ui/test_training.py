"""Training data in a real browser: composition, drops by filter with their evidence, judged and brought back by keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from indexer.home import Home
from tests.corpora import write_jsonl
from tests.trainer.test_commands import RECIPE, ROWS
from tests.trainer.test_negation_data import corpus
from tests.ui.conftest import Served, open_page, running_pages
from tests.ui.driving import parts, serious_findings, settled
from tests.ui.hostile import TEXTS
from trainer.prepare import prepare
from trainer.recipe import load_recipe
from ui.screens.training import preparations

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    folder = tmp_path_factory.mktemp("training")
    same = [{"query": text, "positive": text} for text in TEXTS if "\x00" not in text and text.strip()]
    write_jsonl(folder / "web.jsonl", [*ROWS, *same[:12]])
    (folder / "recipe.toml").write_text(RECIPE)
    prepare(load_recipe(folder / "recipe.toml"), folder / "home" / "training" / "web")
    recipe = corpus(folder / "nli", filters='[[filters]]\nname = "language"')
    prepare(load_recipe(recipe), folder / "home" / "training" / "with-negation")
    return Home(folder / "home")


@pytest.fixture(scope="module")
def application(home: Home) -> Iterator[Served]:
    with running_pages(home) as running:
        yield running


def test_composition_and_filters_say_what_came_of_each_source(page: Page) -> None:
    page.goto("/training")
    row = page.get_by_role("row").filter(has_text="web")
    expect(row).to_contain_text("CC0-1.0")
    expect(page.locator(".figures")).to_contain_text("pairs kept")
    page.get_by_role("button", name="Show what exact dropped").click()
    settled(page)
    assert parts(page) == {"filter": ["exact"]}
    expect(page.locator(".group")).to_have_count(1)
    expect(page.locator(".group")).to_contain_text("exact duplicate")
    expect(page.locator(".group")).to_contain_text("how to boil an egg", ignore_case=True)


def test_negation_data_languages_and_filters_in_the_order_of_the_recipe(page: Page, home: Home) -> None:
    card = json.loads((home.root / "training" / "with-negation" / "card.json").read_text())
    page.goto("/training?set=with-negation")
    made = page.get_by_role("region", name="Negation data")
    expect(made).to_contain_text(f"{card['negation']['triplets']:,}")
    expect(made).to_contain_text("copies that mean the same")
    expect(made.get_by_role("row").filter(has_text="Rules")).to_contain_text("auxiliary not")
    expect(page.get_by_role("region", name="Languages seen").get_by_role("row").first).to_contain_text("en ")
    names = page.locator(".bars li button").all_inner_texts()
    assert names == ["read", "exact", "leakage", "language", "negation"]
    page.get_by_role("button", name="Show what negation dropped").click()
    settled(page)
    expect(page.get_by_role("button", name="Right drop").first).to_be_visible()
    expect(page.get_by_role("button", name="Bring it back")).to_have_count(0)


def test_drops_are_judged_and_brought_back_by_keys(page: Page, home: Home) -> None:
    page.goto("/training?filter=identical")
    expect(page.locator(".group").first).to_be_visible()
    before = page.locator(".group").count()
    first = page.locator(".group").first.inner_text()
    page.keyboard.press("r")
    settled(page)
    expect(page.locator(".group")).to_have_count(before - 1)
    assert page.locator(".group").first.inner_text() != first
    page.keyboard.press("b")
    settled(page)
    expect(page.locator(".group")).to_have_count(before - 2)
    expect(page.get_by_text("2 judged, 1 wrong drops: 50%")).to_be_visible()
    judged = (home.root / "training" / "web.judged.jsonl").read_text().splitlines()
    listed = (home.root / "training" / "web.whitelist.txt").read_text().split()
    assert [json.loads(line)["wrong"] for line in judged] == [False, True]
    assert listed == [json.loads(judged[1])["content"]]


def test_hostile_rows_are_text_and_the_page_is_accessible(page: Page) -> None:
    page.goto("/training?filter=identical")
    expect(page.locator(".group").first).to_be_visible()
    assert page.locator(".view script, .view img, .view iframe, .view svg").count() == 0
    assert serious_findings(page, "header.stAppHeader") == []


def test_unknown_preparation_and_filter_fall_back_to_what_is_there(page: Page) -> None:
    page.goto("/training?set=../../etc&filter=nothing")
    expect(page.get_by_role("heading", name="Composition")).to_be_visible()
    expect(page.locator(".group")).to_have_count(0)


def test_home_without_a_preparation_says_how_to_make_one(browser: Browser, served: Served) -> None:
    with open_page(browser, served) as page:
        page.goto("/training")
        expect(page.get_by_role("heading", name="No training data is prepared yet")).to_be_visible()


def test_what_was_mined_is_no_preparation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`trainer mine` writes a card too, without the drops that this page is about."""
    monkeypatch.setenv("SEARCHAPP_HOME", str(tmp_path))
    for name, files in {"mined": ["triplets.parquet"], "web": ["pairs.parquet", "dropped.parquet"]}.items():
        (tmp_path / "training" / name).mkdir(parents=True)
        for file in ["card.json", *files]:
            (tmp_path / "training" / name / file).write_text("{}")
    assert preparations() == ["web"]
