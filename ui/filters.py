"""The filters beside a list: values with their counts, ranges with a small histogram, and what is chosen of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from indexer.errors import UserError, shown
from indexer.records import Columns
from searchapp.usecases.facets import Choice, Facet, FacetValue, Range
from ui.nodes import Element, h
from ui.parts import said

OPEN = 6  # facets that are open from the start
FIRST = 8  # values of a facet that are shown before "all of them"
DAY = len("2024-01-31")
EXACT = 2**53  # below it every whole number is a float64
LONGEST_BOUND = 400  # characters of one end of a range: a float64 written out in full has fewer


def filters(facets: Sequence[Facet], chosen: Mapping[str, Choice]) -> Element:
    """All facets; on a narrow screen behind one button."""
    clear = h(
        "button", "Clear all filters", type="button", class_="plain", on={"click": ("clear", None)}, data_key="clear"
    )
    drawn = [_facet(facet, chosen.get(facet.key), place < OPEN) for place, facet in enumerate(facets)]
    title = f"Filters ({len(chosen)} on)" if chosen else "Filters"
    show = h("button", title, type="button", class_="phone", aria_expanded="false", on={"click": ("toggle", "filters")})
    return h(
        "nav", show, h("div", clear if chosen else None, *drawn, class_="filters", id="filters"), aria_label="Filters"
    )


def read_choices(given: Mapping[str, Sequence[str]], columns: Columns) -> dict[str, Choice]:
    """What an address chooses, as typed choices. UserError for a field that is not there or a range that is none."""
    choices: dict[str, Choice] = {}
    for name, values in given.items():
        kind = columns.fields.get(name)
        if kind is None:
            raise UserError("there is no such field", shown(name), f"choose one of: {', '.join(columns.fields)}")
        if kind == "text":
            choices[name] = tuple(values)
        elif kind == "boolean":
            choices[name] = tuple(_yes(name, value) for value in values)
        else:
            choices[name] = _range(name, values[-1], kind == "date")
    return choices


def _yes(name: str, given: str) -> bool:
    if given not in ("yes", "no"):
        raise UserError(f"that is no value of {name!r}", shown(given), "write yes or no")
    return given == "yes"


def _range(name: str, given: str, dates: bool) -> Range:
    low, separator, high = given.partition("..")
    try:
        if not separator:
            raise ValueError
        return Range(*(_bound(part, dates) for part in (low, high)))
    except ValueError:
        raise UserError(
            f"that is no range of {name!r}", shown(given), "write it as 10..50; either end may be empty"
        ) from None


def _bound(given: str, dates: bool) -> float | date | None:
    given = given.strip()
    if not given:
        return None
    if len(given) > LONGEST_BOUND:
        raise ValueError
    if not dates:
        return float(given)
    if len(given) == DAY:
        return date.fromisoformat(given)  # stays a plain date, so that the range takes in its whole day
    moment = datetime.fromisoformat(given)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _facet(facet: Facet, chosen: Choice | None, opened: bool) -> Element | None:
    body = _values(facet) if facet.type in ("text", "boolean") else _bounds(facet, chosen)
    if body is None:
        return None
    summary = h("summary", facet.key.replace("_", " ").capitalize())
    return h("details", summary, body, open=opened or chosen is not None, data_key=facet.key)


def _values(facet: Facet) -> Element | None:
    if not facet.values:
        return None
    first = [value for place, value in enumerate(facet.values) if place < FIRST or value.chosen]
    rest = [value for value in facet.values if value not in first]
    more = (
        h("details", h("summary", f"{len(rest)} more", class_="quiet"), h("ul", *(_value(v) for v in rest)))
        if rest
        else None
    )
    return h(
        "form",
        h("ul", *(_value(value) for value in first)),
        more,
        on={"change": ("choose", facet.key)},
        aria_label=facet.key,
    )


def _value(value: FacetValue) -> Element:
    written = said(value.value)
    box = h("input", type="checkbox", name="v", value=written, checked=value.chosen)
    return h(
        "li",
        h("label", box, h("bdi", written), h("span", f"{value.count:,}", class_="count"), class_="value"),
        data_key=written,
    )


def _bounds(facet: Facet, chosen: Choice | None) -> Element | None:
    if facet.low is None or facet.high is None:
        return None
    held = chosen if isinstance(chosen, Range) else Range(None, None)
    most = max(facet.bins, default=0) or 1
    bars = [h("span", fill=round(count / most, 3)) for count in facet.bins]
    low, high = said(facet.low), said(facet.high)
    ends = h(
        "div", _end(facet, "low", held.low, low), h("span", "to"), _end(facet, "high", held.high, high), class_="range"
    )
    apply = h("button", "Apply", type="submit", class_="plain")
    histogram = h("div", *bars, class_="bins", aria_hidden="true") if len(bars) > 1 else None
    return h("form", histogram, ends, apply, on={"submit": ("range", facet.key)}, aria_label=facet.key)


def _end(facet: Facet, name: str, value: float | date | None, placeholder: str) -> Element:
    kind = "date" if facet.type == "date" else "number"
    written = "" if value is None else value.isoformat()[:DAY] if isinstance(value, date) else _number(value)
    label = f"{facet.key}, {'at least' if name == 'low' else 'at most'}"
    return h(
        "input",
        type=kind,
        name=name,
        value=written,
        placeholder=placeholder,
        aria_label=label,
        step="any" if kind == "number" else None,
    )


def _number(value: float) -> str:
    """A number as it was given: what the field shows is sent back with the next change."""
    return f"{value:.0f}" if float(value).is_integer() and abs(value) < EXACT else repr(value)
