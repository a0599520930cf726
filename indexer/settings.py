"""What a build is asked for. One value, filled by the command line, a page or a test, and checked before anything is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from indexer.catalog import Catalog
from indexer.encode import Precision
from indexer.encode.models import DEFAULT
from indexer.home import Home
from indexer.passages import PassageSettings
from indexer.readers import Source
from indexer.records import FieldType


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """What a build is asked for; `None` means: guess, and say what was guessed. `model`: that of the collection as it is, else `default`."""

    source: Source
    name: str
    model: str | None = None
    id: str | None = None
    title: str | None = None
    text: str | None = None
    fields: Mapping[str, FieldType | None] | None = None
    index: str = "auto"
    precision: Precision = "auto"
    max_rejected: float = 0.01
    passages: PassageSettings = field(default_factory=PassageSettings)

    def with_model(self, home: Home) -> BuildSettings:
        """The same with a model: the one that is asked for, that of the collection's current version, or `default`."""
        if self.model is not None:
            return self
        current = Catalog.open(home).current(self.name) if home.collection(self.name).is_dir() else None
        return replace(self, model=current.model_name if current else DEFAULT)
