"""Rows with a text too short or too long to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from indexer.errors import UserError
from indexer.progress import Watcher
from trainer.filters.verdicts import Verdicts
from trainer.normal import as_series

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Length:
    """Drops a row by the words of its anchor or positive, or the characters of either (scripts without spaces have few words).

    The bounds are ours and mild: answers such as "yes" are real answers; a text beyond 20 000 characters is a dump.
    """

    name: ClassVar[str] = "length"
    reasons: ClassVar[Mapping[str, str]] = {
        "anchor too short": "fewer words than min_anchor",
        "positive too short": "fewer words than min_positive",
        "too long": "a side has more words than max_words, or more characters than max_characters",
    }
    min_anchor: int = 1  # words
    min_positive: int = 1  # words
    max_words: int = 4_000  # of either
    max_characters: int = 20_000  # of either

    def __post_init__(self) -> None:
        if min(self.min_anchor, self.min_positive) < 0 or self.max_words < max(self.min_anchor, self.min_positive, 1):
            raise UserError("length: the bounds leave no text.", asdict(self), "min ≤ max_words, none below zero")
        if self.max_characters < 1:
            raise UserError("length: max_characters must be above zero.", self.max_characters, "max_characters = 20000")

    def settings(self) -> dict[str, Any]:
        """The bounds."""
        return asdict(self)

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """Nothing to learn."""

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """Count words and characters."""
        import polars as pl

        (anchor, anchor_size), (positive, positive_size) = (
            _sizes(batch.column(side)) for side in ("anchor", "positive")
        )
        long = (anchor > self.max_words) | (positive > self.max_words)
        long |= (anchor_size > self.max_characters) | (positive_size > self.max_characters)
        fault = (
            pl.when(anchor < self.min_anchor).then(pl.lit("anchor too short"))
            .when(positive < self.min_positive).then(pl.lit("positive too short"))
            .when(long).then(pl.lit("too long"))
        )  # fmt: skip
        reasons = pl.select(fault.otherwise(None)).to_series().to_list() if batch.num_rows else []
        faulty = pl.Series([reason is None for reason in reasons], dtype=pl.Boolean)
        words = {f"{side}_words": counts for side, counts in (("anchor", anchor), ("positive", positive))}
        return Verdicts(reasons, {name: counts.set(faulty, None).to_arrow() for name, counts in words.items()})


def _sizes(texts: pa.Array) -> tuple[Any, Any]:
    series = as_series(texts)
    return series.str.count_matches(r"\S+"), series.str.len_chars()
