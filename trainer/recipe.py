"""A recipe: one screen of TOML that says which raw sources become training data, and by which filters.

The whole recipe is checked before the first row is read: every table and key is known (a misspelt one is answered with
the nearest), every value has its type, every path exists, every filter accepts its settings. Paths are relative to the
recipe's own folder, so a recipe can travel with its data.
"""

from __future__ import annotations

import difflib
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar

from indexer.database import masked
from indexer.errors import UserError
from trainer.examples import Task
from trainer.negation_data import Split
from trainer.sources_origin import Origin, check_origin, located

T = TypeVar("T")
FIELDS = ("anchor", "positive", "negative", "negatives", "score", "negation", "label", "text", "negated")
SEEDS = 2**32  # so many there are
TYPES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
TYPES |= {dict: "a table", tuple: "a list", list: "a list"}


@dataclass(frozen=True, slots=True)
class Source(Origin):
    """Raw examples to train on. `weight`: hand-set quality; `partners`: examples made of each labelled or running text.

    `fold`: only rows whose anchor lies on this side of the fixed split by hash (`negation_data.split_of`): four fifths, one fifth."""

    weight: float = 1.0
    licence: str = "unknown"  # as the card shall tell it
    task: Task = "retrieval"  # what its rows teach; adapters are trained by it
    partners: int = 2
    fold: Split | None = None


@dataclass(frozen=True, slots=True)
class FilterStep:
    """A filter of the recipe and its settings; `label` tells two uses of one filter apart."""

    name: str
    label: str
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Holdout(Origin):
    """A set that training must not have seen. Of a BEIR folder: the queries of `split`, and `passages` of its corpus."""

    split: str = "test"
    passages: Literal["judged", "all", "none"] = "judged"


@dataclass(frozen=True, slots=True)
class NegationStep:
    """Which sources' kept pairs become negation triplets: `most` of them at most; `probes` of each split for measuring.

    Positives with more than `max_words` are left alone: one denied sentence in a long text is not the text's opposite."""

    sources: tuple[str, ...]
    max_words: int = 40
    most: int | None = None
    probes: int = 2_000
    llm: Any = field(default=None, metadata={"given": True})  # tried where the rules abstain


@dataclass(frozen=True, slots=True)
class Recipe:
    """Sources and filters in order, hold-out sets, the seed of everything drawn."""

    sources: tuple[Source, ...]
    filters: tuple[FilterStep, ...] = ()
    holdouts: tuple[Holdout, ...] = ()
    seed: int = 0
    whitelist: Path | None = None  # rows that no filter may drop, see `trainer.whitelist`
    negation: NegationStep | None = None
    batch_budget: int | None = None  # examples that training is planned to draw: gives effective epochs per source


def load_recipe(path: Path) -> Recipe:
    """Read a recipe and check all of it. Raises UserError for the first thing that is wrong."""
    return parse_recipe(read_toml(path), path.parent)


def parse_recipe(raw: Mapping[str, Any], folder: Path) -> Recipe:
    """The same from a table already read; relative paths start at `folder`."""
    known = ("seed", "batch_budget", "source", "filters", "holdout", "whitelist", "negation")
    refuse_unknown(raw, known, "the recipe")
    sources = tuple(located(parsed(Source, table, "[[source]]", folder), folder) for table in tables(raw, "source"))
    if not sources:
        raise UserError(
            "The recipe has no source.", "no [[source]] table", 'add [[source]] with name = "…", path = "…"'
        )
    recipe = Recipe(
        sources,
        _steps(tables(raw, "filters")),
        tuple(located(parsed(Holdout, table, "[[holdout]]", folder), folder) for table in tables(raw, "holdout")),
        seed_of(raw.get("seed", 0)),
        folder / typed(raw["whitelist"], str, "whitelist") if "whitelist" in raw else None,
        _negation(typed(raw["negation"], dict, "negation"), folder) if "negation" in raw else None,
        typed(raw["batch_budget"], int, "batch_budget") if "batch_budget" in raw else None,
    )
    _check(recipe)
    return recipe


def read_toml(path: Path) -> dict[str, Any]:
    """A TOML file as a table. Raises UserError."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("The recipe cannot be read.", f"{path}: {error}", "name a TOML file in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise UserError("The recipe is not valid TOML.", f"{path}: {error}", "mend the line it names") from error


def tables(raw: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The tables of an array of tables, `[[key]]`; none where it is absent."""
    return [typed(table, dict, f"an entry of {key}") for table in typed(raw.get(key, []), list, key)]


def parsed(kind: type[T], table: Mapping[str, Any], where: str, folder: Path | None = None) -> T:
    """A frozen dataclass from a TOML table: its fields are the known keys, its annotations the types."""
    hints = typing.get_type_hints(kind)
    slots = [slot for slot in fields(kind) if slot.init and not slot.metadata.get("given")]  # type: ignore[arg-type]
    refuse_unknown(table, [slot.name for slot in slots], where)
    where = f"{where} {table['name']!r}" if isinstance(table.get("name"), str) else where
    for slot in slots:
        if slot.name not in table and slot.default is MISSING and slot.default_factory is MISSING:
            raise UserError(f"{where} lacks {slot.name!r}.", sorted(table), f'add {slot.name} = "…"')
    return kind(**{key: typed(value, hints[key], f"{key} of {where}", folder) for key, value in table.items()})


def refuse_unknown(keys: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise UserError for the first key that is not known, naming the nearest that is."""
    known = sorted(known)
    for key in keys:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1, 0.5)
            todo = f"did you mean {near[0]!r}? " if near else ""
            raise UserError(f"{where} does not know {key!r}.", key, f"{todo}known: {', '.join(known)}")


def seed_of(value: Any) -> int:
    """A seed that every generator of random numbers takes. Raises UserError for another value."""
    seed: int = typed(value, int, "seed")
    if not 0 <= seed < SEEDS:
        raise UserError("That is no seed.", seed, f"give a whole number from 0 to {SEEDS - 1}")
    return seed


def typed(value: Any, kind: Any, where: str, folder: Path | None = None) -> Any:
    """The value if it has the type, else UserError. Lists become tuples, texts become paths, whole numbers numbers."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return _choice(value, inner, where)
    if origin in (typing.Union, types.UnionType):
        return typed(value, next(part for part in inner if part is not type(None)), where, folder)
    if inner and inner[0] is Path:
        values = value if isinstance(value, list) else [value]
        return tuple((folder or Path()) / typed(part, str, where) for part in values)
    if origin is tuple:
        return tuple(typed(part, inner[0], f"an entry of {where}") for part in typed(value, list, where))
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return {key: typed(part, inner[1], f"{key} of {where}") for key, part in typed(value, dict, where).items()}
    return _plain(value, kind, where, folder)


def _plain(value: Any, kind: Any, where: str, folder: Path | None) -> Any:
    if kind is Any:
        return value
    if kind is Path:
        return (folder or Path()) / str(_plain(value, str, where, None))
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind:
        given = f"{masked(repr(value))} ({TYPES.get(type(value), type(value).__name__)})"
        raise UserError(f"{where} has the wrong type.", given, f"give {TYPES.get(kind, kind)}")
    return value


def _choice(value: Any, choices: tuple[Any, ...], where: str) -> Any:
    if value not in choices:
        near = difflib.get_close_matches(str(value), [str(choice) for choice in choices], 1, 0.5)
        todo = f"did you mean {near[0]!r}? " if near else ""
        raise UserError(f"{where} is none of its choices.", value, f"{todo}one of: {', '.join(map(str, choices))}")
    return value


def _steps(tables: list[dict[str, Any]]) -> tuple[FilterStep, ...]:
    from trainer.filters import FILTERS

    steps: list[FilterStep] = []
    for table in tables:
        if "name" not in table:
            raise UserError("A filter lacks its name.", table, f'add name = "…": {", ".join(FILTERS)}')
        name = typed(table["name"], str, "name of a filter")
        refuse_unknown([name], FILTERS, "filters")
        uses = sum(step.name == name for step in steps) + 1
        settings = {key: value for key, value in table.items() if key != "name"}
        steps.append(FilterStep(name, name if uses == 1 else f"{name} {uses}", settings))
    return tuple(steps)


def _negation(table: dict[str, Any], folder: Path) -> NegationStep:
    step = parsed(NegationStep, {key: value for key, value in table.items() if key != "llm"}, "[negation]")
    if "llm" not in table:
        return step
    from trainer.negation_llm import LlmSettings

    llm = typed(table["llm"], dict, "llm of [negation]")
    return replace(step, llm=parsed(LlmSettings, llm, "[negation.llm]", folder))


def _check(recipe: Recipe) -> None:
    kinds: tuple[tuple[str, tuple[Origin, ...]], ...]
    kinds = (("[[source]]", recipe.sources), ("[[holdout]]", recipe.holdouts))
    for kind, named in kinds:
        names = [entry.name for entry in named]
        twice = next((name for name in names if names.count(name) > 1 or not name.strip()), None)
        if twice is not None:
            raise UserError(f"Each {kind} needs a name of its own.", twice, "rename one of them")
        for entry in named:
            check_origin(entry, kind)
            refuse_unknown(entry.fields, FIELDS, f"fields of {entry.name!r}")
    for source in recipe.sources:
        if not 0 < source.weight < float("inf") or source.partners < 1:
            raise UserError(f"{source.name!r}: weight and partners must be above zero.", source.weight, "give 1.0")
    if recipe.batch_budget is not None and recipe.batch_budget < 1:
        raise UserError("batch_budget must be above zero.", recipe.batch_budget, "give steps × batch size")
    if recipe.negation:
        refuse_unknown(recipe.negation.sources, [source.name for source in recipe.sources], "sources of [negation]")
        if min(recipe.negation.probes, recipe.negation.most or 0) < 0 or not recipe.negation.sources:
            raise UserError("[negation] needs sources, and no number below zero.", recipe.negation, 'sources = ["nli"]')
    slashed = next((source.name for source in recipe.sources if "/" in source.name), None)
    if slashed is not None:
        raise UserError("The name of a source holds a slash.", slashed, "leave it out: made rows use it")
    guarded = any(step.name == "leakage" for step in recipe.filters)
    if guarded != bool(recipe.holdouts):
        missing = "[[holdout]]" if guarded else '{name = "leakage"} among the filters'
        raise UserError("Hold-out sets and the leakage filter need each other.", f"no {missing}", f"add {missing}")
