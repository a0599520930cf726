"""The distinct texts of a corpus, on disk in the order of a seeded hash.

The corpus is read once. Every anchor and every positive is spilled, under the hash of its normal form, into one of 64
files by the hash's first bits; each file is then made distinct and sorted by itself, and the files joined: memory holds a
sixty-fourth of the texts, whatever the corpus looks like. Row numbers of what comes out depend on the texts and the
seed alone, not on files, batches or their order, and the first n rows are a random sample of n.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.files import publish_folder, remove_folder
from trainer.filters.consistency_strangers import Strangers, save

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

Keys = NDArray[np.bytes_]  # [n], 16 bytes each

BLOCK = 2048  # texts; also the unit of encoding
SIDES = ("anchor", "positive")
STRANGERS = "strangers.json"
_PARTS = 64
_KEY = "S16"


@dataclass(frozen=True)
class Texts:
    """The distinct texts of one side, opened. Row = place in the order of the keys."""

    folder: Path
    side: str

    @cached_property
    def keys(self) -> Keys:
        """Sorted, memory-mapped."""
        file = self.folder / f"{self.side}.keys"
        return np.memmap(file, _KEY, "r") if file.stat().st_size else np.empty(0, _KEY)

    def rows_of(self, keys: Keys) -> NDArray[np.int64]:
        """The row of each key. Raises `KeyError` for one that the corpus did not hold when it was collected."""
        rows = np.searchsorted(self.keys, keys)
        found = rows < len(self.keys)
        found[found] = self.keys[rows[found]] == keys[found]
        if not found.all():
            raise KeyError(f"{(~found).sum()} texts were not there when the corpus was prepared")
        return rows.astype(np.int64)

    def block(self, number: int) -> list[str]:
        """The texts of one block."""
        texts: list[str] = self._file.get_batch(number).column("text").to_pylist()
        return texts

    def text(self, row: int) -> str:
        return str(self._file.get_batch(row // BLOCK).column("text")[row % BLOCK])

    @cached_property
    def _file(self) -> pa.ipc.RecordBatchFileReader:
        import pyarrow as pa

        return pa.ipc.open_file(pa.memory_map(str(self.folder / f"{self.side}.arrow")))


def keys_of(texts: pa.Array, seed: int) -> Keys:
    """The seeded 128-bit hash of every text's normal form."""
    return np.array(_hashes(texts, seed), _KEY)


def collect(batches: Iterable[pa.RecordBatch], folder: Path, seed: int) -> None:
    """Make `folder` hold both sides' distinct texts, and pairs of strangers. It appears complete or not at all; once there it is left alone."""
    if folder.exists():
        return
    working = folder.with_name(f".{folder.name}.collecting")
    remove_folder(working)
    working.mkdir(parents=True)
    strangers = Strangers()
    with _Spill(working) as spill:
        for batch in batches:
            keys = {side: _hashes(batch.column(side), seed) for side in SIDES}
            strangers.add(batch.column("source").to_pylist(), keys["anchor"], keys["positive"])
            for side in SIDES:
                spill.add(side, keys[side], batch.column(side))
    for side in SIDES:
        _join(working, side)
    save(working / STRANGERS, strangers)
    publish_folder(working, folder)


class _Spill:
    """One open Arrow file per side and part."""

    def __init__(self, folder: Path) -> None:
        import pyarrow as pa

        schema = pa.schema([("key", pa.binary()), ("text", pa.string())])
        self._writers = {
            (side, part): pa.ipc.new_stream(str(_part_file(folder, side, part)), schema)
            for side in SIDES
            for part in range(_PARTS)
        }
        self._schema = schema

    def __enter__(self) -> _Spill:
        return self

    def __exit__(self, *_: object) -> None:
        for writer in self._writers.values():
            writer.close()

    def add(self, side: str, keys: list[bytes], texts: pa.Array) -> None:
        """Spill the distinct texts of a batch."""
        import polars as pl

        frame = pl.DataFrame({"key": pl.Series(keys, dtype=pl.Binary), "text": pl.Series(pl.from_arrow(texts))})
        parts = pl.Series("part", [_part_of(key) for key in keys], dtype=pl.Int64)
        for part, rows in _by_part(_distinct(frame.with_columns(parts), ["key", "part"])).items():
            self._writers[side, part].write_table(rows.to_arrow().cast(self._schema))


def _by_part(frame: pl.DataFrame) -> Mapping[int, pl.DataFrame]:
    parts = frame.partition_by("part", as_dict=True, include_key=False)
    return {int(str(part)): rows for (part,), rows in parts.items()}


def _hashes(texts: pa.Array, seed: int) -> list[bytes]:
    import polars as pl

    from trainer.normal import as_series, normalised

    blake, salt = hashlib.blake2b, seed.to_bytes(8, "big")
    plain = normalised(as_series(texts)).cast(pl.Binary).to_list()
    return [blake(text, digest_size=16, salt=salt).digest() for text in plain]


def _part_of(key: bytes) -> int:
    return key[0] * _PARTS // 256


def _part_file(folder: Path, side: str, part: int) -> Path:
    return folder / f"{side}.{part:02}.part"


def _distinct(frame: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """One row per key. Copies differ in case or white space: the smallest spelling stands for all, in any order of rows."""
    import polars as pl

    return frame.group_by(by).agg(pl.col("text").min())


def _join(folder: Path, side: str) -> None:
    """Write `<side>.arrow`, in blocks, and `<side>.keys`, and remove the parts."""
    import pyarrow as pa

    schema = pa.schema([("text", pa.string())])
    with (
        (folder / f"{side}.keys").open("wb") as keys,
        pa.ipc.new_file(str(folder / f"{side}.arrow"), schema) as texts,
    ):
        for block in _blocks(_sorted_parts(folder, side)):
            keys.write(b"".join(block.column("key").to_pylist()))
            texts.write(block.select(["text"]).cast(schema).combine_chunks().to_batches()[0])
    for part in range(_PARTS):
        _part_file(folder, side, part).unlink()


def _sorted_parts(folder: Path, side: str) -> Iterator[pa.Table]:
    import polars as pl
    import pyarrow as pa

    for part in range(_PARTS):
        with pa.ipc.open_stream(str(_part_file(folder, side, part))) as stream:
            frame = pl.DataFrame(pl.from_arrow(stream.read_all()))
        yield (
            _distinct(frame, ["key"])
            .sort("key")
            .to_arrow()
            .cast(pa.schema([("key", pa.binary()), ("text", pa.string())]))
        )


def _blocks(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The same rows in tables of `BLOCK` rows, the last one shorter."""
    import pyarrow as pa

    waiting: pa.Table | None = None
    for table in tables:
        waiting = table if waiting is None else pa.concat_tables([waiting, table])
        while waiting.num_rows >= BLOCK:
            yield waiting.slice(0, BLOCK)
            waiting = waiting.slice(BLOCK)
    if waiting is not None and waiting.num_rows:
        yield waiting
