"""Which column is the id, the title and the text, and what the other columns hold, settled by looking at every row once.

A column has the narrowest type that at least 99 % of its values fit (missing values do not count); the few that do not fit
will be rejected row by row, and counted. Id, title and text are found by their usual names, the text otherwise as the text
column with the longest values. Whoever knows better says so: every guess can be overridden.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import get_args

from indexer.errors import UserError, shown
from indexer.records import Columns, FieldType, Rejection, Row
from indexer.values import FITS, Look, look

# Usual names, likeliest first; compared in lower case with spaces and hyphens as underscores.
ID_NAMES = (
    "_id", "id", "doc_id", "docid", "document_id", "documentid", "record_id", "item_id", "product_id", "productid",
    "article_id", "paper_id", "passage_id", "pid", "sku", "asin", "uuid", "guid", "key",
)  # fmt: skip
TITLE_NAMES = (
    "title", "name", "product_title", "product_name", "item_name", "heading", "headline", "subject", "doc_title",
)  # fmt: skip
TEXT_NAMES = (
    "text", "body", "content", "contents", "description", "product_description", "abstract", "passage", "document",
    "question", "answer", "summary", "message", "comment", "review",
)  # fmt: skip
SHARE = 0.99  # of a column's values that must fit its type
MOST_COLUMNS = 1_000  # beyond that the keys of the source are data, and tallies would grow without end


@dataclass(slots=True)
class Tally:
    """What one column held: how often each look, and how many characters its strings had."""

    looks: Counter[Look]
    characters: int = 0

    @property
    def present(self) -> int:
        """Values that are not missing."""
        return self.looks.total()

    def fits(self, kind: FieldType) -> int:
        """Values that fit the type `kind`."""
        return sum(self.looks[seen] for seen in FITS[kind])

    @property
    def type(self) -> FieldType:
        """The narrowest type that SHARE of the values fit; text for a column without values."""
        kinds: Iterator[FieldType] = iter(FITS)
        return next(
            kind for kind in kinds if kind == "text" or (self.present and self.fits(kind) >= SHARE * self.present)
        )


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a source found: `rows` counts all of them, `rejected` those that could not be read, by reason."""

    columns: Columns
    rows: int
    rejected: Mapping[str, int]
    tallies: Mapping[str, Tally]


def survey(
    rows: Iterable[Row | Rejection],
    *,
    id: str | None = None,
    title: str | None = None,
    text: str | None = None,
    fields: Mapping[str, FieldType | None] | None = None,
) -> Survey:
    """Looks at every row once and settles the columns.

    `id`, `title` and `text` name source columns (None: guess; an empty `id` or `title`: there is none). `fields` limits the
    other columns to those named and gives the types that should not be guessed. Columns named `_id` and `text` are the BEIR layout
    and taken as such. Raises UserError for a column that is not there and when nothing can be the text.
    """
    tallies, seen, rejected = _tally(rows, limit=fields is None)
    if not tallies:
        raise UserError(
            "The source has no readable row", f"{seen} rows, rejected: {dict(rejected)}", "check its format"
        )
    for name in (id, title, text, *(fields or ())):
        if name:
            _check_known(name, tallies)
    chosen = _choose(tallies, id, title, text)
    return Survey(Columns(*chosen, _fields(tallies, fields, chosen)), seen, rejected, tallies)


def _tally(rows: Iterable[Row | Rejection], limit: bool) -> tuple[dict[str, Tally], int, Counter[str]]:
    tallies: dict[str, Tally] = {}
    rejected: Counter[str] = Counter()
    seen = 0
    for row in rows:
        seen += 1
        if isinstance(row, Rejection):
            rejected[row.reason] += 1
            continue
        for name, value in row.values.items():
            tally = tallies.get(name)
            if tally is None:
                if len(tallies) == MOST_COLUMNS:
                    if limit:
                        _refuse_columns(row)
                    continue
                tally = tallies[name] = Tally(Counter())
            found = look(value)
            if found is not None:
                tally.looks[found] += 1
                if isinstance(value, str):
                    tally.characters += len(value)
    return tallies, seen, rejected


def _refuse_columns(row: Row) -> None:
    raise UserError(
        f"The source has more than {MOST_COLUMNS:,} different columns",
        f"{row.file}, row {row.number}",
        "name the fields to keep (--fields), or turn keys that are data into values",
    )


def _check_known(name: str, known: Iterable[str]) -> None:
    if name in known:
        return
    near = get_close_matches(name[:100], known, n=1, cutoff=0.0)[0]
    some = ", ".join(list(known)[:20])
    raise UserError("The source has no such column", shown(name), f"perhaps you mean {near!r}; there are: {some}")


def _choose(
    tallies: Mapping[str, Tally], id: str | None, title: str | None, text: str | None
) -> tuple[str | None, str | None, str]:
    """Source columns of id, title and text: what was asked for, then usual names, then the longest text."""
    beir = "_id" in tallies and "text" in tallies
    if text is None and beir and title != "text" and id != "text":
        text = "text"
    if id is None:
        id = _by_name(ID_NAMES, tallies, {title, text})
    if title is None:
        title = _by_name(TITLE_NAMES, tallies, {id, text})
    if text is None:
        texts = {name: tally for name, tally in tallies.items() if tally.type == "text" and tally.present}
        text = _by_name(TEXT_NAMES, texts, {id, title}) or _longest(texts, {id, title})
    if text is None and title and tallies[title].type == "text":
        title, text = None, title  # the only column with text
    if text is None:
        given = ", ".join(f"{name} ({tally.type})" for name, tally in list(tallies.items())[:20])
        raise UserError("No column holds text to search in", given, "name the column to take as text (--text)")
    return id or None, title or None, text


def _by_name(names: Sequence[str], tallies: Mapping[str, Tally], taken: set[str | None]) -> str | None:
    """The column with the likeliest name; one without any value only where no other has a usual name."""
    ranks = {name: rank for rank, name in enumerate(names)}
    found = [
        (not tallies[name].present, ranks[plain], name)
        for name in tallies
        if name not in taken and (plain := name.strip().lower().replace(" ", "_").replace("-", "_")) in ranks
    ]
    return min(found)[2] if found else None


def _longest(texts: Mapping[str, Tally], taken: set[str | None]) -> str | None:
    free = [name for name in texts if name not in taken]
    return max(free, key=lambda name: texts[name].characters / texts[name].present, default=None)


def _fields(
    tallies: Mapping[str, Tally], asked: Mapping[str, FieldType | None] | None, taken: Sequence[str | None]
) -> dict[str, FieldType]:
    types = asked or {}
    for name, kind in types.items():
        if kind is not None and kind not in get_args(FieldType):
            raise UserError("There is no such field type", f"{name}: {kind}", f"use {', '.join(get_args(FieldType))}")
    kept = [name for name in tallies if name not in taken and (asked is None or name in asked)]
    return {name: types.get(name) or tallies[name].type for name in kept}
