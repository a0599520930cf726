"""The one writer: a file is there whole or not at all."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest

from indexer.files import canonical_json, publish_folder, remove_folder, sha256, write_bytes, writing


def test_written_file_holds_its_parts_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write_bytes(tmp_path / "deep" / "file", b"one", memoryview(b"two"))
    assert (tmp_path / "deep" / "file").read_bytes() == b"onetwo"
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["file"]
    assert sha256(tmp_path / "deep" / "file") == hashlib.sha256(b"onetwo").hexdigest()


def test_failed_write_leaves_the_old_file_and_no_partial(tmp_path: Path) -> None:
    write_bytes(tmp_path / "file", b"old")
    with pytest.raises(TypeError), writing(tmp_path / "file") as file:
        file.writelines([b"new, but", "no bytes"])  # type: ignore[list-item]
    assert (tmp_path / "file").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_full_disk_is_an_error_and_not_a_short_file(tmp_path: Path) -> None:
    script = (
        "import resource, sys; from pathlib import Path; from indexer.files import write_bytes\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "write_bytes(Path(sys.argv[1]), b'x' * 5000)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "file")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "File too large" in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_folder_is_published_in_one_rename(tmp_path: Path) -> None:
    write_bytes(tmp_path / "working" / "a" / "b", b"x")
    publish_folder(tmp_path / "working", tmp_path / "final" / "name")
    assert (tmp_path / "final" / "name" / "a" / "b").read_bytes() == b"x"
    assert not (tmp_path / "working").exists()


def test_removing_a_folder_that_is_not_there_is_nothing(tmp_path: Path) -> None:
    remove_folder(tmp_path / "nothing")
    write_bytes(tmp_path / "something" / "a", b"x")
    remove_folder(tmp_path / "something")
    assert list(tmp_path.iterdir()) == []


def test_canonical_json_has_one_spelling() -> None:
    assert canonical_json({"b": 1, "a": [1.5, "ä"]}) == '{"a":[1.5,"ä"],"b":1}\n'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))
