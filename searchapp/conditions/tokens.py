"""The words of the text spelling: cut one at a time out of the filter, and written back.

Every token knows where it begins, and a refusal shows that place with a caret under the user's own line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from indexer.errors import UserError, shown
from searchapp.conditions.limits import Given, check_characters
from searchapp.conditions.literals import read_date, read_number
from searchapp.conditions.typed import Value

_WORD = r"[^\W\d]\w*(?:[.-]\w+)*"
_KEYWORDS = {"and", "or", "not", "in", "contains", "starts", "with", "between", "is", "missing", "true", "false"}
_TOKEN = re.compile(
    r"""(?P<space>\s+)
    | (?P<text>"(?:[^"\\]|\\.)*" | '(?:[^'\\]|\\.)*')
    | (?P<quoted>`(?:[^`]|``)+`)
    | (?P<amount>[+-]?\.?[0-9][\w.:+-]*)
    | (?P<word>[^\W\d]\w*(?:[.-]\w+)*)
    | (?P<sign><=|>=|<>|!=|==|[=<>(),])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPES = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "t": "\t", "r": "\r"}


class Token(NamedTuple):
    """A piece of the filter as it stands there; `kind` is text, quoted (a key), amount, word, sign or end."""

    kind: str
    text: str
    start: int

    def says(self, *words: str) -> bool:
        """Whether this is one of the words or signs of the language."""
        return self.kind in ("word", "sign") and self.text.lower() in words


def scan(text: str) -> Iterator[Token]:
    """The tokens of `text` but white space, then `end` for ever; lazy, so nobody pays for what is behind a refusal."""
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text, position)
        if match.lastgroup is not None and match.lastgroup != "space":
            yield Token(match.lastgroup, match[0], position)
        position = match.end()
    while True:
        yield Token("end", "", len(text))


def place(text: str, position: int) -> Given:
    """Shows a position when asked."""
    return lambda: caret(text, position)


def caret(text: str, position: int) -> str:
    """The surroundings of a position on one line and a caret below it, set to follow the `given: ` of a `UserError`."""
    start, end = max(0, position - 50), position + 25
    line = "".join(sign if sign.isprintable() else " " for sign in text[start:end])
    before, after = "…" if start else "", "…" if end < len(text) else ""
    margin = " " * (len("  given: ") + len(before) + position - start)
    return f"{before}{line}{after}\n{margin}^ character {position + 1}"


def read_key(token: Token) -> str:
    """The name that a word or a text in backquotes stands for."""
    return token.text if token.kind == "word" else token.text[1:-1].replace("``", "`")


def read_text(token: Token, given: Given) -> str:
    """What stands between the quotes, escapes undone."""

    def sign(match: re.Match[str]) -> str:
        if len(match[0]) == 6:
            return chr(int(match[0][2:], 16))
        if match[1] not in _ESCAPES:
            raise UserError(f"{shown(match[0])} is no escape", given(), r"use \" \' \\ \n \t \r \uXXXX")
        return _ESCAPES[match[1]]

    return _ESCAPE.sub(sign, token.text[1:-1])


def read_amount(token: Token, given: Given) -> int | Decimal | date:
    """A number or a date without quotes."""
    if token.text[4:5] == "-" and token.text[:4].isdigit():
        return read_date(token.text, given)
    number = read_number(token.text, given)
    if number is None:
        todo = "write numbers as 49.90 and dates as 2024-01-31"
        raise UserError(f"{shown(token.text)} is neither a number nor a date", given(), todo)
    return number


def write_key(name: str) -> str:
    """A key as `read_key` reads it; in backquotes where it is no plain word, or a word of the language."""
    if re.fullmatch(_WORD, name) and name.lower() not in _KEYWORDS:
        return name
    return "`" + name.replace("`", "``") + "`"


def write_value(value: Value) -> str:
    """A value as the reader reads it."""
    match value:
        case str():
            return '"' + re.sub(r'[\\"]', lambda match: "\\" + match[0], value) + '"'
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case _:
            return repr(value)


def _unreadable(text: str, position: int) -> UserError:
    sign, given = text[position], place(text, position)
    if sign in "\"'`":
        return UserError(f"the quote {sign} is not closed", given(), f"close it by {sign}")
    check_characters(sign, given)
    todo = 'put text in straight quotes, as in "oak", and keys with such signs in backquotes, as in `net weight`'
    return UserError(f"{shown(sign)} has no meaning here", given(), todo)
