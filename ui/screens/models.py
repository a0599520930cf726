"""Models: what there is to encode with, how good each one is, how it takes a negation, and how it was trained.

Four views under one head; the address says which one, and all that was chosen in it. Whatever is opened by a path is only read.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import streamlit as st

from ui import address
from ui.frame import guarded
from ui.nodes import Element, Node, h
from ui.screens import models_asking, models_figures, models_negation, models_shelf, models_training
from ui.view import Action, view

ABOUT = "What there is to encode with, how good it is, how it takes a negation, and how it was trained."
VIEWS: dict[str, tuple[str, Callable[[], list[Node]]]] = {
    "": ("Models", models_shelf.nodes),
    "figures": ("Figures", models_figures.nodes),
    "negation": ("Negation", models_negation.nodes),
    "training": ("Training", models_training.nodes),
}


@guarded
def page() -> None:
    """The page: its head with the four views, then the view that the address names."""
    chosen = address.get("show") if address.get("show") in VIEWS else ""
    view("models-head", [_head(chosen)], ACTIONS)
    first = not st.session_state.get("models-seen")  # later the page says that it is busy, and nothing moves
    with st.spinner("Opening the models …") if first else nullcontext():
        nodes = VIEWS[chosen][1]()
    st.session_state["models-seen"] = True
    view(f"models-{chosen or 'shelf'}", nodes, ACTIONS)
    if chosen == "negation":
        models_negation.draw_nearest()


def _head(chosen: str) -> Element:
    links = [
        h(
            "a",
            title,
            href=address.link({"show": name}) if name else "?",
            class_="chip on" if name == chosen else "chip",
            aria_current="page" if name == chosen else None,
            on={"click": ("show", name)},
        )
        for name, (title, _) in VIEWS.items()
    ]
    return h(
        "header", h("h1", "Models"), h("p", ABOUT), h("nav", *links, class_="tabs", aria_label="Views"), class_="head"
    )


ACTIONS: dict[str, Action] = {
    "show": lambda asked: address.change(show=str(asked.value)),
    **models_shelf.ACTIONS,
    **models_figures.ACTIONS,
    **models_asking.ACTIONS,
    **models_training.ACTIONS,
}
