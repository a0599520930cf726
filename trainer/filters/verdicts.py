"""What a filter says of a batch: for every row nothing, or the one word why it goes, and the evidence behind that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from indexer.progress import Watcher

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Verdicts:
    """One entry per row of a batch. A reason drops the row, None keeps it; evidence goes along with both, by column."""

    reasons: Sequence[str | None]
    evidence: Mapping[str, pa.Array]


class Filter(Protocol):
    """A filter of examples. Frozen dataclasses of their settings; what a corpus-wide one has learned lies in its folder.

    One with a tuple `counted` names evidence columns whose values the card counts by source."""

    @property
    def name(self) -> str:
        """What a recipe calls it."""
        ...

    @property
    def reasons(self) -> Mapping[str, str]:
        """Reason word → what it means, for people."""
        ...

    def settings(self) -> dict[str, Any]:
        """Everything that decides, resolved (a model by its fingerprint): goes into the card and the stage's identity."""
        ...

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """Look at the whole corpus once, keeping what is needed in `workdir`; does nothing for filters that need not."""
        ...

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """The verdicts on a batch of the corpus that was prepared. Which batch a row stands in changes nothing."""
        ...
