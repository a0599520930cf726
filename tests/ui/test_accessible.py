"""axe-core on every page, light and dark, wide and narrow: no serious finding that is ours."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from tests.ui.conftest import Served, open_page
from tests.ui.driving import serious_findings, settled

pytestmark = pytest.mark.slow

PAGES = {
    "shop": ("/", ".card"),
    "results": ("/?q=lamp&f.department=Lighting", ".card"),
    "product": ("/?item=KIT-1004", "h1#item"),
    "nothing": ("/?f.department=Pets&f.material=oak&f.colour=pink", ".empty"),
    "failed": ("/?in=nowhere", ".note"),
    "duplicates": ("/duplicates", ".group"),
    "alike": ("/duplicates?q=Where+is+my+parcel", ".group"),
    "answers": ("/answers?q=What+does+break+do+in+a+loop", ".source"),
    "no answer": ("/answers?q=Which+wine+goes+with+fish", ".note"),
    "collections": ("/collections", ".holding"),
    "models": ("/models", ".holding"),
    "no figures": ("/models?show=figures", ".empty"),
    "negation": ("/models?show=negation&q=The+lamp+is+blue.&in=questions&a=minilm&b=minilm", ".near"),
    "no training": ("/models?show=training&training=/nowhere", ".note"),
}
# Streamlit's own frame, which we cannot change: its file input and the landmarks of its layout.
NOT_OURS = ("[data-testid=stFileUploader]", "header.stAppHeader", "[data-testid=stSidebar]")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_no_serious_finding(browser: Browser, served: Served, name: str, scheme: str) -> None:
    width = 1280 if scheme == "light" else 390
    address, shown = PAGES[name]
    with open_page(browser, served, color_scheme=scheme, viewport={"width": width, "height": 900}) as page:
        page.goto(address)
        expect(page.locator(shown).first).to_be_visible(timeout=60_000)  # two models read 477 texts for one of them
        settled(page)
        assert serious_findings(page, *NOT_OURS) == []
