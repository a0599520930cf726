"""A cell of the grid: one variant at one noise level with one seed; named by the digest of all that decides its result.

So a recipe that was changed computes only what changed. What counts is content: not where files lie, nor what they are called.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from indexer.files import digest, sha256
from trainer.ablate.recipe import PREPARED, Ablation, data_of
from trainer.ablate.variants import Variant
from trainer.recipe import Recipe

FORMAT = 1  # raise it when the code gives other results for the same input


@dataclass(frozen=True, slots=True)
class Cell:
    """What one cell is; `key` is its digest."""

    level: float | None
    variant: Variant
    seed: int
    key: str

    @property
    def name(self) -> str:
        """For people."""
        noise = "" if self.level is None else f"noise {self.level:.0%} | "
        return f"{noise}{self.variant.name} | seed {self.seed}"


def cells_of(ablation: Ablation) -> list[Cell]:
    """All cells, level by level, seed by seed. Raises UserError for what could not be prepared or trained."""
    shared = _shared(ablation)
    steps = {variant.name: _steps_key(ablation.recipe, variant) for variant in ablation.variants}
    return [
        Cell(level, variant, seed, digest([shared, steps[variant.name], _mixing_key(ablation, level), seed]))
        for level in ablation.levels
        for seed in ablation.seeds
        for variant in ablation.variants_at(level)
    ]


def _shared(ablation: Ablation) -> list[Any]:
    """What decides in every cell: training, start, data beside the ablated ones, suite, versions."""
    from trainer.train.card import versions
    from trainer.train.data import digests_of, weights_of
    from trainer.train.recipe import plain

    training, start = ablation.training, ablation.start
    others = [data for data in data_of(training) if data.path.name != PREPARED]
    beside = [[sorted(digests_of(data).values()), weights_of(data)] for data in others]
    begin = asdict(start) | {"model": _fingerprint(start.model, 0)} if start else _fingerprint(training.start, 0)
    sets = [asdict(entry) | {"path": _content(entry.path), "dev": _content(entry.dev)} for entry in ablation.suite.sets]
    suite = [sets, ablation.suite.dims, ablation.suite.seed]
    settings = plain(replace(training, start="", seed=0))
    return [FORMAT, settings, beside, begin, suite, versions()]


def _fingerprint(start: Any, seed: int) -> str:
    from trainer.train.starting import start_fingerprint

    return start_fingerprint(start, seed)


def _content(path: Path | None) -> list[str]:
    """Digests of what a set reads, wherever it lies."""
    if path is None or not path.exists():
        return [str(path and path.name)]
    return [sha256(file) for file in ([path] if path.is_file() else sorted(path.rglob("*"))) if file.is_file()]


def _steps_key(recipe: Recipe, variant: Variant) -> list[str]:
    from trainer.prepare import check, identities

    weights = [str(source.weight) for source in recipe.sources]
    return [*identities(check(chosen(recipe, variant))), *weights]


def _mixing_key(ablation: Ablation, level: float | None) -> list[Any]:
    noise = ablation.noise
    if not level or noise is None:
        return [ablation.rows, level, 0.0, []]
    return [ablation.rows, level, noise.foreign, _content(noise.foreign_path)]


def chosen(recipe: Recipe, variant: Variant) -> Recipe:
    """The recipe with the filters of a variant, and its negation data where it makes some."""
    from trainer.prepare import only_filters

    return only_filters(recipe, [*variant.steps, *(["negation"] if recipe.negation else [])])
