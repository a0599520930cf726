"""What the negation stage leaves in its folder: candidates while it chooses, then made rows and probes, in canonical order."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import ipc

from indexer.progress import Watcher, unwatched
from trainer.examples import examples_schema
from trainer.negation_stage import NEGATION, SAME, SENTENCES, TOLD, Candidates, Chosen, number_of
from trainer.normal import content_hashes
from trainer.prepare_read import PACKED, batches_of

if TYPE_CHECKING:
    from trainer.filters.leakage import Leakage


def probes_schema() -> pa.Schema:
    """EasyNegation: s(anchor, positive) > s(anchor, negative). HardNegation: s(anchor, positive) > s(positive, negative)."""
    texts = ("anchor", "positive", "negative", "split", "rule", "source", "file", "licence", "task")
    return pa.schema([*((name, pa.string()) for name in texts), ("line", pa.int64())])


def candidates_schema() -> pa.Schema:
    """A pair, where it came from, and what was made of its positive."""
    texts = [(name, pa.string()) for name in (*SENTENCES, "rule", "kind")]
    told = [examples_schema().field(name) for name in TOLD]
    return pa.schema([*texts, *told])


def write_candidates(found: Iterable[dict[str, list[Any]]], path: Path) -> Candidates:
    """Write the rows that have a negation; returns what is needed to choose."""
    numbers, abstained, without = [], Counter[str](), 0
    with ipc.new_file(str(path), candidates_schema(), options=PACKED) as writer:
        for columns in found:
            abstained.update(why for why, text in zip(columns["why"], columns["negation"], strict=True) if text is None)
            rows = pa.RecordBatch.from_pydict(
                {slot.name: columns[slot.name] for slot in candidates_schema()}, schema=candidates_schema()
            )
            rows = rows.filter(rows.column("negation").is_valid())
            without += rows.column("copy").null_count
            numbers.append(_numbers(rows))
            writer.write_batch(rows)
    joined = np.concatenate(numbers) if numbers else np.zeros((0, len(SENTENCES) + 1), np.uint64)
    return Candidates(joined[:, :-1], joined[:, -1], abstained, without)


def _numbers(rows: pa.RecordBatch) -> np.ndarray[Any, Any]:
    """uint64 [rows, 5]: the hashes of the four sentences, and the draw: the head of the content's hash."""
    columns = [[number_of(text) if text else 0 for text in rows.column(name).to_pylist()] for name in SENTENCES]
    draws = [int.from_bytes(content[:8], "big") for content in rows.column("content").to_pylist()]
    return np.array([*columns, draws], np.uint64).T.reshape(-1, len(SENTENCES) + 1)


def write_made(
    workdir: Path, chosen: np.ndarray[Any, Any], leakage: Leakage | None, watch: Watcher = unwatched
) -> dict[str, Any]:
    """Write a triplet and its counterweight for each chosen candidate, unless one of them is in a hold-out set; returns the counts."""
    from trainer.prepare_write import kept_schema

    counts: dict[str, Any] = {"triplets": 0, "counterweights": 0, "leaked": 0}
    rules, kinds = Counter[str](), Counter[str]()
    if leakage is not None:
        (workdir / "leakage").mkdir(exist_ok=True)
        leakage.prepare((), workdir / "leakage", watch)
    with ipc.new_file(str(workdir / "made.arrow"), kept_schema(), options=PACKED) as writer:
        for rows in _chosen(workdir, chosen):
            triplets, copies = _triplets(rows), _counterweights(rows)
            clean = _clean((triplets, copies), leakage, workdir / "leakage")
            counts["leaked"] += int((~clean).sum())
            rows = rows.filter(pa.array(clean))
            for name, made in (("triplets", triplets), ("counterweights", copies)):
                writer.write_batch(made.filter(pa.array(clean)))
                counts[name] += int(clean.sum())
            rules.update(rule.partition(" + ")[0] for rule in rows.column("rule").to_pylist())
            kinds.update(rows.column("kind").to_pylist())
    return counts | {"rules": dict(sorted(rules.items())), "kinds": dict(sorted(kinds.items()))}


def _chosen(workdir: Path, chosen: np.ndarray[Any, Any]) -> Iterator[pa.RecordBatch]:
    mask = iter(chosen.tolist())
    for batch in batches_of(workdir / "candidates.arrow"):
        yield batch.filter(pa.array(list(islice(mask, batch.num_rows)), pa.bool_()))


def _clean(made: tuple[pa.RecordBatch, ...], leakage: Leakage | None, learned: Path) -> np.ndarray[Any, Any]:
    if leakage is None or not made[0].num_rows:
        return np.ones(made[0].num_rows, bool)
    judged = [leakage.judge(batch, learned).reasons for batch in made]
    return np.array([all(reason is None for reason in reasons) for reasons in zip(*judged, strict=True)], bool)


def _triplets(rows: pa.RecordBatch) -> pa.RecordBatch:
    negatives = [[text] for text in rows.column("negation").to_pylist()]
    return _examples(rows, rows.column("anchor"), rows.column("positive"), negatives, NEGATION, "rule")


def _counterweights(rows: pa.RecordBatch) -> pa.RecordBatch:
    return _examples(rows, rows.column("positive"), rows.column("copy"), [[]] * rows.num_rows, SAME, "kind")


def _examples(
    rows: pa.RecordBatch, anchor: pa.Array, positive: pa.Array, negatives: list[list[str]], behind: str, why: str
) -> pa.RecordBatch:
    """Made rows with the provenance of the pair they come from; `scores` tells how they were made and of which row."""
    from trainer.prepare_write import kept_schema

    told = zip(rows.column(why).to_pylist(), rows.column("content").to_pylist(), strict=True)
    scores = [json.dumps({"negation": {why: word, "of": of.hex()}}, ensure_ascii=False) for word, of in told]
    values = {
        "anchor": anchor,
        "positive": positive,
        "negatives": negatives,
        "score": [None] * rows.num_rows,
        "negation": [behind == NEGATION] * rows.num_rows,
        "source": [name + behind for name in rows.column("source").to_pylist()],
        "content": content_hashes(pl.Series(pl.from_arrow(anchor)), pl.Series(pl.from_arrow(positive)), negatives),
        "scores": scores,
        **{name: rows.column(name) for name in ("file", "line", "licence", "task")},
    }
    arrays = [
        values[slot.name] if isinstance(values[slot.name], pa.Array) else pa.array(values[slot.name], slot.type)
        for slot in kept_schema()
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=kept_schema())


def write_probes(workdir: Path, chosen: Chosen) -> None:
    """Write the probes of both splits."""
    with ipc.new_file(str(workdir / "probes.arrow"), probes_schema(), options=PACKED) as writer:
        for split, mask in (("train", chosen.train), ("test", chosen.test)):
            for rows in _chosen(workdir, mask):
                values = {
                    slot.name: rows.column(slot.name) for slot in probes_schema() if slot.name in rows.schema.names
                }
                values |= {"negative": rows.column("negation"), "split": pa.array([split] * rows.num_rows, pa.string())}
                writer.write_batch(
                    pa.RecordBatch.from_arrays([values[slot.name] for slot in probes_schema()], schema=probes_schema())
                )
