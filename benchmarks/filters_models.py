"""What do the filters with a model keep and what do they drop? How fast they are: `filters_speed`.

`language`: langid_tatoeba (threshold chosen on its even rows, everything reported on the odd ones), noisy_mix.
`consistency`: noisy_mix after the language filter; at the paper's top 2 and at the shipped setting, whose width is found
without labels; the curve over k and sample size, drawn. Prints one JSON line:
`python -m benchmarks.filters_models language`, `python -m benchmarks.filters_models consistency [--plot FOLDER]`.
"""

from __future__ import annotations

import argparse
import gzip
import itertools
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.filters_models_curve import draw
from benchmarks.machine import machine
from indexer.progress import Progress
from trainer.examples import examples_schema
from trainer.filters.consistency import Consistency
from trainer.filters.consistency_corpus import Corpus
from trainer.filters.consistency_texts import keys_of
from trainer.filters.language import Language, guess

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LENGTHS = (20, 40, 80)  # characters: upper ends of the first classes
SAMPLES = (500, 1000, 2000, 4000, 1_000_000)
KS = (1, 2, 3, 5, 8, 10, 15, 20, 30, 40, 50, 60, 80, 100, 150, 200)
CHEAP = ("empty", "identical_sides", "boilerplate")  # noise that cheaper filters take out before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("language", "consistency"))
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--plot", type=Path, help="folder for the curve")
    given = parser.parse_args()
    found = language(given.data) if given.what == "language" else consistency(given.data, given.plot)
    print(json.dumps({"benchmark": f"filters_models {given.what}", **found, "machine": machine()}))


def language(data: Path) -> dict[str, Any]:
    rows = read(data / "langid_tatoeba" / "test.jsonl.gz")
    guesses = guess([row["text"].replace("\n", " ") for row in rows])
    english = np.array([row["lang"] == "eng" for row in rows])
    scores = np.array([score if name == "en" else 0.0 for name, score in guesses])
    odd = np.arange(len(rows)) % 2 == 1
    shipped = Language().threshold
    return {
        "even_by_threshold": {f"{t:.2f}": judged(scores >= t, english, ~odd) for t in np.arange(0.4, 0.85, 0.05)},
        "threshold": shipped,
        "odd": judged(scores >= shipped, english, odd),
        "odd_by_length": by_length(rows, scores >= shipped, english, odd),
        "odd_taken_for_english": by_language(rows, scores >= shipped, odd & ~english),
        "noisy_mix_by_characters": {n: noisy(data, Language(characters=n)) for n in (50, 100, 200)},
        "noisy_mix_unsure_dropped": noisy(data, Language(unsure="drop")),
    }


def judged(kept: NDArray[np.bool_], right: NDArray[np.bool_], among: NDArray[np.bool_]) -> dict[str, float]:
    hits = (kept & right & among).sum()
    return {
        "recall": round(float(hits / max((right & among).sum(), 1)), 4),
        "precision": round(float(hits / max((kept & among).sum(), 1)), 4),
    }


def by_length(
    rows: Sequence[Any], kept: NDArray[np.bool_], right: NDArray[np.bool_], among: NDArray[np.bool_]
) -> dict[str, Any]:
    lengths = np.array([len(row["text"]) for row in rows])
    edges = (0, *LENGTHS, 10**6)
    classes = {
        f"{low + 1}-{high if high < 10**6 else ''}": among & (lengths > low) & (lengths <= high)
        for low, high in itertools.pairwise(edges)
    }
    return {
        name: {"english": int((part & right).sum()), "other": int((part & ~right).sum()), **judged(kept, right, part)}
        for name, part in classes.items()
    }


def by_language(rows: Sequence[Any], kept: NDArray[np.bool_], among: NDArray[np.bool_]) -> dict[str, str]:
    """The languages most often taken for English, of how many sentences."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for row in np.flatnonzero(among):
        counts[rows[row]["lang"]][0] += int(kept[row])
        counts[rows[row]["lang"]][1] += 1
    worst = sorted(counts.items(), key=lambda entry: (-entry[1][0], entry[0]))
    return {name: f"{wrong}/{total}" for name, (wrong, total) in worst if wrong}


def noisy(data: Path, found: Language) -> dict[str, Any]:
    rows = read(data / "noisy_mix" / "pairs.jsonl.gz")
    reasons = found.judge(batch_of(rows), Path()).reasons
    kept = np.array([reason is None for reason in reasons])
    return {"non_english_recall": share(rows, ~kept, "non_english"), "clean_kept": shares(rows, kept)}


def share(rows: Sequence[Any], mask: NDArray[np.bool_], noise: str, source: str | None = None) -> float:
    among = np.array([row["noise"] == noise and source in (None, row["source"]) for row in rows])
    return round(float(mask[among].mean()), 4)


def shares(rows: Sequence[Any], kept: NDArray[np.bool_]) -> dict[str, float]:
    sources = sorted({row["source"] for row in rows if row["noise"] == "none"})
    return {"all": share(rows, kept, "none"), **{name: share(rows, kept, "none", name) for name in sources}}


def consistency(data: Path, plot: Path | None) -> dict[str, Any]:
    rows = [row for row in read(data / "noisy_mix" / "pairs.jsonl.gz") if row["noise"] not in CHEAP]
    reasons = Language().judge(batch_of(rows), Path()).reasons
    rows = [row for row, reason in zip(rows, reasons, strict=True) if reason is None]
    shipped, batch = Consistency(), batch_of(rows)
    with tempfile.TemporaryDirectory() as folder:
        took = prepared(shipped, batch_of_parts(batch), Path(folder))
        began = time.perf_counter()
        found = {name: outcome(each, rows, batch, Path(folder)) for name, each in settings().items()}
        took["judging"] = round((time.perf_counter() - began) / len(settings()), 2)
        openings = Corpus(Path(folder), shipped.sample, shipped.tolerance).openings()
        curve = curves(rows, batch, Path(folder), shipped)
    if plot:
        draw(plot, curve)
    share_encoding = round(took["encoding"] / sum(took.values()), 3)
    return {
        "rows": len(rows),
        **found,
        "shipped_openings": {
            source: {**asdict(one), "mismatched_by_label": noise_share(rows, source)}
            for source, one in openings.items()
        },
        "seconds": took,
        "encoder_share": share_encoding,
        "curve": curve,
    }


def noise_share(rows: Sequence[Any], source: str) -> float:
    """The share of a source's rows that are labelled mismatched, beside the estimate that saw no label."""
    return round(float(np.mean([row["noise"] == "mismatched" for row in rows if row["source"] == source])), 4)


def settings() -> dict[str, Consistency]:
    return {"paper_top_2": Consistency(top_k=2), "shipped": Consistency()}


def prepared(found: Consistency, batches: Iterable[pa.RecordBatch], folder: Path) -> dict[str, float]:
    """Seconds of collecting, encoding (the model's start included) and of finding the width."""
    progress, last = Progress(), {"began": time.perf_counter()}

    def watch(phase: str, done: int, total: int | None) -> None:
        progress(phase, done, total)
        last[phase.split()[0]] = time.perf_counter()

    found.prepare(batches, folder, watch)
    ended = time.perf_counter()
    return {
        "collecting": round(last["collecting"] - last["began"], 2),
        "encoding": round(last["encoding"] - last["collecting"], 2),
        "width": round(ended - last["encoding"], 2),
    }


def batch_of_parts(batch: pa.RecordBatch, size: int = 2000) -> Iterable[pa.RecordBatch]:
    return (batch.slice(first, size) for first in range(0, len(batch), size))


def outcome(found: Consistency, rows: Sequence[Any], batch: pa.RecordBatch, folder: Path) -> dict[str, Any]:
    kept = np.array([reason is None for reason in found.judge(batch, folder).reasons])
    return {"mismatched_recall": share(rows, ~kept, "mismatched"), "clean_kept": shares(rows, kept)}


def curves(rows: Sequence[Any], batch: pa.RecordBatch, folder: Path, found: Consistency) -> list[dict[str, Any]]:
    """For every sample size and k: mismatched dropped, clean kept."""
    anchors, positives = (keys_of(batch.column(side), found.seed) for side in ("anchor", "positive"))
    points = []
    for sample in SAMPLES:
        corpus = Corpus(folder, sample, found.tolerance)
        ranks = corpus.ranked(anchors, positives).ranks
        size = min(sample, corpus.passages)
        points += [
            {"sample": size, "k": k, "mismatched_dropped": share(rows, ranks > k, "mismatched"), "clean_kept": share(rows, ranks <= k, "none")}
            for k in KS
        ]  # fmt: skip
    return points


def read(file: Path) -> list[dict[str, Any]]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def batch_of(rows: Sequence[Any]) -> pa.RecordBatch:
    """Rows of noisy_mix as examples; the label stays behind."""
    count = len(rows)
    columns = {
        "anchor": [row["query"] for row in rows],
        "positive": [row["positive"] for row in rows],
        "negatives": [[]] * count,
        "score": [None] * count,
        "negation": [False] * count,
        "source": [row["source"] for row in rows],
        "file": ["0" * 16] * count,
        "line": list(range(1, count + 1)),
        "licence": [""] * count,
        "task": ["retrieval"] * count,
        "content": [number.to_bytes(16, "big") for number in range(count)],
    }
    return pa.RecordBatch.from_pydict(columns, schema=examples_schema())


if __name__ == "__main__":
    main()
