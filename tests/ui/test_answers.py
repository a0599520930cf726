"""Answers in a real browser: the highlighted sentence, the text around it, a link to a passage, and an honest no."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from indexer.build import build
from indexer.home import Home
from indexer.passages import PassageSettings
from indexer.settings import BuildSettings
from tests.documents import pdf
from tests.ui.conftest import Served, open_page, running_pages
from tests.ui.driving import ask, parts, settled

pytestmark = pytest.mark.slow
RULES = (
    "A member may borrow five tools at a time. Bring them back within fourteen days. A drill comes with its bits in a box.",
    "A tool that comes back late costs one coin a day. Who is late three times has to wait a month before the next loan.",
    "The workshop is open on Saturday morning. Children may come in with a grown-up. The kettle is for everybody.",
)


@pytest.fixture(scope="module")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Pages over a PDF of three pages, cut into short passages, beside a text without pages."""
    root = tmp_path_factory.mktemp("handbook")
    documents = root / "documents"
    documents.mkdir()
    pages = [rule.replace(". ", ".\n") for rule in RULES]
    (documents / "rules.pdf").write_bytes(pdf(pages, title="House rules"))
    (documents / "notes.txt").write_text("Spare keys hang behind the counter.")
    short = PassageSettings(max_tokens=40)
    build(BuildSettings(source=documents, name="handbook", passages=short), Home(root / "home"))
    with running_pages(Home(root / "home")) as running:
        yield running


def test_answer_is_a_highlighted_sentence_of_the_right_document(page: Page) -> None:
    page.goto("/answers")
    ask(page, "Why does my default list keep its values between calls?")
    best = page.locator(".passage.best")
    expect(best).to_have_count(1)
    expect(page.locator(".source h3").first).to_have_text("Function definitions")
    expect(best.locator("mark")).to_contain_text("default")
    assert parts(page) == {"q": ["Why does my default list keep its values between calls?"]}


def test_more_of_the_text_is_shown_on_request(page: Page) -> None:
    page.goto("/answers?q=Why+does+my+default+list+keep+its+values+between+calls")
    best = page.locator(".passage.best")
    marked = best.locator("mark").inner_text()
    before = len(best.locator("p").inner_text())
    best.get_by_role("button", name="More of the text").press("Enter")
    settled(page)
    assert len(best.locator("p").inner_text()) > before
    expect(best.locator("mark")).to_have_text(marked)
    expect(page.locator(".passage.best")).to_have_count(1)


def test_link_to_a_passage_opens_it_again(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto("/answers?q=Why+does+my+default+list+keep+its+values+between+calls")
    best = page.locator(".passage.best")
    sentence = best.locator("mark").inner_text()
    best.get_by_role("button", name="Copy a link").click()
    expect(best.get_by_text("Link copied")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    other = page.context.new_page()
    other.goto(link)
    expect(other.locator(".passage.best mark")).to_contain_text(sentence)
    expect(other.get_by_role("heading", name="Function definitions")).to_be_visible()
    other.get_by_role("button", name="Ask something else").click()
    settled(other)
    assert "passage" not in parts(other)


def test_link_whose_text_is_gone_says_so(page: Page) -> None:
    page.goto("/answers?in=python&passage=function:0-40:0123456789ab")
    expect(page.get_by_role("alert")).to_contain_text("has changed since this link was made")


@pytest.mark.parametrize("question", ["How do I centre a div in a web page?", "Which wine goes with grilled salmon?"])
def test_question_that_nothing_answers_gets_an_honest_no(page: Page, question: str) -> None:
    page.goto("/answers")
    ask(page, question)
    expect(page.get_by_role("status")).to_contain_text("Nothing here answers that")
    expect(page.locator(".source").first).to_be_hidden()
    page.get_by_text("Show the closest texts anyway").click()
    expect(page.locator(".source").first).to_be_visible()


def test_keyboard_alone_from_question_to_answer(page: Page) -> None:
    page.goto("/answers")
    settled(page)
    page.keyboard.press("/")
    page.keyboard.type("What does break do inside a loop?")
    page.keyboard.press("Enter")
    settled(page)
    expect(page.locator(".source h3").first).to_be_visible()
    expect(page.locator(".passage.best mark")).to_be_visible()


def test_passage_of_a_document_with_pages_shows_its_page(browser: Browser, handbook: Served) -> None:
    with open_page(browser, handbook, viewport={"width": 1280, "height": 900}) as page:
        page.goto("/answers?q=What+does+a+tool+cost+that+comes+back+late%3F")
        best = page.locator(".passage.best")
        expect(best.locator("mark")).to_contain_text("late costs one coin a day.")
        place = best.locator(".foot small")
        expect(place).to_contain_text("page 2")
        shown = place.inner_text()
        best.get_by_role("button", name="More of the text").click()
        settled(page)
        expect(place).to_have_text(shown)  # still the page of the passage that was found
        ask(page, "Where do the spare keys hang?")
        expect(page.locator(".passage.best small")).to_have_text("The whole text")
