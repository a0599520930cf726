"""`indexer drop`: forget a collection, then remove its files; never the other way round."""

from __future__ import annotations

from indexer.catalog import Catalog
from indexer.files import remove_folder
from indexer.home import Home


def drop_collection(catalog: Catalog, home: Home, name: str) -> None:
    """Remove a collection with all its versions. UserError when there is none, or while it is being built."""
    with home.writer_lock(name):
        catalog.drop(name)
        remove_folder(home.collection(name))
