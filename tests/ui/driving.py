"""How the tests drive a page: wait for its answer, read its address, look for what bars anyone from using it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from axe_playwright_python.sync_playwright import Axe
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


def serious_findings(page: Page, *not_ours: str) -> list[tuple[str, list[object]]]:
    """What axe calls serious or critical, with the first places; it does not look into the selectors `not_ours`."""
    found = Axe().run(page, {"exclude": [[selector] for selector in not_ours]}).response["violations"]
    return [
        (one["id"], [(node["target"], node["failureSummary"]) for node in one["nodes"][:3]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
