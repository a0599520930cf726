"""What does the consistency filter cost as the corpus grows, and where does the time go?

Rows are the grown ones of `benchmarks.prepare`. Per size: seconds of collecting the distinct texts, encoding them, finding the
width (ranks of strangers) and judging; the encoder's share; peak RSS. The time for a million rows is predicted from the largest size: what
is collected and encoded grows with the rows, ranking with rows × sample.

    python -m benchmarks.consistency --rows 10000,100000
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks.filters_models import batch_of, prepared
from benchmarks.machine import machine
from benchmarks.prepare import DATA, grown
from trainer.filters.consistency import Consistency
from trainer.filters.consistency_corpus import Corpus

BATCH = 20_000
MILLION = 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="10000")
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    runs = [measured(given.data, int(size)) for size in given.rows.split(",")]
    print(json.dumps({"benchmark": "consistency", "runs": runs, "million": predicted(runs[-1]), "machine": machine()}))


def measured(data: Path, rows: int) -> dict[str, Any]:
    """One corpus of so many rows, prepared and judged at the shipped settings."""
    found = Consistency()
    with tempfile.TemporaryDirectory() as folder:
        took = prepared(found, batches(data, rows), Path(folder))
        began = time.perf_counter()
        kept = sum(
            reason is None for batch in batches(data, rows) for reason in found.judge(batch, Path(folder)).reasons
        )
        took["judging"] = round(time.perf_counter() - began - reading(data, rows), 2)
        corpus = Corpus(Path(folder), found.sample, found.tolerance)
        texts = corpus.texts
    return {
        "rows": rows,
        "kept": kept,
        "distinct_texts": texts,
        "precision": found.settings()["precision"],
        "seconds": took,
        "encoder_share": round(took["encoding"] / sum(took.values()), 3),
        "texts_per_second": round(texts / took["encoding"]),
        "peak_rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


def batches(data: Path, rows: int) -> Iterator[pa.RecordBatch]:
    """Grown rows as batches of examples."""
    found = islice(grown(data), rows)
    while part := list(islice(found, BATCH)):
        yield batch_of([{"query": anchor, "positive": positive, "source": "grown"} for anchor, positive in part])


def reading(data: Path, rows: int) -> float:
    """Seconds that making the rows takes, which is not the filter's work."""
    began = time.perf_counter()
    for _ in batches(data, rows):
        pass
    return time.perf_counter() - began


def predicted(run: dict[str, Any]) -> dict[str, float]:
    """Hours for a million rows against a sample of a million."""
    more, took = MILLION / run["rows"], run["seconds"]
    hours = {
        "encoding": took["encoding"] * more,
        "ranking": took["judging"] * more**2,
        "else": took["collecting"] * more,
    }
    return {name: round(seconds / 3600, 2) for name, seconds in hours.items()}


if __name__ == "__main__":
    main()
