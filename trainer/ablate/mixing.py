"""Real pairs with noise of which the truth is known: the data that a noise ladder is prepared from.

Every source becomes one Parquet file: at most `rows` of its rows, a share of them with the positive of another row, a share
replaced by rows in another language, and a column `noise` that says which. The shares are of all rows. Triplets stay as they are,
and so do rows that cannot be read: they are left out. Everything drawn follows from the seed and the source's name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from indexer.errors import UserError
from indexer.files import writing
from indexer.progress import Watcher
from trainer.recipe import Recipe, Source
from trainer.sources import digests_of, read_source
from trainer.sources_origin import Origin
from trainer.sources_shapes import Example

RIGHT, MISMATCHED, FOREIGN = "right", "mismatched", "foreign"
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Mixture:
    """How much of what: `level` mismatched, `foreign` replaced by rows of `foreign_path`; at most `rows` of each source."""

    level: float = 0.0
    foreign: float = 0.0
    foreign_path: Path | None = None
    rows: int | None = None


def mixed(recipe: Recipe, mixture: Mixture, seed: int, folder: Path, watch: Watcher) -> Recipe:
    """The recipe over mixed files, which are written into `folder`. Raises UserError where foreign rows do not suffice."""
    strangers = _pairs(Origin(FOREIGN, (mixture.foreign_path,))) if mixture.foreign_path and mixture.foreign else []
    strangers = _taken(strangers, np.random.default_rng([seed, 1]).permutation(len(strangers)))
    sources = []
    for number, source in enumerate(recipe.sources):
        watch("mixing", number, len(recipe.sources))
        examples = _sample(_examples(source, recipe.seed), mixture.rows, _draw(seed, source.name, 0))
        table, used = mix(examples, mixture, strangers, _draw(seed, source.name, 1))
        strangers = strangers[used:]
        file = folder / f"{number:02}.parquet"
        with writing(file) as stream:
            pq.write_table(table, stream, compression="zstd")
        sources.append(_of_file(source, file))
    return replace(recipe, sources=tuple(sources))


def mix(
    examples: Sequence[Example], mixture: Mixture, strangers: Sequence[Example], draw: np.random.Generator
) -> tuple[pa.Table, int]:
    """One source's rows with noise, and how many of the strangers were used."""
    pairs = np.array([place for place, example in enumerate(examples) if not example.negatives], np.int64)
    order = draw.permutation(pairs)
    foreign, wrong = (round(share * len(pairs)) for share in (mixture.foreign, mixture.level))
    if foreign > len(strangers):
        given = f"{len(strangers):,} left, {foreign:,} needed"
        raise UserError("There are not enough foreign rows.", given, "lower `foreign` or `rows`, or name a larger file")
    made, noise = list(examples), [RIGHT] * len(examples)
    for place, stranger in zip(order[:foreign].tolist(), strangers, strict=False):
        made[place], noise[place] = stranger, FOREIGN
    chosen = order[foreign : foreign + wrong]
    for place, other in zip(chosen.tolist(), chosen[deranged([examples[row].positive for row in chosen])], strict=True):
        made[place] = replace(examples[place], positive=examples[other].positive)
        noise[place] = RIGHT if examples[other].positive == examples[place].positive else MISMATCHED
    return _table(made, noise), foreign


def deranged(texts: Sequence[str]) -> Rows:
    """A permutation of places that gives every place another text, wherever no text fills more than half of them.

    The order in which the texts come is the chance in it: equal ones are moved together, and all move on by as many
    places as the commonest text has."""
    groups: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        groups.setdefault(text, []).append(place)
    order = np.array([place for group in groups.values() for place in group], np.int64)
    moved = np.empty(len(order), np.int64)
    moved[order] = np.roll(order, max((len(group) for group in groups.values()), default=0))
    return moved


def _examples(source: Origin, seed: int) -> list[Example]:
    found = read_source(source, seed, digests_of(source))
    return [entry for _, entry in found if isinstance(entry, Example)]


def _pairs(source: Origin) -> list[Example]:
    return [example for example in _examples(source, 0) if not example.negatives]


def _sample(examples: list[Example], most: int | None, draw: np.random.Generator) -> list[Example]:
    if most is None or len(examples) <= most:
        return examples
    return _taken(examples, np.sort(draw.permutation(len(examples))[:most]))


def _taken(examples: Sequence[Example], places: Rows) -> list[Example]:
    return [examples[place] for place in places.tolist()]


def _draw(seed: int, name: str, use: int) -> np.random.Generator:
    return np.random.default_rng([seed, int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest()), use])


def _table(examples: Sequence[Example], noise: Sequence[str]) -> pa.Table:
    values: dict[str, tuple[list[Any], pa.DataType]] = {
        "anchor": ([example.anchor for example in examples], pa.string()),
        "positive": ([example.positive for example in examples], pa.string()),
        "negatives": ([list(example.negatives) for example in examples], pa.list_(pa.string())),
        "score": ([example.score for example in examples], pa.float64()),
        "negation": ([example.negation for example in examples], pa.bool_()),
        "noise": (list(noise), pa.string()),
    }
    return pa.table({name: pa.array(column, kind) for name, (column, kind) in values.items()})


def _of_file(source: Source, file: Path) -> Source:
    """The source read from a mixed file; its name, weight, licence and task stay."""
    return Source(source.name, (file,), weight=source.weight, licence=source.licence, task=source.task)
