"""The view *Training*: a training by its folder, with its card, the curves of its loss and of its guard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from indexer.errors import UserError
from indexer.home import Home
from indexer.progress import duration
from ui import address
from ui.nodes import Element, Node, h
from ui.parts import counted, empty, failure, note
from ui.screens.models_curves import plot
from ui.screens.models_known import known, names
from ui.screens.models_runs import Run, read_run
from ui.screens.models_shelf import data_tables, figure
from ui.view import Action

COMMAND = "trainer train RECIPE.toml --out models/NAME"
MOST = 24  # curves of a kind


def nodes() -> list[Node]:
    """The field for a path, and the training that lies there."""
    given = address.get("training")
    form = path_form("training", "Folder of a training", given, "models/NAME", "open-training")
    if not given:
        advice = "Give the folder that a training wrote, or is still writing; it is only read."
        return [form, empty("No training is open", advice, h("code", COMMAND), *_there())]
    try:
        run = read_run(given)
    except UserError as error:
        return [form, failure(error)]
    return [form, *_run(run)]


def _there() -> list[Element]:
    """A button per training that lies in the home, beside its model."""
    models = Home.find(None).models
    found = [one for one in (known(name, models) for name in names(models)) if one.training]
    buttons = [
        h(
            "button",
            h("bdi", one.name),
            type="button",
            class_="chip",
            on={"click": ("show-training", str(one.training))},
        )
        for one in found
    ]
    return [h("div", h("span", "In the home", class_="quiet"), *buttons, class_="examples")] if buttons else []


def path_form(name: str, label: str, value: str, placeholder: str, action: str) -> Element:
    """A field for a path on this machine."""
    field = h(
        "input", type="text", name="path", id=f"path-{name}", value=value, placeholder=placeholder,
        autocomplete="off", maxlength=1000,
    )  # fmt: skip
    row = h("div", field, h("button", "Open", type="submit", class_="lead"), class_="search small")
    label_ = h("label", label, h("span", " (a path on this machine)", class_="quiet"), for_=f"path-{name}")
    return h("form", label_, row, class_="path", on={"submit": (action, None)})


def _run(run: Run) -> list[Node]:
    title = h("div", h("h2", h("bdi", run.folder.name or str(run.folder))), _models(run), class_="bar")
    told: list[Node] = [title, *(_told(run.card) if run.card else [_unfinished()])]
    if run.torn:
        told.append(
            note(f"{counted(run.torn, 'line')} of the log could not be read.", "The others are drawn.", kind="warn")
        )
    told += [_plots("Loss", run, "loss"), _plots("Guard", run, "guard")]
    if run.card:
        told.append(h("section", h("h2", "Data"), *data_tables(run.card)))
    if run.readme:
        text = h("pre", run.readme, class_="told", tabindex=0, role="region", aria_label="README.md")
        told.append(h("details", h("summary", "Its README"), text, class_="after"))
    return told


def _models(run: Run) -> Element | None:
    """A button per published model: how it takes a negation."""
    buttons = [
        h(
            "button",
            "Try negations" if len(run.models) == 1 else f"Try negations with {name}",
            type="button",
            on={"click": ("try-model", str(place))},
        )
        for name, place in run.models.items()
    ]
    return h("div", *buttons, class_="tabs") if buttons else None


def _unfinished() -> Element:
    return note(
        "This training has no card yet.",
        "It is under way, or was interrupted: the same command goes on. Reload to see more.",
    )


def _told(card: Mapping[str, Any]) -> list[Node]:
    result, models = card["result"], card["models"].values()
    boxes = [
        figure(f"{int(result['steps']):,}", "steps"),
        figure(duration(card["timing"]["seconds"]), "training"),
        figure(str(card["precision"]), "precision"),
        figure(str(card["start"]["name"]), "start"),
        *(figure(str(one["fingerprint"])[:12], "fingerprint") for one in models),
    ]
    stopped = result.get("stopped")
    about = "Published is the last state within all limits."
    return [
        h("div", *boxes, class_="figures"),
        *([note(f"Stopped early: {stopped}", about, kind="warn")] if stopped else []),
    ]


def _plots(title: str, run: Run, kind: str) -> Node:
    curves = run.losses if kind == "loss" else run.guards
    if not curves:
        why = "The log has no step yet." if kind == "loss" else "This training had no guard, or it has not looked yet."
        return h("section", h("h2", title), h("p", why, class_="quiet"))
    drawn = [plot(curve, from_zero=kind == "loss") for curve in curves[:MOST]]
    rest = f"{len(curves) - MOST} more are in its card." if len(curves) > MOST else None
    return h(
        "section", h("h2", title), h("div", *drawn, class_="plots"), h("p", rest, class_="quiet") if rest else None
    )


ACTIONS: dict[str, Action] = {"open-training": lambda asked: address.change(training=asked.field("path").strip())}
