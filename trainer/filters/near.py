"""Near duplicates: pairs whose both sides are nearly the same texts as those of an earlier pair.

MinHash with locality-sensitive hashing: two pairs are compared when some band of their signatures agrees, a band holding
entries of both sides, so thousands of pairs that share one popular question do not meet. A pair goes when both sides
are alike by at least `threshold`. Triplets are left alone, as in the papers: one anchor with many negatives is no copy.
Signatures (512 bytes a row) and band entries lie on disk; memory is one part of them, and 12 bytes a row.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

import numpy as np

from indexer.errors import UserError
from indexer.progress import Watcher
from trainer.batches import mapped
from trainer.filters.marks import MARK, Keyed, Origins, kept_columns, keys
from trainer.filters.shingles import BANDS, HASHES, Matrix, bands, signatures, similar
from trainer.filters.verdicts import Verdicts

if TYPE_CHECKING:
    import pyarrow as pa

PARTS = 8  # files per band
BLOCK = 50_000  # candidates compared at a time
SIGNED = np.dtype([("both", "<u4", 2 * HASHES)])
ENTRY = np.dtype([("band", "<u8"), ("row", "<i8")])


@dataclass(frozen=True)
class Near:
    """Drops a pair whose anchor and positive are each at least `threshold` alike to those of an earlier pair."""

    name: ClassVar[str] = "near"
    reasons: ClassVar[Mapping[str, str]] = {"near duplicate": "both its sides are nearly those of an earlier pair"}
    threshold: float = 0.9

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise UserError("near: threshold must lie above 0 and up to 1.", self.threshold, "threshold = 0.9")

    def settings(self) -> dict[str, Any]:
        """Its threshold."""
        return asdict(self)

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """Sign every pair, let the bands propose, compare, and mark the later of each two that are alike."""
        origins = Origins()
        total = self._sign(batches, origins, workdir, watch)
        parent = np.arange(total)
        alike = np.ones(total, np.float32)
        with Fixed(workdir / "signatures.bin", SIGNED) as signed:
            for number in range(BANDS * PARTS if total else 0):
                self._compare(np.fromfile(workdir / f"bands{number}.bin", ENTRY), signed, parent, alike)
                watch(f"{self.name}: comparing", number + 1, BANDS * PARTS)
        _mark(workdir, parent, alike)
        origins.save(workdir / "origins.json")
        for path in [workdir / "signatures.bin", workdir / "keys.bin", *workdir.glob("bands*.bin")]:
            path.unlink()

    def _sign(self, batches: Iterable[pa.RecordBatch], origins: Origins, workdir: Path, watch: Watcher) -> int:
        total = 0
        with ExitStack() as stack:
            files = [
                stack.enter_context((workdir / f"bands{number}.bin").open("wb")) for number in range(BANDS * PARTS)
            ]
            signed = stack.enter_context((workdir / "signatures.bin").open("wb"))
            known = stack.enter_context((workdir / "keys.bin").open("wb"))
            for sides, banded, keyed in mapped(batches, signed_pairs):
                signed.write(sides.tobytes())
                known.write(origins.number(keyed).tobytes())
                _spread(banded, total, files)
                total += len(sides)
                watch(f"{self.name}: signing", total, None)
        return total

    def _compare(self, entries: Matrix, signed: Fixed, parent: Matrix, alike: Matrix) -> None:
        later, earlier = candidates(entries)
        for start in range(0, len(later), BLOCK):
            one, other = later[start : start + BLOCK], earlier[start : start + BLOCK]
            rows, places = np.unique(np.concatenate([one, other]), return_inverse=True)
            known = signed.rows(rows)["both"]
            first, second = known[places[: len(one)]], known[places[len(one) :]]
            sides = (similar(first[:, :HASHES], second[:, :HASHES]), similar(first[:, HASHES:], second[:, HASHES:]))
            least = np.minimum(*sides)
            good = least >= self.threshold - 1e-9
            for row, kept, score in zip(one[good], other[good], least[good], strict=True):
                if kept < parent[row]:
                    parent[row], alike[row] = kept, score

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """Every marked pair goes, with the place of the one that stays and how alike they are."""
        marked, columns = kept_columns(batch, workdir)
        return Verdicts(["near duplicate" if hit else None for hit in marked], columns)


class Fixed:
    """A file of records of one size, read by their numbers: unlike a mapped file it does not stay in memory."""

    def __init__(self, path: Path, record: np.dtype[Any]) -> None:
        self._file, self._record = path.open("rb"), record

    def __enter__(self) -> Fixed:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def rows(self, numbers: Matrix) -> Matrix:
        """The records of these numbers, in their order."""
        size, handle = self._record.itemsize, self._file.fileno()
        content = b"".join([os.pread(handle, size, number * size) for number in numbers.tolist()])
        return np.frombuffer(content, self._record)


def signed_pairs(batch: pa.RecordBatch) -> tuple[Matrix, Matrix, Keyed]:
    """Of a batch's pairs: signatures of both sides, band entries, keys."""
    chosen = batch.filter(is_pair(batch))
    sides = [signatures(chosen.column(side)) for side in ("anchor", "positive")]
    return np.hstack(sides), bands(*sides), keys(chosen)


def is_pair(batch: pa.RecordBatch) -> pa.Array:
    """Which rows have no negatives."""
    import pyarrow.compute as pc

    return pc.equal(pc.list_value_length(batch.column("negatives")), 0)


def _spread(banded: Matrix, first: int, files: Sequence[BinaryIO]) -> None:
    rows = np.arange(first, first + len(banded))
    for band in range(BANDS):
        home = (banded[:, band] >> np.uint64(61)).astype(np.int64)
        for part in range(PARTS):
            chosen = home == part
            entries = np.zeros(int(chosen.sum()), ENTRY)
            entries["band"], entries["row"] = banded[chosen, band], rows[chosen]
            files[band * PARTS + part].write(entries.tobytes())


def candidates(entries: Matrix) -> tuple[Matrix, Matrix]:
    """Rows that share a band entry: each with the first of them and with the one before it."""
    ordered = entries[np.lexsort((entries["row"], entries["band"]))]
    if len(ordered) < 2:
        return ordered["row"][:0], ordered["row"][:0]
    fresh = np.concatenate([[True], ordered["band"][1:] != ordered["band"][:-1]])
    first = np.maximum.accumulate(np.where(fresh, np.arange(len(ordered)), 0))
    later = np.flatnonzero(~fresh)
    rows = ordered["row"]
    found = np.unique(
        np.vstack([np.tile(rows[later], 2), np.concatenate([rows[first[later]], rows[later - 1]])]), axis=1
    )
    return found[0], found[1]


def _mark(workdir: Path, parent: Matrix, alike: Matrix) -> None:
    later = np.flatnonzero(parent != np.arange(len(parent)))
    root = parent[later]
    while (parent[root] != root).any():
        root = parent[root]
    with Fixed(workdir / "keys.bin", MARK) as known:
        marks, kept = known.rows(later).copy(), known.rows(root)
    marks["kept_origin"], marks["kept_line"], marks["similarity"] = kept["origin"], kept["line"], alike[later]
    (workdir / "marks.bin").write_bytes(marks[np.argsort(marks["high"], kind="stable")].tobytes())
