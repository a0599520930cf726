"""Does `trainer prepare` take time in proportion to the rows, and memory whatever their number?

Rows are made from real ones (noisy_mix, and the pairs of product_qa_pairs, tldr_pairs and negation_pairs): the first pass gives them as they
are, every later one exchanges each third word for one drawn from the same column, so that rows keep their lengths, scripts
and words and few are copies. Each size is prepared in a process of its own through the filters that need no model and
the language filter. Reported: seconds and rows/s by stage, peak RSS of the main process and of its largest worker, and
for each size the time per row against the size before.

    python -m benchmarks.prepare --rows 10000,100000,1000000,3000000 [--workers 2] [--filters empty,exact,…]
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.machine import machine

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = {
    "noisy_mix/pairs.jsonl.gz": ("query", "positive"),
    "product_qa_pairs/train.jsonl.gz": ("query", "positive"),
    "tldr_pairs/en.jsonl.gz": ("query", "positive"),
    "negation_pairs/train.jsonl.gz": ("sentence", "negated"),
}
FILTERS = ("empty", "identical", "length", "boilerplate", "language", "exact", "near", "overlap")
CHILD = """
import json, resource, sys, time
from pathlib import Path
from trainer.prepare import prepare
from trainer.recipe import load_recipe
began = time.monotonic()
report = prepare(load_recipe(Path(sys.argv[1])), Path(sys.argv[2]), workers=int(sys.argv[3]))
peaks = [resource.getrusage(who).ru_maxrss * 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(json.dumps({"seconds": round(time.monotonic() - began, 2), "peak_rss": peaks[0], "peak_rss_of_largest_worker": peaks[1],
                  "kept": report.kept, "dropped": report.dropped, "timing": report.card["timing"]}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="10000,100000")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--filters", default=",".join(FILTERS))
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    filters = given.filters.split(",")
    with tempfile.TemporaryDirectory() as folder:
        runs = [run(Path(folder), given.data, size, filters, given.workers) for size in map(int, given.rows.split(","))]
    for before, after in pairwise(runs):
        after["time_per_row_against_before"] = round(
            after["seconds"] / after["rows"] / (before["seconds"] / before["rows"]), 3
        )
        after["rss_bytes_per_row_since"] = round(
            (after["peak_rss"] - before["peak_rss"]) / (after["rows"] - before["rows"]), 1
        )
    print(json.dumps({"benchmark": "prepare", "workers": given.workers, "runs": runs, "machine": machine()}))


def run(folder: Path, data: Path, size: int, filters: list[str], workers: int) -> dict[str, Any]:
    """One preparation of `size` rows, in a process of its own."""
    source = write_rows(folder / f"{size}.jsonl", data, size)
    recipe = folder / f"{size}.toml"
    recipe.write_text(recipe_of(source, filters))
    command = [sys.executable, "-c", CHILD, str(recipe), str(folder / f"out{size}"), str(workers)]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return {"rows": size, "source_bytes": source.stat().st_size, **found}


def recipe_of(source: Path, filters: list[str]) -> str:
    """A recipe of one source and filters at their shipped settings."""
    steps = "".join(f'[[filters]]\nname = "{name}"\n' for name in filters)
    return f'seed = 1\n[[source]]\nname = "grown"\npath = "{source}"\n{steps}'


def write_rows(path: Path, data: Path, size: int) -> Path:
    """`size` rows as JSON lines; the same bytes at every call."""
    with path.open("w", encoding="utf-8") as file:
        for _, (anchor, positive) in zip(range(size), grown(data), strict=False):
            file.write(json.dumps({"query": anchor, "positive": positive}, ensure_ascii=False) + "\n")
    return path


def grown(data: Path, seed: int = 3) -> Iterator[tuple[str, str]]:
    """Real pairs, then variants of them without end."""
    rows = list(real(data))
    draw = random.Random(seed)
    draw.shuffle(rows)
    yield from rows
    words = tuple([word for row in rows for word in row[side].split()] for side in (0, 1))
    while True:
        for row in rows:
            yield varied(row[0], words[0], draw), varied(row[1], words[1], draw)


def varied(text: str, words: list[str], draw: random.Random) -> str:
    """The text with each third word, and at least one, exchanged; white space stays as it is."""
    parts = re.split(r"(\s+)", text)
    for place in range(draw.randrange(3) * 2 % max(1, len(parts)), len(parts), 6):
        parts[place] = words[int(draw.random() * len(words))]
    return "".join(parts)


def real(data: Path) -> Iterator[tuple[str, str]]:
    """The pairs of the sets as they are."""
    for name, (anchor, positive) in SETS.items():
        with gzip.open(data / name, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                yield row[anchor], row[positive]


if __name__ == "__main__":
    main()
