"""Where a source's rows lie, as a recipe says it: files and folders, a database with a query, or a data set by its name.

Exactly one of the three; and what only one of them understands (a query, a configuration, `fetch`) is refused beside the
others, so that no setting is silently ignored. The URL of a database may hold a password: it is kept out of every text
that this project shows or stores.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeVar

from indexer.errors import UserError

Format = Literal[
    "auto", "jsonl", "csv", "tsv", "parquet", "beir", "datasets", "sql",
    "nli", "labels", "duplicates", "opposites", "sentences",
]  # fmt: skip
SHAPES = ("auto", "nli", "labels", "duplicates", "opposites", "sentences")  # what the rows are, wherever they lie
FORMATS = {
    "path": (*SHAPES, "jsonl", "csv", "tsv", "parquet", "beir", "datasets"),
    "url": (*SHAPES, "sql"),
    "dataset": (*SHAPES, "datasets"),
}
BESIDE = {"query": "url", "config": "dataset", "fetch": "dataset"}  # settings, and what they belong to
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
HERE = "sqlite:///"  # three strokes: a path that starts at the recipe's folder; four: at the root


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows lie: files and folders, or a database (`url`, `query`), or a Hugging Face data set by its name."""

    name: str  # each of its own; cards and reports use it
    path: tuple[Path, ...] = ()  # files and folders; one may stand without a list
    format: Format = "auto"  # auto: by its ending, its folder, its columns
    fields: Mapping[str, str] = field(default_factory=dict)  # role → column: { anchor = "question" }
    split: str = "train"  # of a BEIR folder, a data set, or opposites
    url: str | None = field(default=None, repr=False)  # of a database, with `query`
    query: str | None = None  # a SELECT
    dataset: str | None = None  # "owner/name"
    config: str | None = None  # of a data set that has several
    fetch: bool = False  # may it be downloaded? Without this only what was downloaded before is used


Kind = TypeVar("Kind", bound=Origin)


def located(origin: Kind, folder: Path) -> Kind:
    """The origin with the file of an SQLite URL starting at `folder`, as paths do."""
    if origin.url is None or not origin.url.startswith(HERE) or len(origin.url) == len(HERE):
        return origin
    return replace(origin, url=f"{HERE}{folder.absolute() / origin.url.removeprefix(HERE)}")


def check_origin(origin: Origin, kind: str) -> None:
    """Refuse an origin that says nothing, two things, or a setting of another kind of origin."""
    where = f"{kind} {origin.name!r}"
    given = [key for key in FORMATS if getattr(origin, key)]
    if len(given) != 1:
        what = "says not where its rows lie" if not given else "has its rows in two places"
        todo = 'give one of: path = "…"; url = "…" with query = "…"; dataset = "owner/name"'
        raise UserError(f"{where} {what}.", " and ".join(given) or "no path, url or dataset", todo)
    place = given[0]
    if origin.format not in FORMATS[place]:
        raise UserError(
            f"{where}: this format is not for a {place}.",
            f"format = {origin.format!r}",
            f"leave it out, or one of: {', '.join(FORMATS[place])}",
        )
    strange = next((key for key, owner in BESIDE.items() if getattr(origin, key) and owner != place), None)
    if strange is not None:
        raise UserError(f"{where}: {strange} belongs to a {BESIDE[strange]}.", f"{strange} beside {place}", "remove it")
    _check_details(origin, where)


def _check_details(origin: Origin, where: str) -> None:
    if origin.url and not (origin.query or "").strip():
        raise UserError(f"{where}: a database needs a query.", "url without query", 'add query = "select …"')
    if origin.dataset and not HUB_NAME.fullmatch(origin.dataset):
        todo = 'dataset = "owner/name"; for a folder on this machine, path = "…"'
        raise UserError(f"{where}: this is no name of a data set.", origin.dataset, todo)
