"""Models in a real browser: the shelf, figures side by side, the negation playground, and the curves of a training."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from indexer.build import build
from indexer.encode import load_encoder
from indexer.encode.models import resolve
from indexer.home import Home
from indexer.passages import passage_text
from indexer.settings import BuildSettings
from searchapp.service import SearchService
from tests.corpora import write_jsonl
from tests.trials import trials
from tests.ui.conftest import Served, open_page, running_pages
from tests.ui.driving import parts, serious_findings, settled
from tests.ui.hostile import TEXTS
from ui.screens.models_nearest import drawn

pytestmark = pytest.mark.slow
pytest.importorskip("torch")

from tests.trainer.training import FEW, PHASE, recipe, workshop, write_shared_words  # noqa: E402
from trainer.evaluate import compare, evaluate, load_suite  # noqa: E402
from trainer.evaluate.report import write_report  # noqa: E402
from trainer.train import train  # noqa: E402

SHOWN = tuple(text for text in TEXTS if "\x00" not in text)
ELEMENTS = "script, iframe, img, object, style, svg, link, meta, base, video, math, marquee"
GUARD = '[guard]\nsuite = "suite.toml"\nevery = 5\nlimits = {"words spearman" = 0.9}\n'
SUITE = 'dims = [16]\n[[set]]\nname = "words"\nkind = "sts"\npath = "words.jsonl"\nspread = true\n'
SENTENCE, NEGATED = "The dog can read.", "The dog cannot read."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """`home` with a tiny model, a trained one, a broken one and a collection of hostile and other texts; `report`; `shop`."""
    root = tmp_path_factory.mktemp("models")
    shop, home = workshop(root / "shop"), Home(root / "home")
    write_shared_words(shop / "words.jsonl")
    (shop / "suite.toml").write_text(SUITE)
    shutil.copytree(tiny_model, home.models / "tiny" / "1")
    train(recipe(shop, GUARD, PHASE), home.models / "trained")
    (home.models / "broken" / "1").mkdir(parents=True)
    (home.models / "broken" / "1" / "modules.json").write_text('[{"type": "<b>evil</b>", "path": ""}]')
    suite = load_suite(shop / "suite.toml")
    models = {"trained/model": home.models / "trained" / "model", "tiny/1": home.models / "tiny" / "1"}
    found = [evaluate(place, suite, name=name) for name, place in models.items()]
    write_report(found, compare(found[1], found[0]), root / "report")
    draw = random.Random(4)
    texts = [*SHOWN, *(" ".join(draw.sample(FEW, 8)) for _ in range(100)), SENTENCE, NEGATED]
    source = root / "texts.jsonl"
    lines = [{"id": str(n), "title": text[:80] if n % 2 else "", "text": f"{text} {n}"} for n, text in enumerate(texts)]
    write_jsonl(source, lines)
    build(BuildSettings(source=source, name="texts", model="tiny/1"), home)
    return root


@pytest.fixture(scope="module")
def application(folder: Path) -> Iterator[Served]:
    with running_pages(Home(folder / "home")) as running:
        yield running


def holding(page: Page, name: str) -> Locator:
    return page.locator(".holding", has=page.get_by_role("heading", name=name, exact=True))


def playground(page: Page, sentence: str, **more: str) -> None:
    given = {"q": sentence, "a": "tiny/1", "b": "trained/model"} | more
    page.goto("/models?show=negation&" + "&".join(f"{name}={quote(value)}" for name, value in given.items()))


def test_every_model_is_told_and_a_broken_one_hides_no_other(page: Page, folder: Path) -> None:
    page.goto("/models")
    expect(holding(page, "minilm")).to_contain_text("384")
    expect(holding(page, "minilm")).to_contain_text("apache-2.0")
    prints = load_encoder(folder / "home" / "models" / "tiny" / "1").fingerprint
    expect(holding(page, "tiny/1")).to_contain_text(prints[:12])
    expect(holding(page, "broken/1").get_by_role("alert")).to_contain_text("code of its own, which is never run")
    trained = holding(page, "trained/model")
    trained.get_by_text("Data and training").click()
    expect(trained.get_by_role("row").filter(has_text="pets")).to_contain_text("CC0")
    trained.get_by_role("button", name="Show the training of trained/model").click()
    settled(page)
    expect(page.get_by_role("heading", name="Guard")).to_be_visible()
    assert parts(page)["show"] == ["training"]


def test_a_training_shows_its_curves_and_their_numbers(page: Page, folder: Path) -> None:
    out = folder / "home" / "models" / "trained"
    page.goto("/models?show=training")
    expect(page.get_by_role("heading", name="No training is open")).to_be_visible()
    page.get_by_label("Folder of a training").fill(f"{out}/model")
    page.keyboard.press("Enter")
    settled(page)
    expect(page.get_by_role("heading", name="Loss", exact=True)).to_be_visible()
    log = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    card = json.loads((out / "card.json").read_text())
    for objective in {line["objective"] for line in log}:
        losses = [line["loss"] for line in log if line["objective"] == objective]
        drawn = page.get_by_role("img", name=f"{objective} loss: from {losses[0]:.4f}")
        expect(drawn).to_be_visible()
        assert drawn.locator("span").count() == len(losses)
    looks = card["models"]["model"]["guard"]
    guard = page.locator(".drawn", has=page.get_by_role("heading", name="words spearman"))
    expect(guard).to_contain_text("may fall by 0.9")
    guard.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(guard.get_by_role("row")).to_have_count(len(looks) + 1)
    expect(guard.get_by_role("row").last).to_contain_text(f"{looks[-1]['figures']['words spearman']:.4f}")
    expect(page.get_by_role("region", name="Data: prepared")).to_contain_text("CC-BY-4.0")


def test_a_training_by_another_hand_is_text(page: Page, folder: Path) -> None:
    out = folder / "foreign"
    shutil.copytree(folder / "home" / "models" / "trained", out)
    card = json.loads((out / "card.json").read_text())
    data = card["data"][0]
    data["sources"] = {text: {"licence": text} for text in SHOWN[:60]}
    card["start"]["name"], card["result"]["stopped"], data["name"] = SHOWN[0], SHOWN[1], SHOWN[2]
    card["models"]["model"]["guard"] = [{"step": 1, "figures": dict.fromkeys(SHOWN[:12], 0.5)}]
    (out / "card.json").write_text(json.dumps(card))
    (out / "README.md").write_text("\n".join(SHOWN))
    (out / "log.jsonl").write_text("".join(json.dumps({"done": n, "loss": 1.0, "phase": t, "objective": t, "branch": t}) + "\n"
                                           for n, t in enumerate(SHOWN[:20])))  # fmt: skip
    page.goto(f"/models?show=training&training={quote(str(out))}")
    expect(page.get_by_role("heading", name="Loss", exact=True)).to_be_visible()
    page.get_by_text("Its README").click()
    assert page.locator(".view").last.locator(ELEMENTS).count() == 0
    assert page.locator("pre").text_content() == "\n".join(SHOWN).replace("\r", "\n")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("show", ["training", "figures"])
def test_a_path_without_anything_is_one_refusal_and_the_page_goes_on(page: Page, folder: Path, show: str) -> None:
    page.goto(f"/models?show={show}")
    expect(page.locator(".empty")).to_be_visible()
    for given in ("/no/such/folder", str(folder), *SHOWN[::40]):
        page.get_by_label("Folder of").fill(given)
        page.get_by_role("button", name="Open", exact=True).click()
        settled(page)
        expect(page.get_by_role("alert").first).to_contain_text("Given: ")
        assert page.locator(".view").last.locator(ELEMENTS).count() == 0
    if show == "figures":
        page.get_by_role("button", name="Close /no/such/folder").click()
        settled(page)
        expect(page.get_by_role("button", name="Close /no/such/folder")).to_have_count(0)


def test_figures_stand_side_by_side_with_their_paired_difference(page: Page, folder: Path) -> None:
    told = json.loads((folder / "report" / "evaluation.json").read_text())
    page.goto("/models?show=figures")
    page.get_by_label("Folder of an evaluation").fill(str(folder / "report"))
    page.keyboard.press("Enter")
    settled(page)
    table = page.get_by_role("region", name="Figures")
    heads = table.get_by_role("columnheader").all_inner_texts()
    assert heads == ["Set and metric", "trained/model", "tiny/1", "trained/model − tiny/1"]
    row = table.get_by_role("row").filter(has_text="spearman")
    values = {f["model"]: f for f in told["figures"] if f["metric"] == "spearman" and "dim" not in f}
    cells = row.get_by_role("cell").all_inner_texts()
    for model, cell in zip(("trained/model", "tiny/1"), cells, strict=False):
        assert f"{values[model]['value']:.4f}" in cell
        assert f"[{values[model]['low']:.4f}, {values[model]['high']:.4f}]" in cell
    best = max(values, key=lambda model: values[model]["value"])
    assert [("better" in cell) for cell in cells[:2]] == [best == "trained/model", best == "tiny/1"]
    difference = next(d for d in told["differences"] if d["metric"] == "spearman" and "dim" not in d)
    assert f"{difference['difference']:+.4f}".replace("-", "−") in cells[2]
    clear = difference["low"] > 0 or difference["high"] < 0
    assert ("clear" in cells[2]) == clear
    assert ("may be chance" in cells[2]) == (not clear)
    expect(table.get_by_role("row").filter(has_text="spread")).to_contain_text("less is better")
    page.get_by_text("With inputs or vectors cut").click()
    expect(page.get_by_role("region", name="Cut")).to_contain_text("16 dimensions")


def test_models_are_chosen_by_pressing_and_the_address_keeps_them(page: Page, folder: Path) -> None:
    page.goto(f"/models?show=figures&f.report={folder}/report")
    chip = page.get_by_role("button", name="trained/model")
    expect(chip).to_have_attribute("aria-pressed", "true")
    chip.press("Enter")
    settled(page)
    expect(chip).to_have_attribute("aria-pressed", "false")
    assert parts(page)["f.model"] == ["report:tiny/1"]
    expect(page.get_by_role("region", name="Figures").get_by_role("columnheader")).to_have_count(2)
    expect(chip).to_be_focused()


def test_reports_of_two_runs_stand_side_by_side_without_a_paired_interval(page: Page, folder: Path) -> None:
    for name in ("one", "two"):
        told = json.loads((folder / "report" / "evaluation.json").read_text())
        told["models"], told["differences"] = told["models"][1:], []
        told["figures"] = [f for f in told["figures"] if f["model"] == "tiny/1"]
        (folder / name).mkdir()
        (folder / name / "evaluation.json").write_text(json.dumps(told))
    page.goto(f"/models?show=figures&f.report={folder}/one&f.report={folder}/two&f.model=one:tiny/1&f.model=two:tiny/1")
    expect(page.get_by_text("have no paired interval")).to_be_visible()
    heads = page.get_by_role("region", name="Figures").get_by_role("columnheader")
    expect(heads).to_have_text(["Set and metric", "tiny/1 (one)", "tiny/1 (two)"])
    expect(page.get_by_text("▲ better")).to_have_count(0)


def test_a_sentence_and_its_negation_by_two_models_with_the_keyboard_alone(page: Page, folder: Path) -> None:
    page.goto("/models?show=negation&a=tiny/1&b=trained/model")
    expect(page.get_by_label("Sentence", exact=True)).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type(SENTENCE)
    page.keyboard.press("Enter")
    settled(page)
    expect(page.get_by_label("Its negation")).to_have_value(NEGATED)
    expect(page.get_by_label("Its negation")).to_have_accessible_description(re.compile("Proposed by our rule"))
    expect(page.locator(".near").first).to_be_visible(timeout=60_000)
    assert parts(page)["q"] == [SENTENCE]
    assert "n" not in parts(page)
    passages = drawn(SearchService(Home(folder / "home")).opened("texts").version)
    for place, name in enumerate(("tiny/1", "trained/model")):
        encoder = load_encoder(resolve(name, folder / "home" / "models"))
        sides = encoder.encode_query([SENTENCE, NEGATED])
        vectors = encoder.encode_document([passage_text(passage.title, passage.text) for passage in passages])
        box = page.locator(".versus").first.locator("article").nth(place)
        expect(box).to_contain_text(f"{float(sides[0] @ sides[1]):.3f}")
        lists = page.locator(".versus").nth(1).locator("article").nth(place)
        for number, side in enumerate(sides):
            shown = lists.locator(".near").nth(number).locator("li")
            best = np.argsort(-(vectors @ side), kind="stable")[:10]
            assert [one.get_attribute("data-key") for one in shown.all()] == [passages[row].id for row in best]
        both = lists.locator(".near").first.locator("li.shared").count()
        expect(lists).to_contain_text(f"{both} of 10 texts in both lists")


def test_the_negation_can_be_written_and_emptied_again(page: Page) -> None:
    playground(page, SENTENCE)
    field = page.get_by_label("Its negation")
    expect(field).to_have_value(NEGATED)
    page.get_by_role("button", name="The dog can't read.").click()
    settled(page)
    expect(field).to_have_value("The dog can't read.")
    field.fill("The dog is unable to read.")
    field.press("Enter")
    settled(page)
    assert parts(page)["n"] == ["The dog is unable to read."]
    expect(page.get_by_text("Written by you")).to_be_visible()
    field.fill("")
    field.press("Enter")
    settled(page)
    expect(field).to_have_value(NEGATED)
    assert "n" not in parts(page)
    page.get_by_label("Sentence", exact=True).fill("The cat is old.")
    page.keyboard.press("Enter")
    settled(page)
    expect(field).to_have_value("The cat is not old.")


def test_where_the_rules_abstain_the_page_says_why_and_asks(page: Page) -> None:
    playground(page, "Blue lamp")
    expect(page.get_by_text("Our rules abstain: ")).to_be_visible()
    expect(page.get_by_text("Write the negation yourself")).to_be_visible()
    page.get_by_label("Its negation").fill("Lamp that is not blue")
    page.keyboard.press("Enter")
    settled(page)
    expect(page.locator(".near").first).to_be_visible(timeout=60_000)


def test_nothing_moves_while_another_sentence_is_compared(page: Page) -> None:
    playground(page, SENTENCE)
    expect(page.locator(".near").first).to_be_visible(timeout=60_000)
    field = page.get_by_label("Sentence", exact=True)
    before = field.bounding_box()
    page.evaluate("""() => { window.moved = 0; new PerformanceObserver(list => {
        for (const one of list.getEntries()) if (!one.hadRecentInput) window.moved += one.value;
    }).observe({type: 'layout-shift', buffered: false}); }""")
    field.fill("The fish can read.")
    field.press("Enter")
    settled(page)
    expect(page.get_by_label("Its negation")).to_have_value("The fish cannot read.")
    expect(page.locator(".near").first).to_be_visible()
    assert field.bounding_box() == before
    assert page.evaluate("window.moved") < 0.05
    expect(field).to_be_focused()


def test_hostile_texts_are_text_in_sentences_negations_and_neighbours(page: Page) -> None:
    for text in [*SHOWN[::12], SHOWN[0], SHOWN[1]]:
        playground(page, text[:1500], n=f"not {text[:1500]}")
        expect(page.locator(".near, .note").first).to_be_visible(timeout=60_000)
        settled(page)
        assert page.locator(".view").last.locator(ELEMENTS).count() == 0
        expect(page.locator(".view").last).not_to_contain_text("could not be drawn")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_addresses_made_by_hand_are_answered_not_run(page: Page) -> None:
    for text in SHOWN[:: trials(120, 30)]:
        for name, show in (("a", "negation"), ("in", "negation"), ("show", ""), ("training", "training"), ("f.model", "figures"), ("f.report", "figures")):  # fmt: skip
            page.goto(f"/models?q=The+dog+can+read.&show={show}&{name}={quote(text[:1500])}")
            expect(page.locator(".view").last).to_be_visible()
            settled(page)
            expect(page.locator(".view").last).not_to_contain_text("could not be drawn")
            assert page.locator(".view").last.locator(ELEMENTS).count() == 0


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("show", ["models", "figures", "negation", "training"])
def test_every_view_is_accessible_and_fits(
    browser: Browser, application: Served, folder: Path, show: str, width: int
) -> None:
    scheme = "light" if width == 1280 else "dark"
    given = {"training": f"&training={folder}/home/models/trained", "figures": f"&f.report={folder}/report"}
    given["negation"] = f"&q={quote(SENTENCE)}&a=tiny/1&b=trained/model"
    shown = {"models": ".holding", "figures": ".beside", "negation": ".near", "training": ".curve"}
    with open_page(browser, application, color_scheme=scheme, viewport={"width": width, "height": 900}) as page:
        page.goto(f"/models?show={show}{given.get(show, '')}")
        expect(page.locator(shown[show]).first).to_be_visible(timeout=60_000)
        settled(page)
        assert serious_findings(page, "header.stAppHeader", "[data-testid=stSidebar]") == []
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_home_with_nothing_says_how_to_begin(browser: Browser, tmp_path: Path) -> None:
    with running_pages(Home(tmp_path / "home")) as running, open_page(browser, running) as page:
        page.goto(f"/models?show=negation&q={quote(SENTENCE)}&b=minilm")
        expect(page.get_by_role("heading", name="There is no collection to find texts in")).to_be_visible(
            timeout=60_000
        )
        expect(page.get_by_text("cosine of the sentence and its negation").first).to_be_visible()
