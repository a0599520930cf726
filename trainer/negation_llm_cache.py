"""What a model answered, kept for good: one JSON object per line, added at the end, on the disk before the next request.

An answer that was paid for is never asked again, by any process, and the tokens spent are counted over the whole file: a run
that is killed and started again has the budget that is left, not a new one. A kill may leave half a line at the end; it is
not read, and the next writer takes it away. One process writes at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from indexer.errors import UserError
from indexer.files import canonical_json, sync_folder


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's reply as it came, unchecked. `key`: digest of what was asked; `finish`: why the model stopped."""

    key: str
    answer: str
    finish: str
    tokens: int


def read_answers(path: Path) -> dict[str, Answer]:
    """The answers of a file by key, none where there is no file. Raises UserError for a line that is no answer."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UserError("The file of answers cannot be read.", f"{path}: {error.strerror}", "name a file") from error
    lines = content.split(b"\n")[:-1]  # what stands after the last line end is half a line, or nothing
    answers = [_answer(path, number, line) for number, line in enumerate(lines, 1)]
    return {answer.key: answer for answer in answers}


@contextlib.contextmanager
def adding(path: Path) -> Iterator[Callable[[Answer], None]]:
    """A function that adds an answer durably. Takes half a line away first. Raises UserError while another process adds."""
    new = not path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)
    except OSError as error:
        todo = "name a file that can be written"
        raise UserError("The file of answers cannot be written.", f"{path}: {error.strerror}", todo) from error
    with file:
        _lock(path, file.fileno())
        _mend(file.fileno())
        if new:
            sync_folder(path.parent)

        def add(answer: Answer) -> None:
            line = memoryview(canonical_json(asdict(answer)))
            while line:
                line = line[os.write(file.fileno(), line) :]
            os.fsync(file.fileno())

        yield add


def _answer(path: Path, number: int, line: bytes) -> Answer:
    with contextlib.suppress(ValueError, TypeError):
        found = Answer(**json.loads(line))
        texts = (found.key, found.answer, found.finish)
        if all(type(text) is str for text in texts) and type(found.tokens) is int and found.tokens >= 0:
            return found
    todo = "delete the line, or name another file: its answer is then asked and paid for again"
    raise UserError("A line of the file of answers is damaged.", f"{path}, line {number}", todo)


def _lock(path: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        todo = "wait until it ends, or name another file"
        raise UserError("Another process is adding to the file of answers.", path, todo) from error


def _mend(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    content = os.pread(descriptor, size, 0)
    whole = content.rfind(b"\n") + 1
    if whole != size:
        os.ftruncate(descriptor, whole)
        os.fsync(descriptor)
