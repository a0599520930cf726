"""Answers: ask a question, read the passages that answer it, document by document; or hear that nothing here does."""

from __future__ import annotations

from collections.abc import Sequence

from indexer.errors import UserError
from searchapp.schemas import Passage
from searchapp.usecases import USE_CASES
from searchapp.usecases.answers import Answer, Document, Excerpt
from ui import address
from ui.frame import change_collection, current_collection, guarded, head
from ui.holdings import service
from ui.nodes import Element, Node, h
from ui.parts import failure, flowing, marked, note, said, why
from ui.view import Action, view

CASE = USE_CASES["answers"]
DOCUMENTS = 5
AROUND = 3  # passages before and after that "more of the text" goes at most


@guarded
def page() -> None:
    """The page: the passage of a link when the address names one, else the answer to the question."""
    name = current_collection(CASE)
    if passage := address.get("passage"):
        view("answers", [head(CASE, name), _linked(name, passage)], ACTIONS)
    elif question := address.get("q"):
        view("answers", [head(CASE, name), _answer(name, service().answer(name, question, DOCUMENTS))], ACTIONS)
    else:
        view("answers", [head(CASE, name), _invitation(name)], ACTIONS)


def _invitation(name: str) -> Element:
    rows = service().opened(name).version.rows
    return h(
        "p",
        f"Answers are looked for in the {rows:,} documents of {name}. Nothing is made up: what you see are their own words.",
        class_="quiet",
    )


def _answer(name: str, answer: Answer) -> Element:
    sources = h(
        "ol",
        *(
            h("li", _source(name, document, place == 0), data_key=document.id)
            for place, document in enumerate(answer.documents)
        ),
        class_="sources",
    )
    if answer.found:
        return h("section", h("h2", "From these texts", class_="hidden"), sources, class_="answer")
    nothing = note("Nothing here answers that.", answer.why, kind="warn")
    if not answer.documents:
        return h("section", nothing, class_="answer")
    return h(
        "section",
        nothing,
        h("details", h("summary", "Show the closest texts anyway"), sources, class_="closest"),
        class_="answer",
    )


def _source(name: str, document: Document, first: bool) -> Element:
    record = document.record
    known = [h("bdi", said(value)) for value in list(record.fields.values())[:3] if value not in (None, "")]
    best = max(document.excerpts, key=lambda excerpt: excerpt.cosine, default=None)
    return h(
        "article",
        h("header", h("h3", h("bdi", record.title or record.id)), h("small", *_apart([h("bdi", record.id), *known]))),
        *(_excerpt(name, document, excerpt, first and excerpt is best) for excerpt in document.excerpts),
        why(document.stages),
        class_="source",
    )


def _excerpt(name: str, document: Document, excerpt: Excerpt, best: bool) -> Element:
    passage, widened = excerpt.passage, _widened(document, excerpt)
    shown = service().around(name, document.id, passage.ordinal, widened, widened) if widened else passage
    spans = [(excerpt.statement.start - shown.start, excerpt.statement.end - shown.start)] if excerpt.statement else []
    key = f"{document.id}:{passage.ordinal}"
    more = h(
        "button",
        "More of the text",
        type="button",
        class_="plain",
        aria_label=f"More of the text around passage {passage.ordinal + 1} of {document.id}",
        on={"click": ("more", [key, widened + 1])},
    )
    copy = h(
        "button",
        "Copy link",
        type="button",
        class_="plain",
        aria_label=f"Copy a link to passage {passage.ordinal + 1} of {document.id}",
        on={"click": ("copy", address.link({"in": name, "passage": str(excerpt.address)}))},
    )
    can_widen = passage.of > 1 and widened < AROUND
    return h(
        "div",
        h("p", h("bdi", *marked(flowing(shown.text), spans)), class_="text"),
        h("div", h("small", _place(passage)), more if can_widen else None, copy, class_="foot"),
        class_="passage best" if best else "passage",
        data_key=key,
    )


def _widened(document: Document, excerpt: Excerpt) -> int:
    """How many passages before and after are shown: written in the address as `more=id:ordinal=2`."""
    key, _, count = address.get("more").rpartition("=")
    known = key == f"{document.id}:{excerpt.passage.ordinal}" and count in map(str, range(AROUND + 1))
    return int(count) if known else 0


def _linked(name: str, passage: str) -> Element:
    """The passage a link leads to, or the sentence that its text has changed."""
    back = h("button", "← Ask something else", type="button", class_="plain", on={"click": ("back", None)})
    try:
        found, record = service().locate(name, passage)
    except UserError as error:
        return h("section", failure(error), back)
    text = service().around(name, record.id, found.ordinal, 1, 1)
    nodes: list[Node] = marked(flowing(text.text), [(found.start - text.start, min(found.end, text.end) - text.start)])
    return h(
        "article",
        h("nav", back),
        h("header", h("h2", h("bdi", record.title or record.id)), h("small", record.id)),
        h(
            "div",
            h("p", h("bdi", *nodes), class_="text"),
            h("small", _place(found)),
            class_="passage best",
        ),
        class_="source",
    )


def _place(passage: Passage) -> str:
    """Which passage of its document, and the page it begins on where the document has pages."""
    which = f"Passage {passage.ordinal + 1} of {passage.of}" if passage.of > 1 else "The whole text"
    return f"{which}, page {passage.page}" if passage.page else which


def _apart(nodes: Sequence[Node]) -> list[Node]:
    return [part for place, node in enumerate(nodes) for part in ([" · ", node] if place else [node])]


ACTIONS: dict[str, Action] = {
    "search": lambda asked: address.change(q=asked.field("q").strip(), passage=None, more=None),
    "try": lambda asked: address.change(q=str(asked.value), passage=None, more=None),
    "collection": change_collection,
    "more": lambda asked: address.change(more=f"{asked.value[0]}={asked.value[1]}"),
    "back": lambda asked: address.change(passage=None),
}
