"""Where things are: the home folder, the names allowed in it, and the writer's lock.

`<home>/catalog.db`, `<home>/collections/<name>/…` and `<home>/models/<name>/<version>/`. Every name that becomes part of
a path is checked against one pattern here, so no name can lead out of the home.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexer.errors import UserError, shown

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


@dataclass(frozen=True, slots=True)
class Home:
    """The folder that holds everything; nothing of it is created before something is written."""

    root: Path

    @classmethod
    def find(cls, given: Path | None = None) -> Home:
        """`given`, or $SEARCHAPP_HOME, or `home` in the working folder."""
        path = given or Path(os.environ.get("SEARCHAPP_HOME") or "home")
        try:
            root = path.expanduser().resolve()
            with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                root.lstat()
        except (OSError, ValueError, RuntimeError) as error:  # too long, a null byte, a loop of links, nobody's `~name`
            todo = f"name another home ({getattr(error, 'strerror', None) or error})"
            raise UserError("that is no path of a folder", shown(path), todo) from None
        return cls(root)

    @property
    def made(self) -> bool:
        """Whether anything was published or begun here; a folder of another kind is no home, and nothing is written to it."""
        return any(os.path.lexists(self.root / name) for name in ("catalog.db", "catalog.schema", "collections"))

    @property
    def catalog_url(self) -> str | None:
        """$SEARCHAPP_CATALOG, the database that holds the catalog; None for the file inside the home."""
        return os.environ.get("SEARCHAPP_CATALOG") or None

    @property
    def catalog_file(self) -> Path:
        """The catalog on SQLite."""
        return self.root / "catalog.db"

    @property
    def models(self) -> Path:
        return self.root / "models"

    def collection(self, name: str) -> Path:
        return self.root / "collections" / check_name(name)

    def writer_lock(self, name: str) -> contextlib.AbstractContextManager[None]:
        """One writer per collection. The lock stands outside the folder, which a writer may remove."""
        return locked(self.root / "locks" / check_name(name), f"the collection {name!r}")

    def relative(self, path: Path) -> str:
        """A path as shown to people and machines: from the home, with forward slashes."""
        return path.relative_to(self.root).as_posix()


def check_name(name: str) -> str:
    """The name itself, when it may become part of a path; UserError otherwise."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise UserError(
            "that name cannot be used for a collection or a model",
            shown(name),
            "use 1 to 64 letters, digits, '-', '_' or '.', beginning with a letter or a digit",
        )
    return name


@contextlib.contextmanager
def locked(file: Path, what: str, *, wait: bool = False) -> Iterator[None]:
    """Hold an exclusive lock. The kernel frees it when its owner dies, so a dead build never blocks the next."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise UserError(
                f"another process is writing to {what}",
                f"process {owner} holds its lock",
                "wait for it to end, or stop it, and run this command again",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(descriptor)
