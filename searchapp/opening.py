"""Versions and models, opened once per process and shared by every thread.

A version is opened when the first query for it comes in, after its whole digest chain was checked, and released when a
newer version of its collection is opened or too many are open. A model is found by the fingerprint the version was built
with; a model of another fingerprint never encodes a query for it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from indexer.catalog import Catalog, VersionRow
from indexer.encode import Encoder, load_encoder
from indexer.encode.models import resolve
from indexer.errors import UserError
from indexer.home import Home
from indexer.opened import OpenVersion, Rows
from searchapp import conditions
from searchapp.conditions.rows import FoldedColumns

OPEN = 8  # versions held open at once
FILTERS = 64  # filters whose rows are remembered per version


class Opened:
    """An open version with what only searching needs: the encoder of its queries and the rows of recent filters."""

    def __init__(self, version: OpenVersion, openings: Openings) -> None:
        self.version = version
        self._openings = openings
        self._table = version.table()
        self._folded: FoldedColumns = {}
        self._rows: OrderedDict[conditions.Condition, Rows] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, query: str) -> NDArray[np.float32]:
        """The query's vector, [1, dim], by the model the version was built with."""
        return self._openings.encoder(self.version).encode_query([query])

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
        self._lock = threading.RLock()

    def current(self, collection: str) -> Opened:
        """The current version of a collection, opened. DamagedError names files that are not what was published."""
        return self.version(self._catalog.version(collection))

    def version(self, row: VersionRow) -> Opened:
        """A published version, opened."""
        key = (row.collection, row.number, row.sha256)
        with self._lock:
            if key not in self._versions:
                opened = Opened(OpenVersion(self._home, *key), self)
                for old in [other for other in self._versions if other[0] == row.collection]:
                    del self._versions[old]
                self._versions[key] = opened
            self._versions.move_to_end(key)
            while len(self._versions) > OPEN:
                self._versions.popitem(last=False)
            return self._versions[key]

    def encoder(self, version: OpenVersion) -> Encoder:
        """The encoder for a version's queries; UserError when its model is not to be found or has changed."""
        wanted = version.model["fingerprint"]
        with self._lock:
            if wanted not in self._encoders:
                self._encoders[wanted] = self._load(version, wanted)
            return self._encoders[wanted]

    def _load(self, version: OpenVersion, wanted: str) -> Encoder:
        name = self._catalog.model_name(wanted) or "minilm"
        encoder = load_encoder(resolve(name, self._home.models))
        if encoder.fingerprint != wanted:
            raise UserError(
                f"{version.collection!r} was built with another model than the one found as {name!r}",
                f"built with fingerprint {wanted[:12]}, found {encoder.fingerprint[:12]}",
                f"put the model back, or build again: indexer build SOURCE --name {version.collection} --model {name}",
            )
        return encoder
