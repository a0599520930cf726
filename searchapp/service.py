"""The search service: one object that answers queries over the collections of a home.

A query goes through conditions → retrieval (dense, lexical, or both) → fusion → records. The version that is current
when a query comes in answers all of it; versions and models are opened once per process and shared (`opening`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np

from indexer.catalog import Catalog
from indexer.errors import UserError, shown
from indexer.home import Home
from indexer.progress import Watcher, unwatched
from indexer.records import Record, as_json
from searchapp.conditions.limits import is_text
from searchapp.opening import Opened, Openings
from searchapp.retrieve import Ranking, dense, hybrid, lexical, nearest
from searchapp.schemas import Hit, Passage, SearchResult
from searchapp.usecases.answers import Address, Answer, answer, around, locate
from searchapp.usecases.duplicates import THRESHOLD, alike
from searchapp.usecases.duplicates_report import DuplicateReport, check_threshold, find_duplicates
from searchapp.usecases.shop import NO_CHOICES, Choice, Listing, Sort, browse


@dataclass(frozen=True, slots=True)
class Likeness:
    """A record that says the same as a text, with the pair score in [0, 1] and its parts."""

    record: Record
    score: float
    parts: Mapping[str, float | bool | None]

    def as_json(self) -> dict[str, object]:
        """For machines: plain values, stable keys."""
        return {"score": self.score, "parts": dict(self.parts), "record": as_json(self.record)}


Mode = Literal["hybrid", "dense", "lexical"]
Where = str | Mapping[str, object] | None
MOST = 10_000  # documents one search may ask for
LONGEST = 10_000  # characters of a query: about five times what a model reads of it and what lexical search looks up
LONGEST_TEXT = 100_000  # characters of a text that is compared as a record is, passage by passage


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

        UserError for an unknown collection, a query that is empty or longer than LONGEST, a k that is no whole number from
        1 to MOST, a wrong mode or a wrong condition.
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
        row = opened.row(id)
        among = opened.among(where)
        others = np.arange(version.rows) if among is None else among
        return _result(opened, nearest(version, version.vectors_of(row), k, others[others != row]), began)

    def browse(
        self,
        collection: str,
        query: str = "",
        *,
        where: Where = None,
        chosen: Mapping[str, Choice] = NO_CHOICES,
        facets: Sequence[str] | None = None,
        sort: Sort | None = None,
        page: int = 1,
        per_page: int = 24,
    ) -> Listing:
        """A page of records with facets: those that pass the filters, or the results of a query among them.

        UserError for an unknown collection, field, order or page, and for choices that do not fit their fields.
        """
        if query != "":
            check_query(query, needed=False)
        opened = self.opened(collection)
        return browse(opened, query, where=where, chosen=chosen, facets=facets, sort=sort, page=page, per_page=per_page)

    def answer(self, collection: str, question: str, k: int = 5, where: Where = None) -> Answer:
        """The passages of the `k` best documents for a question, and whether anything here answers it at all.

        UserError as for `search`.
        """
        check_query(question)
        check_k(k)
        opened = self.opened(collection)
        return answer(opened, question, k, opened.among(where))

    def around(self, collection: str, id: str, ordinal: int, before: int = 1, after: int = 1) -> Passage:
        """A passage of a document with the passages before and after it."""
        return around(self.opened(collection), id, ordinal, before, after)

    def locate(self, collection: str, address: str) -> tuple[Passage, Record]:
        """The passage at an address that an answer gave, and its record; UserError when its text has changed."""
        opened = self.opened(collection)
        passage = locate(opened, address)
        return passage, opened.version.record(opened.row(Address.parse(address).id))

    def duplicates(self, collection: str, threshold: float = THRESHOLD, watch: Watcher = unwatched) -> DuplicateReport:
        """Groups of records that are the same thing, at a threshold in [0, 1] that can be moved without comparing again."""
        return find_duplicates(self.opened(collection), threshold, watch)

    def alike(self, collection: str, text: str, k: int = 10, threshold: float = THRESHOLD) -> tuple[Likeness, ...]:
        """At most `k` records that say the same as a text, best first."""
        check_query(text, most=LONGEST_TEXT)
        check_k(k)
        check_threshold(threshold)
        opened = self.opened(collection)
        found = alike(opened, text, k, threshold)
        return tuple(Likeness(opened.version.record(one.row), one.score, one.parts) for one in found)

    def record(self, collection: str, id: str) -> Hit:
        """One document by its id, with its first passage. UserError for an unknown collection or id."""
        opened = self.opened(collection)
        version, row = opened.version, opened.row(id)
        record, spans = version.record(row), version.spans(row)
        first = Passage.cut(record.text, spans[0].start, spans[0].end, 0, len(spans))
        return Hit(record.id, 0.0, {}, first, record)

    def opened(self, collection: str) -> Opened:
        """The current version of a collection, open; DamagedError when its files are not what was published."""
        return self._openings.current(collection)


RETRIEVALS = {"hybrid": hybrid, "dense": dense, "lexical": lexical}


def check_mode(mode: str) -> Mode:
    """The mode itself when there is such a mode."""
    if mode not in get_args(Mode):
        raise UserError("there is no such mode", shown(mode), f"choose one of: {', '.join(get_args(Mode))}")
    return cast(Mode, mode)


def check_query(query: str, *, needed: bool = True, most: int = LONGEST) -> None:
    """Refuse what is no question: nothing at all (where one is needed), half a character, more than `most` characters."""
    if not isinstance(query, str):
        raise UserError("the query is not a text", shown(query), "say what you are looking for, in words")
    if len(query) > most:
        raise UserError("the query is too long", f"{len(query):,} characters", f"use at most {most:,}")
    if needed and not query.strip():
        raise UserError("the query is empty", shown(query), "say what you are looking for")
    if not is_text(query):
        raise UserError(
            "the query is not valid text: it holds half a character (a lone surrogate)",
            shown(query),
            "write it as valid Unicode",
        )


def check_k(k: int) -> None:
    """Refuse a number of documents that is none."""
    if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= MOST:
        raise UserError("k is not a number of documents", shown(k), f"give a whole number from 1 to {MOST}")


def _result(opened: Opened, ranking: Ranking, began: float) -> SearchResult:
    version = opened.version
    hits = ranking.hits(version)
    return SearchResult(version.collection, version.number, (time.perf_counter() - began) * 1e3, hits)
