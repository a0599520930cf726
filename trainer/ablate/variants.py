"""Which sets of filters are compared: none of them, each alone, all; also each left out; or the sets that a recipe lists.

Filters that must always stand (what is empty, double or held out for testing) are part of every variant, and of no name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from indexer.errors import UserError
from trainer.recipe import refuse_unknown, typed


@dataclass(frozen=True, slots=True)
class Variant:
    """A set of the ablated filters. `steps`: the labels that stay of the recipe's filters, in its order."""

    name: str
    filters: tuple[str, ...]
    steps: tuple[str, ...]


def variants_of(labels: Sequence[str], always: Sequence[str], asked: Any) -> tuple[Variant, ...]:
    """The variants over a recipe's filters, "none" first. `asked`: "table", "all", or a list of lists of labels."""
    ablated = [label for label in labels if label not in always]
    if not ablated:
        todo = "add a filter to the recipe, or take one out of `always`"
        raise UserError("There is no filter to ablate.", f"filters {list(labels)}, always {list(always)}", todo)
    sets = _listed(asked, ablated) if isinstance(asked, list) else _named(asked, ablated)
    found: dict[frozenset[str], Variant] = {}
    for chosen in ((), *sets):
        steps = tuple(label for label in labels if label in always or label in chosen)
        filters = tuple(label for label in ablated if label in chosen)
        found.setdefault(frozenset(filters), Variant(_name(filters, ablated), filters, steps))
    return tuple(found.values())


def _named(asked: Any, ablated: Sequence[str]) -> list[tuple[str, ...]]:
    if asked not in ("table", "all"):
        todo = '"table": none, each alone, all; "all": also each left out; or a list such as [["language"], ["near"]]'
        raise UserError("variants are not understood.", asked, todo)
    alone = [(label,) for label in ablated]
    left_out = [tuple(other for other in ablated if other != label) for label in ablated] if asked == "all" else []
    return [*alone, *left_out, tuple(ablated)]


def _listed(asked: list[Any], ablated: Sequence[str]) -> list[tuple[str, ...]]:
    sets = [typed(entry, tuple[str, ...], "an entry of variants") for entry in asked]
    for chosen in sets:
        refuse_unknown(chosen, ablated, "variants")
    return sets


def _name(filters: Sequence[str], ablated: Sequence[str]) -> str:
    if not filters:
        return "none"
    if len(filters) == len(ablated):
        return "all" if len(ablated) > 1 else filters[0]
    missing = [label for label in ablated if label not in filters]
    if len(missing) == 1 and len(filters) > 1:
        return f"all but {missing[0]}"
    return " + ".join(filters)
