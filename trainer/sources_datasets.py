"""Hugging Face data sets: a folder that the `datasets` library saved, or a name in its local cache.

Nothing is fetched unless the recipe says `fetch = true`, and then only what is not in the cache; the library runs no code
of a data set (it dropped loading scripts in version 4), and a name never means a folder. Rows are read as Arrow tables,
so images and sounds beside the texts are not decoded. A data set is known by its content: classes and Arrow files.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.errors import UserError
from indexer.files import digest, sha256
from indexer.readers.cells import Classes, classes_of
from indexer.readers.saved import SEVERAL, SINGLE, is_saved, splits_of
from trainer.sources_arrow import BATCH, numbered
from trainer.sources_origin import Origin
from trainer.sources_tables import Bad, Row, refuse


@dataclass(frozen=True, slots=True)
class DatasetTable:
    """One split, opened. `part`: which rows of its files it holds, where a name was given."""

    shown: str
    opened: Any
    part: str = ""

    def columns(self) -> list[str]:
        """The names of the columns."""
        return list(self.opened.column_names)

    def classes(self) -> Classes:
        """Columns of classes and the names of these."""
        return classes_of(self.opened.features.arrow_schema)

    def rows(self, digest: str) -> Iterator[Row | Bad]:
        """The rows, numbered from 1."""
        return numbered(self.opened.with_format("arrow").iter(batch_size=BATCH), self.shown)

    def digest(self) -> str:
        """SHA-256 over the classes and the digests of the Arrow files in order: no path, no time."""
        return digest([dict(self.classes()), self.part, len(self.opened), [sha256(file) for file in self._files()]])

    def size(self) -> int:
        """Bytes of the Arrow files."""
        return sum(file.stat().st_size for file in self._files())

    def _files(self) -> list[Path]:
        return [Path(entry["filename"]) for entry in self.opened.cache_files]


def saved_table(path: Path, split: str) -> DatasetTable:
    """A folder of `Dataset.save_to_disk`, or the split of one of `DatasetDict.save_to_disk`. Raises UserError."""
    if not is_saved(path):
        todo = f"name a folder of save_to_disk: it holds {SINGLE} or {SEVERAL}"
        raise UserError("This is no data set that was saved to disk.", path, todo)
    if not (path / SEVERAL).is_file():
        return _opened(path, path.name)
    try:
        splits = splits_of(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        refuse(path / SEVERAL, error)
    if split not in splits:
        todo = f"splits that are there: {', '.join(map(str, splits))}"
        raise UserError("The saved data set has no such split.", f"{path}: split = {split!r}", todo)
    return _opened(path / split, f"{path.name}/{split}")


def _opened(path: Path, shown: str) -> DatasetTable:
    import pyarrow as pa
    from datasets import load_from_disk

    try:
        return DatasetTable(shown, load_from_disk(str(path), keep_in_memory=False))
    except (OSError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
        refuse(path, error)


def named_table(origin: Origin) -> DatasetTable:
    """A data set by its name: from the cache; from the hub only where the recipe allows it. Raises UserError."""
    name = str(origin.dataset)
    shown = " ".join(filter(None, (name, origin.config, origin.split)))
    with _quiet():
        try:
            opened = _cached(name, origin.config, origin.split)
        except _AbsentError as error:
            if not origin.fetch:
                raise UserError(
                    f"{origin.name!r}: this data set is not on this machine.",
                    f"{shown}: {error}",
                    'fetch = true downloads it once; or save it to a folder and give path = "…"',
                ) from error
            opened = _fetched(name, origin.config, origin.split)
    return DatasetTable(shown, opened, origin.split)


class _AbsentError(Exception):
    """The cache does not hold this data set."""


def _cached(name: str, config: str | None, split: str) -> Any:
    """What the library itself reads when it is offline."""
    from datasets.packaged_modules.cache.cache import Cache

    try:
        found = Cache(repo_id=name, dataset_name=name.split("/")[1], config_name=config, version="auto", hash="auto")
    except (OSError, ValueError, KeyError) as error:
        raise _AbsentError(str(error).replace("\n", "; ")) from error
    try:
        return found.as_dataset(split, in_memory=False)
    except (OSError, ValueError, KeyError) as error:
        raise UserError("The data set lacks this split.", f"{name}: {error}", 'split = "…"') from error


def _fetched(name: str, config: str | None, split: str) -> Any:
    import pyarrow as pa
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    try:  # with the prefix a folder of that name here is not taken for it
        return load_dataset(f"hf://datasets/{name}", config, split=split, keep_in_memory=False)
    except (OSError, ValueError, KeyError, RuntimeError, DatasetsError, pa.ArrowException) as error:
        todo = "check the name, the configuration, the split and the network"
        raise UserError("The data set could not be fetched.", f"{name}: {error}", todo) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's note, each time, of which cached version it takes."""
    from datasets.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)
