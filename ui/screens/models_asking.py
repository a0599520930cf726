"""What the view *Negation* is asked, as the address holds it, and the form that asks it.

Our rules propose the negation of the sentence; a person may write another, which then stands in the address.
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from indexer.errors import UserError
from indexer.home import Home
from searchapp.service import check_query
from trainer.negation import negate, negations
from ui import address
from ui.holdings import collections
from ui.nodes import Element, h
from ui.screens.models_known import names
from ui.view import Action, Asked

OTHERS = 6  # further negations that are offered


@dataclass(frozen=True, slots=True)
class Asking:
    """What the address asks for. `negation` is empty where nobody wrote one and our rules abstain."""

    sentence: str
    negation: str
    rule: str  # that made the negation; empty where a person wrote it
    why: str  # our rules abstain
    models: tuple[str, str]
    collection: str


def asked_for() -> Asking:
    """What the address asks for; where it says nothing, our rules' negation and the two embedded models."""
    sentence, written = address.get("q").strip(), address.get("n").strip()
    found = negate(sentence) if sentence else None
    proposed = (found.text or "") if found else ""
    there = [row.collection for row in collections()]
    a, b = address.get("a") or "minilm", address.get("b") or "default"
    return Asking(
        sentence,
        written or proposed,
        "" if written and written != proposed else (found.rule if found else ""),
        found.why if found and not written else "",
        (a, b),
        address.get("in") or (there[0] if there else ""),
    )


def refusal_of(asking: Asking) -> UserError | None:
    """Why these texts are not compared, if they are not."""
    try:
        for text in filter(None, (asking.sentence, asking.negation)):
            check_query(text)
    except UserError as error:
        return error
    return None


def form(asking: Asking) -> Element:
    """The sentence, its negation, two models and a collection to choose."""
    before = {"q": asking.sentence, "n": asking.negation}
    change: dict[str, tuple[str, object]] = {"change": ("compare", before)}
    sentence = h(
        "input", type="text", name="q", id="q", value=asking.sentence, placeholder="The chair has armrests.",
        autocomplete="off", maxlength=2000, shortcut="/",
    )  # fmt: skip
    negation = h(
        "input", type="text", name="n", id="n", value=asking.negation, placeholder="The chair has no armrests.",
        autocomplete="off", maxlength=2000, aria_describedby="n-rule",
        data_key=f"n{st.session_state.get('negations-emptied', 0)}",
    )  # fmt: skip
    return h(
        "form",
        h("div", h("label", "Sentence", for_="q"), sentence),
        h("div", h("label", "Its negation", for_="n"), negation, h("small", _rule(asking), id="n-rule")),
        _others(asking),
        h(
            "div",
            _select("a", "First model", asking.models[0], _models(asking), change),
            _select("b", "Second model", asking.models[1], _models(asking), change),
            _select("in", "Texts of", asking.collection, [row.collection for row in collections()], change),
            h("button", "Compare", type="submit", class_="lead"),
            class_="row",
        ),
        class_="asking",
        aria_label="Sentence and models",
        on={"submit": ("compare", before)},
    )


def _rule(asking: Asking) -> str:
    if not asking.sentence:
        return "Our rules propose one; you can write another."
    if asking.why:
        return f"Our rules abstain: {asking.why}."
    return (
        f"Proposed by our rule “{asking.rule}”; you can write another."
        if asking.rule
        else "Written by you; empty it for our proposal."
    )


def _others(asking: Asking) -> Element | None:
    """Other negations that our rules know, each one press away."""
    ways = [way for way in negations(asking.sentence) if way.text != asking.negation] if asking.sentence else []
    chips = [
        h(
            "button",
            h("bdi", way.text or ""),
            type="button",
            class_="chip",
            title=way.rule,
            on={"click": ("negation", way.text)},
        )
        for way in ways[:OTHERS]
    ]
    return h("div", h("span", "Or", class_="quiet"), *chips, class_="examples") if chips else None


def _models(asking: Asking) -> list[str]:
    """The names to choose from; a model opened by its path stays in the list while it is chosen."""
    return list(dict.fromkeys([*names(Home.find(None).models), *asking.models]))


def _select(name: str, label: str, value: str, choices: list[str], change: dict[str, tuple[str, object]]) -> Element:
    options = [h("option", one, value=one, selected=one == value) for one in choices]
    select = h("select", *options, name=name, id=f"choose-{name}", on=change, disabled=not choices)
    return h("div", h("label", label, for_=f"choose-{name}"), select)


def _compare(asked: Asked) -> None:
    """Put what the form holds into the address. A new sentence gets a new proposal, unless the negation was written for it."""
    sentence, negation = asked.field("q").strip(), asked.field("n").strip()
    if not negation and asked.value["n"]:  # emptied: the field is drawn afresh, with our proposal
        st.session_state["negations-emptied"] = st.session_state.get("negations-emptied", 0) + 1
    if sentence != asked.value["q"] and negation == asked.value["n"]:
        negation = ""
    if sentence and negation == negate(sentence).text:
        negation = ""
    address.change(q=sentence, n=negation, a=asked.field("a"), b=asked.field("b"), **{"in": asked.field("in")})


ACTIONS: dict[str, Action] = {
    "compare": _compare,
    "try": lambda asked: address.change(q=str(asked.value), n=None),
    "negation": lambda asked: address.change(n=str(asked.value)),
}
