"""Segments and versions on disk: immutable folders and files, joined by digests.

A segment is a folder of files with a manifest; a version is one file naming segments by the digest of their manifest;
the catalog holds the digest of the version file. So one digest in the catalog vouches for every byte a search will read:
catalog row → version file → manifest → file. `read_version` walks that chain and refuses with the name of the file that
does not match; nothing is parsed before its digest was seen to be right.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.errors import UserError
from indexer.files import canonical_json, digest, publish_folder, remove_folder, sha256, write_bytes
from indexer.home import Home
from indexer.progress import Watcher, unwatched

FORMAT = 1  # raised whenever an older reader would misunderstand the files
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Segment:
    """A published segment: its folder and what its manifest says."""

    folder: Path
    manifest: Mapping[str, Any]
    tombstones: tuple[int, ...] = ()  # record rows of this segment that the version no longer shows

    @property
    def id(self) -> str:
        return str(self.manifest["id"])

    @property
    def inputs(self) -> Mapping[str, Any]:
        inputs: Mapping[str, Any] = self.manifest["inputs"]
        return inputs


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a collection: its segments in the order that numbers their rows."""

    collection: str
    number: int
    segments: tuple[Segment, ...]


class DamagedError(UserError):
    """Files of a version that are missing or not what was published. `files` are paths from the home."""

    def __init__(self, collection: str, number: int, files: list[str]) -> None:
        super().__init__(
            f"version {number} of {collection!r} is damaged and will not be searched",
            ", ".join(files),
            f"go back with `indexer rollback {collection} VERSION`, or build it again from its source",
        )
        self.files = files


def segment_id(inputs: Mapping[str, object]) -> str:
    """A segment is named by the digest of its inputs: the same inputs are the same segment, on every run."""
    return digest(inputs)[:32]


def segment_folder(home: Home, collection: str, segment: str) -> Path:
    """Where a segment is, or will be, published."""
    return home.collection(collection) / "segments" / segment


def version_file(home: Home, collection: str, number: int) -> Path:
    """Where the file of a version is."""
    return home.collection(collection) / "versions" / f"{number}.json"


def seal(folder: Path, inputs: Mapping[str, object], facts: Mapping[str, object]) -> None:
    """Write the manifest of a finished working folder: every file with its size and SHA-256."""
    files = {path.relative_to(folder).as_posix(): _entry(path) for path in _files_of(folder)}
    manifest = {"format": FORMAT, "id": segment_id(inputs), "inputs": inputs, **facts, "files": files}
    write_bytes(folder / MANIFEST, canonical_json(manifest))


def publish_segment(working: Path, home: Home, collection: str) -> Path:
    """Move a sealed working folder to its final place. An earlier damaged try under the same name is replaced."""
    final = segment_folder(home, collection, json.loads((working / MANIFEST).read_bytes())["id"])
    remove_folder(final)
    publish_folder(working, final)
    return final


def write_version(home: Home, collection: str, number: int, segments: list[Segment]) -> str:
    """Write the version file and return its SHA-256. It stays invisible until the catalog publishes that digest."""
    rows = [
        {"id": segment.id, "manifest_sha256": sha256(segment.folder / MANIFEST), "tombstones": segment.tombstones}
        for segment in segments
    ]
    content = {"format": FORMAT, "collection": collection, "version": number, "segments": rows}
    path = version_file(home, collection, number)
    write_bytes(path, canonical_json(content))
    return sha256(path)


def read_version(home: Home, collection: str, number: int, expected: str) -> Version:
    """Check the whole digest chain of a version and return it; DamagedError names every file that does not match."""
    damaged: list[str] = []
    version = _walk(home, collection, number, expected, damaged)
    if version is None or damaged:
        raise DamagedError(collection, number, damaged)
    return version


def damaged_files(home: Home, collection: str, number: int, expected: str, watch: Watcher = unwatched) -> list[str]:
    """The files of a version that are missing or changed, as paths from the home; empty when all is well."""
    damaged: list[str] = []
    _walk(home, collection, number, expected, damaged, watch)
    return damaged


def remove_orphans(home: Home, collection: str, published: Sequence[int]) -> None:
    """Remove segments that no published version names: a build killed just before publishing left them.

    Call it under the writer's lock. Nothing is removed when a version file cannot be read: it might name them.
    """
    try:
        versions = [json.loads(version_file(home, collection, number).read_bytes()) for number in published]
    except (OSError, ValueError):
        return
    wanted = {row["id"] for version in versions for row in version["segments"]}
    for folder in (home.collection(collection) / "segments").iterdir():
        if folder.name not in wanted:
            shutil.rmtree(folder, ignore_errors=True)


def read_segment(folder: Path) -> Segment | None:
    """The segment in `folder` if it is there and whole, without a version vouching for its manifest."""
    if not (folder / MANIFEST).is_file():
        return None
    segment = _parse_segment(folder, (folder / MANIFEST).read_bytes())
    if segment is None or segment.id != folder.name or segment_id(segment.inputs) != segment.id:
        return None
    return None if any(_damaged_in(segment)) else segment


def _walk(
    home: Home, collection: str, number: int, expected: str, damaged: list[str], watch: Watcher = unwatched
) -> Version | None:
    path = version_file(home, collection, number)
    content = _read_checked(path, expected)
    if content is None:
        damaged.append(home.relative(path))
        return None
    version = json.loads(content)
    _check_format(version, path)
    segments = []
    for row in version["segments"]:
        folder = segment_folder(home, collection, row["id"])
        manifest = _read_checked(folder / MANIFEST, row["manifest_sha256"])
        if manifest is None:
            damaged.append(home.relative(folder / MANIFEST))
            continue
        segment = Segment(folder, json.loads(manifest), tuple(row["tombstones"]))
        _check_format(segment.manifest, folder / MANIFEST)
        damaged.extend(home.relative(file) for file in _damaged_in(segment, watch))
        segments.append(segment)
    return Version(collection, number, tuple(segments))


def _damaged_in(segment: Segment, watch: Watcher = unwatched) -> Iterator[Path]:
    files = segment.manifest["files"]
    total, done = sum(entry["bytes"] for entry in files.values()), 0
    for name, entry in files.items():
        watch("checking megabytes", done // 1_000_000, total // 1_000_000)
        path = segment.folder / name
        if not _matches(path, entry):
            yield path
        done += entry["bytes"]


def _matches(path: Path, entry: Mapping[str, Any]) -> bool:
    try:
        return bool(path.stat().st_size == entry["bytes"] and sha256(path) == entry["sha256"])
    except OSError:  # missing, a folder in its place, or a disk that cannot read it back
        return False


def _read_checked(path: Path, expected: str) -> bytes | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content).hexdigest() == expected else None


def _check_format(content: Mapping[str, Any], path: Path) -> None:
    if content["format"] != FORMAT:
        raise UserError(
            f"{path.name} was written in a format this release does not read",
            f"format {content['format']}, this release reads {FORMAT}",
            "build the collection again, or use the release that wrote it",
        )


def _parse_segment(folder: Path, content: bytes) -> Segment | None:
    """A manifest nobody vouches for may be anything; None when it is not one of ours."""
    try:
        manifest = json.loads(content)
        ours = manifest["format"] == FORMAT and isinstance(manifest["files"], dict) and manifest["id"]
    except (ValueError, KeyError, TypeError):
        return None
    return Segment(folder, manifest) if ours else None


def _entry(path: Path) -> dict[str, object]:
    return {"bytes": path.stat().st_size, "sha256": sha256(path)}


def _files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)
