"""The stages of `trainer prepare`: a folder each, finished when its `done.json` is there, and never run again then.

A filter's stage keeps `alive.bin` (a byte per row of everything that was read, in canonical order) and `verdicts.arrow`
(one batch per batch of rows: reason, and evidence as JSON, for the rows that were alive before it).
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc

from indexer.errors import UserError
from indexer.files import canonical_json, sync_file, write_bytes
from indexer.progress import Watcher
from trainer.batches import Batches, Task, Workers
from trainer.filters import OWN_THREADS
from trainer.filters.verdicts import Filter, Verdicts
from trainer.prepare_read import PACKED, read_into
from trainer.recipe import Source

VERDICTS = pa.schema([("reason", pa.string()), ("evidence", pa.string())])


@dataclass(frozen=True, slots=True)
class Stage:
    """A finished stage: what it is called, where it lies, what it counted, how long it took."""

    label: str
    folder: Path
    counts: Mapping[str, Any]
    seconds: float


def read_stage(source: Source, seed: int, inputs: Collection[str], folder: Path, watch: Watcher) -> Stage:
    """Read a source, or take what an earlier run read."""
    if (known := _finished(source.name, folder)) is not None:
        return known
    began = time.monotonic()
    counts = read_into(source, seed, inputs, folder, watch)
    return _finish(source.name, folder, counts, time.monotonic() - began, ("rows.arrow", "bad.arrow"))


def filter_stage(
    label: str, made: Filter, read: list[Stage], before: Stage | None, folder: Path, watch: Watcher, workers: Workers
) -> Stage:
    """Run a filter over what is still alive, or take what an earlier run found."""
    if (known := _finished(label, folder)) is not None:
        return known
    began = time.monotonic()
    learned = folder / "learned"
    learned.mkdir(exist_ok=True)
    if made.name in OWN_THREADS:
        workers = Workers(1)
    count = sum(len(stage.counts["batches"]) for stage in read)
    batches = Batches(lambda: tasks(read, before), count, workers)
    made.prepare(batches, learned, watch)
    counts = _judge(label, made, batches, folder, watch)
    return _finish(label, folder, counts, time.monotonic() - began, ("alive.bin", "verdicts.arrow"))


def _finished(label: str, folder: Path) -> Stage | None:
    marker = folder / "done.json"
    if marker.is_file():
        kept = json.loads(marker.read_bytes())
        return Stage(label, folder, kept["counts"], kept["seconds"])
    folder.mkdir(parents=True, exist_ok=True)
    return None


def _finish(label: str, folder: Path, counts: dict[str, Any], seconds: float, made: tuple[str, ...]) -> Stage:
    for name in made:
        sync_file(folder / name)
    write_bytes(folder / "done.json", canonical_json({"counts": counts, "seconds": seconds}))
    return Stage(label, folder, counts, seconds)


def tasks(read: list[Stage], before: Stage | None) -> Iterator[Task]:
    """Every batch that was read, source after source in the recipe's order, with the rows that `before` left alive."""
    alive = (before.folder / "alive.bin").open("rb") if before else None
    try:
        for stage in read:
            for number, rows in enumerate(stage.counts["batches"]):
                yield Task(stage.folder / "rows.arrow", number, rows, alive.read(rows) if alive else b"\1" * rows)
    finally:
        if alive:
            alive.close()


@dataclass(frozen=True, slots=True)
class Judged:
    """What a filter said of one batch: a row of VERDICTS for each row that was alive, and counts by source."""

    verdicts: pa.RecordBatch
    dropped: Counter[tuple[str, str]]  # source, reason
    counted: Counter[tuple[str, str, str]]  # source, evidence column, value


def _judge(label: str, made: Filter, batches: Batches, folder: Path, watch: Watcher) -> dict[str, Any]:
    dropped: Counter[tuple[str, str]] = Counter()
    counted: Counter[tuple[str, str, str]] = Counter()
    judged = 0
    with (
        (folder / "alive.bin").open("wb") as alive,
        ipc.new_file(str(folder / "verdicts.arrow"), VERDICTS, options=PACKED) as writer,
    ):
        for task, found in batches.judged(partial(judge_batch, label, made, folder / "learned")):
            writer.write_batch(found.verdicts)
            mask = np.frombuffer(task.alive, bool).copy()
            mask[mask] = found.verdicts.column("reason").is_null().to_numpy(zero_copy_only=False)
            alive.write(mask.tobytes())
            dropped += found.dropped
            counted += found.counted
            judged += found.verdicts.num_rows
            watch(label, judged, None)
    return {"judged": judged, "dropped": nested(dropped), "counted": nested(counted)}


def judge_batch(label: str, made: Filter, learned: Path, batch: pa.RecordBatch) -> Judged:
    """Let a filter judge the alive rows of a batch. Raises UserError when what it says cannot be used."""
    found = made.judge(batch, learned) if batch.num_rows else Verdicts([], {})
    reasons = pa.array(found.reasons, pa.string())
    strange = set(reasons.unique().to_pylist()) - {None} - set(made.reasons)
    if len(reasons) != batch.num_rows or strange:
        raise UserError(
            f"The filter {label!r} gave verdicts that cannot be used.", strange or len(reasons), "report this"
        )
    sources = batch.column("source")
    fallen = reasons.is_valid()
    dropped = Counter(zip(sources.filter(fallen).to_pylist(), reasons.drop_null().to_pylist(), strict=True))
    counted: Counter[tuple[str, str, str]] = Counter()
    for name in getattr(made, "counted", ()):
        values = found.evidence[name].to_pylist() if name in found.evidence else ()
        pairs = zip(sources.to_pylist(), values, strict=False)
        counted.update((source, name, value) for source, value in pairs if value is not None)
    evidence = pa.array(as_json(found.evidence, len(reasons)), pa.string())
    return Judged(pa.RecordBatch.from_arrays([reasons, evidence], schema=VERDICTS), dropped, counted)


def nested(counts: Mapping[Any, int]) -> dict[str, Any]:
    """{("a", "b"): 1} → {"a": {"b": 1}}, keys in order."""
    grouped: dict[str, Any] = {}
    for (*path, last), number in sorted(counts.items()):
        place = grouped
        for key in path:
            place = place.setdefault(key, {})
        place[last] = number
    return grouped


def as_json(evidence: Mapping[str, Any], rows: int) -> list[str | None]:
    """Evidence columns as one JSON text per row: only what is there; None for a row with nothing."""
    found: list[dict[str, Any] | None] = [None] * rows
    for name, column in sorted(evidence.items()):
        array = pa.array(column) if not isinstance(column, pa.Array | pa.ChunkedArray) else column
        told = np.flatnonzero(pc.is_valid(array).to_numpy(zero_copy_only=False))
        for row, value in zip(told.tolist(), array.take(pa.array(told)).to_pylist(), strict=True):
            entry = found[row]
            if entry is None:
                entry = found[row] = {}
            entry[name] = value
    dumps = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
    return [None if entry is None else dumps(entry) for entry in found]
