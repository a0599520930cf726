"""What a page looks like, as plain values: a tree of elements whose leaves are text.

A page builds a tree with `h` and hands it to `ui.view`, which sends it to the browser as data. There one small script
(`web/view.js`) makes elements of the tags below and puts every text into a text node. So no text of a document, a field
or a query can ever become markup, and a page can be tested by looking at a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypedDict

_TAGS = """
section article header footer nav div h1 h2 h3 h4 p ul ol li dl dt dd span strong em mark small code pre bdi
button a details summary table thead tbody tr th td caption form label input select option fieldset legend output time hr
"""
_ATTRIBUTES = """
id class href type name value checked selected disabled open min max step placeholder autocomplete dir lang role for
title scope colspan datetime rows maxlength inputmode tabindex fill from shortcut
"""
TAGS, ATTRIBUTES = frozenset(_TAGS.split()), frozenset(_ATTRIBUTES.split())  # as in web/view.js; a test compares them
EVENTS = frozenset({"click", "change", "submit"})
PLACE = re.compile(r"(\./[a-z]*)?[?#]")  # as in web/view.js


class Element(TypedDict):
    """One element: tag, attributes, event → [action, value], and what is inside it."""

    t: str
    a: dict[str, str | int | float | bool]
    on: dict[str, list[object]]
    c: list[Node]


Node = Element | str
Child = Node | None | Iterable["Child"]


def h(tag: str, *inside: Child, on: Mapping[str, tuple[str, object]] | None = None, **attributes: object) -> Element:
    """An element. `class_`, `for_` and `aria_label` stand for class, for and aria-label; None and False leave an attribute out.

    `on={"click": ("similar", id)}` asks the page's action `similar` with `id` when the element is clicked; `submit` and
    `change` on a form add what its fields hold. An address (`href`) leads to a place within the application: `?…` on the
    same page, `./answers?…` on another, whither `on={"click": ("go", None)}` leads without loading everything anew.
    ValueError for what the browser's side would refuse.
    """
    named = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
    kept = {name: value for name, value in named.items() if value is not None and value is not False}
    unknown = [name for name in kept if name not in ATTRIBUTES and not name.startswith(("aria-", "data-"))]
    events = dict(on or {})
    if tag not in TAGS or unknown or not events.keys() <= EVENTS or not _inside(kept.get("href", "?")):
        raise ValueError(f"a page draws no <{tag}> with {unknown or kept} and {sorted(events)}")
    plain = {name: value if isinstance(value, bool | int | float) else str(value) for name, value in kept.items()}
    return {"t": tag, "a": plain, "on": {name: list(value) for name, value in events.items()}, "c": list(_flat(inside))}


def text_of(node: Node) -> str:
    """All text inside a node, in order: what a reader hears."""
    return node if isinstance(node, str) else "".join(map(text_of, node["c"]))


def _flat(children: Iterable[Child]) -> Iterable[Node]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, str):
            yield child
        elif isinstance(child, dict):
            yield child  # type: ignore[misc]  # an Iterable too, says mypy
        else:
            yield from _flat(child)


def _inside(address: object) -> bool:
    return isinstance(address, str) and PLACE.match(address) is not None
