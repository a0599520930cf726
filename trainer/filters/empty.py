"""Rows with a side that says nothing: blank, punctuation only, or a placeholder such as "N/A" and "[removed]"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from indexer.progress import Watcher
from trainer.filters.verdicts import Verdicts
from trainer.normal import as_series, normalised

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

PLACEHOLDERS = (
    "n/a",
    "[n/a]",
    "null",
    "nan",
    "undefined",
    "tbd",
    "tba",
    "[removed]",
    "[deleted]",
    "<removed>",
    "<deleted>",
)


@dataclass(frozen=True)
class Empty:
    """Drops a row of which any text is blank, has no word or sign, or stands for a text that is missing."""

    name: ClassVar[str] = "empty"
    reasons: ClassVar[Mapping[str, str]] = {
        "blank": "a text holds nothing but white space",
        "no words": "a text holds nothing but punctuation",
        "placeholder": "a text only stands for one that is missing",
    }
    placeholders: tuple[str, ...] = PLACEHOLDERS  # texts that stand for a missing one, whatever their case

    def settings(self) -> dict[str, Any]:
        """The placeholders."""
        return asdict(self)

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """Nothing to learn."""

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """The first fault of the first faulty side."""
        import pyarrow as pa
        import pyarrow.compute as pc

        flat = batch.column("negatives").flatten()
        owners = pc.list_parent_indices(batch.column("negatives")).to_pylist() if len(flat) else []
        reasons: list[str | None] = [None] * batch.num_rows
        sides: list[str | None] = [None] * batch.num_rows
        rows = range(batch.num_rows)
        for side, texts, places in (
            ("anchor", batch.column("anchor"), rows),
            ("positive", batch.column("positive"), rows),
            ("negative", flat, owners),
        ):
            for place, fault in zip(places, self._faults(texts), strict=True):
                if fault and not reasons[place]:
                    reasons[place], sides[place] = fault, side
        return Verdicts(reasons, {"side": pa.array(sides, pa.string())})

    def _faults(self, texts: pa.Array) -> list[str | None]:
        import polars as pl

        plain: pl.Series = normalised(as_series(texts))
        fault = (
            pl.when(plain == "").then(pl.lit("blank"))
            .when(plain.is_in([entry.casefold() for entry in self.placeholders])).then(pl.lit("placeholder"))
            .when(~plain.str.contains(r"[\w\p{S}]")).then(pl.lit("no words"))
        )  # fmt: skip
        return pl.select(fault.otherwise(None)).to_series().to_list() if len(plain) else []
