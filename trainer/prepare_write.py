"""The last step of `trainer prepare`: what every stage said of every row becomes three Parquet files and the card.

Rows keep the canonical order; no clock and no path goes into the Parquet files, so equal inputs give equal bytes. The card is
written last: a folder with a card is whole.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import ipc

from indexer.files import canonical_json, sync_file, sync_folder, write_bytes
from indexer.progress import Watcher
from trainer.card import Lengths, card_of, negation_stage
from trainer.examples import examples_schema
from trainer.filters.near import is_pair
from trainer.prepare import Planned
from trainer.prepare_read import BATCH, batches_of
from trainer.prepare_stages import Stage

FILES = ("pairs.parquet", "triplets.parquet", "dropped.parquet")
PROBES = "probes.parquet"  # only of a recipe that makes negation data
Told = tuple[list[str | None], list[str | None]]  # reasons, evidence


def kept_schema() -> pa.Schema:
    """Examples and what the filters measured of them, as JSON: {filter: {name: value}}."""
    return examples_schema().append(pa.field("scores", pa.string()))


def dropped_schema() -> pa.Schema:
    """Examples and why they went. A row that could not be read stands with what was there as its anchor."""
    extra = [pa.field(name, pa.string(), nullable=name == "evidence") for name in ("filter", "reason", "evidence")]
    return pa.schema([*kept_schema(), *extra])


def write_results(
    planned: Planned, out: Path, identity: str, read: list[Stage], judged: list[Stage], watch: Watcher
) -> dict[str, Any]:
    """Write the results of finished stages into `out`; returns the card."""
    working = out / ".work" / "results"
    shutil.rmtree(working, ignore_errors=True)
    working.mkdir(parents=True)
    lengths = Lengths()
    counts = _write_rows(planned, working, read, judged, lengths, watch)
    card = card_of(planned, identity, read, judged, counts, lengths)
    negation = negation_stage(judged)
    if negation is not None:
        _copied(negation.folder / "learned" / "probes.arrow", working / PROBES)
    (out / "card.json").unlink(missing_ok=True)
    (out / PROBES).unlink(missing_ok=True)
    for name in (*FILES, PROBES)[: 4 if negation else 3]:
        sync_file(working / name)
        (working / name).replace(out / name)
    sync_folder(out)
    write_bytes(out / "card.json", canonical_json(card))
    return card


def _write_rows(
    planned: Planned, working: Path, read: list[Stage], judged: list[Stage], lengths: Lengths, watch: Watcher
) -> dict[str, dict[str, int]]:
    counts = {source.name: {"pairs": 0, "triplets": 0} for source in planned.recipe.sources}
    done = 0
    with ExitStack() as stack:
        schemas = (kept_schema(), kept_schema(), dropped_schema())
        pairs, triplets, dropped = (
            stack.enter_context(Rows(working / name, schema)) for name, schema in zip(FILES, schemas, strict=True)
        )
        for source, stage in zip(planned.recipe.sources, read, strict=True):
            for batch in batches_of(stage.folder / "bad.arrow"):
                dropped.add(_unread(batch, source.name, source.licence, source.task))
        for batch, told in _told(read, judged):
            kept, fallen = _parted(batch, told, [stage.label for stage in judged])
            dropped.add(fallen)
            _add_kept(kept, pairs, triplets, counts, lengths)
            done += batch.num_rows
            watch("writing", done, None)
        for made in _made(judged):
            _add_kept(made, pairs, triplets, counts, lengths)
    return counts


def _made(judged: list[Stage]) -> Iterator[pa.RecordBatch]:
    """The rows that the negation stage made."""
    stage = negation_stage(judged)
    return batches_of(stage.folder / "learned" / "made.arrow") if stage else iter(())


def _add_kept(
    kept: pa.RecordBatch, pairs: Rows, triplets: Rows, counts: dict[str, dict[str, int]], lengths: Lengths
) -> None:
    """Pairs to the pairs, triplets to the triplets, counted by source."""
    lengths.see(kept)
    mask = is_pair(kept)
    for writer, rows, kind in (
        (pairs, kept.filter(mask), "pairs"),
        (triplets, kept.filter(pa.compute.invert(mask)), "triplets"),
    ):
        writer.add(rows)
        for entry in rows.column("source").value_counts().to_pylist():
            counts.setdefault(entry["values"], {"pairs": 0, "triplets": 0})[kind] += entry["counts"]


def _copied(arrow: Path, parquet: Path) -> None:
    batches = list(batches_of(arrow))
    with ipc.open_file(str(arrow)) as reader:
        schema = reader.schema
    pq.write_table(pa.Table.from_batches(batches, schema).combine_chunks(), parquet, compression="zstd")


class Rows:
    """A Parquet file written in row groups of one size, whatever the size of the batches that come."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.schema, self.waiting, self.rows = schema, [], 0  # type: ignore[var-annotated]
        self.writer = pq.ParquetWriter(path, schema, compression="zstd", store_schema=True)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows; whole groups are written at once."""
        if batch.num_rows:
            self.waiting.append(batch)
            self.rows += batch.num_rows
        if self.rows >= BATCH:
            self._write(self.rows // BATCH * BATCH)

    def _write(self, rows: int) -> None:
        table = pa.Table.from_batches(self.waiting, self.schema)
        if rows:
            self.writer.write_table(table.slice(0, rows).combine_chunks(), row_group_size=BATCH)
        self.waiting = table.slice(rows).to_batches()
        self.rows -= rows

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *failed: object) -> None:
        if failed[0] is None:
            self._write(self.rows)
        self.writer.close()


def _told(read: list[Stage], judged: list[Stage]) -> Iterator[tuple[pa.RecordBatch, list[Told]]]:
    readers = [batches_of(stage.folder / "verdicts.arrow") for stage in judged]
    for batch in (batch for stage in read for batch in batches_of(stage.folder / "rows.arrow")):
        yield (
            batch,
            [
                (entry.column("reason").to_pylist(), entry.column("evidence").to_pylist())
                for entry in (next(reader) for reader in readers)
            ],
        )


def _parted(batch: pa.RecordBatch, told: list[Told], labels: list[str]) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """The rows that every filter kept, with their scores; the others, with the filter that dropped them, and why."""
    alive = list(range(batch.num_rows))
    scores: list[list[str]] = [[] for _ in alive]
    fate: dict[int, tuple[str, str, str | None]] = {}
    for label, (reasons, evidence) in zip(labels, told, strict=True):
        for row, reason, shown in zip(alive, reasons, evidence, strict=True):
            if reason is not None:
                fate[row] = (label, reason, shown)
            elif shown is not None:
                scores[row].append(f'"{label}":{shown}')
        alive = [row for row in alive if row not in fate]
    joined = pa.array(["{" + ",".join(parts) + "}" if parts else None for parts in scores], pa.string())
    scored = pa.RecordBatch.from_arrays([*batch.columns, joined], schema=kept_schema())
    mask = np.zeros(batch.num_rows, bool)
    mask[alive] = True
    fallen = scored.filter(pa.array(~mask))
    why = list(zip(*(fate[row] for row in sorted(fate)), strict=True)) or [(), (), ()]
    columns = [*fallen.columns, *(pa.array(values, pa.string()) for values in why)]
    return scored.filter(pa.array(mask)), pa.RecordBatch.from_arrays(columns, schema=dropped_schema())


def _unread(bad: pa.RecordBatch, source: str, licence: str, task: str) -> pa.RecordBatch:
    rows = bad.num_rows
    same = {"positive": "", "negatives": [], "negation": False, "source": source, "licence": licence, "task": task}
    same |= {"content": bytes(16), "filter": "read", "score": None, "scores": None, "evidence": None}
    taken = {
        "anchor": bad.column("raw"),
        "file": bad.column("file"),
        "line": bad.column("line"),
        "reason": bad.column("reason"),
    }
    schema = dropped_schema()
    columns = [
        taken[slot.name] if slot.name in taken else pa.array([same[slot.name]] * rows, slot.type) for slot in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
