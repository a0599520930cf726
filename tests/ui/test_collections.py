"""Collections in a real browser: upload → build with live progress → search; versions and rollback; refusals."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, TimeoutError, WebSocketRoute, expect
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ClientState_pb2 import ClientState
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from indexer.build import build
from indexer.catalog import Catalog
from indexer.drop import drop_collection
from indexer.home import Home
from indexer.settings import BuildSettings
from tests.corpora import product
from tests.ui.conftest import Served, running_pages
from tests.ui.driving import ask, settled

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Home:
    """A home of its own with one collection of two versions, by a tiny model that lies in the home."""
    folder = tmp_path_factory.mktemp("collections")
    home = Home(folder / "home")
    shutil.copytree(tiny_model, home.models / "tiny" / "1")
    for count in (20, 30):
        source = folder / "animals.jsonl"
        source.write_text(
            "".join(json.dumps({"id": str(i), "text": f"animal number {i}"}) + "\n" for i in range(count))
        )
        build(BuildSettings(source=source, name="animals", model="tiny/1"), home)
    return home


@pytest.fixture(scope="module")
def application(home: Home) -> Iterator[Served]:
    with running_pages(home) as running:
        yield running


def holding(page: Page, name: str):  # type: ignore[no-untyped-def]
    return page.locator(".holding", has=page.get_by_role("heading", name=name, exact=True))


class Line:
    """What runs between a page and its server: `asked` by the page since it was held, what the server says held back."""

    def __init__(self, page: Page) -> None:
        self.asked: list[ClientState] = []
        self._held: list[str | bytes] | None = None
        page.route_web_socket("**/_stcore/stream", self._connect)

    def _connect(self, browser: WebSocketRoute) -> None:
        self._browser, server = browser, browser.connect_to_server()
        browser.on_message(lambda said: (self._note(said), server.send(said)))
        server.on_message(lambda said: browser.send(said) if self._held is None else self._held.append(said))

    def _note(self, said: str | bytes) -> None:
        asked = BackMsg.FromString(said if isinstance(said, bytes) else said.encode())
        if self._held is not None and asked.HasField("rerun_script"):
            self.asked.append(asked.rerun_script)

    def hold(self) -> None:
        self._held = []

    def release(self) -> None:
        held, self._held = self._held or [], None
        for said in held:
            self._browser.send(said)


def open_collections(page: Page) -> None:
    page.goto("/collections")
    expect(page.locator(".holding").first).to_be_visible()


def fill(page: Page, name: str, model: str = "tiny/1") -> None:
    page.get_by_label("Name of the collection").fill(name)
    page.get_by_label("Name of the collection").press("Tab")
    choose(page, model)


def choose(page: Page, model: str) -> None:
    """Open the list of models and click; the answer to a field filled before may close the list, then open it again."""
    option = page.get_by_role("option", name=model)
    for _ in range(5):
        page.get_by_role("combobox", name="Model").click()
        try:
            return option.click(timeout=4_000)
        except TimeoutError:
            continue
    raise AssertionError(f"the list of models never offered {model}")


def test_what_is_indexed_by_which_model_and_how_large(page: Page) -> None:
    open_collections(page)
    animals = holding(page, "animals")
    expect(animals).to_contain_text("30")
    expect(animals).to_contain_text("model, 32 dimensions")
    expect(animals).to_contain_text("Exact search over 30 vectors")
    animals.get_by_text("Columns and fields").click()
    expect(animals.locator("dl")).to_contain_text("text")


@pytest.mark.catalog
def test_upload_is_previewed_built_and_searched(page: Page, tmp_path: Path, home: Home) -> None:
    table = tmp_path / "My products (final).csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, product(1))
        writer.writeheader()
        writer.writerows(product(number) for number in range(60))
    open_collections(page)
    page.locator("input[type=file]").set_input_files(table)
    expect(page.get_by_text("final).csv")).to_be_visible()
    fill(page, "uploaded")
    page.get_by_role("button", name="Look first").click()
    expect(page.get_by_text("This is what would be built:")).to_be_visible()
    expect(page.locator(".facts-list").last).to_contain_text("price (number)")
    assert Catalog.open(home).current("uploaded") is None
    page.get_by_role("button", name="Build", exact=True).click()
    expect(page.get_by_text("uploaded is built and open for searching.")).to_be_visible(timeout=60_000)
    expect(holding(page, "uploaded")).to_contain_text("60")
    page.get_by_role("link", name="Open uploaded in Shop").click()
    expect(page.locator("#count")).to_have_text("60 records")
    known = product(7)
    ask(page, str(known["sku"]))
    expect(page.locator("h1#item")).to_have_text(str(known["name"]))


@pytest.mark.catalog
def test_earlier_version_is_made_current_and_answers(page: Page, home: Home) -> None:
    open_collections(page)
    animals = holding(page, "animals")
    animals.get_by_text("History: 2 versions").click()
    animals.get_by_role("button", name="Make version 1 of animals current").click()
    expect(page.get_by_role("status")).to_contain_text("Version 1 of animals is current again.")
    assert Catalog.open(home).version("animals").number == 1
    animals.get_by_role("link", name="Open animals in Shop").click()
    expect(page.locator("#count")).to_have_text("20 records")
    Catalog.open(home).rollback("animals", 2)


def test_page_that_is_left_asks_nothing_more_and_what_is_typed_at_once_is_searched(page: Page) -> None:
    """What the left page's clock asks while the next page is drawn would empty that page: so it asks nothing.

    The browser is kept from hearing the server, as a busy one is, while its clock runs on for five seconds.
    """
    line = Line(page)
    page.clock.install()
    open_collections(page)
    line.hold()
    holding(page, "animals").get_by_role("link", name="Open animals in Shop").click()
    page.clock.run_for(5_000)
    last = line.asked[-1]
    assert (last.query_string, last.fragment_id) == ("in=animals", "")
    line.release()
    expect(page.locator("#count")).to_have_text("30 records")
    ask(page, "animal number 7")
    expect(page.locator("#count")).to_contain_text("result")
    expect(page.get_by_role("searchbox")).to_have_value("animal number 7")
    page.go_back()
    expect(page.locator("#count")).to_have_text("30 records")
    page.go_back()
    expect(holding(page, "animals")).to_be_visible()


def test_server_sends_its_messages_whole(page: Page) -> None:
    """Names of messages in place of messages end in a lost connection where the browser has thrown one away."""
    kinds: list[str | None] = []

    def finished(said: str | bytes) -> bool:
        kinds.append(ForwardMsg.FromString(said if isinstance(said, bytes) else said.encode()).WhichOneof("type"))
        return kinds[-1] == "script_finished"

    page.clock.install()
    with page.expect_websocket() as opened:
        open_collections(page)
    for _ in range(3):
        with opened.value.expect_event("framereceived", finished):
            page.clock.run_for(1_000)
    assert "delta" in kinds
    assert "ref_hash" not in kinds


def test_place_to_search_in_is_a_link_here_and_in_a_tab_of_its_own(page: Page) -> None:
    open_collections(page)
    answers = holding(page, "animals").get_by_role("link", name="Open animals in Answers")
    with page.context.expect_page() as opened:
        answers.click(modifiers=["ControlOrMeta"])
    expect(opened.value.get_by_role("heading", name="Answers")).to_be_visible()
    expect(answers).to_be_visible()
    answers.click()
    expect(page.get_by_role("heading", name="Answers")).to_be_visible()
    assert page.url == opened.value.url
    assert page.url.endswith("/answers?in=animals")


def test_verify_tells_that_all_is_well_and_which_file_is_not(page: Page, home: Home) -> None:
    open_collections(page)
    animals = holding(page, "animals")
    animals.get_by_text("History: 2 versions").click()
    animals.get_by_role("button", name="Verify the files").click()
    expect(page.get_by_role("status")).to_contain_text("Every file of animals, version 2, is as it was published.")
    for path in sorted(home.collection("animals").rglob("records.arrow")):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    animals.get_by_role("button", name="Verify the files").click()
    expect(page.get_by_role("alert")).to_contain_text("animals is damaged")
    expect(page.get_by_role("alert")).to_contain_text("records.arrow")
    for path in sorted(home.collection("animals").rglob("records.arrow")):
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("../outside", "id,text\n1,hello\n", "that name cannot be used"),
        ("broken", "id,text\n1,\n2,\n", "No column holds text to search in"),
    ],
)
def test_refused_build_says_why_and_leaves_nothing(
    page: Page, home: Home, tmp_path: Path, name: str, content: str, said: str
) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(content)
    open_collections(page)
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_text("rows.csv")).to_be_visible()
    fill(page, name)
    page.get_by_role("button", name="Build", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text(said, ignore_case=True, timeout=60_000)
    assert [row.collection for row in Catalog.open(home).collections() if row.collection == name] == []
    assert not (home.root.parent / "outside").exists()


@pytest.mark.catalog
def test_path_on_this_machine_by_keyboard(page: Page, home: Home, tmp_path: Path) -> None:
    source = tmp_path / "notes.jsonl"
    source.write_text("".join(json.dumps({"id": str(i), "text": f"note {i}"}) + "\n" for i in range(5)))
    open_collections(page)
    page.get_by_label("or the path of a file").fill(str(source))
    fill(page, "notes")
    button = page.get_by_role("button", name="Build", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("notes is built and open for searching.")).to_be_visible(timeout=60_000)
    notes = holding(page, "notes")
    notes.get_by_text("History").click()
    notes.get_by_text("Remove this collection").click()
    notes.get_by_role("button", name="Remove notes for good").click()
    expect(page.get_by_text("notes is removed.")).to_be_visible()
    settled(page)
    assert not home.collection("notes").exists()


def test_model_published_while_the_page_is_open_is_offered_and_one_that_cannot_be_read_is_named(
    page: Page, home: Home, tiny_model: Path
) -> None:
    open_collections(page)
    expect(page.get_by_role("combobox", name="Model")).to_be_visible()
    try:
        shutil.copytree(tiny_model, home.models / "fresh" / "1")
        choose(page, "fresh/1")
        expect(page.get_by_role("combobox", name="Model")).to_have_value("fresh/1")
        (home.models / "hollow" / "1").mkdir(parents=True)
        (home.models / "hollow" / "1" / "modules.json").write_text("{}")
        expect(page.get_by_role("status")).to_contain_text("hollow/1 cannot be read and is not offered.")
    finally:
        for name in ("fresh", "hollow"):
            shutil.rmtree(home.models / name, ignore_errors=True)


@pytest.mark.catalog
def test_what_another_tab_removed_is_refused_in_a_sentence_once(page: Page, home: Home, tmp_path: Path) -> None:
    source = tmp_path / "short.jsonl"
    source.write_text("".join(json.dumps({"id": str(i), "text": f"short {i}"}) + "\n" for i in range(5)))
    build(BuildSettings(source=source, name="short", model="tiny/1"), home)
    open_collections(page)
    short = holding(page, "short")
    short.get_by_text("History").click()
    drop_collection(Catalog.open(home), home, "short")
    short.get_by_role("button", name="Verify the files").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no such collection.")
    expect(short).to_have_count(0)
    expect(page.get_by_role("button", name="Build", exact=True)).to_be_visible()
    animals = holding(page, "animals")
    animals.get_by_text("History").click()
    animals.get_by_role("button", name="Verify the files").click()
    expect(page.get_by_role("status")).to_contain_text("Every file of animals")
    expect(page.get_by_role("alert")).to_have_count(0)
