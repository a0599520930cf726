"""How fast are exact and near duplicates found, beside datatrove doing the same to the same rows in the same run?

datatrove lives in an environment of its own, because it is no dependency of ours; its Python is named:

    python -m venv peers && peers/bin/pip install "datatrove==0.10.1" spacy orjson regex tokenizers pyarrow "xxhash<4"
    python -m benchmarks.prepare_peers --peer peers/bin/python --rows 50000

Both read one JSONL file with one process, and both must find duplicates of the text `anchor newline positive`. datatrove: ExactDedup
(three steps), MinHash with as many hashes as ours (16 bands of 4 rows, 3-word runs; four steps). Ours: `trainer prepare` with the filter
alone, less than a whole preparation, more than the filter: reading, sorting and writing included. Medians of `--repeats` interleaved rounds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.machine import machine
from benchmarks.prepare import DATA, grown, recipe_of

OURS = """
import json, sys, time
from pathlib import Path
from trainer.prepare import prepare
from trainer.recipe import load_recipe
began = time.perf_counter()
report = prepare(load_recipe(Path(sys.argv[1])), Path(sys.argv[2]))
print(json.dumps({"seconds": time.perf_counter() - began, "kept": report.kept["pairs"]}))
"""
THEIRS = """
import json, sys, time
from loguru import logger
logger.remove()
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.pipeline.dedup.exact_dedup import ExactDedupConfig, ExactDedupFilter, ExactDedupSignature, ExactFindDedups
from datatrove.pipeline.dedup.minhash import (
    MinhashConfig, MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature)
from datatrove.executor import LocalPipelineExecutor
kind, source, out = sys.argv[1:]
logs = (f"{out}/logs{number}" for number in range(9))  # an executor skips what its logs call done
def run(steps, tasks=1):
    LocalPipelineExecutor(steps, tasks=tasks, workers=1, logging_dir=next(logs)).run()
read = lambda: JsonlReader(source, text_key="text", id_key="id")
began = time.perf_counter()
if kind == "exact":
    config = ExactDedupConfig(content_getter=lambda doc: doc.text.encode())
    run([read(), ExactDedupSignature(f"{out}/sigs", config)])
    run([ExactFindDedups(f"{out}/sigs", f"{out}/dups", config)])
    run([read(), ExactDedupFilter(f"{out}/dups", config), JsonlWriter(f"{out}/kept", compression=None)])
else:
    config = MinhashConfig(n_grams=3, num_buckets=16, hashes_per_bucket=4)
    run([read(), MinhashDedupSignature(f"{out}/sigs", config)])
    run([MinhashDedupBuckets(f"{out}/sigs", f"{out}/buckets", config=config)], tasks=16)
    run([MinhashDedupCluster(f"{out}/buckets", f"{out}/remove", config=config)])
    run([read(), MinhashDedupFilter(f"{out}/remove"), JsonlWriter(f"{out}/kept", compression=None)])
seconds = time.perf_counter() - began
from pathlib import Path
kept = sum(len(file.read_text().splitlines()) for file in Path(f"{out}/kept").glob("*.jsonl"))
print(json.dumps({"seconds": seconds, "kept": kept}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", required=True, help="the Python of an environment with datatrove")
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    found: dict[str, Any] = {"exact": {"ours": [], "datatrove": []}, "near": {"ours": [], "datatrove": []}}
    with tempfile.TemporaryDirectory() as folder:
        source = write_rows(Path(folder) / "rows.jsonl", given.data, given.rows)
        for turn in range(given.repeats):
            for kind, runs in found.items():
                out = Path(folder) / f"{kind}{turn}"
                runs["ours"].append(ours(source, kind, out / "ours"))
                runs["datatrove"].append(run([given.peer, "-c", THEIRS, kind, str(source), str(out / "theirs")]))
    print(
        json.dumps(
            {
                "benchmark": "prepare_peers",
                "rows": given.rows,
                **{k: told(v, given.rows) for k, v in found.items()},
                "machine": machine(),
            }
        )
    )


def write_rows(path: Path, data: Path, rows: int) -> Path:
    """Grown rows, a tenth of them twice; `text` is what datatrove reads."""
    with path.open("w", encoding="utf-8") as file:
        for number, (anchor, positive) in zip(range(rows), grown(data), strict=False):
            row = {"id": str(number), "query": anchor, "positive": positive, "text": f"{anchor}\n{positive}"}
            file.writelines([json.dumps(row, ensure_ascii=False) + "\n"] * (1 + (number % 10 == 0)))
    return path


def ours(source: Path, kind: str, out: Path) -> dict[str, float]:
    """A preparation with one filter."""
    out.mkdir(parents=True)
    recipe = out / "recipe.toml"
    recipe.write_text(recipe_of(source, [kind]))
    return run([sys.executable, "-c", OURS, str(recipe), str(out / "out")])


def run(command: list[str]) -> dict[str, float]:
    """The JSON that a child prints last."""
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(ended.stderr[-2000:])
    found: dict[str, float] = json.loads(ended.stdout.splitlines()[-1])
    return found


def told(runs: dict[str, list[dict[str, float]]], rows: int) -> dict[str, Any]:
    """Medians, rates and their ratio; rows kept by each."""
    seconds = {who: median(one["seconds"] for one in found) for who, found in runs.items()}
    return {
        "seconds": {who: round(one, 2) for who, one in seconds.items()},
        "kept": {who: found[0]["kept"] for who, found in runs.items()},
        "ours_times_faster": round(seconds["datatrove"] / seconds["ours"], 1),
        "rows_per_second": {who: round(rows / one) for who, one in seconds.items()},
    }


if __name__ == "__main__":
    main()
