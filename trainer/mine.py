"""`trainer mine`: hard negatives for the pairs of prepared data; out comes a folder that `trainer train` reads as it reads any.

A model finds for every anchor the passages that are nearest to it and not its own, through our index; margins set aside what
may well be right; a guide, another encoder or a cross-encoder, looks at what would be taken and refuses what it scores too near
to the positive. Every candidate that is no negative is counted with the reason. The same inputs give the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from indexer.encode import Precision
from indexer.encode.models import resolve
from indexer.errors import UserError
from indexer.files import digest, remove_folder, sha256
from indexer.progress import Watcher, unwatched
from trainer.mine_choice import Rules
from trainer.recipe import refuse_unknown

FORMAT = 1
PAIRS, TRIPLETS, CARD, WORK = "pairs.parquet", "triplets.parquet", "card.json", ".work"


@dataclass(frozen=True, slots=True)
class Guide:
    """A second opinion: a candidate that it scores above the anchor's weakest positive less `margin` is no negative."""

    model: str
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class Mining:
    """What is mined, with which model and by which rules. `sources`: of the preparation; none named: all."""

    model: str
    data: Path
    rules: Rules = field(default_factory=Rules)
    guide: Guide | None = None
    sources: tuple[str, ...] = ()
    seed: int = 0
    index: str = "auto"
    precision: Precision = "auto"


@dataclass(frozen=True, slots=True)
class Mined:
    """What came of it: triplets and their negatives, pairs left without any; candidates by reason; whether it was there already."""

    out: Path
    triplets: int
    negatives: int
    left_out: int
    candidates: dict[str, int]
    unchanged: bool = False


def mine(mining: Mining, out: Path, watch: Watcher = unwatched) -> Mined:
    """Mine, and write triplets.parquet and card.json into `out`. A killed run goes on after the last encoded block.

    Raises UserError for data that were not prepared, unknown sources, a broken model, and when no pair got a negative."""
    from trainer.mine_write import write_mined

    card = _prepared(mining)
    _refuse_other(out)
    settings = settings_of(mining)
    identity = digest([FORMAT, settings, sha256(mining.data / PAIRS)])
    done = _finished(out, identity)
    if done is None:
        work = out / WORK / identity[:16]
        write_mined(mining, settings | {"identity": identity, "prepared": card}, out, work, watch)
        remove_folder(out / WORK)
        done = _finished(out, identity)
        assert done is not None
        return Mined(out, *_told(done))
    return Mined(out, *_told(done), unchanged=True)


def settings_of(mining: Mining) -> dict[str, Any]:
    """What decides, models by their fingerprints: no path."""
    from trainer.filters.margin_scores import scorer_identity

    folder = resolve(mining.model)
    guide = mining.guide and scorer_identity(resolve(mining.guide.model), mining.precision) | {
        "margin": mining.guide.margin
    }
    plain = {"sources": sorted(mining.sources), "seed": mining.seed, "index": mining.index}
    own = scorer_identity(folder, mining.precision)
    if own["kind"] != "bi-encoder":
        raise UserError("Only an encoder can look for candidates.", folder, "give the cross-encoder with --guide")
    return {"model": own, "guide": guide, "rules": asdict(mining.rules)} | plain


def _prepared(mining: Mining) -> dict[str, Any]:
    try:
        card: dict[str, Any] = json.loads((mining.data / CARD).read_bytes())
        sources = card["sources"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        todo = "name a folder that `trainer prepare` finished"
        raise UserError("This folder holds no prepared data.", f"{mining.data}: {error}", todo) from error
    if not (mining.data / PAIRS).is_file():
        raise UserError("The prepared data hold no pairs.", mining.data / PAIRS, "prepare them again")
    refuse_unknown(mining.sources, sources, "the prepared data")
    return card


def _finished(out: Path, identity: str) -> dict[str, Any] | None:
    try:
        card: dict[str, Any] = json.loads((out / CARD).read_bytes())
    except (OSError, ValueError):
        return None
    return card if card.get("identity") == identity and (out / TRIPLETS).is_file() else None


def _told(card: Mapping[str, Any]) -> tuple[int, int, int, dict[str, int]]:
    mined = card["mined"]
    return card["kept"]["triplets"], mined["negatives"], mined["left_out"], mined["candidates"]


def _refuse_other(out: Path) -> None:
    """A folder that holds something else is left alone; prepared data are something else."""
    if out.is_file():
        raise UserError("The output must be a folder.", out, "name a new folder with --out")
    strange = (
        sorted(entry.name for entry in out.iterdir() if entry.name not in {WORK, CARD, TRIPLETS})
        if out.is_dir()
        else []
    )
    if strange:
        raise UserError("The output folder holds other files.", f"{out}: {strange[0]}", "name a new or empty folder")
