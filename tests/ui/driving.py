"""How the tests drive a page: wait for its answer, read its address."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect


def settled(page: Page) -> None:
    """The page shows the answer to the last thing that was done."""
    expect(page.locator(".view").first).to_be_visible()
    expect(page.locator(".view[aria-busy]")).to_have_count(0)


def parts(page: Page) -> dict[str, list[str]]:
    """The address's query, name → values."""
    return parse_qs(urlsplit(page.url).query)


def ask(page: Page, text: str) -> None:
    """Put a text into the page's one search field and send it by Enter."""
    page.get_by_role("searchbox").fill(text)
    page.get_by_role("searchbox").press("Enter")
    settled(page)
