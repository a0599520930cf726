"""A suite: one screen of TOML that says which sets a model is measured on.

Each `[[set]]` has a name, a kind (see `EVALUATORS`) and a path, relative to the suite's own folder. A folder of files by
split (`stsb/test.tsv.gz`) is named with `split`; so is the part of a file that has a column `split`. Everything is checked
when the suite is loaded, before a model is opened: keys, kinds, files and columns.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from indexer.errors import UserError
from trainer.negation_data import Split
from trainer.recipe import parsed, refuse_unknown, seed_of, typed
from trainer.sources_beir import beir_folder, is_beir
from trainer.sources_tables import columns

Side = Literal["query", "document"]
ROLES: dict[str, tuple[str, ...]] = {  # kind → what its rows hold; `fields` maps them to columns of other names
    "sts": ("sentence1", "sentence2", "score"),
    "retrieval": (),
    "reranking": ("query", "candidates", "labels"),
    "duplicates": ("text1", "text2", "label"),
    "negation": ("anchor", "positive", "negative"),
    "copies": ("sentence", "copy", "negated"),
    "triplets": ("anchor", "positive", "negative"),
    "labels": ("text", "label"),
    "spread": ("text",),
}
METRICS: dict[str, tuple[str, ...]] = {  # kind → what it is measured by, the main metric first
    "sts": ("spearman",),
    "retrieval": ("nDCG@10", "recall@100"),
    "reranking": ("mAP",),
    "duplicates": ("AP", "best F1"),
    "negation": ("HardNegation", "EasyNegation", "negation error"),
    "copies": ("same kept",),
    "triplets": ("triplet accuracy",),
    "labels": ("AP",),
    "spread": ("spread",),
}
LOWER = ("negation error", "spread")  # metrics of which less is better
BEIR = ("retrieval", "reranking")  # kinds that read BEIR folders
ONLY = {"dev": "duplicates", "distractors": "retrieval"}  # settings of one kind alone
ENDS = (".tsv.gz", ".tsv", ".jsonl.gz", ".jsonl", ".parquet", ".csv.gz", ".csv")
COUNTERWEIGHTS = ("pairs.parquet", "triplets.parquet")  # where it leaves copies, and their negations
PROBES = "probes.parquet"  # what `trainer prepare` leaves to measure negation on


@dataclass(frozen=True, slots=True)
class Set:
    """One set of a suite.

    `lengths`: measured again with inputs cut at so many tokens. `rows`: so many rows, by a seeded hash. `spread`: the
    average cosine of random pairs of its texts too. `side`: how texts without a side of their own are encoded. `dev`
    (duplicates): split or file on which the threshold is chosen. `distractors` (retrieval): at most so many documents
    that no judgement calls relevant. `source`: only rows of this source, of a file that `trainer prepare` wrote.
    `fold`: only rows whose first text lies on this side of the fixed split by hash, as `fold` of a recipe's source says it."""

    name: str  # as the report calls it
    kind: str  # one of the kinds below
    path: Path  # a file, a folder of splits, a BEIR folder
    split: str | None = None  # of a folder, a BEIR folder (there test, unless said) or a column `split`
    dev: Path | None = None
    fields: Mapping[str, str] = field(default_factory=dict)  # role → column of another name
    lengths: tuple[int, ...] = ()
    rows: int | None = None
    spread: bool = False
    side: Side = "document"
    distractors: int | None = None
    source: str | None = None
    fold: Split | None = None

    def column(self, role: str) -> str:
        """The column that holds a role's values."""
        return self.fields.get(role, role)

    @property
    def metrics(self) -> tuple[str, ...]:
        """What it is measured by, the main metric first."""
        more = ("F1",) if self.dev else ()
        return METRICS[self.kind] + more + (("spread",) if self.spread and self.kind != "spread" else ())


@dataclass(frozen=True, slots=True)
class Suite:
    """Sets in order; `dims`: measured again with vectors cut to so many dimensions (Matryoshka); the seed of all drawn."""

    sets: tuple[Set, ...]
    dims: tuple[int, ...] = ()
    seed: int = 0

    @property
    def figures(self) -> list[str]:
        """The uncut figures as "set metric", as a guard names them."""
        return [f"{entry.name} {metric}" for entry in self.sets for metric in entry.metrics]


def load_suite(path: Path) -> Suite:
    """Read a suite and check all of it. Raises UserError for the first thing that is wrong."""
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("The suite cannot be read.", f"{path}: {error}", "name a TOML file in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError("The suite is not valid TOML.", f"{path}: {error}", "mend the line it names") from error
    return parse_suite(raw, path.parent)


def parse_suite(raw: Mapping[str, Any], folder: Path) -> Suite:
    """The same from a table already read; relative paths start at `folder`."""
    refuse_unknown(raw, ("set", "dims", "seed"), "the suite")
    tables = typed(raw.get("set", []), list, "set")
    sets = tuple(parsed(Set, typed(table, dict, "an entry of set"), "[[set]]", folder) for table in tables)
    if not sets:
        raise UserError(
            "The suite has no set.", "no [[set]] table", 'add [[set]] with name = "…", kind = "…", path = "…"'
        )
    suite = Suite(sets, typed(raw.get("dims", []), tuple[int, ...], "dims"), seed_of(raw.get("seed", 0)))
    _check_names(suite)
    _refuse_below_one(suite.dims, "dims")
    for entry in sets:
        _check(entry)
    return suite


def _check_names(suite: Suite) -> None:
    names = [entry.name for entry in suite.sets]
    twice = next((name for name in names if names.count(name) > 1 or not name.strip()), None)
    if twice is not None:
        raise UserError("Each [[set]] needs a name of its own.", twice, "rename one of them")


def _check(entry: Set) -> None:
    where = f"[[set]] {entry.name!r}"
    refuse_unknown([entry.kind], ROLES, f"kind of {where}")
    refuse_unknown(entry.fields, ROLES[entry.kind], f"fields of {where}")
    _refuse_below_one(entry.lengths, f"lengths of {where}", least=8)
    _refuse_below_one([entry.rows] if entry.rows is not None else [], f"rows of {where}", least=2)
    for setting, kind in ONLY.items():
        if getattr(entry, setting) is not None and entry.kind != kind:
            raise UserError(f"{setting!r} is a setting of {kind} sets.", f"{where}, kind {entry.kind}", "take it out")
    if entry.kind in BEIR and is_beir(entry.path):
        beir_folder(entry.path, entry.split or "test")
        return
    if is_prepared(entry):
        return
    for file in (file_of(entry), *([dev_file(entry)] if entry.dev else [])):
        _refuse_missing_columns(entry, file)
    if entry.split is not None and entry.path.is_file() and "split" not in columns(entry.path):
        todo = "take `split` out, or name the file of the split"
        raise UserError(f"The file of set {entry.name!r} has no column `split`.", f"{entry.path}: {entry.split}", todo)


def _refuse_missing_columns(entry: Set, file: Path) -> None:
    found = columns(file)
    missing = next((role for role in ROLES[entry.kind] if entry.column(role) not in found), None)
    if missing is not None:
        todo = f'name the column that holds it: fields = {{ {missing} = "…" }}; there are: {", ".join(found)}'
        raise UserError(f"A {entry.kind} set needs {missing!r}, which its file lacks.", file, todo)


def _refuse_below_one(numbers: tuple[int, ...] | list[int], where: str, least: int = 1) -> None:
    low = next((number for number in numbers if number < least), None)
    if low is not None:
        raise UserError(f"{where} is too small.", low, f"give {least} or more")


def file_of(entry: Set) -> Path:
    """The table a set reads: its path, the probes of a preparation, or the file of its split in a folder."""
    if entry.kind == "retrieval":
        raise UserError("This is no BEIR folder.", entry.path, "it needs corpus.jsonl, queries.jsonl and qrels/")
    if not entry.path.exists():
        raise UserError(f"The data of set {entry.name!r} are not there.", entry.path, "mend `path` in the suite")
    if entry.path.is_file():
        return entry.path
    if entry.kind == "negation" and (entry.path / PROBES).is_file():
        return entry.path / PROBES
    return _split_file(entry.path, entry.split or "test", entry.name)


def is_prepared(entry: Set) -> bool:
    """Does a set of copies read a folder of `trainer prepare`, its counterweights and their negations?"""
    return entry.kind == "copies" and all((entry.path / name).is_file() for name in COUNTERWEIGHTS)


def dev_file(entry: Set) -> Path:
    """The table on which a threshold is chosen: a file, or another split of the set's own folder."""
    assert entry.dev is not None
    return entry.dev if entry.dev.is_file() else _split_file(entry.path, entry.dev.name, entry.name)


def _split_file(folder: Path, split: str, name: str) -> Path:
    found = [folder / f"{split}{end}" for end in ENDS if (folder / f"{split}{end}").is_file()]
    if not found:
        there = ", ".join(sorted(file.name for file in folder.iterdir())[:20]) if folder.is_dir() else "nothing"
        raise UserError(f"Set {name!r} has no file of split {split!r}.", folder, f"choose of what is there: {there}")
    return found[0]
