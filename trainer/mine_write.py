"""From candidates to a folder: negatives are chosen anchor by anchor, then every pair is written with those of its anchor.

The folder looks like one of `trainer prepare`: the same columns, and in `scores`, beside what the filters said, what the
miner saw: {"mine": {"positive": score of the anchor's weakest positive, "negatives": scores, "ranks": from 1, positives
not counted}}. The card is written last: a folder with a card is whole.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from indexer.encode import load_encoder
from indexer.encode.models import resolve
from indexer.errors import UserError
from indexer.files import canonical_json, digest, sha256, sync_file, sync_folder, write_bytes
from indexer.plan import IndexPlan
from indexer.progress import Watcher
from trainer.filters.consistency_texts import SIDES, Texts, collect, keys_of
from trainer.mine import CARD, PAIRS, TRIPLETS, Mining
from trainer.mine_candidates import SEED, Block, Owned, blocks, encoded, own_texts, owned, pair_batches, planned
from trainer.mine_choice import REASONS, chosen, judged
from trainer.normal import as_series, content_hashes
from trainer.prepare_write import Rows, kept_schema

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Negatives:
    """Per anchor: rows of its negatives (−1: none), their scores and ranks, and the score of its weakest positive; on disk."""

    rows: Array  # [anchors, n]
    scores: Array
    ranks: Array
    weakest: Array  # [anchors]


def write_mined(mining: Mining, told: dict[str, Any], out: Path, work: Path, watch: Watcher) -> None:
    """Do all of it; `told` is what the card says of settings and prepared data."""
    began = time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    texts, file = work / "texts", mining.data / PAIRS
    collect(pair_batches(file, mining.sources), texts, SEED)
    belongs = owned(file, mining.sources, texts)
    if len(belongs.starts) < 2:
        raise UserError("There is no pair to mine negatives for.", file, "name other sources, or prepare more")
    negatives, reasons, plan = _mined(mining, belongs, texts, work, watch)
    counts = _write_rows(mining, negatives, texts, work / TRIPLETS, watch)
    if not counts["triplets"]:
        todo = "lower the margins, or raise range_max or max_score"
        raise UserError("No pair got a negative.", ", ".join(f"{name}: {n:,}" for name, n in reasons.items()), todo)
    (out / CARD).unlink(missing_ok=True)
    sync_file(work / TRIPLETS)
    (work / TRIPLETS).replace(out / TRIPLETS)
    sync_folder(out)
    card = _card(mining, told, counts, reasons, plan, len(belongs.starts) - 1)
    card |= {"timing": {"seconds": round(time.monotonic() - began, 3)}}
    write_bytes(out / CARD, canonical_json(card))


def _mined(
    mining: Mining, belongs: Owned, texts: Path, work: Path, watch: Watcher
) -> tuple[Negatives, dict[str, int], IndexPlan]:
    from trainer.mine_guide import guide_of

    folder = resolve(mining.model)
    vectors = encoded(texts, work / "model", load_encoder(folder, precision=mining.precision), watch)
    guide = guide_of(mining, belongs, texts, work / "guide", watch)
    plan = planned(vectors[1], mining.index)
    negatives = _on_disk(work, len(vectors[0]), mining.rules.num_negatives)
    reasons: Counter[str] = Counter()
    draw = np.random.default_rng(mining.seed)
    for block in blocks(vectors, belongs, own_texts(texts), plan, mining.rules.range_max, watch):
        codes = judged(block.scores, block.own, block.weakest, mining.rules)
        places = chosen(codes, mining.rules, draw, guide.accept(block) if guide else None)
        _keep(negatives, block, places)
        for code, number in zip(*np.unique(codes[codes != 1], return_counts=True), strict=True):
            reasons[REASONS[code]] += int(number)
    return negatives, {name: reasons[name] for name in REASONS if reasons[name]}, plan


def _on_disk(work: Path, anchors: int, n: int) -> Negatives:
    def array(name: str, kind: type, *shape: int) -> Array:
        return np.lib.format.open_memmap(work / f"{name}.npy", "w+", kind, shape)

    return Negatives(
        array("rows", np.int64, anchors, n),
        array("scores", np.float32, anchors, n),
        array("ranks", np.int32, anchors, n),
        array("weakest", np.float32, anchors),
    )


def _keep(negatives: Negatives, block: Block, places: NDArray[np.int64]) -> None:
    """Take down a block's negatives; their ranks count candidates that are not the anchor's own."""
    taken = np.maximum(places, 0)
    ranks = np.cumsum(~block.own, axis=1)
    for kept, found in ((negatives.rows, block.passages), (negatives.scores, block.scores), (negatives.ranks, ranks)):
        kept[block.anchors] = np.where(places >= 0, np.take_along_axis(found, taken, axis=1), -1)
    negatives.weakest[block.anchors] = block.weakest


def _write_rows(mining: Mining, negatives: Negatives, texts: Path, target: Path, watch: Watcher) -> dict[str, Any]:
    counts: dict[str, Any] = {"triplets": 0, "negatives": 0, "left_out": 0, "short": 0, "sources": Counter()}
    anchors, passages = (Texts(texts, side) for side in SIDES)
    with Rows(target, kept_schema()) as writer:
        for batch in pair_batches(mining.data / PAIRS, mining.sources):
            rows = anchors.rows_of(keys_of(batch.column("anchor"), SEED))
            full = (negatives.rows[rows] >= 0).sum(axis=1)
            kept = batch.filter(pa.array(full > 0))
            writer.add(_triplets(kept, rows[full > 0], negatives, passages))
            counts["triplets"] += kept.num_rows
            counts["negatives"] += int(full.sum())
            counts["left_out"] += int((full == 0).sum())
            counts["short"] += int(((full > 0) & (full < mining.rules.num_negatives)).sum())
            counts["sources"].update(kept.column("source").to_pylist())
            watch("writing", counts["triplets"], None)
    return counts


def _triplets(batch: pa.RecordBatch, rows: NDArray[np.int64], negatives: Negatives, passages: Texts) -> pa.RecordBatch:
    found = [[int(row) for row in negatives.rows[anchor] if row >= 0] for anchor in rows]
    said = [[passages.text(row) for row in own] for own in found]
    scores = [
        _scores(before, negatives, anchor, len(own))
        for before, anchor, own in zip(batch.column("scores").to_pylist(), rows, found, strict=True)
    ]
    content = content_hashes(as_series(batch.column("anchor")), as_series(batch.column("positive")), said)
    made = {"negatives": said, "scores": scores, "content": content}
    columns = [
        pa.array(made[slot.name], slot.type) if slot.name in made else batch.column(slot.name) for slot in kept_schema()
    ]
    return pa.RecordBatch.from_arrays(columns, schema=kept_schema())


def _scores(before: str | None, negatives: Negatives, anchor: int, count: int) -> str:
    mined = {
        "positive": round(float(negatives.weakest[anchor]), 6),
        "negatives": [round(float(score), 6) for score in negatives.scores[anchor][:count]],
        "ranks": negatives.ranks[anchor][:count].tolist(),
    }
    return canonical_json((json.loads(before) if before else {}) | {"mine": mined}).decode().strip()


def _card(
    mining: Mining, told: dict[str, Any], counts: dict[str, Any], reasons: dict[str, int], plan: IndexPlan, anchors: int
) -> dict[str, Any]:
    """As `trainer prepare` writes one: what training reads of it is sources, licences, filters and what was kept."""
    prepared = told["prepared"]
    taken = ("rows", "licence", "weight", "task", "inputs")
    sources = {
        name: {key: prepared["sources"][name].get(key) for key in taken} | {"kept": {"pairs": 0, "triplets": number}}
        for name, number in sorted(counts["sources"].items())
    }
    settings = {key: told[key] for key in ("model", "guide", "rules", "seed", "index")}
    mined = {key: counts[key] for key in ("negatives", "left_out", "short")}
    card = {
        "format": 1,
        "identity": told["identity"],
        "kept": {"pairs": 0, "triplets": counts["triplets"]},
        "sources": sources,
        "settings": {"filters": prepared.get("settings", {}).get("filters", []), "mining": settings},
        "mined": mined | {"anchors": anchors, "candidates": reasons, "index": plan.why},
        "inputs": {"pairs": sha256(mining.data / PAIRS), "prepared": prepared.get("digest")},
    }
    return card | {"digest": digest(card)}
