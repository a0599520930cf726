"""Writes docs/reference.md: every command and option, every setting of a recipe, every table of names, from the code itself.

    python docs/reference.py

The words are those of `--help`, of docstrings and of the comments beside settings, so this module has hardly any of its own:
who wants another sentence in the reference writes it where the thing is defined. A test compares the page with what this
writes, and refuses commands, options and settings that nothing is said about.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Literal

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import typer.main
from fastapi.routing import APIRoute

import indexer.cli
import indexer.command
import searchapp.api
import searchapp.cli
import trainer.cli
from indexer.build import BuildReport
from indexer.passages import Span
from indexer.preview import Preview
from indexer.readers import ENDINGS, READERS
from indexer.records import Record
from searchapp.api import make_api
from searchapp.schemas import Hit, Passage, SearchResult, Stage
from searchapp.usecases.answers import Address, Answer, Document, Excerpt
from trainer.ablate.recipe import Noise, Start
from trainer.ablate.recipe import _Settings as Ablation
from trainer.backbones.masked import Masking
from trainer.backbones.scratch import BACKBONES, SHAPES
from trainer.evaluate.evaluators import EVALUATORS
from trainer.evaluate.suite import ROLES, Set, Suite
from trainer.filters import FILTERS, filter_class
from trainer.losses.formulas import LOSSES
from trainer.negation_llm import LlmSettings
from trainer.recipe import Holdout, NegationStep, Recipe, Source
from trainer.train import recipe as training

PAGE = Path(__file__).with_name("reference.md")
APPS = {"indexer": indexer.cli.app, "searchapp": searchapp.cli.app, "trainer": trainer.cli.app}
SETTINGS: Mapping[str, Mapping[str, type]] = {  # file → table in it → what it becomes
    "A recipe of `trainer prepare`": {
        "Top of the file:": Recipe,
        "[[source]]": Source,
        "[[holdout]]": Holdout,
        "[negation]": NegationStep,
        "[negation.llm]": LlmSettings,
    },
    "A recipe of `trainer train`": {
        "Top of the file:": training.Training,
        "[[phase]]": training.Phase,
        "[[phase.data]]": training.Data,
        "[lora]": training.Lora,
        "[guard]": training.Guard,
        "[[adapter]]": training.Adapter,
        "[start]": training.Backbone,
        "[start.words]": training.Words,
        "[start.words], more": Masking,
    },
    "A suite of `trainer evaluate`": {"Top of the file:": Suite, "[[set]]": Set},
    "A recipe of `trainer ablate`": {"Top of the file:": Ablation, "[noise]": Noise, "[start]": Start},
}
ELSEWHERE = {  # settings that stand in tables of their own, by where they would be listed
    Recipe: ("sources", "filters", "holdouts", "negation"),
    training.Training: ("phases", "lora", "adapters", "guard"),
    training.Adapter: ("phases",),
    Suite: ("sets",),
}
REPORTS: Mapping[str, type] = {"indexer build": BuildReport, "indexer build --dry-run": Preview}
KETTLE = Record("K1", "Kettle", "Quiet. It boils a litre in two minutes.", {"price": 29.5})
STAGES = {
    "dense": Stage(1, 0.62),
    "lexical": Stage(None, 0.0),
    "fusion": Stage(1, 1.9),
}  # None: not among its candidates
HIT = Hit("K1", 1.9, STAGES, Passage.cut(KETTLE.text, 0, 39, 0, 1), KETTLE)
EXCERPT = Excerpt(HIT.passage, 0.62, Span(7, 39), Address.of(KETTLE, 0, 39))
ANSWERED = (Document("K1", 1.9, STAGES, KETTLE, (EXCERPT,)),)
ANSWERS = {  # command → an answer it might give
    "searchapp search": SearchResult("shop", 3, 12.5, (HIT,)),
    "searchapp answer": Answer("shop", 3, "How fast is it?", 14.2, True, 0.81, "One passage stands out.", ANSWERED),
}
NAMES = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path", Any: "text or list"}


def page() -> str:
    """The whole reference as Markdown."""
    parts = [
        "# Reference\n",
        "Written by `python docs/reference.py` from the code; a test keeps it true. "
        "[Commands](#commands) · [exit status](#exit-status) · [JSON](#what---json-prints) · [HTTP](#http) · [settings](#settings) · [names](#names)\n",
        "## Commands\n",
        *(_command(words, command) for words, command in commands().items()),
        f"## Exit status\n\n{_paragraph(indexer.command, 'Exit status: ').removeprefix('Exit status: ')}\n",
        "## What `--json` prints\n\nOne object on stdout; progress stays on stderr. Further keys may come, none of these goes.\n",
        *(_report(words, kind) for words, kind in REPORTS.items()),
        *(f"### `{words}`\n\n```json\n{_json(answer)}\n```\n" for words, answer in ANSWERS.items()),
        f"## HTTP\n\n{_flat(searchapp.api.__doc__)}\n",
        _routes(),
        "## Settings\n\nTOML; paths start at the file's own folder; an unknown key is answered with the nearest known one.\n",
        *(_settings(title, tables) for title, tables in SETTINGS.items()),
        *_filters(),
        "## Names\n",
        *_tables(),
    ]
    return "\n".join(parts)


def commands() -> dict[str, Any]:
    """Every command of every application by the words a user types."""
    found: dict[str, Any] = {}

    def walk(words: str, command: Any) -> None:
        children = getattr(command, "commands", {})
        if not children or getattr(command, "invoke_without_command", False):
            found[words] = command
        for name, child in children.items():
            walk(f"{words} {name}", child)

    for name, app in APPS.items():
        walk(name, typer.main.get_command(app))
    return found


def settings(kind: type) -> Iterable[Field[Any]]:
    """The settings of a dataclass that a file gives: not what has a table of its own."""
    for slot in fields(kind):
        if slot.init and not slot.metadata.get("given") and slot.name not in ELSEWHERE.get(kind, ()):
            yield slot


def remark(kind: type, name: str) -> str:
    """The comment beside a setting, where there is one."""
    source = "".join(inspect.getsource(base) for base in kind.__mro__ if base is not object)
    found = re.search(rf"^    {name}: [^#\n]*#\s*(.+)$", source, re.MULTILINE)
    return found[1] if found else ""


def _command(words: str, command: Any) -> str:
    text, _, example = command.help.partition("Example: ")
    named = [slot for slot in command.params if slot.param_type_name == "argument"]
    title = " ".join([words, *(slot.metavar or slot.name.upper() for slot in named)])
    rows = [(_spelling(slot), _help(slot), _default(slot.default)) for slot in command.params]
    parts = [f"### `{title}`", inspect.cleandoc(text), f"```sh\n{example.strip()}\n```"]
    return "\n\n".join(parts) + "\n\n" + _table(("", "", "default"), rows) if rows else "\n\n".join(parts) + "\n"


def _spelling(slot: Any) -> str:
    if slot.param_type_name == "argument":
        return f"`{slot.metavar or slot.name.upper()}`"
    kind = slot.type_descriptor.annotation
    value = "" if kind is bool else f" {slot.metavar or _choices(kind) or NAMES.get(kind, 'value').upper()}"
    return f"`{', '.join([*slot.opts, *slot.secondary_opts])}{value}`"


def _help(slot: Any) -> str:
    more = []
    if slot.required and slot.param_type_name == "option":
        more.append("Needed.")
    if slot.multiple:
        more.append("May be given several times.")
    return " ".join([slot.help, *more])


def _choices(kind: Any) -> str:
    return "|".join(typing.get_args(kind)) if typing.get_origin(kind) is Literal else ""


def _default(value: Any) -> str:
    plain = value is None or value is False or value is MISSING or value == ""
    return "" if plain else f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _report(words: str, kind: type) -> str:
    rows = [(f"`{slot.name}`", _kind(kind, slot), remark(kind, slot.name)) for slot in fields(kind)]
    return f"### `{words}`\n\n{_flat(kind.__doc__)}\n\n{_table(('', '', ''), rows)}"


def _json(answer: SearchResult | Answer) -> str:
    return json.dumps(answer.as_json(), indent=2, ensure_ascii=False)


def _routes() -> str:
    """Every route of `searchapp serve`, and what it is asked."""
    routes = [route for route in make_api(None, hosts=None).app.routes if isinstance(route, APIRoute)]  # type: ignore[arg-type, attr-defined]
    rows = [(f"`{min(route.methods)} {route.path}`", _body(route), _flat(route.endpoint.__doc__)) for route in routes]
    return _table(("", "asked with", ""), rows)


def _body(route: APIRoute) -> str:
    """The keys of a route's JSON object, with what they are where they are left out."""
    asked = route.body_field.field_info.annotation if route.body_field else None
    slots = asked.model_fields if asked else {}
    return ", ".join(
        f"`{name}`" + ("" if slot.is_required() else f" ({json.dumps(slot.default, default=str)})")
        for name, slot in slots.items()
    )


def _settings(title: str, tables: Mapping[str, type]) -> str:
    return "\n".join(
        [f"### {title}\n", *(_one(f"`{name}`" if "[" in name else name, kind) for name, kind in tables.items())]
    )


def _one(name: str, kind: type) -> str:
    rows = [(f"`{s.name}`", _kind(kind, s), _given(s), remark(kind, s.name)) for s in settings(kind)]
    about = f"**{name}** {_flat(kind.__doc__)}\n"
    return f"{about}\n{_table(('', '', 'default', ''), rows)}" if rows else about


def _filters() -> Iterable[str]:
    yield '### Filters\n\nIn a recipe `[[filters]]` with `name = "…"` and these settings, in the order in which they shall run.\n'
    for name in FILTERS:
        yield _one(f"`{name}`", filter_class(name))


def _tables() -> Iterable[str]:
    files: dict[str, list[str]] = {name: [] for name in READERS}
    for ending, name in ENDINGS.items():
        files[name].append(ending)
    yield "### Readers of corpora\n"
    yield _table(("", "files", ""), [(f"`{n}`", ", ".join(files[n]), _first(r)) for n, r in READERS.items()])
    yield "### Losses\n"
    yield _table(("", ""), [(f"`{name}`", _first(loss)) for name, loss in LOSSES.items()])
    yield "### Backbones\n"
    yield _table(("", "shapes", ""), [(f"`{n}`", ", ".join(SHAPES[n]), _first(make)) for n, make in BACKBONES.items()])
    yield "### Kinds of sets to measure on\n"
    rows = [(f"`{n}`", ", ".join(ROLES[n]) or "a BEIR folder", _first(run)) for n, run in EVALUATORS.items()]
    yield _table(("", "columns", ""), rows)


def _kind(kind: type, slot: Field[Any]) -> str:
    return _said(typing.get_type_hints(kind)[slot.name])


def _said(hint: Any) -> str:
    """A type in the words of somebody who writes TOML."""
    origin, inner = typing.get_origin(hint), [part for part in typing.get_args(hint) if part is not Ellipsis]
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(_said(part) for part in inner if part is not type(None)))
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in inner)
    if origin in (tuple, list):
        return f"list: {_said(inner[0])}"
    return NAMES.get(hint, "table")


def _given(slot: Field[Any]) -> str:
    if slot.default is MISSING and slot.default_factory is MISSING:
        return "needed"
    if isinstance(slot.default, tuple):
        return ", ".join(f"`{part}`" for part in slot.default)
    return _default(slot.default)


def _first(thing: Callable[..., Any]) -> str:
    return _flat((thing.__doc__ or "").split("\n\n")[0])


def _paragraph(module: Any, start: str) -> str:
    return next(_flat(part) for part in module.__doc__.split("\n\n") if part.startswith(start))


def _flat(text: str | None) -> str:
    return " ".join((text or "").split())


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
