"""Folders that the Hugging Face `datasets` library saved (`save_to_disk`), read row by row.

Such a folder names its Arrow files in state.json; these hold the rows in order, so the library itself is not needed, and
none of its code runs. Of several splits, each in a folder of its own, one is chosen by naming its folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from indexer.errors import UserError
from indexer.readers.cells import classes_of
from indexer.readers.parquet import check_names, rows_of
from indexer.readers.unpacked import Growth
from indexer.records import Rejection, Row

SINGLE, SEVERAL = "state.json", "dataset_dict.json"  # what save_to_disk leaves of a Dataset, of a DatasetDict


def is_saved(path: Path) -> bool:
    """Did `save_to_disk` write this folder?"""
    return any((path / name).is_file() for name in (SINGLE, SEVERAL))


def splits_of(path: Path) -> list[str]:
    """The splits of a folder of `DatasetDict.save_to_disk`. Raises whatever a file that is damaged gives rise to."""
    return list(json.loads((path / SEVERAL).read_bytes())["splits"])


def read_saved(source: Path) -> Iterator[Row | Rejection]:
    """A folder of `save_to_disk` of Hugging Face `datasets`: classes by their names, binary columns left out."""
    import pyarrow as pa

    folder = _split_folder(source)
    number = 0
    for file in _files(folder):
        try:
            growth = Growth(file, file.stat().st_size)
            # A batch is as large as whoever saved it liked; through the map only those of its pages are in memory that are used.
            with pa.memory_map(str(file)) as stream, pa.ipc.open_stream(stream) as batches:
                check_names(batches.schema.names, file)
                classes = classes_of(batches.schema)
                for batch in batches:
                    yield from rows_of(batch, folder.name, number, classes, growth)
                    number += batch.num_rows
        except (OSError, ValueError, pa.ArrowException) as error:  # ValueError: a name that is no UTF-8
            _refuse(file, error)


def _split_folder(source: Path) -> Path:
    if not (source / SEVERAL).is_file():
        return source
    try:
        splits = splits_of(source)
    except (OSError, ValueError, KeyError, TypeError) as error:
        _refuse(source / SEVERAL, error)
    if len(splits) != 1:
        todo = f"name one of them, such as {source / str(splits[0])}" if splits else "save it again"
        raise UserError("The saved data set has several splits", f"{source}: {', '.join(map(str, splits))}", todo)
    name = str(splits[0])
    if Path(name).name != name or not (source / name).resolve().is_relative_to(source.resolve()):
        _refuse(source / SEVERAL, f"it names the split {name!r}, which is not in the folder")
    return source / name


def _files(folder: Path) -> list[Path]:
    """The Arrow files in order; all of them lie in the folder itself."""
    try:
        names = [str(entry["filename"]) for entry in json.loads((folder / SINGLE).read_bytes())["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        _refuse(folder / SINGLE, error)
    inside = folder.resolve()
    strange = next(
        (name for name in names if Path(name).name != name or not (folder / name).resolve().is_relative_to(inside)),
        None,
    )
    if strange is not None:
        _refuse(folder / SINGLE, f"it names the file {strange!r}, which is not in the folder")
    return [folder / name for name in names]


def _refuse(file: Path, error: object) -> NoReturn:
    if isinstance(error, MemoryError):
        raise error
    raise UserError("The saved data set cannot be read", f"{file}: {error}", "save it again") from None
