"""Options of the command line that need more than typer's own types: read here, refused in three parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast, get_args

from indexer.errors import UserError, shown
from indexer.records import FieldType

if TYPE_CHECKING:
    from indexer.readers import Source


def parse_fields(given: str | None) -> dict[str, FieldType | None] | None:
    """`brand,price:number` → the columns to keep, each with its type or None where it should be guessed."""
    if given is None:
        return None
    parts = [part.strip() for part in given.split(",") if part.strip()]
    return dict(_field(part) for part in parts)


def _field(part: str) -> tuple[str, FieldType | None]:
    name, colon, kind = part.rpartition(":")
    if not colon:
        return part, None
    if kind not in get_args(FieldType):
        raise UserError("there is no such field type", shown(part), f"use one of: {', '.join(get_args(FieldType))}")
    return name, cast(FieldType, kind)


def parse_source(given: str, sql: str | None) -> Source:
    """The path, or with the URL of a database the query, to build from."""
    from indexer.readers import Query

    if sql is None:
        return Path(given)
    if not given.strip():
        raise UserError("the query is empty", shown(given), 'give a SELECT: --sql URL "select …"')
    return Query(sql, given)


def parse_share(given: str) -> float:
    """`1%` or `0.01` → 0.01."""
    try:
        share = float(given.removesuffix("%")) / (100 if given.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise UserError(
            "that is not a share of rows", shown(given), "give a percentage such as 1%, or a number from 0 to 1"
        )
    return share
