"""The duplicates of a collection at a threshold: groups of records, how surely, what differs, ready to show or export.

The pairs behind it are compared once per open version and kept, so another threshold takes milliseconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from indexer.errors import UserError, shown
from indexer.progress import Watcher, unwatched
from indexer.records import Record
from searchapp.opening import Opened
from searchapp.usecases import export
from searchapp.usecases.duplicates import THRESHOLD, Group, Pairs, group, neighbours


@dataclass(frozen=True, slots=True)
class DuplicateReport:
    """Groups of a collection's records that are the same thing, surest first."""

    collection: str
    version: int
    threshold: float
    records: int
    took_ms: float
    groups: tuple[Group, ...]
    pairs: Pairs
    opened: Opened

    def members(self, found: Group) -> list[Record]:
        """The records of a group, in the collection's order."""
        return [self.opened.version.record(row) for row in found.members]

    def rows(self) -> Iterator[export.Row]:
        """One row per pair inside each group, for `export`."""
        return export.rows(self.opened.version, self.pairs, self.groups)

    def as_json(self) -> dict[str, Any]:
        """For machines: plain values, stable keys."""
        identify = self.opened.version.id
        groups = [
            {"ids": [identify(row) for row in found.members], "weakest": found.weakest, "mean": found.mean}
            for found in self.groups
        ]
        return {
            "collection": self.collection,
            "version": self.version,
            "threshold": self.threshold,
            "records": self.records,
            "took_ms": round(self.took_ms, 3),
            "groups": groups,
        }


def find_duplicates(opened: Opened, threshold: float = THRESHOLD, watch: Watcher = unwatched) -> DuplicateReport:
    """The groups at a threshold in [0, 1]; UserError for another one. The first call for a version compares its records."""
    check_threshold(threshold)
    began = time.perf_counter()
    pairs = opened.kept(("pairs",), lambda: neighbours(opened, watch))
    groups, version = group(pairs, threshold), opened.version
    took = (time.perf_counter() - began) * 1e3
    return DuplicateReport(version.collection, version.number, threshold, version.rows, took, groups, pairs, opened)


def check_threshold(threshold: float) -> None:
    """Refuse what no score can reach or fall short of."""
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise UserError("that is no threshold", shown(threshold), "give a number from 0 to 1")
