"""Collections: what is indexed, how good it is, its history, and building another one from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from indexer.catalog import BuildRow, Figure, VersionRow
from indexer.drop import drop_collection
from indexer.errors import UserError
from indexer.inspect import describe
from indexer.preview import preview
from indexer.progress import describe as told
from indexer.settings import BuildSettings
from indexer.store import damaged_files
from ui import address
from ui.builds import SUFFIXES, builds, keep_upload, running
from ui.frame import guarded
from ui.holdings import collections, service
from ui.nodes import Element, Node, h
from ui.parts import counted, empty, failure, note, sentence
from ui.screens.models_known import names, offered, stamps
from ui.view import Action, Asked, view

PAGES = {"Shop": "", "Duplicates": "duplicates", "Answers": "answers"}  # title → path in `ui.app`; the first has none


@guarded
def page() -> None:
    """The page: progress of builds, the collections, and the form for a new one."""
    view("collections-head", [_head()])
    _progress()
    if said := st.session_state.pop("said", None):
        view("collections-said", [said])
    view("collections", [_shelf()], ACTIONS)
    _build_form()


def _head() -> Element:
    about = "What is indexed here, by which model and how well it answers. Every version is kept until you remove it."
    return h("header", h("h1", "Collections"), h("p", about), class_="head")


def _shelf() -> Element:
    rows = collections()
    if not rows:
        return empty(
            "Nothing is indexed yet", "Build a collection from a file below, or run `make demo` for three to try."
        )
    return h("div", *(_holding(row) for row in rows), class_="shelf")


def _holding(row: VersionRow) -> Element:
    try:
        facts = _described(row.collection, row.number, row.sha256)
    except UserError as error:
        return h("section", h("header", h("h2", row.collection)), failure(error), _history(row), class_="holding")
    figures = service().catalog.figures(row.collection, row.number)
    opens = [
        h(
            "a",
            title,
            href=address.link({"in": row.collection}, path),
            class_="button",
            aria_label=f"Open {row.collection} in {title}",
            on={"click": ("go", None)},
        )
        for title, path in PAGES.items()
    ]
    return h(
        "section",
        h("header", h("h2", row.collection), h("div", h("small", "Open in "), *opens, class_="tabs")),
        h(
            "div",
            _figure(f"{row.records:,}", "records"),
            _figure(f"{row.passages:,}", "passages"),
            _figure(_size(facts["bytes"]), "on disk"),
            _figure(
                row.model_name if "/" not in row.model_name else Path(row.model_name).name,
                f"model, {facts['model']['dim']} dimensions",
            ),
            *_quality(figures),
            class_="figures",
        ),
        h("p", sentence(str(facts["index"])), class_="quiet"),
        _fields(facts),
        _history(row),
        class_="holding",
        data_key=row.collection,
    )


def _figure(value: str, label: str) -> Element:
    return h("div", h("strong", value), h("small", label))


def _quality(figures: list[Figure]) -> list[Element]:
    """nDCG@10 of hybrid search, with its interval, for each set of judged queries."""
    return [
        _figure(
            f"{figure.value:.3f}",
            f"nDCG@10 over {figure.queries} judged queries ({figure.low:.2f} to {figure.high:.2f})",
        )
        for figure in figures
        if (figure.mode, figure.measure) == ("hybrid", "nDCG@10")
    ]


def _fields(facts: dict[str, Any]) -> Element:
    rows = [("id", facts["id"]), ("title", facts["title"] or "–"), ("text", facts["text"])]
    rows += [(name, kind) for name, kind in facts["fields"].items()]
    items = [item for name, value in rows for item in (h("dt", h("bdi", name)), h("dd", h("bdi", str(value))))]
    return h("details", h("summary", "Columns and fields"), h("dl", *items, class_="facts-list"))


def _history(row: VersionRow) -> Element:
    versions = service().catalog.versions(row.collection)
    head = h("tr", *(h("th", name, scope="col") for name in ("Version", "Published", "Records", "Model", "")))
    body = [_version(version) for version in versions]
    verify = h("button", "Verify the files", type="button", on={"click": ("verify", row.collection)})
    remove = h(
        "details",
        h("summary", "Remove this collection"),
        h(
            "p",
            f"All {counted(len(versions), 'version')} of {row.collection} will be gone from this disk.",
            class_="quiet",
        ),
        h("button", f"Remove {row.collection} for good", type="button", on={"click": ("drop", row.collection)}),
    )
    table = h(
        "div",
        h("table", h("thead", head), h("tbody", *body), class_="history"),
        class_="scroll",
        tabindex=0,
        role="region",
        aria_label=f"Versions of {row.collection}",
    )
    return h("details", h("summary", f"History: {counted(len(versions), 'version')}"), table, h("p", verify), remove)


def _version(version: VersionRow) -> Element:
    action: Node = "current"
    if not version.current:
        label = f"Make version {version.number} of {version.collection} current"
        action = h(
            "button",
            "Make current",
            type="button",
            class_="plain",
            aria_label=label,
            on={"click": ("rollback", [version.collection, version.number])},
        )
    cells = (
        str(version.number),
        version.published_at.strftime("%Y-%m-%d %H:%M UTC"),
        f"{version.records:,}",
        Path(version.model_name).name,
    )
    return h("tr", *(h("td", cell) for cell in cells), h("td", action))


@st.cache_data(show_spinner=False, max_entries=200)
def _described(name: str, number: int, sha256: str) -> dict[str, Any]:
    """Facts of a version, which never change; its files are checked once."""
    return describe(service().home, service().catalog.version(name, number))


@st.fragment(run_every="1s")
def _progress() -> None:
    """Builds under way, from the catalog; when one ends, or a model comes, changes or goes, the whole page is drawn again."""
    under_way = running(service().catalog)
    for name in builds().names():
        if ended := builds().ended(name):
            st.session_state["said"] = _end(name, ended.status, ended.message)
            st.rerun()
    there = stamps(service().home.models)
    if st.session_state.setdefault("models-seen", there) != there:
        st.session_state["models-seen"] = there
        st.rerun()
    known = {row.collection for row in under_way}
    waiting = [name for name in builds().starting() if name not in known]
    view("collections-progress", [*map(_build, under_way), *(note(f"Starting to build {name} …") for name in waiting)])


def _build(row: BuildRow) -> Element:
    share = row.done / row.total if row.total else 0.0
    return h(
        "div",
        h("strong", f"Building {row.collection}: {row.phase}"),
        h(
            "div",
            h("span", fill=round(share, 3)),
            class_="meter",
            role="progressbar",
            aria_valuenow=round(100 * share),
            aria_valuemin=0,
            aria_valuemax=100,
            aria_label=f"Building {row.collection}, {row.phase}",
        ),
        h("small", _pace(row)),
        class_="note",
    )


def _pace(row: BuildRow) -> str:
    """How far a build is, how fast, how long it will take: measured since this phase was first seen by this visitor."""
    seen = st.session_state.setdefault("builds-seen", {})
    phase, first, since = seen.get(row.id, ("", 0, row.updated_at))
    if phase != row.phase:
        first, since = row.done, row.updated_at
        seen[row.id] = (row.phase, first, since)
    seconds = (row.updated_at - since).total_seconds()
    return told("", row.done, row.total, row.done - first, seconds).strip() or "just begun"


def _end(name: str, status: int, message: str) -> Element:
    if status == 0:
        return note(f"{name} is built and open for searching.")
    title = f"{name} was not built; what was there before is untouched."
    return note(title, *message.splitlines(), kind="warn" if status == 130 else "fail")


def _build_form() -> None:
    with st.container(border=True, key="build-form"):
        view(
            "build-head",
            [
                h("h2", "Build a collection"),
                h(
                    "p",
                    f"From a file ({', '.join(SUFFIXES[:3])}, gzipped or not) or a BEIR folder on this machine. Nothing leaves it.",
                    class_="quiet",
                ),
            ],
        )
        upload = st.file_uploader("Upload a file", key="upload", accept_multiple_files=False)
        path = st.text_input("or the path of a file or folder on this machine", key="path")
        left, right = st.columns(2)
        name = left.text_input("Name of the collection", key="name", placeholder="my-products")
        model = _choose_model(right)
        title, text = (
            left.text_input("Title column (guessed when empty)", key="title"),
            right.text_input("Text column (guessed when empty)", key="text"),
        )
        look, start, _ = st.columns([1, 1, 3])
        wants_look = look.button("Look first", key="look", width="stretch")
        wants_start = start.button("Build", key="start", type="primary", width="stretch")
        if not (wants_look or wants_start):
            return
        try:
            source = _source(name.strip(), upload, path)
            if wants_start:
                builds().start(
                    name.strip(), source, {"--model": model, "--title": title.strip(), "--text": text.strip()}
                )
                st.rerun()
            with st.spinner("Reading a sample …"):
                settings = BuildSettings(
                    source=source,
                    name=name.strip(),
                    model=model,
                    title=title.strip() or None,
                    text=text.strip() or None,
                )
                view("preview", [_preview(settings)])
        except UserError as error:
            view("build-failure", [failure(error)])


def _choose_model(place: Any) -> str:
    """One of the models that can be read, which are checked once for each change of their files; others are named."""
    models = service().home.models
    sound = offered(models)
    if broken := sorted(set(names(models)) - set(sound)):
        title = f"{', '.join(broken)} cannot be read and is not offered."
        view("build-broken", [note(title, "The page Models says why.", kind="warn")])
    return str(place.selectbox("Model", sound, key="model"))


def _source(name: str, upload: Any, path: str) -> Path:
    if upload is not None:
        return keep_upload(service().home, name, upload.name, upload.getvalue())
    if not path.strip():
        raise UserError(
            "there is nothing to build from", "neither an upload nor a path", "upload a file, or give a path"
        )
    return Path(path.strip()).expanduser()


def _preview(settings: BuildSettings) -> Element:
    seen = preview(settings, service().home)
    columns = seen.columns
    fields = ", ".join(f"{name} ({kind})" for name, kind in columns["fields"]) or "none"
    rejected = ", ".join(f"{reason}: {count}" for reason, count in seen.rejected.items()) or "none"
    rows = [
        ("Rows", f"{seen.rows:,}"), ("Id", columns["id"] or "row number"), ("Title", columns["title"] or "–"), ("Text", columns["text"]), ("Fields", fields),
        (f"Bad rows among {seen.sampled:,} looked at", rejected), ("Passages", f"about {seen.passages:,}"),
        ("Index", sentence(str(seen.plan["why"]))), ("Time", f"about {max(1, round(seen.seconds)):,} s on this machine"), ("Disk", _size(seen.disk_bytes)),
    ]  # fmt: skip
    items = [item for label, value in rows for item in (h("dt", label), h("dd", h("bdi", value)))]
    return h("div", h("strong", "This is what would be built:"), h("dl", *items, class_="facts-list"), class_="note")


def _size(count: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "bytes" or count >= 10 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"


def _rollback(asked: Asked) -> None:
    name, number = asked.value
    service().catalog.rollback(str(name), int(number))
    st.session_state["said"] = note(f"Version {number} of {name} is current again.")


def _verify(asked: Asked) -> None:
    row = service().catalog.version(str(asked.value))
    damaged = damaged_files(service().home, row.collection, row.number, row.sha256)
    if damaged:
        st.session_state["said"] = note(
            f"{row.collection} is damaged",
            *map(str, damaged),
            "Build it again from its source, or go back to an earlier version.",
            kind="fail",
        )
    else:
        st.session_state["said"] = note(
            f"Every file of {row.collection}, version {row.number}, is as it was published."
        )


def _drop(asked: Asked) -> None:
    drop_collection(service().catalog, service().home, str(asked.value))
    st.session_state["said"] = note(f"{asked.value} is removed.")


ACTIONS: dict[str, Action] = {
    "rollback": _rollback,
    "verify": _verify,
    "drop": _drop,
}
