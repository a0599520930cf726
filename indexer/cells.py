"""Texts in spreadsheets. A spreadsheet runs a cell that begins with `=`, `+`, `-` or `@` (also in full-width form, also after
white space) or with a tab or line break as a formula; such a cell gets an apostrophe before it, as OWASP advises, unless
it is a number: −12.5 stays −12.5.
"""

from __future__ import annotations

import re

_FORMULA = re.compile(r"[\t\r\n]|[\s\u200b-\u200f\ufeff\x00-\x1f]*[=+\-@＝＋－＠﹦﹢﹣﹫]")
_NUMBER = re.compile(r"\s*[+-]?(?:[0-9]+(?:[.,][0-9]+)*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*")


def safe_cell(text: str) -> str:
    """A text that no spreadsheet runs: with an apostrophe before it where it would be a formula and is not a number."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text
