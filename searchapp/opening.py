"""Versions and models, opened once per process and shared by every thread.

A version is opened when the first query for it comes in, after its whole digest chain was checked, and released when a
newer version of its collection is opened or too many are open. A model is found by the fingerprint the version was built
with; a model of another fingerprint never encodes a query for it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from indexer.catalog import Catalog, VersionRow
from indexer.encode import Encoder, load_encoder
from indexer.encode.models import resolve, versions_of
from indexer.errors import NotFoundError, UserError, shown
from indexer.home import Home
from indexer.opened import OpenVersion, Rows
from indexer.passages import passages
from searchapp import conditions
from searchapp.conditions.limits import is_text
from searchapp.conditions.rows import FoldedColumns

OPEN = 8  # versions held open at once
FILTERS = 64  # filters whose rows are remembered per version
QUERIES = 128  # queries whose vectors are remembered per version
_Made = TypeVar("_Made")


class Opened:
    """An open version with what only searching needs: the encoder of its queries, and what recent questions had made."""

    def __init__(self, version: OpenVersion, openings: Openings, model_name: str) -> None:
        self.version, self._model_name = version, model_name
        self._openings = openings
        self._table = version.table()
        self._folded: FoldedColumns = {}
        self._rows: OrderedDict[conditions.Condition, Rows] = OrderedDict()
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._kept: dict[tuple[str, ...], Any] = {}
        self._making: dict[tuple[str, ...], threading.RLock] = {}
        self._lock = threading.Lock()

    @property
    def table(self) -> pa.Table:
        """All record rows, tombstones included: id, title, text, field.<name>."""
        return self._table

    @property
    def encoder(self) -> Encoder:
        """The model the version was built with."""
        return self._openings.encoder(self.version, self._model_name)

    def encode(self, query: str) -> NDArray[np.float32]:
        """The query's vector, [1, dim], read-only, by the model the version was built with; the latest are remembered."""
        with self._lock:
            if query in self._vectors:
                self._vectors.move_to_end(query)
                return self._vectors[query]
        vector = self.encoder.encode_query([query])
        vector.flags.writeable = False
        with self._lock:
            self._vectors[query] = vector
            while len(self._vectors) > QUERIES:
                self._vectors.popitem(last=False)
        return vector

    def forget_queries(self) -> None:
        """Drop the remembered vectors: whoever measures speed wants every query encoded."""
        with self._lock:
            self._vectors.clear()

    def encode_text(self, text: str) -> NDArray[np.float32]:
        """The vector of a text as if it were a document here, [1, dim]: the mean of its passages', of unit length."""
        encoder = self.encoder
        spans = passages("", text, encoder.tokenizer, encoder.document_tokens)
        mean = encoder.encode_document([text[span.start : span.end] for span in spans]).mean(axis=0, keepdims=True)
        unit: NDArray[np.float32] = mean / np.linalg.norm(mean)
        return unit

    def row(self, id: str) -> int:
        """The row of the record with this id; UserError when there is none, and for what can be no id."""
        row = self.version.row_of(id) if is_text(id) else None
        if row is None:
            what = f"{self.version.collection!r} has no document with this id"
            raise NotFoundError(
                what, shown(id), "take an id that a search returned; a document may have been removed since"
            )
        return row

    def kept(self, name: tuple[str, ...], make: Callable[[], _Made]) -> _Made:
        """What `make` gives, made once and kept as long as the version is open: for what follows from its records alone."""
        with self._lock:
            making = self._making.setdefault(name, threading.RLock())
        with making:  # one lock per name: comparing all records may take minutes, and nothing else should wait for it
            if name not in self._kept:
                self._kept[name] = make()
            made: _Made = self._kept[name]
            return made

    def among(self, where: str | Mapping[str, object] | None) -> Rows | None:
        """The record rows that meet the conditions, ascending; None when every row may be found."""
        if where is None or where == "":
            return self.version.among(None)
        condition = conditions.parse(where, self.version.columns)
        with self._lock:
            if condition not in self._rows:
                mask = conditions.mask(condition, self._table, self._folded)
                rows = self.version.among(mask)
                self._rows[condition] = np.arange(self.version.rows) if rows is None else rows
            self._rows.move_to_end(condition)
            while len(self._rows) > FILTERS:
                self._rows.popitem(last=False)
            return self._rows[condition]


class Openings:
    """What is open in this process."""

    def __init__(self, home: Home, catalog: Catalog) -> None:
        self._home, self._catalog = home, catalog
        self._versions: OrderedDict[tuple[str, int, str], Opened] = OrderedDict()
        self._encoders: dict[str, Encoder] = {}
        self._making: dict[tuple[str, str], threading.RLock] = {}
        self._lock = threading.Lock()  # held for a look at the tables above, never while something is opened

    def current(self, collection: str) -> Opened:
        """The current version of a collection, opened. DamagedError names files that are not what was published."""
        found = self._found(self._catalog.version(collection))
        if found:
            return found
        with self._alone("version", collection):
            while True:
                row = self._catalog.version(collection)  # anew: it may be another one since we wait for the lock
                try:
                    return self._found(row) or self._open(row)
                except (OSError, UserError):  # dropped while it was being opened, unless the catalog still names it
                    if self._catalog.version(collection) == row:
                        raise

    def _alone(self, kind: str, name: str) -> threading.RLock:
        """The lock of one thing: its files are read to the last byte before the first answer, and nothing else waits for that."""
        with self._lock:
            return self._making.setdefault((kind, name), threading.RLock())

    def _found(self, row: VersionRow) -> Opened | None:
        with self._lock:
            if _key(row) in self._versions:
                self._versions.move_to_end(_key(row))
            return self._versions.get(_key(row))

    def _open(self, row: VersionRow) -> Opened:
        """Open a version in place of the others of its collection."""
        opened = Opened(OpenVersion(self._home, *_key(row)), self, row.model_name)
        with self._lock:
            for old in [other for other in self._versions if other[0] == row.collection]:
                del self._versions[old]
            self._versions[_key(row)] = opened
            while len(self._versions) > OPEN:
                self._versions.popitem(last=False)
            used = {other.version.model["fingerprint"] for other in self._versions.values()}
            self._encoders = {one: encoder for one, encoder in self._encoders.items() if one in used}
        return opened

    def encoder(self, version: OpenVersion, name: str) -> Encoder:
        """The encoder for a version's queries: `name` is where its build found it, and if that is another one by now, where
        this fingerprint was last seen. UserError when its model is not to be found or has changed."""
        wanted = version.model["fingerprint"]
        with self._alone("model", wanted):
            with self._lock:
                found = self._encoders.get(wanted)
            if found is None:
                found = self._load(version, wanted, name)
                with self._lock:
                    self._encoders[wanted] = found
            return found

    def _load(self, version: OpenVersion, wanted: str, name: str) -> Encoder:
        known = [name, self._catalog.model_name(wanted) or name]
        names = [one for each in known for one in (each, *versions_of(each, self._home.models))]
        refused: UserError | None = None
        for one in dict.fromkeys(names):
            try:
                encoder = load_encoder(resolve(one, self._home.models))
            except UserError as error:
                refused = refused or error
                continue
            if encoder.fingerprint == wanted:
                return encoder
            refused = refused or UserError(
                f"{version.collection!r} was built with another model than the one found as {one!r}",
                f"built with fingerprint {wanted[:12]}, found {encoder.fingerprint[:12]}",
                f"put the model back, or build again: indexer build SOURCE --name {version.collection} --model {one}",
            )
        assert refused is not None
        raise refused


def _key(row: VersionRow) -> tuple[str, int, str]:
    return row.collection, row.number, row.sha256
