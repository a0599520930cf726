"""The reading stage: a source's rows become Arrow batches in the one canonical order, in bounded memory.

Order: hash of the normalised texts, then digest of the file, then line. Rows are first spread over files by the leading
bits of their hash, then each of those is sorted alone; so neither the order of the input files nor the size of the
source shows in the result, and "the first" of equal rows is the same on every run. Rows that were set aside take the
same way, by the hash of their place.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from pyarrow import ipc

from indexer.progress import Watcher
from trainer.examples import examples_schema
from trainer.normal import content_hashes
from trainer.recipe import Source
from trainer.sources import read_source, size_of
from trainer.sources_shapes import Example
from trainer.sources_tables import Bad

BATCH = 20_000
PART_BYTES = 16 * 2**20  # input bytes whose rows are sorted in memory at once
PACKED = ipc.IpcWriteOptions(compression="lz4")
Found = tuple[str, Any]  # digest of the file, entry


def bad_schema() -> pa.Schema:
    """Rows set aside while reading: where, why, what; `place` is the hash of the where."""
    texts = [(name, pa.string()) for name in ("file", "reason", "raw")]
    return pa.schema([("place", pa.binary(8)), ("line", pa.int64()), *texts])


def read_into(source: Source, seed: int, inputs: Collection[str], folder: Path, watch: Watcher) -> dict[str, Any]:
    """Read a source, whose tables must still have the digests `inputs`, into `rows.arrow` and `bad.arrow` of a folder; returns the counts, and the rows of each batch."""
    bits = min(8, max(0, (size_of(source) // PART_BYTES).bit_length()))
    good = Spread(folder / "rows.arrow", examples_schema(), ("content", "file", "line"), bits)
    bad = Spread(folder / "bad.arrow", bad_schema(), ("place", "file", "line", "reason", "raw"), bits)
    reasons: Counter[str] = Counter()
    found = read_source(source, seed, inputs)
    while chunk := list(islice(found, BATCH)):
        examples = example_batch(source, [entry for entry in chunk if isinstance(entry[1], Example)])
        good.add(examples)
        fallen = bad_batch([entry for entry in chunk if isinstance(entry[1], Bad)])
        bad.add(fallen)
        reasons.update(fallen.column("reason").to_pylist())
        watch(f"reading {source.name}", good.rows, None)
    return {
        "rows": good.rows,
        "batches": good.write(),
        "bad": dict(sorted(reasons.items())),
        "bad_batches": bad.write(),
    }


class Spread:
    """Rows spread over files by the leading bits of their first key, a hash; then joined to one file, sorted part by part."""

    def __init__(self, path: Path, schema: pa.Schema, order: Sequence[str], bits: int) -> None:
        self.path, self.schema, self.order, self.bits, self.rows = path, schema, order, bits, 0
        self._paths = [path.with_name(f"{path.stem}{number}.part") for number in range(1 << bits)]
        self._writers = [ipc.new_file(str(part), schema, options=PACKED) for part in self._paths]

    def add(self, batch: pa.RecordBatch) -> None:
        """Put each row into the part that its key names."""
        self.rows += batch.num_rows
        heads = np.array([key[0] for key in batch.column(self.order[0]).to_pylist()], np.int64) >> (8 - self.bits)
        places = np.argsort(heads, kind="stable")
        ends = np.searchsorted(heads[places], np.arange(len(self._writers) + 1))
        for number, writer in enumerate(self._writers):
            if ends[number] < ends[number + 1]:
                writer.write_batch(batch.take(pa.array(places[ends[number] : ends[number + 1]])))

    def write(self) -> list[int]:
        """Join the parts, each sorted, into batches of at most BATCH rows; returns the rows of each batch."""
        sizes = []
        with ipc.new_file(str(self.path), self.schema, options=PACKED) as writer:
            for part, opened in zip(self._paths, self._writers, strict=True):
                opened.close()
                for batch in _sorted(part, self.order):
                    writer.write_batch(batch)
                    sizes.append(batch.num_rows)
                part.unlink()
        return sizes


def _sorted(path: Path, order: Sequence[str]) -> list[pa.RecordBatch]:
    with ipc.open_file(str(path)) as reader:
        table, schema = reader.read_all(), reader.schema
    # Arrow cannot sort binaries of a fixed size.
    keys = pa.table({name: _sortable(table[name]) for name in order})
    rows = pa.compute.sort_indices(keys, [(name, "ascending") for name in order])
    batches: list[pa.RecordBatch] = table.take(rows).cast(schema).combine_chunks().to_batches(max_chunksize=BATCH)
    return batches


def _sortable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.binary()) if pa.types.is_fixed_size_binary(column.type) else column


def example_batch(source: Source, found: list[Found]) -> pa.RecordBatch:
    """Examples as one Arrow batch, with the identity of each row."""
    entries: list[Example] = [entry for _, entry in found]
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


def bad_batch(found: list[Found]) -> pa.RecordBatch:
    """Rows set aside as one Arrow batch."""
    rows = [(_place(file, entry), entry.line, file, entry.reason, entry.raw) for file, entry in found]
    columns = list(zip(*rows, strict=True)) or [()] * len(bad_schema())
    arrays = [pa.array(column, field.type) for column, field in zip(columns, bad_schema(), strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=bad_schema())


def _place(file: str, entry: Bad) -> bytes:
    return hashlib.blake2b(f"{file}:{entry.line}".encode(), digest_size=8).digest()


def batches_of(path: Path) -> Iterator[pa.RecordBatch]:
    """The batches of an Arrow file one by one, read and not mapped: memory stays one batch."""
    with pa.OSFile(str(path)) as file, ipc.open_file(file) as reader:
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)
