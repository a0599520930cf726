"""The stages of `trainer prepare`: a folder each, finished when its `done.json` is there, and never run again then.

A filter's stage keeps `alive.bin` (a byte per row of everything that was read, in canonical order) and `verdicts.arrow`
(one batch per batch of rows: reason, and evidence as JSON, for the rows that were alive before it).
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import ipc

from indexer.errors import UserError
from indexer.files import canonical_json, sync_file, write_bytes
from indexer.progress import Watcher
from trainer.filters.verdicts import Filter, Verdicts
from trainer.prepare_read import PACKED, batches_of, read_into
from trainer.recipe import Source

VERDICTS = pa.schema([("reason", pa.string()), ("evidence", pa.string())])


@dataclass(frozen=True, slots=True)
class Stage:
    """A finished stage: what it is called, where it lies, what it counted, how long it took."""

    label: str
    folder: Path
    counts: Mapping[str, Any]
    seconds: float


def read_stage(source: Source, seed: int, folder: Path, watch: Watcher) -> Stage:
    """Read a source, or take what an earlier run read."""
    if (known := _finished(source.name, folder)) is not None:
        return known
    began = time.monotonic()
    counts = read_into(source, seed, folder, watch)
    return _finish(source.name, folder, counts, time.monotonic() - began, ("rows.arrow", "bad.arrow"))


def filter_stage(
    label: str, made: Filter, read: list[Stage], before: Stage | None, folder: Path, watch: Watcher
) -> Stage:
    """Run a filter over what is still alive, or take what an earlier run found."""
    if (known := _finished(label, folder)) is not None:
        return known
    began = time.monotonic()
    learned = folder / "learned"
    learned.mkdir(exist_ok=True)
    made.prepare(alive_batches(read, before), learned, watch)
    counts = _judge(label, made, read, before, folder, watch)
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


def all_batches(read: list[Stage]) -> Iterator[pa.RecordBatch]:
    """Every row that was read: source after source in the recipe's order, each in the order of its hashes."""
    for stage in read:
        yield from batches_of(stage.folder / "rows.arrow")


def alive_batches(read: list[Stage], before: Stage | None) -> Iterator[pa.RecordBatch]:
    """The rows that a stage left alive; all where there is none. Empty batches are left out."""
    for batch, mask in _masked(read, before):
        kept = batch if mask.all() else batch.filter(pa.array(mask))
        if kept.num_rows:
            yield kept


def _masked(read: list[Stage], before: Stage | None) -> Iterator[tuple[pa.RecordBatch, np.ndarray[Any, Any]]]:
    if before is None:
        for batch in all_batches(read):
            yield batch, np.ones(batch.num_rows, bool)
        return
    with (before.folder / "alive.bin").open("rb") as file:
        for batch in all_batches(read):
            yield batch, np.frombuffer(file.read(batch.num_rows), bool)


def _judge(
    label: str, made: Filter, read: list[Stage], before: Stage | None, folder: Path, watch: Watcher
) -> dict[str, Any]:
    counts: Counter[tuple[str, str]] = Counter()
    judged = 0
    with (
        (folder / "alive.bin").open("wb") as alive,
        ipc.new_file(str(folder / "verdicts.arrow"), VERDICTS, options=PACKED) as writer,
    ):
        for batch, mask in _masked(read, before):
            chosen = batch if mask.all() else batch.filter(pa.array(mask))
            reasons, written = _verdicts(label, made, chosen, folder / "learned")
            writer.write_batch(written)
            _leave(mask, reasons, alive)
            fallen = [row for row, reason in enumerate(reasons) if reason is not None]
            sources = chosen.column("source")
            counts.update((sources[row].as_py(), str(reasons[row])) for row in fallen)
            judged += chosen.num_rows
            watch(label, judged, None)
    return {"judged": judged, "dropped": _by_source(counts)}


def _verdicts(
    label: str, made: Filter, batch: pa.RecordBatch, learned: Path
) -> tuple[list[str | None], pa.RecordBatch]:
    found = made.judge(batch, learned) if batch.num_rows else Verdicts([], {})
    reasons = list(found.reasons)
    strange = {reason for reason in reasons if reason is not None} - set(made.reasons)
    if len(reasons) != batch.num_rows or strange:
        raise UserError(
            f"The filter {label!r} gave verdicts that cannot be used.", strange or len(reasons), "report this"
        )
    arrays = [pa.array(reasons, pa.string()), pa.array(as_json(found.evidence, len(reasons)), pa.string())]
    return reasons, pa.RecordBatch.from_arrays(arrays, schema=VERDICTS)


def _leave(mask: np.ndarray[Any, Any], reasons: list[str | None], alive: BinaryIO) -> None:
    left = mask.copy()
    left[mask] = [reason is None for reason in reasons]
    alive.write(left.tobytes())


def _by_source(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    grouped: dict[str, dict[str, int]] = {}
    for (source, reason), number in sorted(counts.items()):
        grouped.setdefault(source, {})[reason] = number
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
