"""Builds started from a page: each is a child process running `indexer build`, and the catalog tells how it is doing.

A closed tab harms nothing: the child goes on, and whoever opens the page next sees its progress. What a child said when it
could not even begin (a column that is not there, say) is read from its log.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from indexer.catalog import BuildRow, Catalog
from indexer.errors import UserError
from indexer.home import Home, check_name

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".csv.gz", ".tsv.gz", ".jsonl.gz", ".ndjson.gz")
DIGITS = 12  # of the SHA-256 of an upload, in its name
LOOKED_AT = 3600  # seconds: another tab may still look at an upload as young as this


@dataclass(frozen=True, slots=True)
class Ended:
    """How the last build of a collection that this process started came to its end."""

    status: int
    message: str


class Builds:
    """The children of this process, by collection."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._lock = threading.Lock()

    def start(self, name: str, source: Path, options: Mapping[str, str]) -> None:
        """Start `indexer build`. UserError for a name that cannot be one, and while another build of it runs."""
        check_name(name)
        with self._lock:
            if name in self._running and self._running[name].poll() is None:
                raise UserError(f"{name!r} is being built already", "one build at a time", "wait for it to end")
            forget_uploads(self._home, name, source)
            command = [sys.executable, "-m", "indexer.cli", "build", str(source), "--name", name, "--json"]
            command += [part for option, value in options.items() if value for part in (option, value)]
            with self._log(name).open("wb") as log:
                self._running[name] = subprocess.Popen(  # noqa: S603  # our own program, a list of arguments
                    [*command, "--home", str(self._home.root)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
                )

    def starting(self) -> list[str]:
        """Collections whose child runs; a build's own row in the catalog may come a moment later."""
        with self._lock:
            return sorted(name for name, child in self._running.items() if child.poll() is None)

    def ended(self, name: str) -> Ended | None:
        """How the child for a collection ended, once; None when there is none or it still runs."""
        with self._lock:
            child = self._running.get(name)
            if child is None or child.poll() is None:
                return None
            del self._running[name]
        said = self._log(name).read_text(encoding="utf-8", errors="replace").strip()
        return Ended(child.returncode, _last_words(said))

    def names(self) -> list[str]:
        """Collections with a child that has not been asked for its end."""
        with self._lock:
            return sorted(self._running)

    def _log(self, name: str) -> Path:
        folder = self._home.root / "builds"
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{check_name(name)}.log"


@st.cache_resource
def builds() -> Builds:
    """The one of this process."""
    return Builds(Home.find(None))


def running(catalog: Catalog) -> list[BuildRow]:
    """Builds that the catalog calls running and whose process is alive."""
    return [row for row in catalog.builds(limit=50) if row.state == "running" and _alive(row.pid)]


def keep_upload(home: Home, name: str, filename: str, content: bytes) -> Path:
    """Write an upload into the home under the collection's name; only its suffix is taken from the browser.

    The name tells the content too: what another tab uploads never takes the place of what a build is reading."""
    suffix = next(
        (suffix for suffix in sorted(SUFFIXES, key=len, reverse=True) if filename.lower().endswith(suffix)), None
    )
    if suffix is None:
        raise UserError("this kind of file cannot be read", filename[-40:], f"upload one of: {', '.join(SUFFIXES)}")
    from indexer.files import write_bytes

    digest = hashlib.sha256(content).hexdigest()[:DIGITS]
    target = home.root / "uploads" / f"{check_name(name)}-{digest}{suffix}"
    target.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(target, content)
    return target


def forget_uploads(home: Home, name: str, source: Path) -> None:
    """Remove earlier uploads of a collection but `source`; none while a build of it runs, here or elsewhere."""
    ours = re.compile(rf"{re.escape(check_name(name))}-[0-9a-f]{{{DIGITS}}}({'|'.join(map(re.escape, SUFFIXES))})")
    before = time.time() - LOOKED_AT
    with contextlib.suppress(UserError), home.writer_lock(name):
        for path in (home.root / "uploads").glob("*"):
            if ours.fullmatch(path.name) and path != source and path.stat().st_mtime < before:
                path.unlink()


def _last_words(said: str) -> str:
    """The refusal at the end of a log, without the progress before it."""
    lines = said.splitlines()
    start = max((place for place, line in enumerate(lines) if line.startswith("  given:")), default=len(lines))
    return "\n".join(lines[max(0, start - 1) :] or lines[-3:])


def _alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").is_dir() if Path("/proc").is_dir() else True
