"""Duplicates: all groups of a collection above a threshold that can be moved, or what says the same as a pasted text."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from indexer.records import Record
from searchapp.service import Likeness
from searchapp.usecases import USE_CASES
from searchapp.usecases.differences import Differences, Mark, differences
from searchapp.usecases.duplicates import THRESHOLD, Group
from searchapp.usecases.duplicates_report import DuplicateReport
from searchapp.usecases.export import as_csv, as_jsonl
from ui import address
from ui.frame import change_collection, current_collection, guarded, head
from ui.holdings import service
from ui.nodes import Element, Node, h
from ui.parts import counted, empty, note, pages, said
from ui.view import Action, view

CASE = USE_CASES["duplicates"]
PER_PAGE = 20
SHARP = {"number", "size", "negation", "opposite"}  # what makes a near copy another thing
CLOSE = 0.25  # below the threshold at which a pasted text's neighbours are still shown, as "not quite"
PARTS = {
    "dense": "meaning",
    "words": "shared words",
    "contained": "words of the shorter one",
    "fields": "numeric fields",
}


@guarded
def page() -> None:
    """The page: the groups of the collection, or the neighbours of the text in the address."""
    name = current_collection(CASE)
    if text := address.get("q"):
        view("duplicates", [head(CASE, name, _everything()), _alike(name, text)], ACTIONS)
        return
    with st.spinner(f"Comparing the records of {name} …"):
        report = service().duplicates(name, _threshold())
    view("duplicates", [head(CASE, name), _dial(report), _groups(report)], ACTIONS)
    if report.groups:
        _downloads(report)


def _everything() -> Element:
    button = h("button", "All groups", type="button", class_="chip", on={"click": ("all", None)})
    return h("div", button, class_="examples")


def _dial(report: DuplicateReport) -> Element:
    percent = round(report.threshold * 100)
    slider = h(
        "input",
        type="range",
        name="t",
        id="t",
        min=20,
        max=100,
        step=1,
        value=percent,
        on={"change": ("threshold", None)},
        aria_valuetext=f"{report.threshold:.2f}",
    )
    reset = h("button", f"Back to {THRESHOLD:.2f}", type="button", class_="plain", on={"click": ("reset", None)})
    return h(
        "form",
        h("label", "How sure to be", for_="t"),
        slider,
        h("span", h("output", f"{report.threshold:.2f}"), reset if report.threshold != THRESHOLD else None),
        class_="dial",
        aria_label="Threshold",
    )


def _groups(report: DuplicateReport) -> Element:
    last = max(1, -(-len(report.groups) // PER_PAGE))
    current = min(address.number("page", least=1), last)
    shown = report.groups[(current - 1) * PER_PAGE : current * PER_PAGE]
    inside = sum(len(group.members) for group in report.groups)
    count = f"{counted(len(report.groups), 'group')} of {counted(inside, 'record')}, out of {report.records:,}"
    first = (current - 1) * PER_PAGE + 1
    return h(
        "section",
        h("div", h("h2", count, id="count", aria_live="polite"), class_="bar"),
        h(
            "ol",
            *(
                h("li", _group(report, group, first + place), data_key=str(group.members))
                for place, group in enumerate(shown)
            ),
            class_="groups",
        )
        if shown
        else empty("No duplicates at this threshold", "Move it to the left to see what comes close."),
        pages(current, last),
        class_="answer",
    )


def _group(report: DuplicateReport, group: Group, number: int) -> Element:
    records = report.members(group)
    first, others = records[0], records[1:]
    compared = [differences(first, other) for other in others]
    head = h(
        "header",
        h("span", f"Group {number}"),
        h("span", f"mean score {group.mean:.2f}, weakest {group.weakest:.2f}", class_="quiet"),
    )
    members = [_member(first, *_sides(compared[0], 0) if len(others) == 1 else ((), ()), None)]
    members += [_member(other, *_sides(found, 1), found) for other, found in zip(others, compared, strict=True)]
    return h(
        "article",
        head,
        h("ol", *(h("li", *member) for member in members)),
        class_="group",
        aria_label=f"Group {number}",
    )


def _sides(found: Differences, side: int) -> tuple[tuple[Mark, ...], tuple[Mark, ...]]:
    return found.titles[side], found.texts[side]


def _member(record: Record, titles: Sequence[Mark], texts: Sequence[Mark], found: Differences | None) -> list[Node]:
    nodes: list[Node] = []
    if record.title:
        nodes.append(h("h3", h("bdi", *_marked(record.title, titles))))
    if record.text.strip() and record.text != record.title:
        nodes.append(h("p", h("bdi", *_marked(record.text[:2000], [mark for mark in texts if mark.end <= 2000]))))
    nodes.append(h("small", h("bdi", record.id)))
    if found and found.fields:
        chips = [
            h(
                "span",
                difference.name.replace("_", " "),
                ": ",
                h("bdi", said(difference.a)),
                " → ",
                h("bdi", said(difference.b)),
                class_="chip",
            )
            for difference in found.fields
        ]
        nodes.append(h("div", *chips, class_="differs", aria_label="Fields that differ"))
    return nodes


def _marked(text: str, marks: Sequence[Mark]) -> list[Node]:
    nodes: list[Node] = []
    done = 0
    for mark in marks:
        nodes += [
            text[done : mark.start],
            h("span", text[mark.start : mark.end], class_="only sharp" if mark.kind in SHARP else "only"),
        ]
        done = mark.end
    return [node for node in [*nodes, text[done:]] if node != ""]


def _alike(name: str, text: str) -> Element:
    found = service().alike(name, text, 10, CLOSE)
    same = [one for one in found if one.score >= THRESHOLD]
    close = [one for one in found if one.score < THRESHOLD]
    if same:
        verdict = note(
            "This seems to be here already.",
            f"{counted(len(same), 'record scores', 'records score')} at least {THRESHOLD:.2f}. What the text does not have is marked.",
        )
    else:
        verdict = note(
            "This is not here yet.",
            "Nothing in the collection says the same." + (" What comes closest is below." if close else ""),
            kind="warn",
        )
    return h(
        "section",
        verdict,
        h("ol", *(h("li", _likeness(text, one)) for one in same), class_="groups") if same else None,
        h(
            "details",
            h("summary", f"Close, but not the same: {len(close)}"),
            h("ol", *(h("li", _likeness(text, one)) for one in close), class_="groups"),
            open=not same,
            class_="closest",
        )
        if close
        else None,
        class_="answer",
    )


def _likeness(text: str, one: Likeness) -> Element:
    found = differences(Record("", "", text, {}), one.record)
    parts = ", ".join(
        f"{label} {value:.2f}" for key, label in PARTS.items() if (value := one.parts.get(key)) is not None
    )
    warnings = [
        words
        for key, words in (("numbers_differ", "other numbers"), ("opposite", "says the opposite"))
        if one.parts.get(key)
    ]
    head = h("header", h("strong", f"Score {one.score:.2f}"), h("span", "; ".join([parts, *warnings]), class_="quiet"))
    member = _member(one.record, *_sides(found, 1), None)
    return h("article", head, h("ol", h("li", *member)), class_="group")


def _downloads(report: DuplicateReport) -> None:
    with st.container(horizontal=True):
        name = f"{report.collection}-duplicates"
        st.download_button(
            "Download as CSV",
            lambda: "".join(as_csv(report.rows())).encode(),
            f"{name}.csv",
            "text/csv",
            on_click="ignore",
        )
        st.download_button(
            "Download as JSON Lines",
            lambda: "".join(as_jsonl(report.rows())).encode(),
            f"{name}.jsonl",
            "application/jsonl",
            on_click="ignore",
        )


def _threshold() -> float:
    """The threshold of the address, in hundredths."""
    return address.number("t", round(THRESHOLD * 100)) / 100


ACTIONS: dict[str, Action] = {
    "search": lambda asked: address.change(q=asked.field("q").strip()),
    "try": lambda asked: address.change(q=str(asked.value)),
    "all": lambda asked: address.change(q=None),
    "collection": change_collection,
    "threshold": lambda asked: address.change(t=asked.field("t")),
    "reset": lambda asked: address.change(t=None),
    "page": lambda asked: address.change(page=int(asked.value)),
}
