"""Whether a call was answered, or refused the way this project refuses: at once, in three parts, on a few lines."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, TypeVar
from unittest.mock import patch

from indexer.errors import UserError

SOON = 0.1  # seconds of processor time, the limit
LONGEST = 2_500  # characters of a refusal: it may list the keys of a collection
TRIES = 3  # a busy machine may spoil one measurement
_Payload = TypeVar("_Payload")


class Refused:
    """A refusal, as text."""

    def __init__(self, error: UserError) -> None:
        self.error, self.text = error, str(error)


def outcome(call: Callable[[], Any]) -> Any:
    """What a call gives, a `Refused` where it refuses; AssertionError where it takes long or the refusal is none."""
    for _ in range(TRIES):
        began = time.process_time()
        try:
            found = call()
        except UserError as error:
            found = Refused(error)
        spent = time.process_time() - began
        if spent < SOON:
            break
    else:
        raise AssertionError(f"took {spent:.3f} s")
    if isinstance(found, Refused):
        check_refusal(found)
    return found


def check_refusal(refused: Refused) -> None:
    """Three parts, none empty, printable anywhere, not as long as what was given."""
    error = refused.error
    assert all(isinstance(part, str) and part.strip() for part in (error.what, error.todo)), refused.text[:500]
    assert refused.text.count("\n  given: ") == refused.text.count("\n  do: ") == 1, refused.text[:500]
    assert len(refused.text) <= LONGEST, f"{len(refused.text)} characters: {refused.text[:200]}"
    refused.text.encode()


def problems(door: Callable[[_Payload], Any], payloads: Iterable[_Payload]) -> list[str]:
    """For each payload that a door neither answers nor refuses properly, what happened; empty when all is well."""
    found = []
    for payload in payloads:
        try:
            outcome(lambda payload=payload: door(payload))  # type: ignore[misc]
        except Exception as error:
            found.append(f"{pictured(payload)}: {type(error).__name__}: {str(error)[:300]}")
    return found


def pictured(payload: object) -> str:
    """A payload for a failure's message."""
    return ascii(payload[:80] if isinstance(payload, str) else payload)[:200]


def run(main: Callable[[], object], *words: str) -> tuple[int, str, str]:
    """A command as typed, in this process: exit status, stdout, stderr."""
    out, err = io.StringIO(), io.StringIO()
    with patch.object(sys, "argv", ["command", *words]), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
            status: object = 0
        except SystemExit as end:
            status = end.code
    return status if isinstance(status, int) else 1, out.getvalue(), err.getvalue()


def check_command(main: Callable[[], object], *words: str, statuses: Iterable[int] = (2,)) -> None:
    """A command ends with one of the statuses; with 2 soon, and it says why, in three parts or as a usage error."""
    for _ in range(TRIES):
        began = time.process_time()
        status, _, said = run(main, *words)
        spent = time.process_time() - began
        if spent < SOON or status == 0:  # an answer may have to compare all records: `duplicates --threshold -0`
            break
    else:
        raise AssertionError(f"took {spent:.3f} s")
    assert status in statuses, f"exit status {status}: {said[:300]}"
    if status == 2:
        assert ("\n  given: " in said and "\n  do: " in said) or said.startswith(("Usage: ", "Error: ")), said[:300]
    assert "Traceback" not in said, said[-500:]
    assert len(said) <= LONGEST, f"{len(said)} characters on stderr: {said[:200]}"
