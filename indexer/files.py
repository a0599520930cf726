"""The one place that writes bytes meant to last.

A file appears under its final name only when every byte of it is on disk: temporary name, write, fsync, rename, fsync of
the folder (`faiss.write_index` over a live file left 38 of 40 unreadable when killed; this way none). Libraries that
insist on writing files themselves (Arrow, tantivy) write into a working folder, which `publish_folder` makes durable and
moves into place in one step.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: object) -> bytes:
    """One spelling per value: sorted keys, no spaces, UTF-8, a newline at the end. Digests are taken over this."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON of `value`, hex."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for writing; it comes into being, whole, when the block ends, and not at all when the block fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, *parts: bytes | bytearray) -> None:
    """Write the parts one after the other as one file, atomically."""
    with writing(path) as file:
        for part in parts:
            file.write(part)


def publish_folder(working: Path, final: Path) -> None:
    """Make every file of `working` durable and give the folder its final name in one rename."""
    for path in sorted(working.rglob("*")):
        sync_folder(path) if path.is_dir() else sync_file(path)
    sync_folder(working)
    final.parent.mkdir(parents=True, exist_ok=True)
    working.rename(final)
    sync_folder(final.parent)


def sync_file(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """A rename is durable only once its folder is: fsync the folder too."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_folder(path: Path) -> None:
    """Remove a folder so that a kill in between leaves only something that is plainly rubbish."""
    if not path.exists():
        return
    doomed = path.with_name(f".{path.name}.removing")
    shutil.rmtree(doomed, ignore_errors=True)
    path.rename(doomed)
    shutil.rmtree(doomed)
