"""The view *Models*: every model by name, with its size, its licence and what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indexer.home import Home
from ui import address
from ui.nodes import Element, Node, h
from ui.parts import counted, failure, note
from ui.screens.models_known import Known, known, names
from ui.view import Action, Asked

ABOUT = {
    "minilm": "all-MiniLM-L6-v2, embedded in this installation",
    "default": "our negation-aware model: a small difference from minilm, shipped with this project",
}


def nodes() -> list[Node]:
    """A section per model."""
    models = Home.find(None).models
    listed = [_model(known(name, models)) for name in names(models)]
    advice = "Your own appear here once they lie in models/NAME/VERSION of the home. "
    advice += "A training anywhere on this machine opens by its path, under Training."
    return [h("div", *listed, class_="shelf"), h("p", advice, class_="quiet after")]


def _model(one: Known) -> Element:
    title = h("h2", h("bdi", one.name))
    if one.info is None:
        return h(
            "section",
            h("header", title),
            failure(one.problem) if one.problem else None,
            class_="holding",
            data_key=one.name,
        )
    return h(
        "section",
        h("header", title, _buttons(one)),
        h("p", ABOUT[one.name], class_="quiet") if one.name in ABOUT else None,
        h(
            "div",
            figure(f"{one.info.dim:,}", "dimensions"),
            figure(f"{one.info.max_tokens:,}" if one.info.max_tokens else "no limit", "tokens of the longest input"),
            figure(one.info.fingerprint[:12], "fingerprint"),
            figure(one.licence or "not stated", "licence"),
            class_="figures",
        ),
        _stranger(one),
        _story(one),
        class_="holding",
        data_key=one.name,
    )


def _buttons(one: Known) -> Element:
    negations, curves = f"Try negations with {one.name}", f"Show the training of {one.name}"
    place = str(one.training)
    return h(
        "div",
        h("button", "Training", type="button", aria_label=curves, on={"click": ("show-training", place)})
        if one.training
        else None,
        h("button", "Try negations", type="button", aria_label=negations, on={"click": ("try-model", one.name)}),
        class_="tabs",
    )


def figure(value: str, label: str) -> Element:
    """A value over what it is."""
    return h("div", h("strong", h("bdi", value)), h("small", label))


def _stranger(one: Known) -> Element | None:
    if not one.stranger:
        return None
    return note(
        "The card beside this model tells of another one.",
        "It names other fingerprints, so it is not shown.",
        kind="warn",
    )


def _story(one: Known) -> Element | None:
    """What a model was made from, as its card or its README tells it."""
    if one.card and isinstance(one.card.get("data"), list):
        return h("details", h("summary", "Data and training"), *data_tables(one.card))
    told = [(name, value) for name, value in (one.card or {}).items() if isinstance(value, str | int | float)]
    if told:
        items = [item for name, value in told for item in (h("dt", h("bdi", name)), h("dd", h("bdi", str(value))))]
        return h("details", h("summary", "Its card"), h("dl", *items, class_="facts-list"))
    if one.datasets:
        items = [h("li", h("bdi", name), class_="chip") for name in one.datasets]
        title = f"Trained by its makers on {counted(len(one.datasets), 'data set')}"
        return h("details", h("summary", title), h("ul", *items, class_="tabs"))
    return None


def data_tables(card: Mapping[str, Any]) -> list[Element]:
    """A table per prepared data: source, licence, rows that were kept, share of the draw."""
    return [_data(data) for data in card["data"] if isinstance(data, dict)]


def _data(data: Mapping[str, Any]) -> Element:
    names = ("Source", "Licence", "Rows kept")
    head = h("tr", *(h("th", name, scope="col") for name in names))
    rows = [
        h(
            "tr",
            h("th", h("bdi", str(name)), scope="row"),
            h("td", h("bdi", str(told.get("licence")))),
            h("td", _kept(told)),
        )
        for name, told in dict(data.get("sources") or {}).items()
    ]
    filters = ", ".join(map(str, data.get("filters") or ())) or "none recorded"
    name = str(data.get("name"))
    return h(
        "div",
        h("p", "From ", h("bdi", name), h("span", f"; filters: {filters}", class_="quiet")),
        h("table", h("thead", head), h("tbody", *rows), class_="history"),
        class_="scroll", tabindex=0, role="region", aria_label=f"Data: {name}",
    )  # fmt: skip


def _kept(told: Mapping[str, Any]) -> str:
    kept = told.get("kept")
    counts = [count for count in kept.values() if isinstance(count, int)] if isinstance(kept, dict) else []
    return f"{sum(counts):,}" if counts else "all"


def _try_model(asked: Asked) -> None:
    """Beside minilm, where the model is another one."""
    name = str(asked.value)
    address.change(show="negation", a="minilm", b=None if name == "minilm" else name)


ACTIONS: dict[str, Action] = {
    "try-model": _try_model,
    "show-training": lambda asked: address.change(show="training", training=str(asked.value)),
}
