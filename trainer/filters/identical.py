"""Rows that teach nothing because two of their texts are the same: anchor and positive, or a negative and one of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from indexer.progress import Watcher
from trainer.filters.verdicts import Verdicts
from trainer.normal import as_series, normalised

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Identical:
    """Drops a row whose anchor is its positive, or whose negative is one of the two; case and spaces do not count."""

    name: ClassVar[str] = "identical"
    reasons: ClassVar[Mapping[str, str]] = {
        "identical sides": "anchor and positive are the same text",
        "negative is the positive": "a negative is the same text as the positive",
        "negative is the anchor": "a negative is the same text as the anchor",
    }

    def settings(self) -> dict[str, Any]:
        """None but its name."""
        return asdict(self)

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """Nothing to learn."""

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """Compare the normalised texts, without the punctuation around them."""
        import pyarrow.compute as pc

        anchors, positives = (_bare(batch.column(side)) for side in ("anchor", "positive"))
        reasons = ["identical sides" if one == other else None for one, other in zip(anchors, positives, strict=True)]
        negatives = batch.column("negatives")
        for row, bare in zip(pc.list_parent_indices(negatives).to_pylist(), _bare(negatives.flatten()), strict=True):
            if not reasons[row] and bare in (positives[row], anchors[row]):
                reasons[row] = f"negative is the {'positive' if bare == positives[row] else 'anchor'}"
        return Verdicts(reasons, {})


def _bare(texts: pa.Array | list[str]) -> list[str]:
    bare: list[str] = normalised(as_series(texts)).str.strip_chars(" .!?,;:").to_list()
    return bare
