"""The view *Negation*: a sentence, its negation, and what two models make of them.

For each model: how near it puts the two, and which texts of a collection it finds near each of them. A model that hears
the negation finds other texts.
"""

from __future__ import annotations

import time

import streamlit as st

from indexer.encode.models import ModelInfo
from indexer.errors import UserError
from indexer.home import Home
from indexer.progress import describe as told
from ui.holdings import service
from ui.nodes import Element, Node, h
from ui.parts import empty, failure, note
from ui.screens.models_asking import Asking, asked_for, form, refusal_of
from ui.screens.models_known import info_of, known
from ui.screens.models_nearest import Near, Passage, Vectors, Work, drawn, embeddings, nearest
from ui.view import view

EXAMPLES = (
    "The chair has armrests.",
    "This lamp can be dimmed.",
    "There is a dog in the garden.",
    "You can cancel the order after it was sent.",
)
SHORT, TITLE = 220, 90  # characters of a text and of a title in a list


def nodes() -> list[Node]:
    """The form, then both models' cosines."""
    asking = asked_for()
    head = form(asking)
    if not asking.sentence:
        tries = [h("button", text, type="button", class_="chip", on={"click": ("try", text)}) for text in EXAMPLES]
        return [head, h("div", h("span", "Try", class_="quiet"), *tries, class_="examples after")]
    if refusal := refusal_of(asking):
        return [head, failure(refusal)]
    if not asking.negation:
        todo = "Write the negation yourself in the second field, and press Compare."
        return [head, note("Our rules propose no negation here.", todo, kind="warn")]
    boxes = [h("li", _cosine(name, asking), data_key=str(place)) for place, name in enumerate(asking.models)]
    return [head, h("section", h("h2", "How near are the two?"), h("ul", *boxes, class_="versus"), class_="answer")]


def _cosine(name: str, asking: Asking) -> Element:
    """A model's box: the cosine, or why there is none."""
    try:
        sides = _sides(info_of(name, Home.find(None).models), asking)
    except UserError as error:
        return h(
            "article",
            h("header", h("strong", h("bdi", name))),
            h("div", failure(error), class_="inside"),
            class_="group",
        )
    cosine = float(sides[0] @ sides[1])
    return h(
        "article",
        h("header", h("strong", h("bdi", name)), h("span", "1: it cannot tell them apart", class_="quiet")),
        h(
            "div",
            h("p", h("strong", f"{cosine:.3f}", class_="large"), " cosine of the sentence and its negation"),
            h("div", h("span", fill=round(max(0.0, cosine), 4)), class_="meter", aria_hidden="true"),
            class_="inside",
        ),
        class_="group",
        aria_label=f"{name}: cosine {cosine:.3f}",
    )


def _sides(info: ModelInfo, asking: Asking) -> Vectors:
    """Sentence and negation, [2, dim]."""
    return embeddings().encoder(info).encode_query([asking.sentence, asking.negation])


def draw_nearest() -> None:
    """The nearest texts by both models, or how far their encoding is."""
    asking = asked_for()
    if not asking.sentence or not asking.negation or refusal_of(asking):
        return
    if not asking.collection:
        advice = "Build one on the page Collections, or run `make demo` for three; then its texts are compared here."
        view("models-nearest", [empty("There is no collection to find texts in", advice)])
        return
    try:
        _draw_nearest(asking)
    except UserError as error:
        view("models-nearest", [failure(error)])


def _draw_nearest(asking: Asking) -> None:
    opened, models = service().opened(asking.collection), Home.find(None).models
    passages = opened.kept(("models", "drawn"), lambda: drawn(opened.version))
    infos = {name: info for name in asking.models if (info := known(name, models).info)}
    ready = {name: embeddings().vectors(info, opened.version, passages) for name, info in infos.items()}
    if any(vectors is None for vectors in ready.values()):
        _progress(list(infos.values()), asking.collection)
        return
    lists = [
        h("li", _lists(infos[name], nearest(vectors, passages, _sides(infos[name], asking))), data_key=str(place))
        for place, name in enumerate(asking.models)
        if (vectors := ready.get(name)) is not None
    ]
    about = f"Of {len(passages):,} passages of {asking.collection}, drawn evenly over all of it."
    head = h("div", h("h2", "Nearest texts"), h("small", about), class_="bar")
    view("models-nearest", [h("section", head, h("ul", *lists, class_="versus"), class_="answer")])


@st.fragment(run_every="1s")
def _progress(infos: list[ModelInfo], collection: str) -> None:
    """How far each model is with the passages; when all are done the whole page is drawn again."""
    version = service().opened(collection).version
    works = {info.name: embeddings().work(info, version) for info in infos}
    waiting = {name: work for name, work in works.items() if work is not None}
    if not waiting or any(work.problem for work in waiting.values()):
        st.rerun()
    meters = [_meter(name, work, collection) for name, work in waiting.items()]
    view("models-progress", [h("section", h("h2", "Nearest texts"), *meters)])


def _meter(name: str, work: Work, collection: str) -> Element:
    share = work.done / work.total if work.total else 0.0
    if work.began is None:
        pace = "waits for its turn"
    else:
        pace = told("", work.done, work.total, work.done, time.monotonic() - work.began).strip()
    return h(
        "div",
        h("strong", h("bdi", name), f" reads passages of {collection}, once"),
        h(
            "div", h("span", fill=round(share, 3)), class_="meter", role="progressbar", aria_valuenow=round(100 * share),
            aria_valuemin=0, aria_valuemax=100, aria_label=f"{name} reads {collection}",
        ),
        h("small", pace),
        class_="note",
        data_key=name,
    )  # fmt: skip


def _lists(info: ModelInfo, sides: tuple[list[Near], ...]) -> Element:
    """A model's two lists, and how many texts stand in both."""
    both = sum(near.other is not None for near in sides[0])
    shown = len(sides[0])
    return h(
        "article",
        h("header", h("strong", h("bdi", info.name)), h("span", f"{both} of {shown} texts in both lists")),
        h(
            "div",
            *(
                _list(title, found)
                for title, found in zip(("Near the sentence", "Near its negation"), sides, strict=True)
            ),
            class_="inside pair",
        ),
        class_="group",
        aria_label=f"{info.name}: {both} of {shown} texts in both lists",
    )


def _list(title: str, found: list[Near]) -> Element:
    return h("section", h("h3", title), h("ol", *map(_near, found), class_="near"))


def _near(near: Near) -> Element:
    both = h("small", f"in both, {_ordinal(near.other)} in the other", class_="both") if near.other else None
    return h(
        "li",
        h("div", h("small", f"{near.cosine:.3f}"), both, class_="over"),
        h("p", *_said(near.passage)),
        class_="shared" if near.other else None,
        data_key=near.passage.id,
    )


def _said(passage: Passage) -> list[Node]:
    text = _short(passage.text, SHORT)
    if not passage.title or passage.text.startswith(passage.title):
        return [h("bdi", text)]
    return [h("strong", h("bdi", _short(passage.title, TITLE))), " ", h("bdi", text)]


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most].rstrip() + " …"


def _ordinal(rank: int) -> str:
    ends = {1: "st", 2: "nd", 3: "rd"}
    return f"{rank}{ends.get(rank, 'th')}"
