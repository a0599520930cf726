"""The reading stage: a source's rows become Arrow batches in the one canonical order, in bounded memory.

Order: hash of the normalised texts, then digest of the file, then line. Rows are first spread over files by the leading
bits of their hash, then each of those is sorted alone; so neither the order of the input files nor the size of the
source shows in the result, and "the first" of equal rows is the same on every run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from pyarrow import ipc

from indexer.progress import Watcher
from trainer.examples import examples_schema
from trainer.normal import content_hashes
from trainer.recipe import Source
from trainer.sources import files_of, read_source
from trainer.sources_shapes import Example
from trainer.sources_tables import Bad

BATCH = 20_000
PART_BYTES = 96 * 2**20  # input bytes whose rows are sorted in memory at once
PACKED = ipc.IpcWriteOptions(compression="lz4")


def bad_schema() -> pa.Schema:
    """Rows set aside while reading: where, why, what."""
    return pa.schema([("file", pa.string()), ("line", pa.int64()), ("reason", pa.string()), ("raw", pa.string())])


def read_into(source: Source, seed: int, folder: Path, watch: Watcher) -> dict[str, Any]:
    """Read a source into `rows.arrow` and `bad.arrow` of a folder; returns the counts."""
    bits = _bits(source)
    parts = [folder / f"part{number}.arrow" for number in range(1 << bits)]
    bad: list[tuple[str, Bad]] = []
    rows = _spread(source, seed, parts, bits, bad, watch)
    _sorted_rows(parts, folder / "rows.arrow")
    _write_bad(bad, folder / "bad.arrow")
    for part in parts:
        part.unlink(missing_ok=True)
    return {"rows": rows, "bad": dict(sorted(Counter(entry.reason for _, entry in bad).items()))}


def _bits(source: Source) -> int:
    total = sum(file.stat().st_size * (4 if file.suffix == ".gz" else 1) for file in files_of(source))
    return min(8, max(0, (total // PART_BYTES).bit_length()))


def _spread(source: Source, seed: int, parts: list[Path], bits: int, bad: list[tuple[str, Bad]], watch: Watcher) -> int:
    writers = [ipc.new_file(str(part), examples_schema(), options=PACKED) for part in parts]
    rows, found = 0, read_source(source, seed)
    while chunk := list(islice(found, BATCH)):
        bad += [(file, entry) for file, entry in chunk if isinstance(entry, Bad)]
        good = [(file, entry) for file, entry in chunk if isinstance(entry, Example)]
        _scatter(example_batch(source, good), writers, bits)
        rows += len(good)
        watch(f"reading {source.name}", rows, None)
    for writer in writers:
        writer.close()
    return rows


def example_batch(source: Source, found: list[tuple[str, Example]]) -> pa.RecordBatch:
    """Examples as one Arrow batch, with the identity of each row."""
    entries = [entry for _, entry in found]
    anchor = pl.Series([entry.anchor for entry in entries], dtype=pl.String)
    positive = pl.Series([entry.positive for entry in entries], dtype=pl.String)
    negatives = [list(entry.negatives) for entry in entries]
    constant = {"source": source.name, "licence": source.licence, "task": source.task}
    values = {
        "anchor": anchor.to_arrow(),
        "positive": positive.to_arrow(),
        "negatives": negatives,
        "score": [entry.score for entry in entries],
        "negation": [entry.negation for entry in entries],
        "file": [file for file, _ in found],
        "line": [entry.line for entry in entries],
        "content": content_hashes(anchor, positive, negatives),
        **{name: [value] * len(entries) for name, value in constant.items()},
    }
    schema = examples_schema()
    arrays = [values[field.name] for field in schema]
    return pa.RecordBatch.from_arrays(
        [_typed(array, field.type) for array, field in zip(arrays, schema, strict=True)], schema=schema
    )


def _typed(values: Any, kind: pa.DataType) -> pa.Array:
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)


def _scatter(batch: pa.RecordBatch, writers: list[Any], bits: int) -> None:
    if not bits:
        writers[0].write_batch(batch)
        return
    first = pl.Series([content[0] >> (8 - bits) for content in batch.column("content").to_pylist()], dtype=pl.Int64)
    for number, writer in enumerate(writers):
        taken = (first == number).arg_true()
        if len(taken):
            writer.write_batch(batch.take(taken.to_arrow()))


def _sorted_rows(parts: list[Path], path: Path) -> None:
    order = [(name, "ascending") for name in ("content", "file", "line")]
    with ipc.new_file(str(path), examples_schema(), options=PACKED) as writer:
        for part in parts:
            with ipc.open_file(str(part)) as reader:
                table = reader.read_all()
            binary = table.set_column(
                table.schema.get_field_index("content"), "content", table["content"].cast(pa.binary())
            )
            ordered = binary.sort_by(order)
            back = ordered.set_column(
                ordered.schema.get_field_index("content"),
                examples_schema().field("content"),
                ordered["content"].cast(pa.binary(16)),
            ).cast(examples_schema())
            for batch in back.combine_chunks().to_batches(max_chunksize=BATCH):
                writer.write_batch(batch)


def _write_bad(bad: list[tuple[str, Bad]], path: Path) -> None:
    ordered = sorted(bad, key=lambda found: (found[0], found[1].line, found[1].reason, found[1].raw))
    columns = zip(*[(file, entry.line, entry.reason, entry.raw) for file, entry in ordered], strict=True)
    arrays = [pa.array(column, field.type) for column, field in zip(columns or [], bad_schema(), strict=False)]
    with ipc.new_file(str(path), bad_schema(), options=PACKED) as writer:
        if arrays:
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=bad_schema()))


def batches_of(path: Path) -> Iterator[pa.RecordBatch]:
    """The batches of an Arrow file one by one, read and not mapped: memory stays one batch."""
    with pa.OSFile(str(path)) as file, ipc.open_file(file) as reader:
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)
