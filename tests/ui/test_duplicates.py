"""Duplicates in a real browser: the threshold, the groups, a pasted text, the files to take away."""

from __future__ import annotations

import csv
import json

import pytest
from playwright.sync_api import Page, expect

from tests.ui.driving import ask, parts, settled

pytestmark = pytest.mark.slow


def groups(page: Page) -> int:
    return int(page.locator("#count").inner_text().split()[0])


def test_threshold_is_moved_by_keyboard_and_lives_in_the_address(page: Page) -> None:
    page.goto("/duplicates")
    expect(page.locator("#count")).to_contain_text("out of 477")
    before, slider = groups(page), page.get_by_role("slider")
    start = int(slider.input_value())
    slider.focus()
    for step in range(1, 4):
        page.keyboard.press("PageUp")
        settled(page)
        expect(page.locator("output")).not_to_have_text(f"{start / 100:.2f}")
        assert step
    now = int(slider.input_value())
    assert now > start
    expect(slider).to_be_focused()
    assert parts(page) == {"t": [str(now)]}
    assert groups(page) < before
    page.get_by_role("button", name="Back to").click()
    settled(page)
    expect(page.locator("#count")).to_contain_text(f"{before} group")
    assert parts(page) == {}


def test_surest_at_the_top_and_nothing_at_the_top_end(page: Page) -> None:
    page.goto("/duplicates?t=100")
    settled(page)
    expect(page.get_by_text("No duplicates at this threshold").or_(page.locator(".group").first)).to_be_visible()
    page.goto("/duplicates?t=45")
    expect(page.locator(".group").first).to_be_visible()
    means = [
        float(text.split("mean score ")[1].split(",")[0]) for text in page.locator(".group > header").all_inner_texts()
    ]
    assert means == sorted(means, reverse=True)
    assert len(means) == 20


def test_differing_words_and_fields_are_marked(page: Page) -> None:
    page.goto("/duplicates?in=shop&t=30")
    expect(page.locator(".group").first).to_be_visible()
    assert page.locator(".only").count() > 5
    assert page.locator(".only.sharp").count() > 0
    expect(page.locator(".differs .chip").first).to_contain_text("→")


def test_pasted_text_that_is_there_in_other_words(page: Page) -> None:
    page.goto("/duplicates")
    known = page.locator(".group p").first.inner_text()
    ask(page, known)
    expect(page.get_by_role("status")).to_contain_text("This seems to be here already")
    expect(page.locator(".group p").first).to_have_text(known)
    page.get_by_role("button", name="All groups").click()
    settled(page)
    expect(page.locator("#count")).to_contain_text("out of 477")


def test_pasted_text_that_is_new(page: Page) -> None:
    page.goto("/duplicates")
    ask(page, "Do hedgehogs hibernate in the Antarctic during a solar eclipse?")
    expect(page.get_by_role("status")).to_contain_text("This is not here yet")


def test_downloads_hold_every_pair_shown(page: Page) -> None:
    page.goto("/duplicates")
    expect(page.locator("#count")).to_contain_text("out of 477")
    with page.expect_download() as csv_download:
        page.get_by_role("button", name="Download as CSV").click()
    with page.expect_download() as jsonl_download:
        page.get_by_role("button", name="Download as JSON Lines").click()
    with open(csv_download.value.path(), newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    with open(jsonl_download.value.path(), encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    assert csv_download.value.suggested_filename == "questions-duplicates.csv"
    assert [(row["id_a"], row["id_b"]) for row in table] == [(row["id_a"], row["id_b"]) for row in lines]
    assert len({row["group"] for row in lines}) == groups(page)
    assert all(0 <= float(row["score"]) <= 1 for row in table)
