"""Consistency: a pair stays when its passage is among the nearest to its anchor, in the whole corpus.

Jina Embeddings v1 (arXiv 2307.11224): texts are embedded with a small model (all-MiniLM-L6-v2), and (q, p) is kept iff
p is among the two nearest to q by cosine, over a random sample of a million passages together with p. That is harsh: a true
passage that shares few words with its question ranks fifth or thirtieth. So what is shipped asks the other way round: of the pairs that
stay, how many may be mismatched? `impurity` = .0025 opens the filter, source by source, as wide as keeps them at
most a quarter of a percent, as estimated from pairs of strangers (`consistency_strangers`); no label is needed for that, it
holds for any sample size and model, and a clean source loses little (`top_k = 2` is the paper's; the choice of .0025 is ours). A source is
the unit: give every origin a name of its own, for strangers from another topic are farther away than a wrong row of the same one.

A rank counts distinct passages, by normal form, whose cosine is above the pair's own by more than the tolerance: copies of p and
ties never push p out. Prepare collects the distinct texts in the order of a seeded hash and encodes them in blocks of
2 048; the first rows of that order are the sample. A killed run goes on after its last block.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from indexer.encode import Precision, fingerprint
from indexer.encode.models import resolve
from indexer.errors import UserError
from indexer.progress import Watcher
from trainer.filters.verdicts import Verdicts
from trainer.recipe import seed_of

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Consistency:
    """Keeps a pair whose passage is among the nearest to its anchor over a sample of the corpus. Triplets pass unjudged.

    `top_k` fixes how near (the paper: 2); without it, `impurity` does: the share of mismatched pairs accepted among the kept."""

    sample: int = 1_000_000  # distinct passages
    top_k: int | None = None
    impurity: float = 0.0025
    model: str = "minilm"  # a name or a folder
    tolerance: float = 1e-4  # cosines closer than this are equal
    seed: int = 0  # of what is drawn
    precision: Precision = "auto"  # how the model computes
    threads: int | None = None  # of the encoder; None: all usable cores

    name: ClassVar[str] = "consistency"
    reasons: ClassVar[Mapping[str, str]] = {
        "outranked": "too many other passages are nearer to the anchor than its own: they probably do not belong together"
    }

    def __post_init__(self) -> None:
        seed_of(self.seed)
        _refuse(self.sample < 1, "sample must be at least 1.", self.sample, "Give a number of passages.")
        _refuse(self.top_k is not None and self.top_k < 1, "top_k must be at least 1.", self.top_k, "The paper's is 2.")
        _refuse(
            not 0 < self.impurity < 1,
            "impurity must lie between 0 and 1.",
            self.impurity,
            "The shipped share is 0.0025.",
        )
        _refuse(not 0 <= self.tolerance < 1, "tolerance must be a small cosine.", self.tolerance, "Use 1e-4.")
        resolve(self.model)

    def settings(self) -> dict[str, Any]:
        """What decides; without `threads`, which only changes the speed of the models we run ourselves."""
        from indexer.encode.linear import resolve_precision

        folder = resolve(self.model)
        return {
            "sample": self.sample,
            "top_k": self.top_k,
            "impurity": None if self.top_k else self.impurity,
            "model": fingerprint(folder),
            "tolerance": self.tolerance,
            "seed": self.seed,
            "precision": resolve_precision(self.precision, folder),
        }

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """Collect the texts, encode them, and find out how far to open for each source."""
        from indexer.encode import load_encoder
        from trainer.filters.consistency_corpus import Corpus, encode_corpus
        from trainer.filters.consistency_texts import collect

        collect(_pairs(batches, watch), workdir / "texts", self.seed)
        encode_corpus(
            workdir, lambda: load_encoder(resolve(self.model), precision=self.precision, threads=self.threads), watch
        )
        Corpus(workdir, self.sample, self.tolerance).open_wide(self.impurity)

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """Evidence: the pair's cosine, its rank, the last rank that is kept, and the nearest other passage where it outranks."""
        import pyarrow as pa
        import pyarrow.compute as pc

        from trainer.filters.consistency_corpus import Corpus
        from trainer.filters.consistency_texts import keys_of

        corpus = Corpus(workdir, self.sample, self.tolerance)
        judged = pc.indices_nonzero(pc.equal(pc.list_value_length(batch.column("negatives")), 0))
        pairs = batch.take(judged)
        found = corpus.ranked(*(keys_of(pairs.column(side), self.seed) for side in ("anchor", "positive")))
        openings = corpus.openings()
        last = [self.top_k or openings[source].last for source in pairs.column("source").to_pylist()]
        outranking = found.neighbour_scores > found.scores + self.tolerance
        neighbours = [int(row) if beaten else None for row, beaten in zip(found.neighbours, outranking, strict=True)]
        columns = {
            "score": pa.array(found.scores.round(6), pa.float64()),
            "rank": pa.array(found.ranks, pa.int64()),
            "last_kept": pa.array(last, pa.int64()),
            "neighbour": pa.array([corpus.passage(row) for row in neighbours], pa.string()),
            "neighbour_score": pa.array(found.neighbour_scores.round(6), pa.float64(), mask=~outranking),
        }
        reasons = ["outranked" if r > k else None for r, k in zip(found.ranks.tolist(), last, strict=True)]
        return _spread(reasons, columns, judged, len(batch))


def _pairs(batches: Iterable[pa.RecordBatch], watch: Watcher) -> Iterator[pa.RecordBatch]:
    """The rows without negatives, batch by batch."""
    import pyarrow.compute as pc

    seen = 0
    for batch in batches:
        yield batch.filter(pc.equal(pc.list_value_length(batch.column("negatives")), 0))
        seen += len(batch)
        watch("collecting texts", seen, None)


def _spread(reasons: list[str | None], columns: dict[str, pa.Array], judged: pa.Array, rows: int) -> Verdicts:
    """Put what was found for the judged rows back in their places; the others are kept, without evidence."""
    import pyarrow as pa

    places: list[int | None] = [None] * rows
    for place, row in enumerate(judged.to_pylist()):
        places[row] = place
    spread = [None if place is None else reasons[place] for place in places]
    return Verdicts(spread, {name: column.take(pa.array(places, pa.int64())) for name, column in columns.items()})


def _refuse(wrong: bool, what: str, given: object, todo: str) -> None:
    if wrong:
        raise UserError(f"consistency: {what}", given, todo)
