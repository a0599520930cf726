"""What `indexer show` tells of a version: read from manifests, without opening an index or a model."""

from __future__ import annotations

from typing import Any

from indexer.catalog import VersionRow
from indexer.home import Home
from indexer.rows import columns_from_json
from indexer.store import read_version


def describe(home: Home, row: VersionRow) -> dict[str, Any]:
    """The facts of a version, with its files checked on the way."""
    version = read_version(home, row.collection, row.number, row.sha256)
    first = version.segments[0]
    columns = columns_from_json(first.inputs["columns"])
    files = [entry for segment in version.segments for entry in segment.manifest["files"].values()]
    return {
        "collection": row.collection,
        "version": row.number,
        "records": row.records,
        "passages": row.passages,
        "id": columns.id or "row number",
        "title": columns.title,
        "text": columns.text,
        "fields": dict(columns.fields),
        "model": {"name": row.model_name, **first.inputs["model"]},
        "spaces": {name: f"{space['dim']} × {space['dtype']}" for name, space in first.manifest["spaces"].items()},
        "index": first.manifest["plan"]["why"],
        "segments": len(version.segments),
        "bytes": sum(entry["bytes"] for entry in files),
        "published": row.published_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
