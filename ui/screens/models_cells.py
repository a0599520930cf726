"""The cells of the table of figures: a value or a difference, in words and numbers, with its interval drawn below."""

from __future__ import annotations

from collections.abc import Sequence

from ui.nodes import Element, h
from ui.screens.models_reports import Place, Value


def best_of(place: Place, values: Sequence[Value | None]) -> Value | None:
    """The best of several values; None where there is one alone, they are equal, or rows differ in number."""
    there = [value for value in values if value is not None]
    if len(there) < 2 or len({value.n for value in there}) > 1 or len({value.value for value in there}) < 2:
        return None
    ordered = sorted(there, key=lambda one: one.value, reverse=not place.less_is_better)
    return ordered[0] if ordered[0].value != ordered[1].value else None


def value_cell(value: Value | None, best: bool) -> Element:
    if value is None:
        return h("td", "–", h("small", "not measured"))
    number = h("strong", f"{value.value:.4f}") if best else f"{value.value:.4f}"
    return h(
        "td",
        h("span", number, h("span", "▲ better", class_="better") if best else None, class_="value"),
        h("small", f"[{value.low:.4f}, {value.high:.4f}]"),
        _scale(value, 0.0, 1.0, zero=False),
    )


def difference_cell(value: Value | None, place: Place, reach: float) -> Element:
    if value is None:
        return h("td", "–")
    clear = value.low > 0 or value.high < 0
    good = (value.value > 0) != place.less_is_better
    word = ("better, clear" if good else "worse, clear") if clear else "may be chance"
    sign = h("strong", signed(value.value)) if clear else signed(value.value)
    return h(
        "td",
        h("span", sign, h("span", word, class_="better" if clear and good else "quiet"), class_="value"),
        h("small", f"[{signed(value.low)}, {signed(value.high)}]"),
        _scale(value, -reach, reach, zero=True),
        class_="apart",
    )


def signed(value: float) -> str:
    """With a sign that is as wide as the plus."""
    return f"{value:+.4f}".replace("-", "−")


def _scale(value: Value, low: float, high: float, *, zero: bool) -> Element:
    """The interval as a bar and the value as a mark on it, along a scale."""
    start, end, at = (
        round(min(1.0, max(0.0, (x - low) / (high - low))), 4) for x in (value.low, value.high, value.value)
    )
    bar, mark = h("span", from_=start, fill=end, class_="range"), h("span", fill=at, class_="at")
    return h("div", bar, mark, class_="scale zero" if zero else "scale", aria_hidden="true")
