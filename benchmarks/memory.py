"""Does a build's memory grow with anything but the vectors? Peak RSS of `indexer build` at growing row counts.

Every build is a process of its own on a tiny model (32 dimensions), so that reading, row files, lexical index and FAISS
weigh more than the network does. Reported beside each peak: the bytes of its vectors, and what it grew by per row since
the size before.

    python -m benchmarks.memory --rows 10000,100000,500000
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from benchmarks.machine import machine
from tests.corpora import write_products
from tests.models import tiny_bert


def main() -> None:
    """Build each size once and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="10000,100000")
    sizes = [int(size) for size in parser.parse_args().rows.split(",")]
    with tempfile.TemporaryDirectory() as folder:
        model = tiny_bert(Path(folder) / "model")
        runs = [_run(Path(folder), model, size) for size in sizes]
    for before, after in pairwise(runs):
        grown, rows = after["peak_rss"] - before["peak_rss"], after["rows"] - before["rows"]
        after["bytes_per_row_since"] = round(grown / rows, 1)
    print(json.dumps({"question": "peak RSS of a build", "runs": runs, "machine": machine()}))


def _run(folder: Path, model: Path, rows: int) -> dict[str, float]:
    source = write_products(folder / f"{rows}.jsonl", range(rows))
    out = folder / f"{rows}.out"
    command = [sys.executable, "-m", "indexer.cli", "build", str(source), "--name", "memory", "--model", str(model)]
    command += ["--home", str(folder / f"home{rows}"), "--json"]
    began = time.monotonic()
    peak = _peak_rss(command, out)
    report = json.loads(out.read_text())
    vectors = report["passages"] * report["plan"]["dim"] * 4
    return {
        "rows": rows,
        "passages": report["passages"],
        "seconds": round(time.monotonic() - began, 1),
        "source_bytes": source.stat().st_size,
        "vector_bytes": vectors,
        "peak_rss": peak,
    }


def _peak_rss(command: list[str], out: Path) -> int:
    """Run a command to its end; its peak resident memory in bytes, mapped files included."""
    child = os.fork()
    if not child:
        os.dup2(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.execv(command[0], command)
    _, status, usage = os.wait4(child, 0)
    if status:
        raise SystemExit(f"the build failed: {command}")
    return usage.ru_maxrss * 1024


if __name__ == "__main__":
    main()
