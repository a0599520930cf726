"""The shop in a real browser: by mouse and by keyboard, its filters, its links, its empty and failed states."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.ui.driving import parts, settled

pytestmark = pytest.mark.slow


def titles(page: Page) -> list[str]:
    return page.locator(".cards h3").all_inner_texts()


def search(page: Page, text: str) -> None:
    page.get_by_role("searchbox").fill(text)
    page.get_by_role("button", name="Search", exact=True).click()
    settled(page)
    expect(page.locator("#count")).to_contain_text("result")


def test_search_by_mouse_finds_what_was_meant(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#count")).to_have_text("435 records")
    search(page, "desk chair without arms")
    assert titles(page)[0] == "Norvane Mesh Desk Chair without Armrests"
    assert parts(page) == {"q": ["desk chair without arms"]}
    expect(page.get_by_text("at most 1,000")).to_be_visible()


def test_search_by_keyboard_alone(page: Page) -> None:
    page.goto("/")
    expect(page.locator("#count")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("garden hose")
    page.keyboard.press("Enter")
    settled(page)
    expect(page.locator("#count")).to_contain_text("result")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Search", exact=True)).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    focused = page.locator("input[type=checkbox]:focus")
    before = page.locator("#count").inner_text()
    name = focused.get_attribute("value")
    page.keyboard.press("Space")
    expect(page.locator("#count")).not_to_have_text(before)
    expect(focused).to_have_attribute("value", str(name))
    assert parts(page)["f.brand"] == [name]


def test_facets_narrow_and_count_what_another_value_would_bring(page: Page) -> None:
    page.goto("/")
    department = page.get_by_role("form", name="department")
    department.get_by_label("Audio").check()
    expect(page.locator("#count")).to_have_text("29 records")
    department.get_by_label("Baby").check()
    expect(page.locator("#count")).to_have_text("58 records")
    assert parts(page)["f.department"] == ["Audio", "Baby"]
    low = page.get_by_label("price, at least")
    low.fill("50")
    low.press("Enter")
    expect(page.locator("#count")).not_to_have_text("58 records")
    few = int(page.locator("#count").inner_text().split()[0])
    assert 0 < few < 58
    assert parts(page)["f.price"] == ["50.."]
    page.get_by_role("button", name="Clear all filters").first.click()
    expect(page.locator("#count")).to_have_text("435 records")


def test_link_reopened_elsewhere_shows_the_same(page: Page) -> None:
    page.goto("/?q=lamp&f.department=Lighting&f.price=20..80&sort=-price")
    expect(page.locator("#count")).to_contain_text("result")
    expect(page.locator(".price").first).to_be_visible()
    prices = [float(text) for text in page.locator(".cards .price").all_inner_texts()]
    assert prices == sorted(prices, reverse=True)
    assert 20 <= min(prices) <= max(prices) <= 80
    seen, other = titles(page), page.context.new_page()
    other.goto(page.url)
    expect(other.locator("#count")).to_have_text(page.locator("#count").inner_text())
    assert titles(other) == seen
    expect(other.get_by_role("form", name="department").get_by_label("Lighting")).to_be_checked()
    expect(other.get_by_label("Sort")).to_have_value("-price")


def test_pages_lead_through_everything_once(page: Page) -> None:
    page.goto("/?f.department=Office&f.department=Pets")
    expect(page.locator("#count")).to_have_text("58 records")
    seen = titles(page)
    for number in (2, 3):
        page.get_by_role("button", name=f"Page {number}").click()
        settled(page)
        expect(page.locator(".pages [aria-current=page]")).to_have_text(str(number))
        seen += titles(page)
    assert len(seen) == len(set(seen)) == 58


def test_back_button_returns_to_the_search_before(page: Page) -> None:
    page.goto("/")
    search(page, "teapot")
    first = titles(page)
    search(page, "bicycle lamp")
    assert titles(page) != first
    page.go_back()
    expect(page.get_by_role("searchbox")).to_have_value("teapot")
    expect(page.locator(".cards h3").first).to_have_text(first[0])


def test_exact_sku_goes_to_its_record_and_its_like(page: Page) -> None:
    page.goto("/")
    page.get_by_role("searchbox").fill(" kit-1004 ")
    page.keyboard.press("Enter")
    expect(page.locator("h1#item")).to_have_text("Harrowmere Bare Aluminium Frying Pan, 26 cm")
    expect(page.get_by_role("heading", name="Similar")).to_be_visible()
    assert titles(page)[0] == "Harrowmere Non-Stick Aluminium Frying Pan, 26 cm"


def test_product_and_back_to_the_list(page: Page) -> None:
    page.goto("/?q=teapot")
    first = page.locator(".cards h3 a").first
    title = first.inner_text()
    first.click()
    expect(page.locator("h1#item")).to_have_text(title)
    assert parts(page)["item"]
    page.get_by_role("button", name="Back to the list").click()
    expect(page.locator(".cards h3").first).to_have_text(title)


def test_why_a_result_shows_rank_and_score_of_each_stage_and_no_percentage(page: Page) -> None:
    page.goto("/?q=teapot")
    page.get_by_text("Why this result").first.click()
    table = page.locator(".why table").first
    rows = [row.split("\t") for row in table.inner_text().splitlines()]
    assert [row[0] for row in rows] == ["Found by", "Meaning", "Words", "Together"]
    assert rows[3][1] == "1."
    assert "%" not in table.inner_text()


def test_nothing_left_says_so_and_offers_a_way_out(page: Page) -> None:
    page.goto("/?f.department=Pets&f.material=oak&f.colour=pink")
    expect(page.get_by_text("Nothing passes all of these filters")).to_be_visible()
    page.get_by_role("button", name="Clear the filters").click()
    expect(page.locator("#count")).to_have_text("435 records")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/?in=nowhere", "There is no such collection."),
        ("/?f.brnad=Norvane", "There is no such field."),
        ("/?f.price=cheap", "That is no range of 'price'."),
        ("/?sort=-weight", "weight"),
        ("/?item=NO-1", "has no document with this id"),
    ],
)
def test_wrong_address_is_answered_with_a_sentence(page: Page, address: str, said: str) -> None:
    page.goto(address)
    expect(page.get_by_role("alert")).to_contain_text(said)


def test_phone_width_hides_filters_behind_a_button_and_nothing_sticks_out(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/?q=lamp")
    expect(page.locator("#count")).to_contain_text("result")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.get_by_role("form", name="department")).to_be_hidden()
    page.get_by_role("button", name="Filters").click()
    page.get_by_role("form", name="department").get_by_label("Lighting").check()
    expect(page.get_by_role("button", name="Filters (1 on)")).to_be_visible()
    expect(page.get_by_role("form", name="department")).to_be_visible()
