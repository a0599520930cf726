"""The one error meant for people.

Every refusal in this project says three things: what is wrong, what was given, and what to do about it. Commands print it
and exit with status 2; the HTTP API and the pages show the same words. What was given may be anything, ten million
characters or a number that Python itself refuses to print: `shown` gives a picture of it that fits on a line.
"""

from __future__ import annotations

import reprlib
from itertools import islice
from pathlib import PurePath
from typing import Any

LONGEST, LONGEST_PATH = 60, 300  # characters of a text and of a path that are shown
_PRINTED = 1_000  # bits: Python prints no number of more than 4 300 digits, and nobody reads one of 300


class UserError(Exception):
    """Something a user can mend: `what` is wrong, what was `given`, what `todo`."""

    def __init__(self, what: str, given: object, todo: str) -> None:
        super().__init__(what, given, todo)
        self.what, self.given, self.todo = what, given, todo

    def __str__(self) -> str:
        return f"{self.what}\n  given: {self.given}\n  do: {self.todo}"


class NotFoundError(UserError):
    """What was asked for by its name is not there."""


def shown(value: object) -> str:
    """A short, printable picture of anything a user may have sent, for error messages; a path may be longer than a text."""
    if isinstance(value, PurePath):
        return _text(str(value), LONGEST_PATH)
    return _text(value, LONGEST) if isinstance(value, str) else _PICTURE.repr(value)


def _text(text: str, most: int) -> str:
    cut = text if len(text) <= most else text[: most - 3] + "…"
    more = f" ({len(text):,} characters)" if len(text) > 10 * most else ""
    return '"' + "".join(sign if sign.isprintable() else "�" for sign in cut) + f'"{more}'


class _Picture(reprlib.Repr):
    """reprlib's, for numbers of any size and objects of a million names."""

    def repr_int(self, number: int, level: int) -> str:
        if number.bit_length() > _PRINTED:
            return f"a whole number of {number.bit_length():,} bits"
        return super().repr_int(number, level)

    def repr_dict(self, mapping: dict[Any, Any], level: int) -> str:
        return super().repr_dict(dict(islice(mapping.items(), self.maxdict + 1)), level)


_PICTURE = _Picture()
