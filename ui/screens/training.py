"""Training data: what a preparation kept and dropped, why, row by row; drops are judged by keys and brought back.

Preparations lie in `training/<name>` of the home (`trainer prepare RECIPE --out HOME/training/NAME`). Judgements are kept
beside them: `<name>.judged.jsonl`, and the white list `<name>.whitelist.txt` that a recipe can name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from indexer.home import Home, check_name
from trainer.audit import Rate, rate
from trainer.dropped import FILE as DROPPED
from trainer.dropped import Dropped, sample_dropped
from trainer.whitelist import add_to_whitelist
from ui import address
from ui.frame import guarded
from ui.nodes import Element, Node, h
from ui.parts import counted, empty, said
from ui.screens.training_card import filters, told
from ui.view import Action, Asked, view

SAMPLE = 20
FINAL = ("read", "negation")  # rows that cannot be used, and rows that are needed for testing, do not come back


@guarded
def page() -> None:
    """The page: one preparation, its composition, its filters, and drops to judge."""
    names = preparations()
    if not names:
        view("training", [_head(names, ""), _nothing()], ACTIONS)
        return
    name = address.get("set") if address.get("set") in names else names[0]
    card = _card(str(_folder(name)), (_folder(name) / "card.json").stat().st_mtime_ns)
    view(
        "training",
        [_head(names, name), *told(card), filters(card, address.get("filter")), *_drops(name, card)],
        ACTIONS,
    )


def preparations() -> list[str]:
    """The names of the finished preparations of this home; what was mined has a card too, but dropped nothing."""
    cards = (Home.find(None).root / "training").glob("*/card.json")
    return sorted(card.parent.name for card in cards if (card.parent / DROPPED).is_file())


def _folder(name: str) -> Path:
    return Home.find(None).root / "training" / check_name(name)


@st.cache_data(show_spinner=False, max_entries=20)
def _card(folder: str, changed: int) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((Path(folder) / "card.json").read_text(encoding="utf-8"))
    return card


def _head(names: list[str], name: str) -> Element:
    options = [h("option", one, value=one, selected=one == name) for one in names]
    select = h("select", *options, name="set", id="set", on={"change": ("set", None)})
    choose = h("form", h("label", "Preparation", for_="set"), select, class_="choose") if len(names) > 1 else None
    about = "What a preparation kept, what it dropped and why. Judge the drops; good rows come back."
    return h("header", h("div", h("h1", "Training data"), choose, class_="line"), h("p", about), class_="head")


def _nothing() -> Element:
    todo = "Prepare some from a recipe: trainer prepare RECIPE.toml --out home/training/NAME"
    return empty("No training data is prepared yet", todo)


def _drops(name: str, card: Mapping[str, Any]) -> list[Node]:
    chosen = address.get("filter")
    if not sum(card["dropped"].get(chosen, {}).values()):
        return []
    judged = _judged(name)
    rows = sample_dropped(_folder(name), filter=chosen, sample=SAMPLE, seed=address.number("draw", 0))
    waiting = [row for row in rows if row.content not in judged]
    words = card.get("reasons", {}).get(chosen, {})
    head = h("div", h("h2", f"What {chosen} dropped"), h("span", _rate(chosen, judged), class_="quiet"), class_="bar")
    if not waiting:
        again = h(
            "button", "Draw others", type="button", class_="lead", on={"click": ("draw", address.number("draw", 0) + 1)}
        )
        return [
            h(
                "section",
                head,
                empty("All of this sample is judged", "Draw another one, or look at another filter.", again),
            )
        ]
    about = h(
        "p",
        f"{counted(len(waiting), 'row')} to judge. Keys: ",
        h("code", "r"),
        " the drop is right, ",
        h("code", "b"),
        " bring the row back.",
        class_="quiet",
    )
    return [
        h(
            "section",
            head,
            about,
            h("ol", *(_row(row, words, place == 0) for place, row in enumerate(waiting)), class_="groups"),
        )
    ]


def _row(row: Dropped, words: Mapping[str, str], first: bool) -> Element:
    evidence = [
        item
        for name, value in row.evidence.items()
        for item in (h("dt", name.replace("_", " ")), h("dd", h("bdi", _shown(value))))
    ]
    value = [row.filter, row.content]
    can_return = row.filter not in FINAL and bool(row.content)

    def verdict(words: str, key: str, action: str) -> Element:
        shortcut = key if first else None
        return h(
            "button", words, type="button", shortcut=shortcut, data_press=first or None, on={"click": (action, value)}
        )

    right, back = verdict("Right drop", "r", "right"), verdict("Bring it back", "b", "back")
    return h(
        "li",
        h(
            "article",
            h("header", h("strong", row.reason), h("span", f"{row.source}, line {row.line:,}", class_="quiet")),
            h(
                "div",
                h("p", h("bdi", row.anchor[:1000])),
                h("p", h("bdi", row.positive[:1000])),
                *(h("p", "– ", h("bdi", negative[:1000]), class_="quiet") for negative in row.negatives),
                h("small", words.get(row.reason, "")),
                h("dl", *evidence, class_="facts-list") if evidence else None,
                h("div", right, back if can_return else None, class_="tabs"),
                class_="inside",
            ),
            class_="group",
            aria_label=f"{row.reason}: {row.anchor[:60]}",
        ),
        data_key=row.content or f"{row.file}:{row.line}",
    )


def _shown(value: object) -> str:
    return (
        said(value)
        if isinstance(value, str | int | float | bool) or value is None
        else json.dumps(value, ensure_ascii=False)
    )


def _rate(filter: str, judged: Mapping[str, tuple[str, bool]]) -> str:
    wrong = [is_wrong for name, is_wrong in judged.values() if name == filter]
    if not wrong:
        return ""
    found: Rate = rate(filter, wrong)
    return f"{found.judged} judged, {found.wrong} wrong drops: {found.rate:.0%} ({found.low:.0%} to {found.high:.0%})"


def _judged(name: str) -> dict[str, tuple[str, bool]]:
    """Content → (filter, wrongly dropped), of everything judged on this page; the last word counts."""
    file = _folder(name).with_name(f"{name}.judged.jsonl")
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return {row["content"]: (row["filter"], row["wrong"]) for row in map(json.loads, lines)}


def _judge(asked: Asked, wrong: bool) -> None:
    names = preparations()
    name = address.get("set") if address.get("set") in names else names[0]
    filter, content = asked.value
    if wrong:  # first: what the whitelist refuses is not noted as judged
        add_to_whitelist(_folder(name).with_name(f"{name}.whitelist.txt"), [content])
    with _folder(name).with_name(f"{name}.judged.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"filter": filter, "content": content, "wrong": wrong}) + "\n")


ACTIONS: dict[str, Action] = {
    "set": lambda asked: address.change(set=asked.field("set"), filter=None, draw=None),
    "filter": lambda asked: address.change(filter=str(asked.value), draw=None),
    "draw": lambda asked: address.change(draw=int(asked.value)),
    "right": lambda asked: _judge(asked, False),
    "back": lambda asked: _judge(asked, True),
}
