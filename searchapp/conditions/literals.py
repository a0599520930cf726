"""Numbers and dates as people write them, read without losing what they said."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal

from indexer.errors import UserError, shown
from searchapp.conditions.limits import Given

DATE_LOOKS = "2024-01-31 or 2024-01-31T10:00:00Z"
_DATE = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read_number(text: str, given: Given) -> int | Decimal | None:
    """A number as written: whole digits are an int, a point or an exponent makes a decimal; None if it is no number."""
    if text.isascii() and text.isdigit() and len(text) < 300:  # nearly all are this
        return int(text)
    if not _NUMBER.fullmatch(text):
        return None
    rounded = float(text)
    digits = text.lower().partition("e")[0]
    if math.isinf(rounded) or (rounded == 0 and digits.strip("+-0.")):
        raise UserError(
            "the number is beyond what a float64 can hold", given(), "write a number between 1e-307 and 1e308"
        )
    if rounded == 0:
        return 0
    exact = Decimal(text)  # not int(text), which refuses more than 4 300 digits, leading zeros included
    return int(exact) if text.lstrip("+-").isdigit() else exact


def read_date(text: str, given: Given) -> date:
    """A plain date, or a datetime in UTC; one without a zone is taken as UTC."""
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        if len(text) == 10:
            return date.fromisoformat(text)
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        todo = f"write a date, as in {DATE_LOOKS}"
        raise UserError(f"{shown(text)} is not a date of the calendar", given(), todo) from None
