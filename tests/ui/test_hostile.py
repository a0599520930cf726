"""Texts that try to be markup are shown as text: in titles, texts, fields, values of filters and in queries."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from indexer.build import build
from indexer.home import Home
from indexer.settings import BuildSettings
from tests.corpora import write_jsonl
from tests.trials import trials
from tests.ui.conftest import Served, running_pages
from tests.ui.driving import ask, settled
from tests.ui.hostile import TEXTS

pytestmark = pytest.mark.slow

ELEMENTS = "script, iframe, img, object, style, svg, link, meta, base, video, math, marquee"
SHOWN = tuple(text for text in TEXTS if "\x00" not in text)
NAMES = ("in", "item", "f.maker", "f.price", "sort", "page", "passage")
KINDS = tuple(text for text in SHOWN if len(text) <= 60)[:40]  # few and short enough to be offered as a filter


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Iterator[Served]:
    """Every hostile text as the title, the text, a field and the start of the id of a record."""
    folder = tmp_path_factory.mktemp("hostile")
    home, source = Home(folder / "home"), folder / "hostile.jsonl"
    shutil.copytree(tiny_model, home.models / "tiny" / "1")
    rows = [
        {
            "id": f"{number}:{text[:40]}",
            "title": text,
            "text": f"{text} {number}",
            "maker": text,
            "kind": KINDS[number % len(KINDS)],
            "price": number,
        }
        for number, text in enumerate(SHOWN)
    ]
    rows += [dict(row, id=f"again {row['price']}") for row in rows]
    write_jsonl(source, rows)
    build(BuildSettings(source=source, name="hostile", model="tiny/1"), home)
    with running_pages(home) as running:
        yield running


def shadow(page: Page, selector: str) -> int:
    return page.locator(".view").last.locator(selector).count()


def test_there_are_a_hundred() -> None:
    assert len(set(SHOWN)) >= 100


def test_titles_texts_and_fields_are_shown_as_they_are(page: Page) -> None:
    seen: list[str] = []
    for number in range(1, -(-len(SHOWN) // 24) + 1):  # then come the same texts again
        page.goto(f"/?page={number}")
        expect(page.locator(".card").first).to_be_visible()
        settled(page)
        assert shadow(page, ELEMENTS) == 0
        seen += page.locator(".card h3 bdi").evaluate_all("all => all.map(one => one.textContent)")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert seen[: len(SHOWN)] == list(SHOWN)


def test_records_pages_show_every_field_as_text(page: Page) -> None:
    for number in range(0, len(SHOWN), trials(18, 9)):
        page.goto(f"/?item={quote(f'again {number}')}")
        expect(page.locator("h1#item")).to_be_visible()
        assert shadow(page, ELEMENTS) == 0
        fields = page.locator(".record dd").evaluate_all("all => all.map(one => one.textContent)")
        assert SHOWN[number] in fields


def test_values_of_filters_are_text_and_can_be_chosen(page: Page) -> None:
    page.goto("/")
    form = page.get_by_role("form", name="kind")
    form.locator("summary").click()
    boxes = form.locator("input[type=checkbox]")
    assert shadow(page, ELEMENTS) == 0
    assert {box.get_attribute("value") for box in boxes.all()} == set(KINDS)
    for number in (0, 11, 22, 33):
        page.goto(f"/?f.kind={quote(KINDS[number])}")
        expect(form.locator("input:checked")).to_have_attribute("value", KINDS[number])
        expected = 2 * sum(place % len(KINDS) == number for place in range(len(SHOWN)))
        expect(page.locator("#count")).to_have_text(f"{expected} records")
        assert shadow(page, ELEMENTS) == 0


@pytest.mark.parametrize("where", ["/", "/duplicates", "/answers"])
def test_queries_are_text(page: Page, where: str) -> None:
    page.goto(where)
    expect(page.get_by_role("searchbox")).to_be_visible()
    for text in SHOWN[:: trials(16, 8)]:
        ask(page, text)
        assert shadow(page, ELEMENTS) == 0
        expect(page.locator(".view").last).not_to_contain_text("could not be drawn")


def test_duplicate_groups_and_answers_show_text(page: Page) -> None:
    page.goto("/duplicates?t=90")
    expect(page.locator(".group").first).to_be_visible(timeout=60_000)
    assert shadow(page, ELEMENTS) == 0
    page.goto("/answers?q=script+alert+onerror")
    expect(page.locator(".source").first).to_be_attached()
    assert shadow(page, ELEMENTS) == 0


def test_addresses_made_by_hand_are_answered_not_run(page: Page) -> None:
    pairs = [(name, text) for text in SHOWN[::24] for name in NAMES]
    for name, text in pairs[:: trials(3, 1)]:  # 3 and the number of names have no common part: every name has its turn
        page.goto(f"{'/answers' if name == 'passage' else '/'}?{name}={quote(text)}")
        expect(page.locator(".view").last).to_be_visible()
        expect(page.locator(".view").last).not_to_contain_text("could not be drawn")
        assert shadow(page, ELEMENTS) == 0


def test_a_refused_address_leads_back_to_its_page(page: Page) -> None:
    for name in ("/?page=0", "/duplicates?page=x"):
        page.goto(name)
        expect(page.get_by_text("is no such number")).to_be_visible()
        expect(page.get_by_text("Write a whole number from 1 on")).to_be_visible()
        page.get_by_role("link", name="Open this page afresh").click()
        expect(page.get_by_text("is no such number")).to_have_count(0)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
