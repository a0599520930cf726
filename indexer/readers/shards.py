"""A folder of tables of one kind, the shards of one table: read as one, in the order of their names.

Shards are the files that lie in the folder itself; hidden ones and those that begin with `_`, which writers leave there as
notes to themselves, are no tables. All have the same columns: where one has others, or holds texts where another holds numbers,
the folder is not what it seems, and it is refused before the first row is read rather than in the middle. JSON lines have no
columns of their own to compare. A row keeps the name of its shard and its number there, and where no column names the rows,
both together do: numbers alone would come up once in every shard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from indexer.errors import UserError
from indexer.records import Rejection, Row

ANY = "any"  # the kind of a column that does not tell what it holds


def shards_of(folder: Path, kind_of: Callable[[Path], str | None]) -> dict[str, list[Path]]:
    """The tables that lie in a folder by their kind, each kind in the order of names.

    Raises UserError for a link that leads out of the folder: passed over, its rows would be missing without a word.
    """
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        kind = None if path.name.startswith((".", "_")) else kind_of(path)
        if kind is None or not path.is_file():
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise UserError("A table in the folder is a link that leads out of it", path, "put the file itself there")
        found.setdefault(kind, []).append(path)
    return found


def check_columns(shards: Iterable[tuple[Path, Mapping[str, object]]]) -> None:
    """Compare the columns of shards, name → kind of value. Raises UserError that names the first that differs."""
    seen: dict[str, tuple[object, Path]] = {}  # column → its kind and the shard that told
    first: Path | None = None
    for shard, columns in shards:
        if first is not None:
            _same_names(shard, set(columns), first, set(seen))
        for name, kind in columns.items():
            known, where = seen.get(name, (ANY, shard))
            if known == ANY:
                seen[name] = kind, shard
            elif kind not in (known, ANY):
                _refuse(shard, f"{name!r} is {kind} there and {known} in {where.name}")
        first = first or shard


def _same_names(shard: Path, names: set[str], first: Path, wanted: set[str]) -> None:
    if missing := wanted - names:
        _refuse(shard, f"it has no {min(missing)!r}, which {first.name} has")
    if more := names - wanted:
        _refuse(shard, f"it has {min(more)!r}, which {first.name} has not")


def _refuse(shard: Path, how: str) -> None:
    todo = "write all with the same columns, or build from one file; in CSV and TSV each begins with the header row"
    raise UserError("The tables of the folder do not have the same columns", f"{shard}: {how}", todo)


def placed(rows: Iterable[Row | Rejection]) -> Iterator[Row | Rejection]:
    """The rows of a shard, each with a name that no row of another shard has."""
    for row in rows:
        yield replace(row, place=f"{row.file}:{row.number}") if isinstance(row, Row) else row
