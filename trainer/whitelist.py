"""The white list: rows that a person brings back, whatever the filters say.

A text file beside the recipe, one row's content a line (32 hexadecimal digits; what follows a `#` is a note). A recipe
that names it keeps these rows through every filter; what they were judged stays in their scores. Rows that could not be
read at all cannot be brought back.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.errors import UserError
from indexer.files import digest, write_bytes
from indexer.progress import Watcher
from trainer.filters.verdicts import Filter, Verdicts

if TYPE_CHECKING:
    import pyarrow as pa

_CONTENT = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Sparing:
    """A filter that judges as `inner` does and drops none of `contents`."""

    inner: Filter
    contents: frozenset[bytes]

    @property
    def name(self) -> str:
        """The inner filter's."""
        return self.inner.name

    @property
    def reasons(self) -> Mapping[str, str]:
        """The inner filter's."""
        return self.inner.reasons

    def settings(self) -> dict[str, Any]:
        """The inner filter's, and which rows are spared, as one digest."""
        return self.inner.settings() | {"spared": digest(sorted(content.hex() for content in self.contents))}

    def prepare(self, batches: Iterable[pa.RecordBatch], workdir: Path, watch: Watcher) -> None:
        """As the inner filter."""
        self.inner.prepare(batches, workdir, watch)

    def judge(self, batch: pa.RecordBatch, workdir: Path) -> Verdicts:
        """The inner filter's verdicts, without the reasons against rows on the list."""
        found = self.inner.judge(batch, workdir)
        contents = batch.column("content").to_pylist()
        reasons = [
            None if content in self.contents else why for content, why in zip(contents, found.reasons, strict=True)
        ]
        return Verdicts(reasons, found.evidence)


def read_whitelist(path: Path) -> frozenset[bytes]:
    """The contents on a list. UserError for a file that cannot be read or a line that is no content."""
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError("The white list cannot be read.", f"{path}: {error}", "name a text file in UTF-8") from None
    found = set()
    for number, line in enumerate(lines, 1):
        word = line.partition("#")[0].strip()
        if word and not _CONTENT.fullmatch(word):
            todo = "write the content that `trainer dropped` shows: 32 hexadecimal digits"
            raise UserError("That is no content of a row.", f"{word!r} in line {number} of {path.name}", todo)
        if word:
            found.add(bytes.fromhex(word))
    return frozenset(found)


def add_to_whitelist(path: Path, contents: Iterable[str]) -> int:
    """Put contents on a list, which is made where there is none; returns how many were new. Notes of the list stay."""
    known = read_whitelist(path) if path.exists() else frozenset()
    before = path.read_text("utf-8") if path.exists() else ""
    fresh = sorted(set(contents) - {content.hex() for content in known})
    wrong = [content for content in fresh if not _CONTENT.fullmatch(content)]
    if wrong:
        todo = "give the content that `trainer dropped` shows: 32 hexadecimal digits"
        raise UserError("That is no content of a row.", wrong[0], todo)
    if fresh:
        gap = "" if not before or before.endswith("\n") else "\n"
        write_bytes(path, (before + gap + "".join(f"{content}\n" for content in fresh)).encode())
    return len(fresh)
