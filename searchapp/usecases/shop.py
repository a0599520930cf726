"""The shop: browse a collection by query, facets, order and page.

Without a query it lists every record that passes the filters. With one it lists the results of the hybrid search that
stand out (`standout`), so that "red kettle" finds a handful and not a thousand, and counts facets over those. A facet
counts what passes every OTHER choice: one sees what another value would bring. An exact SKU goes straight to its record.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.errors import UserError, shown
from indexer.opened import OpenVersion, Rows
from searchapp.conditions.typed import keys_of
from searchapp.opening import Opened
from searchapp.retrieve import Ranking
from searchapp.schemas import Hit, Passage
from searchapp.usecases.facets import Choice, Facet, FacetValue, Range, check_fields, count, passing
from searchapp.usecases.facets_fields import default_facets, identifiers, order
from searchapp.usecases.standout import MOST, part, standout

__all__ = ["Choice", "Facet", "FacetValue", "Listing", "Range", "Sort", "browse", "default_facets"]

MOST_PER_PAGE = 200
NO_CHOICES: Mapping[str, Choice] = MappingProxyType({})
LONGEST_SKU = 200  # characters


@dataclass(frozen=True, slots=True)
class Sort:
    """An order by a field, `id` or `title`: text without regard to case, missing values last either way."""

    key: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of records. `counted` says over what `total` and the facets count: all records, or a query's results.

    `exact`: the query was the SKU of the one record shown, and no filter was applied.
    """

    collection: str
    version: int
    took_ms: float
    hits: tuple[Hit, ...]
    total: int
    page: int
    pages: int
    facets: tuple[Facet, ...]
    counted: Literal["all", "candidates"]
    exact: bool

    def as_json(self) -> dict[str, Any]:
        """For machines: plain values, stable keys."""
        return {
            "collection": self.collection,
            "version": self.version,
            "took_ms": round(self.took_ms, 3),
            "total": self.total,
            "page": self.page,
            "pages": self.pages,
            "counted": self.counted,
            "exact": self.exact,
            "hits": [hit.as_json() for hit in self.hits],
            "facets": [facet.as_json() for facet in self.facets],
        }


def browse(
    opened: Opened,
    query: str = "",
    *,
    where: str | Mapping[str, object] | None = None,
    chosen: Mapping[str, Choice] = NO_CHOICES,
    facets: Sequence[str] | None = None,
    sort: Sort | None = None,
    page: int = 1,
    per_page: int = 24,
) -> Listing:
    """One page of what a query, a filter and the choices leave, with facets over it; a page beyond the last is the last.

    Order: `sort`, ties in the collection's order; else best first with a query, the collection's order without. `where` is
    a filter as `search` takes it, respected by everything. `facets` None: `default_facets`. The query must be text that
    the service accepts. UserError for an unknown field, a wrong choice, page or filter.
    """
    began = time.perf_counter()
    keys = default_facets(opened) if facets is None else tuple(dict.fromkeys(facets))
    check_fields(opened, (*keys, *chosen))
    _check_page(page, per_page)
    _check_sort(opened, sort)
    filters = _filters(opened, where, chosen)
    exact = find_exact(opened, query)
    shelf = _shelf(opened, query, filters, exact)
    rows = shelf.rows()
    pages = max(1, -(-len(rows) // per_page))
    first = (min(page, pages) - 1) * per_page
    shown = _sorted(opened, rows, sort)[first : first + per_page]
    return Listing(
        collection=opened.version.collection,
        version=opened.version.number,
        hits=shelf.hits(shown),
        total=len(rows),
        page=min(page, pages),
        pages=pages,
        facets=tuple(count(opened, k, shelf.rows(k) if k in filters.allowed else rows, chosen.get(k)) for k in keys),
        counted="candidates" if isinstance(shelf, Results) else "all",
        exact=exact is not None,
        took_ms=(time.perf_counter() - began) * 1e3,
    )


def find_exact(opened: Opened, query: str) -> int | None:
    """The row of the one record whose id, or value of an identifying field, is the query, case and outer spaces aside.

    Where several differ only by case, the one spelled as the query; None where that leaves no single one.
    """
    wanted = query.strip()
    if not wanted or len(wanted) > LONGEST_SKU:
        return None
    columns = opened.version.columns
    for key in (*([columns.id] if columns.id else []), *identifiers(opened)):
        rows = opened.among({"key": key, "op": "=", "value": wanted})
        column = opened.table.column(keys_of(columns)[key].column)
        found = [int(row) for row in ([] if rows is None else rows)]
        spelled = [row for row in found if column[row].as_py() == wanted]
        for several in (spelled, found):
            if len(several) == 1:
                return several[0]
    return None


class Shelf(Protocol):
    """Something to list: its rows under all choices or all but one, and how some of them are shown."""

    def rows(self, besides: str | None = None) -> Rows:
        """Rows in order, every choice respected but that of the field `besides`."""

    def hits(self, rows: Rows) -> tuple[Hit, ...]:
        """Some of `rows()` with their records."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What may be shown: the rows that `where` leaves (`among`: None where that is all), and those of each choice."""

    scope: Rows
    among: Rows | None
    allowed: Mapping[str, NDArray[np.bool_]]  # per chosen field [rows of the table]

    def narrow(self, rows: Rows, besides: str | None) -> Rows:
        """Those of `rows` that pass every choice but that of the field `besides`."""
        for key, mask in self.allowed.items():
            rows = rows if key == besides else rows[mask[rows]]
        return rows


@dataclass(frozen=True, slots=True)
class Everything:
    """All records that pass the filters, in the collection's order."""

    version: OpenVersion
    filters: Filters

    def rows(self, besides: str | None = None) -> Rows:
        return self.filters.narrow(self.filters.scope, besides)

    def hits(self, rows: Rows) -> tuple[Hit, ...]:
        return tuple(_plain_hit(self.version, row) for row in rows.tolist())


class Results:
    """A query's results, best first. Choices narrow them, so what a facet counts is what choosing the value will show.

    Only where even MOST candidates do not hold all results, each set of choices is searched by itself.
    """

    def __init__(self, opened: Opened, query: str, filters: Filters) -> None:
        self.opened, self.query, self.filters = opened, query, filters
        self.whole, self.overflows = standout(opened, query, filters.among)
        self.shown = self._ranking(None)

    def rows(self, besides: str | None = None) -> Rows:
        return self.shown.rows if besides is None else self._ranking(besides).rows

    def hits(self, rows: Rows) -> tuple[Hit, ...]:
        places = {row: place for place, row in enumerate(self.shown.rows.tolist())}
        return part(self.shown, np.array([places[row] for row in rows.tolist()], np.int64)).hits(self.opened.version)

    def _ranking(self, besides: str | None) -> Ranking:
        if self.overflows and set(self.filters.allowed) - {besides}:
            among = self.filters.narrow(self.filters.scope, besides)
            return standout(self.opened, self.query, among, depths=(MOST,))[0]
        kept = self.filters.narrow(self.whole.rows, besides)
        return part(self.whole, np.flatnonzero(np.isin(self.whole.rows, kept)))


def _shelf(opened: Opened, query: str, filters: Filters, exact: int | None) -> Shelf:
    if exact is not None:
        return Everything(opened.version, Filters(np.array([exact], np.int64), None, {}))
    return Results(opened, query, filters) if query.strip() else Everything(opened.version, filters)


def _filters(opened: Opened, where: str | Mapping[str, object] | None, chosen: Mapping[str, Choice]) -> Filters:
    among = opened.among(where)
    allowed = {key: passing(opened, key, choice) for key, choice in chosen.items()}
    scope = np.arange(opened.version.rows) if among is None else among
    return Filters(scope, among, {key: rows for key, rows in allowed.items() if rows is not None})


def _sorted(opened: Opened, rows: Rows, sort: Sort | None) -> Rows:
    if sort is None:
        return rows
    rows = np.sort(rows)
    ranks = order(opened, sort.key)[rows]
    last = np.iinfo(np.int64).max
    keys = np.where(ranks < 0, last, -ranks if sort.descending else ranks)
    return rows[np.argsort(keys, kind="stable")]


def _plain_hit(version: OpenVersion, row: int) -> Hit:
    record, spans = version.record(row), version.spans(row)
    span = spans[0]
    passage = Passage.cut(record.text, span.start, span.end, 0, len(spans))
    return Hit(record.id, 0.0, {}, passage, record)


def _check_page(page: int, per_page: int) -> None:
    for name, value, most in (("page", page, None), ("per_page", per_page, MOST_PER_PAGE)):
        if not isinstance(value, int) or isinstance(value, bool) or value < 1 or (most and value > most):
            todo = f"give a whole number from 1{f' to {most}' if most else ' on'}"
            raise UserError(f"{name} is out of range", shown(value), todo)


def _check_sort(opened: Opened, sort: Sort | None) -> None:
    keys = [key for key, known in keys_of(opened.version.columns).items() if known.column != "text"]
    if sort is not None and sort.key not in keys:
        raise UserError("records cannot be sorted by this", shown(sort.key), f"choose one of: {', '.join(keys[:50])}")
