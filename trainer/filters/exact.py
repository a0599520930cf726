"""Exact duplicates: rows whose normalised texts are the same, across all sources; the first in the recipe's order stays.

The stream comes in canonical order (source order, hash, file, line), so "first" does not depend on how the files were
read. Keys are spread over files by their leading bits and compared part by part: memory is one part, whatever the corpus.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from indexer.progress import Watcher
from trainer.batches import mapped
from trainer.filters.marks import MARK, Origins, kept_columns, keys
from trainer.filters.verdicts import Verdicts

if TYPE_CHECKING:
    import pyarrow as pa

PARTS = 64


@dataclass(frozen=True)
class Exact:
    """Drops every copy of a row but the first: case, white space and Unicode spelling do not make a difference."""

    name: ClassVar[str] = "exact"
    reasons: ClassVar[Mapping[str, str]] = {"exact duplicate": "its normalised texts are those of an earlier row"}

    def settings(self) -> dict[str, Any]:
        """None but its name."""
        return asdict(self)

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """Find the later copies of every row."""
        origins, rows = Origins(), 0
        with ExitStack() as stack:
            parts = [stack.enter_context((workdir / f"keys{number}.bin").open("wb")) for number in range(PARTS)]
            for keyed in mapped(batches, keys):
                found = origins.number(keyed)
                home = (found["high"] >> np.uint64(58)).astype(np.int64)
                for number in np.unique(home):
                    parts[number].write(found[home == number].tobytes())
                rows += len(found)
                watch(f"{self.name}: looking", rows, None)
        with (workdir / "marks.bin").open("wb") as marks:
            for number in range(PARTS):
                path = workdir / f"keys{number}.bin"
                marks.write(later_copies(np.fromfile(path, MARK)).tobytes())
                path.unlink()
        origins.save(workdir / "origins.json")

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """Every marked copy goes, with the place of the one that stays."""
        marked, columns = kept_columns(batch, workdir)
        del columns["similarity"]
        return Verdicts(["exact duplicate" if hit else None for hit in marked], columns)


def later_copies(found: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Of rows in stream order, those whose content stood before, each with the place of the first."""
    order = np.lexsort((np.arange(len(found)), found["low"], found["high"]))
    ordered = found[order]
    same = (ordered["high"][1:] == ordered["high"][:-1]) & (ordered["low"][1:] == ordered["low"][:-1])
    fresh = np.concatenate([[True], ~same]) if len(ordered) else np.zeros(0, bool)
    first = np.maximum.accumulate(np.where(fresh, np.arange(len(ordered)), 0)) if len(ordered) else order
    ordered["kept_origin"], ordered["kept_line"] = ordered["origin"][first], ordered["line"][first]
    ordered["similarity"] = 1
    itself = (ordered["kept_origin"] == ordered["origin"]) & (ordered["kept_line"] == ordered["line"])
    later: np.ndarray[Any, Any] = ordered[~fresh & ~itself]
    return later
