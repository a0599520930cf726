"""What a build is asked for. One value, filled by the command line, a page or a test, and checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from indexer.encode import Precision
from indexer.passages import PassageSettings
from indexer.records import FieldType


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What a build is asked for; `None` means: guess, and say what was guessed."""

    source: Path
    name: str
    model: str = "minilm"
    id: str | None = None
    title: str | None = None
    text: str | None = None
    fields: Mapping[str, FieldType | None] | None = None
    index: str = "auto"
    precision: Precision = "auto"
    max_rejected: float = 0.01
    passages: PassageSettings = field(default_factory=PassageSettings)
