"""The search service: one object that answers queries over the collections of a home.

A query goes through conditions → retrieval (dense, lexical, or both) → fusion → records. The version that is current
when a query comes in answers all of it; versions and models are opened once per process and shared (`opening`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np

from indexer.catalog import Catalog
from indexer.errors import UserError
from indexer.home import Home
from searchapp.opening import Opened, Openings
from searchapp.retrieve import Ranking, dense, hybrid, lexical, nearest
from searchapp.schemas import SearchResult

Mode = Literal["hybrid", "dense", "lexical"]
Where = str | Mapping[str, object] | None
MOST = 10_000  # documents one search may ask for
LONGEST = 100_000  # characters of a query


class SearchService:
    """Answers over the collections of one home. Thread-safe; make one per process."""

    def __init__(self, home: Path | Home | None = None) -> None:
        self.home = home if isinstance(home, Home) else Home.find(home)
        self.catalog = Catalog.open(self.home)
        self._openings = Openings(self.home, self.catalog)

    def search(
        self, collection: str, query: str, k: int = 10, mode: Mode = "hybrid", where: Where = None
    ) -> SearchResult:
        """The `k` best documents for a query, among those that meet the conditions in `where`.

        UserError for an unknown collection, an empty query, a k out of range, a wrong mode or a wrong condition.
        """
        began = time.perf_counter()
        opened, ranking = self.rank(collection, query, k, mode, where)
        return _result(opened, ranking, began)

    def rank(
        self, collection: str, query: str, k: int = 10, mode: Mode = "hybrid", where: Where = None
    ) -> tuple[Opened, Ranking]:
        """What `search` shows, as rows and scores of an open version: for measuring, and for whoever shows it otherwise."""
        retrieve = RETRIEVALS[check_mode(mode)]
        check_query(query)
        check_k(k)
        opened = self.opened(collection)
        return opened, retrieve(opened, query, k, opened.among(where))

    def similar(self, collection: str, id: str, k: int = 10, where: Where = None) -> SearchResult:
        """The `k` documents most like a document of the collection, itself left out.

        Two documents are as alike as their most alike pair of passages. UserError for an unknown collection or id.
        """
        began = time.perf_counter()
        check_k(k)
        opened = self.opened(collection)
        version = opened.version
        row = version.row_of(id)
        if row is None:
            raise UserError(
                f"{collection!r} has no document with this id", repr(id), "take an id that a search returned"
            )
        among = opened.among(where)
        others = np.arange(version.rows) if among is None else among
        return _result(opened, nearest(version, version.vectors_of(row), k, others[others != row]), began)

    def opened(self, collection: str) -> Opened:
        """The current version of a collection, open; DamagedError when its files are not what was published."""
        return self._openings.current(collection)


RETRIEVALS = {"hybrid": hybrid, "dense": dense, "lexical": lexical}


def check_mode(mode: str) -> Mode:
    """The mode itself when there is such a mode."""
    if mode not in get_args(Mode):
        raise UserError("there is no such mode", repr(mode), f"choose one of: {', '.join(get_args(Mode))}")
    return cast(Mode, mode)


def check_query(query: str) -> None:
    """Refuse what is no question: nothing at all, a lone surrogate, more than a page can hold."""
    if not isinstance(query, str) or not query.strip():
        raise UserError("the query is empty", repr(query), "say what you are looking for")
    if len(query) > LONGEST:
        raise UserError("the query is too long", f"{len(query)} characters", f"use at most {LONGEST}")
    try:
        query.encode()
    except UnicodeEncodeError as error:
        raise UserError("the query is not valid text", str(error), "remove the broken character") from None


def check_k(k: int) -> None:
    """Refuse a number of documents that is none."""
    if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= MOST:
        raise UserError("k is not a number of documents", repr(k), f"give a whole number from 1 to {MOST}")


def _result(opened: Opened, ranking: Ranking, began: float) -> SearchResult:
    version = opened.version
    hits = ranking.hits(version)
    return SearchResult(version.collection, version.number, (time.perf_counter() - began) * 1e3, hits)
