"""`indexer drop` and `indexer prune`: forget a collection, or its older versions, then remove files; never the other way round."""

from __future__ import annotations

from dataclasses import dataclass

from indexer.catalog import Catalog, VersionRow
from indexer.errors import NotFoundError, UserError, shown
from indexer.files import remove_folder
from indexer.home import Home
from indexer.store import remove_orphans, version_file


@dataclass(frozen=True, slots=True)
class Pruned:
    """The versions that are left and those that went, newest first, and how many bytes that freed."""

    collection: str
    kept: tuple[int, ...]
    removed: tuple[int, ...]
    bytes: int


def drop_collection(catalog: Catalog, home: Home, name: str) -> None:
    """Remove a collection with all its versions; also what a build that failed, or a drop that was killed, left of one.

    UserError when there is none, or while it is being built."""
    with home.writer_lock(name):
        try:
            catalog.drop(name)
        except NotFoundError:
            if not home.collection(name).is_dir():
                raise
        remove_folder(home.collection(name))


def prune(catalog: Catalog, home: Home, name: str, keep: int) -> Pruned:
    """Remove all versions but the newest `keep` and the current one, with what no other version needs.

    Killed in between, the same call removes the rest. Who searches an older version has its files open and is not disturbed.
    UserError when there is no such collection, while it is being built, and for a `keep` below 1.
    """
    with home.writer_lock(name):
        kept, removed = split(catalog.versions(name), keep)
        before = _size(home, name)
        if removed:
            catalog.forget(name, removed)
        for file in version_file(home, name, 1).parent.glob("*.json"):
            if file not in {version_file(home, name, number) for number in kept}:
                file.unlink()
        remove_orphans(home, name, kept)
        return Pruned(name, tuple(kept), tuple(removed), before - _size(home, name))


def split(rows: list[VersionRow], keep: int) -> tuple[list[int], list[int]]:
    """The numbers of the versions that `prune` keeps, and of those it removes; `rows` newest first."""
    if keep < 1:
        raise UserError("at least one version must stay", shown(keep), "keep 1 or more, or remove all: indexer drop")
    kept = [row.number for place, row in enumerate(rows) if place < keep or row.current]
    return kept, [row.number for row in rows if row.number not in kept]


def _size(home: Home, name: str) -> int:
    return sum(path.lstat().st_size for path in home.collection(name).rglob("*") if path.is_file())
