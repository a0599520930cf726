"""The filters of `trainer prepare`, by the name a recipe uses.

Each lives in the module of its own name and is imported only when a recipe asks for it: some need torch or fastText.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainer.filters.verdicts import Filter
    from trainer.recipe import FilterStep, Holdout

FILTERS: Mapping[str, str] = {  # name → class, in the order in which a recipe usually has them: the cheap ones first
    "empty": "Empty",
    "identical": "Identical",
    "length": "Length",
    "boilerplate": "Boilerplate",
    "language": "Language",
    "exact": "Exact",
    "near": "Near",
    "overlap": "Overlap",
    "leakage": "Leakage",
    "consistency": "Consistency",
    "margin": "Margin",
    "guard": "Guard",
}

OWN_THREADS = ("consistency", "margin", "guard")  # models and products of matrices use all cores by themselves


def filter_class(name: str) -> Any:
    """The class of a filter, imported now."""
    return getattr(import_module(f"trainer.filters.{name}"), FILTERS[name])


def make_filter(step: FilterStep, holdouts: tuple[Holdout, ...] = ()) -> Filter:
    """The filter with its settings, checked: unknown ones are refused with the nearest known, wrong types by name."""
    from trainer.recipe import parsed

    settings = dict(step.settings)
    made: Filter = parsed(filter_class(step.name), settings, f"filter {step.name!r}")
    if step.name == "leakage":
        from dataclasses import replace

        made = replace(made, holdouts=holdouts)  # type: ignore[type-var]
    return made
