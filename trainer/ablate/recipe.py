"""An ablation on one screen of TOML: whose filters, which training, which suite, which seeds, which noise.

The three files it names are the ones that `trainer prepare`, `trainer train` and `trainer evaluate` take. A path of the
training that ends in `@prepared` stands for the data of each variant. Everything is checked before the first cell runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.errors import UserError
from trainer.ablate.variants import Variant, variants_of
from trainer.recipe import Recipe, load_recipe, parsed, read_toml, refuse_unknown, typed

if TYPE_CHECKING:
    from trainer.evaluate import Suite
    from trainer.train import Training
    from trainer.train.recipe import Data

PREPARED = "@prepared"
ALWAYS = (
    "empty",
    "identical",
    "exact",
    "leakage",
)  # what is broken, double or of the test set is no training data at all


@dataclass(frozen=True, slots=True)
class Noise:
    """Wrong rows, mixed in on purpose: at each of `levels` that share of all rows gets the positive of another row of its
    source, and the share `foreign` is replaced by rows of `foreign_path`; at level 0 nothing is mixed in.

    At the levels of `ends` only no filter and all of them are compared."""

    levels: tuple[float, ...]
    foreign: float = 0.0
    foreign_path: Path | None = None
    ends: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Start:
    """A model made from `model`: its first `layers` layers, of which the last `fresh` begin anew, by the cell's seed."""

    model: str
    fresh: int
    layers: int | None = None


@dataclass(frozen=True, slots=True)
class Ablation:
    """A whole ablation, with what its files say. `rows`: at most so many of each source, drawn by the cell's seed."""

    recipe: Recipe
    training: Training
    suite: Suite
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...] = (0, 1, 2)
    rows: int | None = None
    noise: Noise | None = None
    start: Start | None = None

    @property
    def levels(self) -> tuple[float | None, ...]:
        """The noise levels; one None where there is no noise."""
        return self.noise.levels if self.noise else (None,)

    def variants_at(self, level: float | None) -> tuple[Variant, ...]:
        """What is compared at a level."""
        most = max(len(variant.filters) for variant in self.variants)
        ends = self.noise is not None and level in self.noise.ends
        return tuple(variant for variant in self.variants if not ends or len(variant.filters) in (0, most))


@dataclass(frozen=True, slots=True)
class _Settings:
    """Three files and what to compare. Variants are named by the filters they have, beside those that all have."""

    prepare: Path  # a recipe of `trainer prepare`, its filters those to be compared
    train: Path  # a recipe of `trainer train`; a path `@prepared` in it stands for the data of each variant
    suite: Path  # a suite of `trainer evaluate`
    seeds: tuple[int, ...] = (0, 1, 2)  # each variant is trained by each
    variants: Any = "table"  # none, each alone, all; "all": also each left out; or a list: [["near"], ["overlap"]]
    always: tuple[str, ...] | None = None  # filters of every variant; left out: empty, identical, exact, leakage
    rows: int | None = None  # at most so many of each source, drawn by the seed
    noise: Noise | None = field(default=None, metadata={"given": True})
    start: Start | None = field(default=None, metadata={"given": True})


def load_ablation(path: Path) -> Ablation:
    """Read an ablation and the files it names, and check all of it. Raises UserError for the first thing that is wrong."""
    return parse_ablation(read_toml(path), path.parent)


def parse_ablation(raw: Mapping[str, Any], folder: Path) -> Ablation:
    """The same from a table already read; relative paths start at `folder`."""
    from trainer.evaluate import load_suite
    from trainer.train import load_training

    plain = {key: value for key, value in raw.items() if key not in ("noise", "start")}
    refuse_unknown(raw, _Settings.__dataclass_fields__, "the ablation")
    settings = parsed(_Settings, plain, "the ablation", folder)
    recipe, training = load_recipe(settings.prepare), load_training(settings.train)
    labels = [step.label for step in recipe.filters]
    always = tuple(name for name in ALWAYS if name in labels) if settings.always is None else settings.always
    refuse_unknown(always, labels, "always")
    found = Ablation(
        recipe,
        training,
        load_suite(settings.suite),
        variants_of(labels, always, settings.variants),
        settings.seeds,
        settings.rows,
        parsed(Noise, typed(raw["noise"], dict, "noise"), "[noise]", folder) if "noise" in raw else None,
        _start(typed(raw["start"], dict, "start"), folder) if "start" in raw else None,
    )
    _check(found)
    return found


def _start(table: Mapping[str, Any], folder: Path) -> Start:
    start = parsed(Start, table, "[start]")
    path = folder / Path(start.model).expanduser()
    return replace(start, model=str(path)) if path.is_dir() else start


def _check(ablation: Ablation) -> None:
    seeds = ablation.seeds
    if not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0:
        raise UserError("seeds are different whole numbers from 0 on.", seeds, "seeds = [0, 1, 2]")
    if ablation.rows is not None and ablation.rows < 2:
        raise UserError("rows is too small to train on.", ablation.rows, "give some thousands, or leave it out")
    if ablation.training.adapters:
        raise UserError("An ablation trains one model.", "[[adapter]] in the training", "leave the adapters out")
    if not any(data.path.name == PREPARED for data in data_of(ablation.training)):
        todo = f'name the data of a phase path = "{PREPARED}"'
        raise UserError("The training does not use the data that are ablated.", f"no path {PREPARED!r}", todo)
    if ablation.start is not None and ablation.start.fresh < 1:
        raise UserError("[start] fresh counts layers.", ablation.start.fresh, "give 1 or more")
    if ablation.noise is not None:
        _check_noise(ablation.noise)


def _check_noise(noise: Noise) -> None:
    levels, foreign = noise.levels, noise.foreign
    if not levels or len(set(levels)) < len(levels) or min(levels) < 0 or max(levels) + foreign > 1 or foreign < 0:
        todo = "levels are different shares of all rows; the highest and `foreign` together give 1 at most"
        raise UserError("[noise] has levels that cannot be.", f"levels {levels}, foreign {foreign}", todo)
    if (foreign > 0) != (noise.foreign_path is not None):
        raise UserError(
            "foreign and foreign_path need each other.", foreign, 'add foreign_path = "…", or leave both out'
        )
    refuse_unknown(map(str, noise.ends), map(str, levels), "ends of [noise]")


def data_of(training: Training) -> list[Data]:
    """Every data entry of a training."""
    return [data for phase in training.phases for data in phase.data]
