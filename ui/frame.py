"""What surrounds every page: which collection is meant, and what is shown when something fails."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import wraps

import streamlit as st

from indexer.errors import UserError
from searchapp.demo import DEMOS
from searchapp.usecases import UseCase
from ui import address
from ui.holdings import collections, service
from ui.nodes import Element, Node, h
from ui.parts import choose_collection, empty, failure, note, search_field
from ui.view import REFUSED, Asked, view

log = logging.getLogger("searchapp.ui")


class NothingHereError(Exception):
    """There is no collection yet."""


def guarded(draw: Callable[[], None]) -> Callable[[], None]:
    """A page that ends in a sentence whatever happens; details of what nobody foresaw go to the log, not to the page.

    What the action before it could not do is said above it, once."""

    @wraps(draw)
    def page() -> None:
        if error := st.session_state.get(REFUSED):
            view("action-failure", [_unmade("That could not be done.", error)])
        try:
            draw()
        except NothingHereError:
            view("nothing", [_nothing()])
        except UserError as error:
            view("failure", [failure(error), h("p", h("a", "Open this page afresh", href=address.link({})))])
        except Exception as error:
            log.exception("a page failed")
            view("failure", [_unmade("This page could not be drawn.", error)])
        st.session_state.pop(REFUSED, None)  # only now: a page that draws itself anew halfway has not been seen

    return page


def current_collection(case: UseCase) -> str:
    """The collection the address names, else the use case's demo, else the first."""
    names = [row.collection for row in collections()]
    if not names:
        raise NothingHereError
    asked = address.get("in")
    if asked and asked not in names:
        raise UserError("there is no such collection", repr(asked), f"choose one of: {', '.join(names)}")
    return asked or (case.demo if case.demo in names else names[0])


def head(case: UseCase, name: str, *below: Node | None) -> Element:
    """A use case's title, the choice of a collection, its one field, and queries to try while that field is empty."""
    rows, query = service().opened(name).version.rows, address.get("q")
    tries = [h("button", text, type="button", class_="chip", on={"click": ("try", text)}) for text in examples(name)]
    return h(
        "header",
        h(
            "div",
            h("h1", case.title),
            choose_collection([row.collection for row in collections()], name),
            class_="line",
        ),
        search_field(query, case.ask, case.placeholder.format(rows=f"{rows:,}"), case.button),
        h("div", h("span", "Try", class_="quiet"), *tries, class_="examples") if tries and not query else None,
        *below,
        class_="head",
    )


def change_collection(asked: Asked) -> None:
    """Go to another collection; nothing of the address but its name goes along."""
    st.query_params.clear()
    address.change(**{"in": asked.field("in")})


def examples(collection: str) -> tuple[str, ...]:
    """Queries that show what a demo collection can do."""
    return DEMOS[collection].examples if collection in DEMOS else ()


def _unmade(title: str, error: Exception) -> Element:
    """A refusal in its own words; of anything else only that it happened."""
    if isinstance(error, UserError):
        return failure(error)
    return note(title, "The reason is in the terminal that serves it. Reload to try again.", kind="fail")


def _nothing() -> Element:
    return empty(
        "Nothing is indexed yet",
        "Build a collection from a file of your own on the page Collections, or run `make demo` for three to try.",
    )
