"""A version opened for reading: verified files behind memory maps, and the two retrievals over them.

Rows are record rows numbered across the version: a segment's offset plus its own row. Retrieval answers in documents: a
document's score is its best passage's, and the passage list is widened until k distinct documents are found or the rows
run out. `among` (sorted record rows) restricts every retrieval to those rows; tombstones are never among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from indexer.embed import open_vectors
from indexer.hits import ABSENT, Hits, fold, merge
from indexer.home import Home
from indexer.index import Index
from indexer.lexical import Lexical
from indexer.passages import Span
from indexer.plan import IndexPlan
from indexer.records import Columns, Record
from indexer.rows import PASSAGES, RECORDS, Passages, Records, columns_from_json
from indexer.scan import score
from indexer.store import Segment, read_version

Rows = NDArray[np.int64]


class OpenSegment:
    """One segment's rows and indexes. Rows here are the segment's own."""

    def __init__(self, segment: Segment) -> None:
        folder, inputs = segment.folder, segment.inputs
        self.columns = columns_from_json(inputs["columns"])
        self.records = Records(folder / RECORDS, self.columns)
        self.passages = Passages.read(folder / PASSAGES, self.records.rows)
        self.vectors = open_vectors(folder / "vectors" / "dense.f32", inputs["model"]["dim"])
        plan = IndexPlan(**segment.manifest["plan"])
        self.index = Index(self.vectors, _optional_bytes(folder / "index" / "dense.faiss"), plan)
        self.lexical = Lexical(folder / "lexical")
        self.alive = _alive(self.records.rows, segment.tombstones)

    def dense(self, queries: NDArray[np.float32], k: int, among: Rows | None) -> tuple[Hits, Rows]:
        """The k best documents of each query [queries, dim]: Hits of record rows, and the best passage of each."""
        allowed = self.passages.of(among) if among is not None else None
        available = len(self.passages) if allowed is None else len(allowed)
        reach = min(available, k if len(self.passages) == self.records.rows else 2 * k)
        while True:
            found = self.index.search(queries, max(reach, 1), among=allowed)
            hits, best = fold(found, self.passages.record, k)
            if reach >= available or (hits.ids[:, -1] != ABSENT).all():
                return hits, best
            reach = min(available, 2 * reach)

    def dense_scores(self, queries: NDArray[np.float32], rows: Rows) -> tuple[NDArray[np.float32], Rows]:
        """Cosine of each record's best passage with the nearest of `queries` [n, dim], and that passage's ordinal."""
        passages = self.passages.of(rows)
        scores = np.full(len(passages), -np.inf, np.float32)
        for query in queries:  # one by one, as the scan does: a matrix product gives equal passages unequal scores
            np.maximum(scores, score(self.vectors, query, passages), out=scores)
        bounds = np.concatenate(([0], np.cumsum(self.passages.first[rows + 1] - self.passages.first[rows])))
        best = np.array([a + int(scores[a:b].argmax()) for a, b in pairwise(bounds)], np.int64)
        return scores[best], self.passages.ordinal[passages[best]].astype(np.int64)


class OpenVersion:
    """A whole version. Rows are numbered across its segments; external ids are attached by whoever shows them."""

    def __init__(self, home: Home, collection: str, number: int, sha256: str) -> None:
        version = read_version(home, collection, number, sha256)  # the digest chain, before anything is parsed
        self.collection, self.number = collection, number
        self.folders = [segment.folder for segment in version.segments]
        self.segments = [OpenSegment(segment) for segment in version.segments]
        self.offsets = np.concatenate(([0], np.cumsum([segment.records.rows for segment in self.segments])))
        self.columns: Columns = self.segments[0].columns
        self.model = version.segments[0].inputs["model"]
        self.rows = int(self.offsets[-1])
        self.alive = np.concatenate([segment.alive for segment in self.segments])
        self._complete = bool(self.alive.all())

    def table(self) -> pa.Table:
        """All record rows, tombstones included, as one table over the memory maps."""
        return pa.concat_tables([segment.records.table() for segment in self.segments])

    def among(self, mask: NDArray[np.bool_] | None) -> Rows | None:
        """Rows a mask over `table()` allows, less the tombstones; None when that is every row."""
        if mask is None:
            return None if self._complete else np.flatnonzero(self.alive)
        return np.flatnonzero(mask & self.alive)

    def dense(self, queries: NDArray[np.float32], k: int, among: Rows | None = None) -> Hits:
        """The k documents whose best passage is nearest by cosine, for each query [queries, dim]."""
        return self._merged([s.dense(queries, k, rows)[0] for s, rows in self._parts(among)], k)

    def lexical(self, query: str, k: int, among: Rows | None = None) -> Hits:
        """The k documents with the highest BM25 score; documents without any query term are absent."""
        return self._merged([s.lexical.search(query, k, among=rows) for s, rows in self._parts(among)], k)

    def dense_scores(self, queries: NDArray[np.float32], rows: Rows) -> tuple[NDArray[np.float32], Rows]:
        """Exact dense score of any records [n] against the nearest of `queries`, and the ordinal of the best passage."""
        scores, best = np.empty(len(rows), np.float32), np.empty(len(rows), np.int64)
        for number, where in self._located(rows):
            own = rows[where] - self.offsets[number]
            scores[where], best[where] = self.segments[number].dense_scores(queries, own)
        return scores, best

    def lexical_scores(self, query: str, rows: Rows) -> NDArray[np.float32]:
        """BM25 of any records [n]; 0 where no term matches."""
        scores = np.empty(len(rows), np.float32)
        for number, where in self._located(rows):
            scores[where] = self.segments[number].lexical.scores(query, rows[where] - self.offsets[number])
        return scores

    def record(self, row: int) -> Record:
        number = self._segment_of(row)
        return self.segments[number].records[row - int(self.offsets[number])]

    def id(self, row: int) -> str:
        """The id of a record, without reading the rest of it."""
        number = self._segment_of(row)
        return self.segments[number].records.id(row - int(self.offsets[number]))

    def spans(self, row: int) -> list[Span]:
        """The passages of a record, in order."""
        number = self._segment_of(row)
        own, passages = row - int(self.offsets[number]), self.segments[number].passages
        which = range(int(passages.first[own]), int(passages.first[own + 1]))
        return [Span(int(passages.start[i]), int(passages.end[i])) for i in which]

    def vectors_of(self, row: int) -> NDArray[np.float32]:
        """The vectors of a record's passages, [passages, dim]."""
        number = self._segment_of(row)
        segment, own = self.segments[number], row - int(self.offsets[number])
        return segment.vectors[int(segment.passages.first[own]) : int(segment.passages.first[own + 1])]

    def row_of(self, id: str) -> int | None:
        """The row that shows the record with this id; None when there is none."""
        import pyarrow.compute as pc

        for number, segment in enumerate(self.segments):
            for own in np.flatnonzero(pc.equal(segment.records.table().column("id"), id).to_numpy()):
                if segment.alive[own]:
                    return int(self.offsets[number] + own)
        return None

    def _parts(self, among: Rows | None) -> list[tuple[OpenSegment, Rows | None]]:
        among = among if among is not None or self._complete else np.flatnonzero(self.alive)
        if among is None:
            return [(segment, None) for segment in self.segments]
        cuts = np.searchsorted(among, self.offsets)
        return [
            (segment, among[a:b] - offset)
            for segment, offset, a, b in zip(self.segments, self.offsets[:-1], cuts, cuts[1:], strict=False)
        ]

    def _merged(self, parts: Sequence[Hits], k: int) -> Hits:
        if len(parts) == 1:
            return parts[0]
        shifted = [
            Hits(np.where(hits.ids == ABSENT, ABSENT, hits.ids + offset), hits.scores)
            for hits, offset in zip(parts, self.offsets[:-1], strict=True)
        ]
        return merge(shifted, k)

    def _located(self, rows: Rows) -> list[tuple[int, Rows]]:
        owner = np.searchsorted(self.offsets, rows, side="right") - 1
        return [(int(number), np.flatnonzero(owner == number)) for number in np.unique(owner)]

    def _segment_of(self, row: int) -> int:
        return int(np.searchsorted(self.offsets, row, side="right")) - 1


def _alive(rows: int, tombstones: Sequence[int]) -> NDArray[np.bool_]:
    alive = np.ones(rows, np.bool_)
    alive[list(tombstones)] = False
    return alive


def _optional_bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None
