"""Pieces that every page is made of: its head, the search field, marked text, notes, page numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from indexer.errors import UserError
from indexer.records import Value
from searchapp.schemas import Stage
from ui.nodes import Element, Node, h

# A break after a long line, before a line that goes on: not indented, not an item of a list, not a rule under a heading.
_FILLED = re.compile(r"(?<=[^\n]{50})\n(?=[\w\"'“‘(`](?![.)] ))")
_BEGUN = re.compile(r"\A([^\n]*[\w,;])\n(?=[a-z][^\n]{50})")  # a passage may begin in the middle of a line
STAGES = {"dense": "Meaning", "lexical": "Words", "fusion": "Together"}
SMALL = 0.01  # below it two decimals would say nothing
MEASURES = {"dense": "cosine", "lexical": "BM25", "fusion": "standard scores"}


def search_field(value: str, label: str, placeholder: str, button: str = "Search") -> Element:
    """The one field that matters on a page; `/` moves the focus there."""
    field = h(
        "input", type="search", name="q", id="q", value=value, placeholder=placeholder, aria_label=label,
        autocomplete="off", maxlength=2000, shortcut="/",
    )  # fmt: skip
    return h(
        "form",
        field,
        h("button", button, type="submit", class_="lead"),
        class_="search",
        role="search",
        on={"submit": ("search", None)},
    )


def choose_collection(names: Sequence[str], current: str) -> Element | None:
    """Which collection is asked; nothing where there is no choice."""
    if len(names) < 2:
        return None
    options = [h("option", name, value=name, selected=name == current) for name in names]
    select = h("select", *options, name="in", id="in", on={"change": ("collection", None)})
    return h("form", h("label", "Collection", for_="in"), select, class_="choose")


def marked(text: str, spans: Iterable[tuple[int, int]], tag: str = "mark", class_: str | None = None) -> list[Node]:
    """A text with some of its spans (start, end; ascending, apart) inside an element each."""
    nodes: list[Node] = []
    done = 0
    for start, end in spans:
        nodes += [text[done:start], h(tag, text[start:end], class_=class_)]
        done = end
    return [node for node in [*nodes, text[done:]] if node != ""]


def flowing(text: str) -> str:
    """A text without the line breaks that only filled lines of a fixed width; every character keeps its place."""
    return _FILLED.sub(" ", _BEGUN.sub(r"\1 ", text))


def why(stages: Mapping[str, Stage]) -> Element | None:
    """Each stage's rank and score, in its own currency; there is no percentage to be had from them."""
    if not stages:
        return None
    rows = [
        h(
            "tr",
            h("th", STAGES.get(name, name), scope="row"),
            h("td", f"{stage.rank}." if stage.rank else "–"),
            h("td", f"{stage.score:.3f}", " ", h("small", MEASURES.get(name, ""))),
        )
        for name, stage in stages.items()
    ]
    head = h(
        "thead", h("tr", h("th", "Found by", scope="col"), h("th", "Rank", scope="col"), h("th", "Score", scope="col"))
    )
    return h("details", h("summary", "Why this result"), h("table", head, h("tbody", *rows)), class_="why")


def pages(current: int, last: int) -> Element | None:
    """Page numbers around the current one, first and last always there."""
    if last < 2:
        return None
    shown = sorted({1, last, *range(max(1, current - 2), min(last, current + 2) + 1)})
    buttons: list[Node] = []
    for before, number in zip([0, *shown], shown, strict=False):
        if number > before + 1:
            buttons.append(h("span", "…", aria_hidden="true"))
        here = number == current
        buttons.append(
            h(
                "button",
                str(number),
                type="button",
                aria_label=f"Page {number}",
                aria_current="page" if here else None,
                on={"click": ("page", number)},
            )
        )
    return h("nav", *buttons, class_="pages", aria_label="Pages")


def note(title: str, *lines: str, kind: str = "") -> Element:
    """Something a person should know: `warn` or `fail` where it is not good."""
    role = "alert" if kind == "fail" else "status"
    return h(
        "div", h("strong", title), *(h("p", line) for line in lines if line), class_=f"note {kind}".strip(), role=role
    )


def failure(error: UserError) -> Element:
    """What is wrong, what was given, what to do."""
    return note(sentence(error.what), f"Given: {error.given}", sentence(error.todo), kind="fail")


def empty(title: str, advice: str, *more: Node) -> Element:
    """A place where something could be, and how it would get there."""
    return h("div", h("h2", title), h("p", advice, class_="quiet"), *more, class_="empty")


def facts(fields: Mapping[str, Value], names: Iterable[str] | None = None) -> Element:
    """A record's fields, name by name; a missing value is a dash."""
    shown = [(name, fields.get(name)) for name in (names or fields)]
    return h("dl", *(item for name, value in shown for item in (h("dt", name), h("dd", h("bdi", said(value))))))


def said(value: Value) -> str:
    """A value as people write it."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.strftime(
            "%Y-%m-%d" if (value.hour, value.minute, value.second) == (0, 0, 0) else "%Y-%m-%d %H:%M UTC"
        )
    if isinstance(value, float):
        if 0 < abs(value) < SMALL:
            return f"{value:.3g}"
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{value:,}" if isinstance(value, int) else value


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 product`, `1,204 products`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def sentence(text: str) -> str:
    """With a capital letter and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")
