"""Drawing a page's tree in the browser, and hearing what a person does with it.

One Streamlit component shows every tree (see `ui.nodes`). What a person does comes back as an action with a value; the
page's function for that action runs before the page is drawn again, usually to change the address (`st.query_params`),
which is where the state of a page lives: so every state has a link.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from indexer.errors import UserError
from ui.nodes import Node

log = logging.getLogger("searchapp.ui")
REFUSED = "refused"  # of the session: why the last action failed, until a page has said it
_WEB = Path(__file__).parent / "web"
_ROOT = '<div class="view"></div>'


@dataclass(frozen=True, slots=True)
class Asked:
    """What a person did: the action's value, and what the form around it held (field → its values)."""

    value: Any
    form: Mapping[str, Sequence[str]]

    def field(self, name: str) -> str:
        """The one value of a form's field; empty when there is none."""
        return next(iter(self.form.get(name, ())), "")


Action = Callable[[Asked], None]
_draw = st.components.v2.component(
    "searchapp.view",
    html=_ROOT,
    css=(_WEB / "view.css").read_text(encoding="utf-8"),
    js=(_WEB / "view.js").read_text(encoding="utf-8"),
)


def view(
    key: str, nodes: Sequence[Node], actions: Mapping[str, Action] | None = None, focus: str | None = None
) -> None:
    """Draw `nodes` under a key of their own, and run what `actions` has for what a person does there.

    An action runs before the page, where nothing guards it: how it failed is kept for the page to say (`REFUSED`)."""

    def heard() -> None:
        asked = getattr(st.session_state.get(key), "asked", None)
        if not asked or asked.get("action") not in (actions or {}):
            return
        st.session_state.pop(REFUSED, None)
        try:
            (actions or {})[asked["action"]](Asked(asked.get("value"), asked.get("form") or {}))
        except Exception as error:
            if not isinstance(error, UserError):
                log.exception("an action failed")
            st.session_state[REFUSED] = error

    _draw(key=key, data={"nodes": list(nodes)}, on_asked_change=heard)
