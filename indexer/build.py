"""`indexer build`: from a source to a published version, in steps that a kill cannot spoil.

    survey → intake → passages → embed in blocks → index → lexical → seal → version file → catalog

Everything up to `seal` happens in a working folder named after the digest of its inputs, so a second run with the same
inputs finds the finished blocks and goes on. Nothing is visible until the catalog's one transaction. Records that did
not change since the current version are not embedded again: their vectors are copied, and the segment says whose.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer import lexical
from indexer.catalog import Catalog, VersionRow, now
from indexer.columns import survey
from indexer.embed import Reuse, assemble, embed, open_vectors
from indexer.encode import Encoder, load_encoder
from indexer.encode.models import EMBEDDED, resolve, versions_of
from indexer.errors import UserError
from indexer.files import remove_folder, write_bytes
from indexer.home import Home, check_name
from indexer.index import build_index
from indexer.intake import Intake, check_source, take_in
from indexer.passages import split
from indexer.plan import IndexPlan, plan_index
from indexer.progress import Watcher, counted, unwatched
from indexer.readers import read_rows
from indexer.records import Columns
from indexer.rows import (
    IDENTITIES,
    PASSAGES,
    RECORDS,
    Passages,
    Records,
    columns_as_json,
    read_identities,
    write_passages,
)
from indexer.settings import BuildSettings
from indexer.store import (
    Segment,
    publish_segment,
    read_segment,
    read_version,
    remove_orphans,
    seal,
    segment_folder,
    segment_id,
    write_version,
)

SEED = 20_240_229
# The libraries whose release can change a segment's bytes; faiss comes under two names.
_LIBRARIES = ("numpy", "pyarrow", "tantivy", "tokenizers", "torch")


@dataclass(frozen=True, slots=True)
class BuildReport:
    """What came of it. `version` is the published version, also when nothing had changed."""

    collection: str
    version: int
    records: int
    passages: int
    rejected: dict[str, int]
    seconds: float
    plan: dict[str, Any]
    unchanged: bool
    embedded: int  # passages that were encoded or found in finished blocks; the others were copied
    rejected_file: str


def build(settings: BuildSettings, home: Home, watch: Watcher = unwatched) -> BuildReport:
    """Build and publish a version of a collection.

    Raises UserError for whatever a user can mend; a killed or failed build leaves the published versions untouched.
    """
    check_name(settings.name)
    reader = check_source(settings.source)
    settings = settings.with_model(home)
    model = resolve(str(settings.model), home.models)
    catalog = Catalog.open(home, create=True)
    with home.writer_lock(settings.name):  # before the model is loaded: a second build need not wait for that
        encoder = load_encoder(model, precision=settings.precision)
        entry = catalog.start_build(settings.name, os.getpid())
        watch = _noted(catalog, entry, watch)
        try:
            report = _Build(settings, home, catalog, encoder, reader, watch).run()
        except BaseException as error:
            stopped = isinstance(error, KeyboardInterrupt)
            catalog.update_build(entry, state="stopped" if stopped else "failed", message=str(error) or "stopped")
            raise
        state = "unchanged" if report.unchanged else "done"
        catalog.update_build(entry, state=state, phase="published", version=report.version)
    return report


class _Build:
    """One run of a build: holds what the steps share, so that each step stays small."""

    def __init__(
        self, settings: BuildSettings, home: Home, catalog: Catalog, encoder: Encoder, reader: str, watch: Watcher
    ) -> None:
        self.settings, self.home, self.catalog = settings, home, catalog
        self.encoder, self.reader, self.watch = encoder, reader, watch
        self.folder = home.collection(settings.name)
        self.started = time.monotonic()

    def run(self) -> BuildReport:
        """All steps in order; see the module's docstring."""
        fresh = self.folder / "building" / "intake"
        shutil.rmtree(fresh, ignore_errors=True)
        for left in self.folder.glob(".rejected.jsonl.*.partial"):  # of builds that were killed
            left.unlink()
        intake, columns = self._take_in(fresh)
        passages = self._split(fresh, columns, intake)
        plan = plan_index(passages, self.encoder.dim, override=self.settings.index)
        current = self._current()
        inputs = self._inputs(intake, columns, plan)
        if current and segment_id(_without_reuse(current[1].inputs)) == segment_id(inputs):
            shutil.rmtree(fresh)
            return self._report(current[0].number, intake, passages, plan, unchanged=True, embedded=0)
        reuse, reused = self._reuse(current, fresh, intake.records, inputs)
        inputs |= reused
        segment, embedded = self._segment(fresh, inputs, columns, intake, passages, plan, reuse)
        number = self._publish(segment, intake.records, passages)
        return self._report(number, intake, passages, plan, unchanged=False, embedded=embedded)

    def _take_in(self, folder: Path) -> tuple[Intake, Columns]:
        settings, source = self.settings, self.settings.source
        self.watch("looking at columns", 0, None)
        rows = read_rows(self.reader, source)
        seen = survey(
            counted(rows, lambda count: self.watch("looking at columns", count, None)),
            id=settings.id,
            title=settings.title,
            text=settings.text,
            fields=settings.fields,
        )
        intake = take_in(
            source,
            self.reader,
            seen.columns,
            folder,
            self.folder / "rejected.jsonl",
            max_rejected=settings.max_rejected,
            expected=seen.rows,
            done=lambda count: self.watch("reading", count, seen.rows),
        )
        return intake, seen.columns

    def _split(self, folder: Path, columns: Columns, intake: Intake) -> int:
        records = Records(folder / RECORDS, columns, mapped=False)
        spans = split(records.texts(), self.encoder.tokenizer, self.encoder.document_tokens, self.settings.passages)
        watched = counted(spans, lambda count: self.watch("splitting", count, intake.records))
        return write_passages(folder / PASSAGES, watched)

    def _current(self) -> tuple[VersionRow, Segment] | None:
        """The current version if it is whole; a damaged one is neither compared with nor copied from."""
        row = self.catalog.current(self.settings.name)
        if row is None:
            return None
        try:
            return row, read_version(self.home, row.collection, row.number, row.sha256).segments[0]
        except UserError:
            return None

    def _inputs(self, intake: Intake, columns: Columns, plan: IndexPlan) -> dict[str, Any]:
        encoder = self.encoder
        return {
            "records": intake.digest,
            "columns": columns_as_json(columns),
            "model": {"fingerprint": encoder.fingerprint, "dim": encoder.dim, "precision": encoder.precision},
            "passages": asdict(self.settings.passages),
            "index": {"kind": plan.kind, "factory": plan.factory, "seed": SEED},
            "lexical": lexical.SETTINGS,
            "libraries": {name: version(name) for name in _LIBRARIES},
        }

    def _reuse(
        self, current: tuple[VersionRow, Segment] | None, folder: Path, records: int, inputs: dict[str, Any]
    ) -> tuple[Reuse | None, dict[str, str]]:
        """Vectors of the current version that still hold, and whose they are (which is part of the inputs)."""
        if current is None or any(current[1].inputs[key] != inputs[key] for key in ("model", "passages")):
            return None, {}
        old = current[1]
        passages = Passages.read(folder / PASSAGES, records)
        rows = _matching_passages(read_identities(folder / IDENTITIES), passages, old)
        if (rows < 0).all():
            return None, {}
        vectors = open_vectors(old.folder / "vectors" / "dense.f32", self.encoder.dim)
        return Reuse(vectors, rows), {"reused": old.id}

    def _segment(
        self,
        fresh: Path,
        inputs: dict[str, Any],
        columns: Columns,
        intake: Intake,
        passages: int,
        plan: IndexPlan,
        reuse: Reuse | None,
    ) -> tuple[Segment, int]:
        """The published segment of these inputs: found whole from an earlier run, or made."""
        name = segment_id(inputs)
        found = read_segment(segment_folder(self.home, self.settings.name, name))
        if found:
            shutil.rmtree(fresh)
            return found, 0
        working = self._working_folder(fresh, name)
        self._embed(working, columns, passages, reuse)
        self._index_vectors(working / "segment", plan)
        self._index_words(working / "segment", columns)
        facts = {
            "records": intake.records,
            "passages": passages,
            "plan": asdict(plan),
            "spaces": {"dense": {"dim": self.encoder.dim, "dtype": "float32", "of": "passages"}},
        }
        seal(working / "segment", inputs, facts)
        final = publish_segment(working / "segment", self.home, self.settings.name)
        remove_folder(working)
        segment = read_segment(final)
        if segment is None:
            raise OSError(f"{final} was written a moment ago and cannot be read back")
        return segment, passages if reuse is None else int((reuse.rows < 0).sum())

    def _working_folder(self, fresh: Path, name: str) -> Path:
        """The working folder of these inputs, kept from a killed run; those of other inputs are removed."""
        working = fresh.parent / name
        for path in fresh.parent.iterdir():
            if path not in (fresh, working):
                shutil.rmtree(path, ignore_errors=True)
        working.mkdir(exist_ok=True)
        shutil.rmtree(working / "segment", ignore_errors=True)
        fresh.rename(working / "segment")
        return working

    def _embed(self, working: Path, columns: Columns, passages: int, reuse: Reuse | None) -> None:
        segment, blocks = working / "segment", working / "blocks"
        self.watch("embedding", 0, passages)
        embed(
            Records(segment / RECORDS, columns, mapped=False),
            segment / PASSAGES,
            self.encoder,
            self.settings.passages,
            blocks,
            reuse=reuse,
            done=lambda count: self.watch("embedding", count, passages),
        )
        assemble(blocks, segment / "vectors" / "dense.f32", passages, self.encoder.dim)

    def _index_vectors(self, segment: Path, plan: IndexPlan) -> None:
        self.watch("indexing vectors", 0, None)
        vectors = open_vectors(segment / "vectors" / "dense.f32", self.encoder.dim)
        blob = build_index(vectors, plan, seed=SEED)
        if blob is not None:
            write_bytes(segment / "index" / "dense.faiss", blob)

    def _index_words(self, segment: Path, columns: Columns) -> None:
        records = Records(segment / RECORDS, columns, mapped=False)
        self.watch("indexing words", 0, records.rows)
        words = counted(records.texts(), lambda count: self.watch("indexing words", count, records.rows))
        lexical.write_lexical(segment / "lexical", words)

    def _publish(self, segment: Segment, records: int, passages: int) -> int:
        self.watch("publishing", 0, None)
        name, encoder = self.settings.name, self.encoder
        number = self.catalog.next_number(name)
        digest = write_version(self.home, name, number, [segment])
        self.catalog.remember_model(encoder.fingerprint, self._model_name(), encoder.dim)
        row = VersionRow(
            name, number, digest, self._model_name(), encoder.fingerprint, records, passages, now(), current=True
        )
        self.catalog.publish(row)
        remove_orphans(self.home, name, [version.number for version in self.catalog.versions(name)])
        return number

    def _model_name(self) -> str:
        """`minilm` or another known name as it is; of a model in the home its version too, a folder by its whole path:
        searching must find the same one from anywhere, whatever is published later."""
        model = str(self.settings.model)
        if model in EMBEDDED:
            return model
        return next(iter(versions_of(model, self.home.models)), None) or str(resolve(model).resolve())

    def _report(
        self, number: int, intake: Intake, passages: int, plan: IndexPlan, *, unchanged: bool, embedded: int
    ) -> BuildReport:
        return BuildReport(
            collection=self.settings.name,
            version=number,
            records=intake.records,
            passages=passages,
            rejected=intake.rejected,
            seconds=round(time.monotonic() - self.started, 3),
            plan=asdict(plan),
            unchanged=unchanged,
            embedded=embedded,
            rejected_file=str(self.folder / "rejected.jsonl"),
        )


def _noted(catalog: Catalog, entry: int, watch: Watcher) -> Watcher:
    """The watcher, which also notes progress in the catalog: at each new phase, then at most once a second."""
    last: tuple[str, float] = ("", 0.0)

    def note(phase: str, done: int, total: int | None) -> None:
        nonlocal last
        if phase != last[0] or time.monotonic() - last[1] >= 1:
            last = (phase, time.monotonic())
            catalog.update_build(entry, phase=phase, done=done, total=total)
        watch(phase, done, total)

    return note


def _without_reuse(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in inputs.items() if key != "reused"}


def _matching_passages(identities: NDArray[np.bytes_], passages: Passages, old: Segment) -> NDArray[np.int64]:
    """For each new passage, the old passage of the same unchanged record that has the same characters of it, or −1.

    Another release may cut otherwise: then nothing is copied."""
    before = read_identities(old.folder / IDENTITIES)
    cuts = Passages.read(old.folder / PASSAGES, len(before))
    order = np.argsort(before, kind="stable")
    place = order[np.minimum(np.searchsorted(before, identities, sorter=order), len(before) - 1)]
    record = np.where(before[place] == identities, place, -1)[passages.record]
    row = np.minimum(np.where(record < 0, 0, cuts.first[record] + passages.ordinal), len(cuts) - 1)
    same = (cuts.record[row] == record) & (cuts.start[row] == passages.start) & (cuts.end[row] == passages.end)
    return np.where(same, row, -1)
