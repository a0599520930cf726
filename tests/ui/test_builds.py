"""Uploads are kept by their content: what one tab uploads leaves alone what another tab's build is reading."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from indexer.errors import UserError
from indexer.home import Home
from ui.builds import LOOKED_AT, Builds, keep_upload


class Child:
    """A child process that runs until it is told to have ended."""

    returncode: int | None = None

    def poll(self) -> int | None:
        return self.returncode


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Child:
    child = Child()
    monkeypatch.setattr(subprocess, "Popen", lambda *given, **options: child)
    return child


def _aged(path: Path) -> Path:
    """An upload that no tab looks at any more."""
    then = path.stat().st_mtime - 2 * LOOKED_AT
    os.utime(path, (then, then))
    return path


def test_a_refused_upload_leaves_alone_what_a_build_reads(tmp_path: Path, child: Child) -> None:
    home = Home(tmp_path)
    builds = Builds(home)
    reading = keep_upload(home, "animals", "first.csv", b"id,text\n1,cat\n")
    builds.start("animals", reading, {})
    _aged(reading)
    other = keep_upload(home, "animals", "second.csv", b"id,text\n1,dog\n")
    with pytest.raises(UserError, match="is being built already"):
        builds.start("animals", other, {})
    assert reading.read_bytes() == b"id,text\n1,cat\n"
    assert other.name.startswith("animals-")
    assert other.suffix == ".csv"


def test_earlier_uploads_go_when_the_next_build_starts(tmp_path: Path, child: Child) -> None:
    home = Home(tmp_path)
    builds = Builds(home)
    old, looked_at, source = (keep_upload(home, "a", "rows.csv.gz", text) for text in (b"1", b"2", b"3"))
    others = [keep_upload(home, name, "rows.csv", b"1") for name in ("a-b", "b", "a-0123456789ab")]
    for path in (old, source, *others):
        _aged(path)
    with home.writer_lock("a"):  # a build of another process
        builds.start("a", source, {})
    assert old.exists()
    child.returncode = 0
    builds.start("a", source, {})
    assert not old.exists()
    assert all(path.exists() for path in (looked_at, source, *others))
