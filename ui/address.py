"""The address of a page is its state: the query, the filters, the page number. Whoever opens it sees the same.

A choice in a facet is written `f.brand=Acme` (once per value) or `f.price=10..50` (a range, either end open).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from indexer.errors import UserError, shown

PREFIX = "f."
DIGITS = 9  # of a number in an address: more than there are pages of anything


def get(name: str, otherwise: str = "") -> str:
    """One part of the address."""
    return str(st.query_params.get(name, otherwise))


def number(name: str, otherwise: int = 1, *, least: int = 0) -> int:
    """A whole number of the address, or `otherwise` where it is not given. UserError for what is none, and below `least`."""
    given = get(name)
    if not given:
        return otherwise
    if not (given.isascii() and given.isdigit() and len(given) <= DIGITS and int(given) >= least):
        todo = f"write a whole number from {least} on, of at most {DIGITS} digits, or take it out of the address"
        raise UserError(f"{name!r} in the address is no such number", shown(given), todo)
    return int(given)


def change(**parts: str | int | None) -> None:
    """Change parts of the address; None and the empty text take a part away. Any change but of the page goes to page 1."""
    for name, value in parts.items():
        _set(name, [] if value is None or value == "" else [str(value)])
    if "page" not in parts:
        _set("page", [])


def chosen() -> dict[str, list[str]]:
    """Field → what was chosen in its facet, as written in the address."""
    names = [name for name in st.query_params if name.startswith(PREFIX)]
    return {name.removeprefix(PREFIX): st.query_params.get_all(name) for name in names}


def choose(field: str, values: Sequence[str]) -> None:
    """Replace what is chosen in a facet."""
    _set(PREFIX + field, values)
    _set("page", [])


def clear_choices() -> None:
    """Take every choice away."""
    for name in [name for name in st.query_params if name.startswith(PREFIX)]:
        del st.query_params[name]
    _set("page", [])


def link(parts: Mapping[str, str | int | None], page: str | None = None) -> str:
    """An address within the same page, or on the page `page` of the application (empty for the first one)."""
    from urllib.parse import urlencode

    given = {name: value for name, value in parts.items() if value not in (None, "")}
    return ("" if page is None else f"./{page}") + "?" + urlencode(given)


def _set(name: str, values: Sequence[str]) -> None:
    if values:
        st.query_params[name] = list(values)
    elif name in st.query_params:
        del st.query_params[name]
