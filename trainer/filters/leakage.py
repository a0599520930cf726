"""Rows that hold what a hold-out set will be judged on: its queries or its passages, the same or nearly so.

Every text of a row is compared with every text of the hold-out sets, on whichever side either stands and whatever its row
is judged. A hold-out query counts at any length; a passage only from `min_words` words on, since "yes" is an answer in every
set; near matches too only from there. Of BEIR folders the judged passages count (`passages = "all"` takes the corpus: then a
set that shares its corpus with training loses it).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from indexer.errors import UserError
from indexer.files import write_bytes
from indexer.progress import Watcher
from trainer.filters.shingles import BANDS, Matrix, bands, signatures, similar
from trainer.filters.verdicts import Verdicts
from trainer.normal import as_series, normalised
from trainer.recipe import Holdout

if TYPE_CHECKING:
    import pyarrow as pa

Known = tuple[str, str, str]  # hold-out set, "query" or "passage", text
KINDS = {  # field of a hold-out row → what its text is
    "anchor": "query",
    "text": "query",
    "positive": "passage",
    "negative": "passage",
    "negatives": "passage",
    "negated": "passage",
}


@dataclass(frozen=True)
class Leakage:
    """Drops a row of which any text is a text of a hold-out set, or at least `threshold` alike to one."""

    name: ClassVar[str] = "leakage"
    reasons: ClassVar[Mapping[str, str]] = {
        "hold-out query": "a text is a query of a hold-out set",
        "hold-out passage": "a text is a passage of a hold-out set",
        "near hold-out query": "a text is nearly a query of a hold-out set",
        "near hold-out passage": "a text is nearly a passage of a hold-out set",
    }
    near: bool = True  # also what is nearly a hold-out text
    threshold: float = 0.8
    min_words: int = 4  # of a passage, and of what is nearly one; a query counts whatever its length
    holdouts: tuple[Holdout, ...] = field(default=(), metadata={"given": True})

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise UserError("leakage: threshold must lie above 0 and up to 1.", self.threshold, "threshold = 0.8")

    def settings(self) -> dict[str, Any]:
        """Its own settings and the digests of the hold-out files."""
        from trainer.sources import digests_of

        held = [
            {
                "name": held.name,
                "passages": held.passages,
                "split": held.split,
                "format": held.format,
                "config": held.config,
                "files": sorted(digests_of(held)),
                "fields": dict(held.fields),
            }
            for held in self.holdouts
        ]
        return {"near": self.near, "threshold": self.threshold, "min_words": self.min_words, "holdouts": held}

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """Read the hold-out sets and sign their texts; the corpus itself need not be seen."""
        texts = sorted({entry for held in self.holdouts for entry in holdout_texts(held)})
        kept = [entry for entry in texts if entry[1] == "query" or _long(entry[2], self.min_words)]
        write_bytes(workdir / "texts.json", json.dumps(kept).encode())
        signed = signatures([text for *_, text in kept])
        np.save(workdir / "signatures.npy", signed)
        watch(f"{self.name}: hold-out texts", len(kept), len(kept))

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """Exact matches first, then near ones."""
        import pyarrow as pa

        held = _held(workdir, (workdir / "signatures.npy").stat().st_mtime_ns)
        reasons: list[str | None] = [None] * batch.num_rows
        evidence: dict[str, list[Any]] = {
            name: [None] * batch.num_rows for name in ("holdout", "side", "known", "similarity")
        }
        for side, rows, texts in _sides(batch):
            for row, (found, score) in zip(rows, self._matches(texts, held), strict=True):
                if found is not None and not reasons[row]:
                    reasons[row] = ("" if score == 1 else "near ") + f"hold-out {found[1]}"
                    for name, value in zip(evidence, (found[0], side, found[2], score), strict=True):
                        evidence[name][row] = value
        kinds = {"similarity": pa.float64()}
        return Verdicts(
            reasons, {name: pa.array(values, kinds.get(name, pa.string())) for name, values in evidence.items()}
        )

    def _matches(self, texts: list[str], held: _Held) -> list[tuple[Known | None, float]]:
        """For every text the hold-out text it is, and how alike they are (1 only for the same)."""
        found = [(held.exact.get(text), 1.0) for text in texts]
        if self.near and held.known:
            open_rows = [
                row for row, (known, _) in enumerate(found) if known is None and _long(texts[row], self.min_words)
            ]
            for row, near in zip(open_rows, held.near([texts[row] for row in open_rows]), strict=True):
                if near is not None and near[1] >= self.threshold - 1e-9:
                    found[row] = (near[0], min(round(near[1], 4), 0.9999))
        return found


class _Held:
    """The hold-out texts, by normalised text and by band."""

    def __init__(self, workdir: Path) -> None:
        self.known: list[Known] = [tuple(entry) for entry in json.loads((workdir / "texts.json").read_bytes())]
        self.signed = np.load(workdir / "signatures.npy")
        plain = normalised(as_series([text for *_, text in self.known])).to_list()
        self.exact: dict[str, Known] = {}
        for text, entry in zip(plain, self.known, strict=True):
            if _better(entry, self.exact.get(text)):
                self.exact[text] = entry
        banded = bands(self.signed)
        self.orders = np.argsort(banded, axis=0, kind="stable")
        self.banded = np.take_along_axis(banded, self.orders, axis=0)

    def near(self, texts: list[str]) -> list[tuple[Known, float] | None]:
        """The most alike hold-out text that shares a band with each text."""
        signed = signatures(texts)
        banded = bands(signed)
        best: list[tuple[float, int] | None] = [None] * len(texts)
        for band in range(BANDS):
            column, order = self.banded[:, band], self.orders[:, band]
            first, last = (np.searchsorted(column, banded[:, band], side=side) for side in ("left", "right"))
            for row in np.flatnonzero(last > first):
                self._try(int(row), order[first[row] : last[row]], signed, best)
        return [None if found is None else (self.known[-found[1]], found[0]) for found in best]

    def _try(self, row: int, places: Matrix, signed: Matrix, best: list[tuple[float, int] | None]) -> None:
        scores = similar(self.signed[places], signed[row])
        top = max(zip(scores.tolist(), (-places).tolist(), strict=True))
        if best[row] is None or top > best[row]:  # type: ignore[operator]
            best[row] = top


@lru_cache(maxsize=1)
def _held(workdir: Path, written: int) -> _Held:
    return _Held(workdir)


def _better(one: Known, other: Known | None) -> bool:
    return other is None or (other[1] == "passage" and one[1] == "query")


def _long(text: str, words: int) -> bool:
    return len(text.split()) >= words


def _sides(batch: pa.RecordBatch) -> Iterator[tuple[str, list[int], list[str]]]:
    import pyarrow.compute as pc

    rows = list(range(batch.num_rows))
    negatives = batch.column("negatives")
    yield "anchor", rows, normalised(as_series(batch.column("anchor"))).to_list()
    yield "positive", rows, normalised(as_series(batch.column("positive"))).to_list()
    yield (
        "negative",
        pc.list_parent_indices(negatives).to_pylist(),
        normalised(as_series(negatives.flatten())).to_list(),
    )


def holdout_texts(held: Holdout) -> Iterator[Known]:
    """Every text of a hold-out set, whatever its row is judged: what is different or neutral there is measured on too."""
    from trainer.sources import shape_of, tables_of
    from trainer.sources_beir import is_beir
    from trainer.sources_tables import Bad

    if held.path and all(is_beir(path) for path in held.path):
        yield from _beir_texts(held)
        return
    for table in tables_of(held):
        fields = shape_of(held, table)[1]
        for entry in table.rows(table.digest()):
            if not isinstance(entry, Bad):
                yield from _row_texts(held, entry[1], fields)


def _row_texts(held: Holdout, row: Mapping[str, Any], fields: Mapping[str, str]) -> Iterator[Known]:
    for name, column in fields.items():
        kind = KINDS.get(name)
        if kind is None or (kind == "passage" and held.passages == "none"):
            continue
        value = row.get(column)
        for text in value if isinstance(value, list) else [value]:
            if isinstance(text, str) and _is_whole(text):
                yield held.name, kind, text


def _is_whole(text: str) -> bool:
    """No half characters: nothing that was kept could equal it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _beir_texts(held: Holdout) -> Iterator[Known]:
    from trainer.sources_beir import beir_folder, judgements, texts_by_id

    for path in held.path:
        folder = beir_folder(path, held.split)
        judged, _ = judgements(folder.qrels)
        queries, _ = texts_by_id(folder.queries, {*judged.relevant, *judged.irrelevant})
        yield from ((held.name, "query", text) for text in queries.values())
        if held.passages != "none":
            passages, _ = texts_by_id(folder.corpus, judged.documents() if held.passages == "judged" else None)
            yield from ((held.name, "passage", text) for text in passages.values())
