"""`trainer prepare`: raw sources through the recipe's filters to training data, with a reason for every drop.

The work is a chain of stages under OUT/.work: one per source that is read, one per filter. A stage's name is the digest
of everything that went into it, and its marker is written last; so a finished stage is never run again, a killed run
goes on where it stopped, and a changed setting runs again only what comes after it. Filters do not copy rows: each
leaves a bit per row (still alive?) and its verdicts, and the last step writes pairs, triplets, dropped and the card.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from indexer.errors import UserError
from indexer.files import digest
from indexer.progress import Watcher, unwatched
from trainer.filters import make_filter
from trainer.filters.verdicts import Filter
from trainer.recipe import FilterStep, Holdout, Recipe, Source
from trainer.sources import check_source, digests_of
from trainer.whitelist import Sparing, read_whitelist

if TYPE_CHECKING:
    from trainer.filters.leakage import Leakage
    from trainer.prepare_stages import Stage

FORMAT = 3  # raise it when the code makes other rows or verdicts of the same input


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a recipe: rows kept and dropped (filter → reason → rows), where, and whether anything was done."""

    out: Path
    kept: dict[str, int]
    dropped: dict[str, dict[str, int]]
    card: dict[str, Any]
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class Planned:
    """A recipe that was checked: every source with its input digests, every filter made."""

    recipe: Recipe
    inputs: dict[str, dict[str, str]]  # source → SHA-256 → file name
    filters: tuple[tuple[FilterStep, Filter], ...]


def check(recipe: Recipe) -> Planned:
    """All that can be refused before the first row: files, fields, settings, hold-out sets. This is `--dry-run`."""
    entries: tuple[Source | Holdout, ...] = (*recipe.sources, *recipe.holdouts)
    for entry in entries:
        check_source(entry)
    spared = read_whitelist(recipe.whitelist) if recipe.whitelist else frozenset()
    made = ((step, make_filter(step, recipe.holdouts)) for step in recipe.filters)
    filters = tuple((step, Sparing(one, spared) if spared else one) for step, one in made)
    if recipe.negation:
        filters += (negation_step(recipe, filters),)
    return Planned(recipe, {source.name: digests_of(source) for source in recipe.sources}, filters)


def negation_step(recipe: Recipe, filters: tuple[tuple[FilterStep, Filter], ...]) -> tuple[FilterStep, Filter]:
    """The last stage: what the filters kept becomes negation data."""
    from trainer.negation_stage import NegationStage

    assert recipe.negation is not None
    leakage = next((step for step, _ in filters if step.name == "leakage"), None)
    held = cast("Leakage", make_filter(leakage, recipe.holdouts)) if leakage else None
    name = NegationStage.name
    return FilterStep(name, name, {}), NegationStage(recipe.negation, recipe.seed, held)


def prepare(recipe: Recipe, out: Path, watch: Watcher = unwatched, *, workers: int = 1) -> Report:
    """Run a recipe. Writes pairs.parquet, triplets.parquet, dropped.parquet and card.json into `out`.

    `workers` processes share the work; their number changes nothing in what is written."""
    from trainer.card import finished_card
    from trainer.prepare_write import write_results

    planned = check(recipe)
    _own(out)
    chain = identities(planned)
    weights = [source.weight for source in recipe.sources]
    whole = digest([chain, recipe.batch_budget, weights])
    card = finished_card(out, whole)
    if card is None:
        read, judged = _run(planned, out / ".work", chain, watch, workers)
        card = write_results(planned, out, whole, read, judged, watch)
        return Report(out, card["kept"], card["dropped"], card)
    return Report(out, card["kept"], card["dropped"], card, unchanged=True)


def _own(out: Path) -> None:
    """Refuse a folder that holds something else: results are replaced, other people's files are not."""
    if out.is_file():
        raise UserError("The output must be a folder.", out, "name a new folder with --out")
    ours = {".work", "card.json", "pairs.parquet", "triplets.parquet", "dropped.parquet", "probes.parquet"}
    strange = [entry.name for entry in out.iterdir() if entry.name not in ours] if out.is_dir() else []
    if strange and not (out / ".work").is_dir():
        raise UserError("The output folder holds other files.", f"{out}: {strange[0]}", "name a new or empty folder")


def identities(planned: Planned) -> list[str]:
    """The name of every stage: of what it reads, then of each filter's chain up to it."""
    seed = planned.recipe.seed
    names = [_read_identity(source, seed, planned.inputs[source.name]) for source in planned.recipe.sources]
    chain = digest(names)
    for step, made in planned.filters:
        chain = digest([FORMAT, chain, step.label, made.name, made.settings()])
        names.append(chain)
    return names


def _read_identity(source: Source, seed: int, inputs: dict[str, str]) -> str:
    """Not the paths: the same bytes under another name, in another order, are the same source. Nor the weight."""
    names = ("name", "format", "licence", "task", "split", "partners", "config", "fold")
    kept = {name: getattr(source, name) for name in names}
    return digest([FORMAT, kept, dict(source.fields), seed, sorted(inputs)])


def _run(
    planned: Planned, work: Path, chain: list[str], watch: Watcher, number: int
) -> tuple[list[Stage], list[Stage]]:
    from concurrent.futures.process import BrokenProcessPool

    from trainer.batches import Workers
    from trainer.prepare_stages import filter_stage, read_stage

    sources = planned.recipe.sources
    read = [
        read_stage(source, planned.recipe.seed, planned.inputs[source.name], work / f"read-{name[:16]}", watch)
        for source, name in zip(sources, chain, strict=False)
    ]
    judged: list[Stage] = []
    try:
        with Workers(number) as workers:
            for (step, made), name in zip(planned.filters, chain[len(sources) :], strict=True):
                folder, before = work / f"{step.name}-{name[:16]}", judged[-1] if judged else None
                judged.append(filter_stage(step.label, made, read, before, folder, watch, workers))
    except BrokenProcessPool as error:
        what = "A worker process ended before its work was done, most often for lack of memory."
        raise UserError(what, f"{number} workers", "run again with --workers 1; it goes on where it was") from error
    return read, judged


def only_filters(recipe: Recipe, names: list[str]) -> Recipe:
    """The recipe with only these of its filters, for `--only`."""
    from dataclasses import replace

    from trainer.recipe import refuse_unknown

    known = [step.label for step in recipe.filters] + ["negation"] * (recipe.negation is not None)
    refuse_unknown(names, known, "--only")
    kept = tuple(step for step in recipe.filters if step.label in names)
    guarded = any(step.name == "leakage" for step in kept)
    negation = recipe.negation if "negation" in names else None
    return replace(recipe, filters=kept, holdouts=recipe.holdouts if guarded else (), negation=negation)


def stage_labels(planned: Planned) -> Iterator[str]:
    """What a run will do, in order, for people."""
    yield from (f"read {source.name}" for source in planned.recipe.sources)
    yield from (step.label for step, _ in planned.filters)
