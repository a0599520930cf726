"""The one error meant for people.

Every refusal in this project says three things: what is wrong, what was given, and what to do about it. Commands print it
and exit with status 2; the HTTP API and the pages show the same words.
"""

from __future__ import annotations


class UserError(Exception):
    """Something a user can mend: `what` is wrong, what was `given`, what `todo`."""

    def __init__(self, what: str, given: object, todo: str) -> None:
        super().__init__(what, given, todo)
        self.what, self.given, self.todo = what, given, todo

    def __str__(self) -> str:
        return f"{self.what}\n  given: {self.given}\n  do: {self.todo}"
