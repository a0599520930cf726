"""What an action of a page could not do is said above the page, once, and the page is drawn; without a browser."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import streamlit as st

import ui.view
from indexer.errors import NotFoundError
from ui.frame import guarded
from ui.nodes import Node, text_of
from ui.view import Asked, view


class Browser:
    """Stands where the browser is: the texts drawn by key, and what a page hears from there."""

    def __init__(self) -> None:
        self.drawn: dict[str, str] = {}
        self._heard: dict[str, Callable[[], None]] = {}

    def draw(self, key: str, data: Mapping[str, Sequence[Node]], on_asked_change: Callable[[], None]) -> None:
        self.drawn[key], self._heard[key] = "".join(map(text_of, data["nodes"])), on_asked_change

    def press(self, page: Callable[[], None], action: str) -> dict[str, str]:
        """What is drawn after an action of the page."""
        st.session_state["shelf"] = SimpleNamespace(asked={"action": action, "value": None})
        self._heard["shelf"]()
        return self.run(page)

    def run(self, page: Callable[[], None]) -> dict[str, str]:
        self.drawn.clear()
        page()
        return dict(self.drawn)


class Rerun(BaseException):
    """As Streamlit ends a page that is to be drawn anew."""


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    held: dict[str, Any] = {}
    monkeypatch.setattr(st, "session_state", held)
    browser = Browser()
    monkeypatch.setattr(ui.view, "_draw", browser.draw)
    return browser


def _refuse(asked: Asked) -> None:
    raise NotFoundError("there is no such collection", "'animals'", "choose another")


def _fail(asked: Asked) -> None:
    raise RuntimeError("the secret reason")


@guarded
def _page() -> None:
    if st.session_state.pop("anew", False):
        raise Rerun
    view("shelf", ["what is here"], {"refuse": _refuse, "fail": _fail, "do": lambda asked: None})


def test_refused_action_is_told_once_above_the_page(browser: Browser) -> None:
    assert browser.run(_page) == {"shelf": "what is here"}
    drawn = browser.press(_page, "refuse")
    assert list(drawn) == ["action-failure", "shelf"]
    assert "There is no such collection." in drawn["action-failure"]
    assert drawn["shelf"] == "what is here"
    assert list(browser.run(_page)) == ["shelf"]


def test_unforeseen_failure_of_an_action_goes_to_the_log(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    browser.run(_page)
    drawn = browser.press(_page, "fail")
    assert drawn["action-failure"].startswith("That could not be done.")
    assert "secret" not in drawn["action-failure"]
    assert "the secret reason" in caplog.text
    assert drawn["shelf"] == "what is here"


def test_refusal_outlives_a_page_that_is_drawn_anew_but_not_the_next_action(browser: Browser) -> None:
    browser.run(_page)
    st.session_state["anew"] = True
    with pytest.raises(Rerun):
        browser.press(_page, "refuse")
    assert "action-failure" in browser.run(_page)
    st.session_state["anew"] = True
    with pytest.raises(Rerun):
        browser.press(_page, "refuse")
    assert list(browser.press(_page, "do")) == ["shelf"]
