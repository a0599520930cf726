"""What the catalog says of a collection, written a second time beside the collection, so that damage is named.

No database here vouches for its bytes: a flipped bit can make an older version the current one, and a lost journal can
take back the last publication without a word. So every change is written around: first `catalog.json` in the collection's
folder says "what was, or what will be", then the transaction commits, then the file says "what is". A process killed in
between leaves both, and either is right. Whatever reads the catalog compares; where the two differ, nothing is answered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa

from indexer.errors import UserError
from indexer.files import canonical_json, write_bytes
from indexer.home import NAME, Home, locked

Part = Literal["versions", "figures"]
Rows = list[dict[str, Any]]
State = Mapping[Part, Rows]  # all that the catalog says of one collection; empty lists where it knows of none
Copy = tuple[Mapping[str, bytes], ...]  # the states that a copy allows, each part as canonical JSON
FILE = "catalog.json"
_FORMAT = 1


class DamagedCatalogError(UserError):
    """The catalog, or the copy beside a collection, is not what was written."""


class Mirror:
    """The copies beside the collections of a home. Cheap to make; a file is read again only when it changed."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._read: dict[str, tuple[tuple[int, ...], Copy]] = {}

    def file(self, name: str) -> Path:
        return self._home.collection(name) / FILE

    def lock(self, name: str) -> AbstractContextManager[None]:
        """Held while a collection's rows are changed, by whoever changes them: a build, a rollback, a measurement."""
        return locked(self._home.root / "locks" / f".{name}.catalog", f"the catalog's rows of {name!r}", wait=True)

    def write(self, name: str, *states: State) -> None:
        """Say durably that the catalog says one of `states`."""
        content = {"format": _FORMAT, "collection": name, "states": [_plain(state) for state in states]}
        write_bytes(self.file(name), canonical_json(content | {"sha256": _digest(content)}))

    def agreed(self, part: Part, name: str | None, read: Callable[[], dict[str, Rows]]) -> dict[str, Rows]:
        """What `read` finds in the catalog, by collection, once the copies say the same; DamagedCatalogError if they never do.

        `name` is the one collection that is asked for; None: all. A copy that changed while the catalog was read proves
        nothing, so then both are read again.
        """
        before = self._copies(name)
        while True:
            found = read()
            after = self._copies(name)
            wrong = next((one for one in sorted({*found, *after}) if _differs(part, one, found, before, after)), None)
            if wrong is None:
                return found
            if before == after:
                self._read.pop(wrong, None)  # a file replaced within one tick of the clock can look like the old one
                after = self._copies(name)
            if before == after:
                raise self._damaged(wrong)
            before = after

    def _copies(self, name: str | None) -> dict[str, Copy]:
        files = [] if name is not None else self._home.root.glob(f"collections/*/{FILE}")
        names = [name or "", *(file.parent.name for file in files)]  # a folder being removed has no collection's name
        return {one: copy for one in names if NAME.fullmatch(one) and (copy := self._copy(one)) is not None}

    def _copy(self, name: str) -> Copy | None:
        """None where there is none, as in homes that an earlier release made."""
        file = self.file(name)
        try:
            seen = file.stat()
            stamp = (seen.st_ino, seen.st_size, seen.st_mtime_ns)
            if name not in self._read or self._read[name][0] != stamp:
                self._read[name] = (stamp, _parsed(file.read_bytes(), name))
            return self._read[name][1]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise DamagedCatalogError(
                f"what the catalog says of {name!r} cannot be checked: the copy beside the collection is damaged",
                f"{file}: {str(error)[:200]}",
                "put the file back from a copy of the home; without one remove it, see with `indexer versions` that the "
                "catalog lists what was published, and build again, which writes it anew",
            ) from None

    def _damaged(self, name: str) -> DamagedCatalogError:
        return DamagedCatalogError(
            f"the catalog is damaged, or another home's: what it says of {name!r} is not what was published",
            f"{self.file(name)} says something else",
            "put the catalog back from a copy that was made with this home, or build the collection again in a new home",
        )


def check_sqlite(connection: sa.Connection) -> None:
    """SQLite's own look at its pages and indexes. DamagedCatalogError where it finds fault."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar()
        if found != "ok":
            raise unreadable(f"{connection.engine.url.database}: {found}")


def unreadable(why: object) -> DamagedCatalogError:
    """The error for a catalog whose rows make no sense."""
    return DamagedCatalogError(
        "the catalog is damaged",
        str(why)[:300],
        "put it back from a copy that was made with this home, or build the collections again in a new home",
    )


def _differs(
    part: Part, name: str, found: Mapping[str, Rows], before: Mapping[str, Copy], after: Mapping[str, Copy]
) -> bool:
    allowed = [*before.get(name, ()), *after.get(name, ())]
    said = canonical_json(_plain_rows(found.get(name, [])))
    return bool(allowed) and all(state[part] != said for state in allowed)


def _parsed(content: bytes, name: str) -> Copy:
    told = json.loads(content)
    digest = told.pop("sha256")
    if canonical_json(told | {"sha256": digest}) != content or digest != _digest(told):
        raise ValueError("its SHA-256 differs")
    if told["format"] != _FORMAT or told["collection"] != name:
        raise ValueError("it is not this collection's")
    return tuple({part: canonical_json(rows) for part, rows in state.items()} for state in told["states"])


def _digest(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical_json(content)).hexdigest()


def _plain(state: State) -> dict[str, Rows]:
    return {part: _plain_rows(rows) for part, rows in state.items()}


def _plain_rows(rows: Rows) -> Rows:
    return [{key: _plain_value(value) for key, value in row.items()} for row in rows]


def _plain_value(value: object) -> object:
    """JSON has no times; and what a damaged row holds may be anything, such as half a character or infinity."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    return value.isoformat() if isinstance(value, datetime) else repr(value)
