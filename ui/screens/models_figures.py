"""The view *Figures*: models side by side on the sets they were measured on, each difference with its paired interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.errors import UserError
from indexer.home import Home
from ui import address
from ui.nodes import Element, Node, h
from ui.parts import empty, failure, note
from ui.screens.models_cells import best_of, difference_cell, signed, value_cell
from ui.screens.models_known import known, names
from ui.screens.models_reports import Measured, Place, Report, Value, found_reports, read_report, told_apart
from ui.screens.models_training import path_form
from ui.view import Action, Asked

COMMAND = "trainer evaluate default --compare minilm --suite SUITE.toml --out reports/NAME"
AT_FIRST = 3  # models that are chosen before a person chooses
MOST = 6  # side by side


@dataclass(frozen=True, slots=True)
class Shown:
    """The models that stand side by side, and the differences there are between them: (model, other) → by place."""

    models: tuple[Measured, ...]
    differences: dict[tuple[str, str], dict[Place, Value]]


def nodes() -> list[Node]:
    """The field for a path, the models that were measured, and the table of the chosen ones."""
    opened = address.chosen().get("report", [])
    form = path_form("report", "Folder of an evaluation", next(iter(opened), ""), "reports/NAME", "open-report")
    form = h("div", form, _opened(opened))
    reports, failures = _reports()
    measured = [model for report in reports for model in report.models]
    if not measured:
        advice = "Measure two models on the same rows, and open the folder that this writes."
        return [form, *failures, empty("No evaluation is open", advice, h("code", COMMAND))]
    chosen = _chosen(measured)
    found = _shown(chosen, reports)
    return [form, *failures, _choice(measured, chosen), *_tables(found)]


def _opened(paths: Sequence[str]) -> Element | None:
    """What was opened by its path, each closed by a press."""
    chips = [
        h(
            "button",
            h("bdi", path),
            h("span", "×", aria_hidden="true"),
            type="button",
            class_="chip",
            aria_label=f"Close {path}",
            on={"click": ("close-report", path)},
            data_key=path,
        )
        for path in paths
    ]
    return h("div", h("span", "Open", class_="quiet"), *chips, class_="chosen") if chips else None


def _reports() -> tuple[list[Report], list[Element]]:
    """The reports the address names, then those beside models and in `evaluations` of the home."""
    home = Home.find(None)
    infos = [one.info for one in (known(name, home.models) for name in names(home.models)) if one.info]
    beside = [place for info in infos for place in (info.folder, info.folder.parent)]
    there = found_reports([*beside, *sorted((home.root / "evaluations").glob("*/"))])
    reports: dict[str, Report] = {}
    failures = []
    for given in [*address.chosen().get("report", []), *map(str, there)]:
        try:
            report = read_report(given)
            reports.setdefault(str(report.folder.resolve()), report)
        except UserError as error:
            failures.append(failure(error))
    return told_apart(reports.values()), failures


def _chosen(measured: Sequence[Measured]) -> list[Measured]:
    asked = address.chosen().get("model", [])
    found = [model for model in measured if model.key in asked]
    return found[:MOST] or [model for model in measured if model.report == measured[0].report][:AT_FIRST]


def _choice(measured: Sequence[Measured], chosen: Sequence[Measured]) -> Element:
    several = len({model.report for model in measured}) > 1
    buttons = [
        h(
            "button",
            h("span", "✓" if model in chosen else "+", aria_hidden="true"),
            h("bdi", _label(model, several)),
            type="button",
            class_="chip on" if model in chosen else "chip",
            aria_pressed=str(model in chosen).lower(),
            on={"click": ("pick", _toggled(model, chosen))},
            data_key=model.key,
        )
        for model in measured
    ]
    return h(
        "div",
        h("span", "Side by side", class_="quiet", id="beside"),
        *buttons,
        class_="chosen",
        role="group",
        aria_labelledby="beside",
    )


def _label(model: Measured, several: bool) -> str:
    return f"{model.label} ({model.report})" if several else model.label


def _toggled(model: Measured, chosen: Sequence[Measured]) -> list[str]:
    keys = [one.key for one in chosen]
    return [key for key in keys if key != model.key] if model.key in keys else [*keys, model.key]


def _shown(chosen: Sequence[Measured], reports: Sequence[Report]) -> Shown:
    keys = {model.key for model in chosen}
    pairs = {
        (f"{report.models[0].report}:{a}", f"{report.models[0].report}:{b}"): found
        for report in reports
        if report.models
        for (a, b), found in report.differences.items()
    }
    return Shown(tuple(chosen), {pair: found for pair, found in pairs.items() if set(pair) <= keys})


def _tables(found: Shown) -> list[Node]:
    places = list(dict.fromkeys(place for model in found.models for place in model.figures))
    whole, cut = [p for p in places if not p.cut], [p for p in places if p.cut]
    more = h("details", h("summary", f"With inputs or vectors cut: {len(cut)} figures"), _table("Cut", cut, found))
    return [
        _legend(found),
        h("section", _table("Figures", whole, found), class_="answer"),
        *_average(found),
        *([h("div", more, class_="after")] if cut else []),
    ]


def _legend(found: Shown) -> Element:
    words = "Fractions of one, drawn from 0 to 1; in brackets the 95 % interval over the items. "
    if found.differences:
        words += "Differences are of the same items, with their paired interval, around zero (dashed): clear where it leaves out zero."
    elif len(found.models) > 1:
        return note(
            "These models were not compared with each other, so their differences have no paired interval.",
            "Measure them together: trainer evaluate A --compare B --suite SUITE.toml --out DIR",
            kind="warn",
        )
    return h("p", words, class_="quiet legend")


def _table(title: str, places: Sequence[Place], found: Shown) -> Element:
    labels = {model.key: model.label for model in found.models}
    several = len({model.report for model in found.models}) > 1
    heads = ["Set and metric", *(_label(model, several) for model in found.models)]
    heads += [f"{labels[a]} − {labels[b]}" for a, b in found.differences]
    reach = _reach(found, places)
    rows = [_row(place, found, reach) for place in places]
    head = h("thead", h("tr", *(h("th", h("bdi", name), scope="col") for name in heads)))
    return h(
        "div", h("table", head, h("tbody", *rows), class_="history beside"),
        class_="scroll", tabindex=0, role="region", aria_label=title,
    )  # fmt: skip


def _reach(found: Shown, places: Sequence[Place]) -> float:
    """Half the width of the scale that all differences share; spread, which is no quality, does not stretch it."""
    counted = [place for place in places if place.metric != "spread"]
    values = [by_place[place] for by_place in found.differences.values() for place in counted if place in by_place]
    return max((max(abs(one.low), abs(one.high)) for one in values), default=1.0) or 1.0


def _row(place: Place, found: Shown, reach: float) -> Element:
    values = [model.figures.get(place) for model in found.models]
    best = best_of(place, values)
    n = next((value.n for value in values if value), 0)
    less = h("small", "less is better") if place.less_is_better else None
    cut = h("small", place.cut) if place.cut else None
    name = h(
        "th", h("bdi", place.set), h("span", h("bdi", place.metric)), cut, less, h("small", f"n = {n:,}"), scope="row"
    )
    cells = [value_cell(value, value is not None and value is best) for value in values]
    cells += [difference_cell(by_place.get(place), place, reach) for by_place in found.differences.values()]
    return h("tr", name, *cells)


def _average(found: Shown) -> list[Node]:
    """What the sets' main metrics say together, where a report tells it."""
    labels = {model.key: model.label for model in found.models}
    lines = [
        h(
            "li",
            h("bdi", f"{labels[a]} − {labels[b]}"),
            f": {signed(v.value)} [{signed(v.low)}, {signed(v.high)}] on average over {v.n} sets",
        )
        for (a, b), by_place in found.differences.items()
        for place, v in by_place.items()
        if place.set == "average"
    ]
    return [h("ul", *lines, class_="after")] if lines else []


def _open(asked: Asked) -> None:
    given = asked.field("path").strip()
    if given:
        address.choose("report", list(dict.fromkeys([given, *address.chosen().get("report", [])])))
        address.choose("model", [])


def _close(asked: Asked) -> None:
    address.choose("report", [path for path in address.chosen().get("report", []) if path != asked.value])
    address.choose("model", [])


ACTIONS: dict[str, Action] = {
    "open-report": _open,
    "close-report": _close,
    "pick": lambda asked: address.choose("model", [str(key) for key in asked.value]),
}
