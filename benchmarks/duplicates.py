"""Does the pair score find duplicates better than the embedding's plain cosine, without having seen a label?

For dedup_amazon_google and dedup_dblp_acm both sources become one collection, and the labelled pairs of each split are
scored as `searchapp duplicates` scores them (a pair that was no candidate has score 0). Beside it the plain cosine of the
same two texts. Average precision, best F1, and the F1 on test at the threshold that is best on valid and at the default
one; the difference of the two scores' F1 on test with a 95 % interval over resampled pairs. For the demo
questions (a BEIR folder with pairs.tsv: id1, id2, label) also average precision over all pairs of that collection, and
which look-alikes are merged. Collections are built in the home on the first run and kept.

    python -m benchmarks.duplicates --home DIR --data DIR
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import machine
from indexer.build import build
from indexer.home import Home
from indexer.progress import Progress
from indexer.settings import BuildSettings
from searchapp.opening import Opened
from searchapp.service import SearchService
from searchapp.usecases.duplicates import THRESHOLD, Pairs, group, neighbours

SETS = ("dedup_amazon_google", "dedup_dblp_acm")
SPLITS = ("train", "valid", "test")
DEMO = Path(__file__).resolve().parents[1] / "searchapp" / "demo" / "questions"
RESAMPLES = 2_000
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Labelled:
    """The labelled pairs of a split, each array [pairs]: whether the same thing, our score, the plain cosine."""

    same: NDArray[np.bool_]
    score: Floats
    cosine: Floats


def main() -> None:
    """Build what is missing, measure every set, print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--demo", type=Path, default=DEMO)
    given = parser.parse_args()
    home = Home(given.home.resolve())
    table: dict[str, object] = {}
    for name in SETS:
        source = home.root / f"{name}.jsonl"
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text("".join(json.dumps(row) + "\n" for row in records(given.data / name)), encoding="utf-8")
        build(BuildSettings(source=source, name=name), home, Progress())
        table[name] = _measure(SearchService(home).opened(name), given.data / name)
    if (given.demo / "pairs.tsv").is_file():
        build(BuildSettings(source=given.demo, name="demo_questions"), home, Progress())
        table["demo"] = _demo(SearchService(home).opened("demo_questions"), given.demo / "pairs.tsv")
    print(json.dumps({"question": "duplicates against plain cosine", "sets": table, "machine": machine()}))


def records(folder: Path) -> Iterator[dict[str, object]]:
    """Both sides of a labelled set as records: the title, the rest of the text, and the fields."""
    for name in ("corpus", "queries"):
        for row in _lines(folder / f"{name}.jsonl.gz"):
            fields = dict(row["metadata"])
            title = fields.pop("title")
            whole = f"{row.get('title', '')} {row['text']}".strip()
            yield {"_id": row["_id"], "title": title, "text": whole.removeprefix(title).strip() or title, **fields}


def average_precision(score: Floats, same: NDArray[np.bool_]) -> float:
    """Mean precision at each duplicate, best score first; equal scores count together, at their last place."""
    order = np.argsort(-score, kind="stable")
    score, same = score[order], same[order]
    last = np.searchsorted(-score, -score, side="right") - 1
    precision = np.cumsum(same) / np.arange(1, len(same) + 1)
    return float(precision[last][same].mean())


def f1(score: Floats, same: NDArray[np.bool_], threshold: float) -> float:
    """F1 of calling pairs at or above the threshold the same."""
    called = score >= threshold
    return float(2 * (called & same).sum() / (called.sum() + same.sum()))


def best_threshold(score: Floats, same: NDArray[np.bool_]) -> float:
    """The score with the highest F1 when taken as threshold; the highest of several."""
    order = np.argsort(-score, kind="stable")
    found = 2 * np.cumsum(same[order]) / (np.arange(1, len(same) + 1) + same.sum())
    last = np.append(np.diff(score[order]) != 0, True)  # a threshold takes all equal scores or none
    return float(score[order][np.argmax(np.where(last, found, -1))])


def _measure(opened: Opened, folder: Path) -> dict[str, object]:
    began = time.perf_counter()
    pairs = neighbours(opened)
    seconds = time.perf_counter() - began
    splits = {split: _labelled(opened, pairs, folder / "pairs" / f"{split}.jsonl.gz") for split in SPLITS}
    began = time.perf_counter()
    groups = group(pairs, THRESHOLD)
    return {
        "records": opened.version.rows,
        "pairs": len(pairs),
        "neighbours_s": round(seconds, 1),
        "group_ms": round((time.perf_counter() - began) * 1e3, 1),
        "groups": len(groups),
        "ours": _row(splits, "score", THRESHOLD),
        "cosine": _row(splits, "cosine", None),
        "test_f1_gain": _gain(splits),
    }


def _row(splits: dict[str, Labelled], which: str, default: float | None) -> dict[str, object]:
    threshold = best_threshold(getattr(splits["valid"], which), splits["valid"].same)
    scores = {split: getattr(labelled, which) for split, labelled in splits.items()}
    test, same = scores["test"], splits["test"].same
    row: dict[str, object] = {
        "AP": {split: round(average_precision(scores[split], splits[split].same), 3) for split in SPLITS},
        "best_F1": {
            s: round(f1(scores[s], splits[s].same, best_threshold(scores[s], splits[s].same)), 3) for s in SPLITS
        },
        "valid_threshold": round(threshold, 3),
        "test_F1": round(f1(test, same, threshold), 3),
        "test_F1_interval": _interval(lambda drawn: f1(test[drawn], same[drawn], threshold), len(same)),
    }
    if default is not None:
        row["test_F1_at_default"] = round(f1(test, same, default), 3)
    return row


def _gain(splits: dict[str, Labelled]) -> dict[str, object]:
    """F1 of our score less that of the cosine, on the same test pairs, each at its own valid threshold."""
    valid, test = splits["valid"], splits["test"]
    ours, plain = best_threshold(valid.score, valid.same), best_threshold(valid.cosine, valid.same)

    def gain(drawn: NDArray[np.int64]) -> float:
        same = test.same[drawn]
        return f1(test.score[drawn], same, ours) - f1(test.cosine[drawn], same, plain)

    count = len(test.same)
    return {"mean": round(gain(np.arange(count)), 3), "interval": _interval(gain, count)}


def _interval(measure: Callable[[NDArray[np.int64]], float], count: int) -> list[float]:
    """The 95 % percentile interval over resampled pairs."""
    draws = np.random.default_rng(0).integers(0, count, (RESAMPLES, count))
    return [round(float(end), 3) for end in np.percentile([measure(drawn) for drawn in draws], [2.5, 97.5])]


def _labelled(opened: Opened, pairs: Pairs, path: Path) -> Labelled:
    rows = {id: row for row, id in enumerate(opened.version.table().column("id").to_pylist())}
    found = list(_lines(path))
    ends = np.array([[rows[pair["id1"]], rows[pair["id2"]]] for pair in found], np.int64)
    same = np.array([pair["label"] == 1 for pair in found])
    return Labelled(same, _scores(pairs, ends), _cosines(opened, ends))


def _scores(pairs: Pairs, ends: NDArray[np.int64]) -> Floats:
    known = dict(zip(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True), pairs.score.tolist(), strict=True))
    return np.array([known.get((a, b), 0.0) for a, b in np.sort(ends, axis=1).tolist()])


def _cosines(opened: Opened, ends: NDArray[np.int64]) -> Floats:
    """Of the records' first passages, which for these sets are the whole texts."""
    vectors = np.stack([opened.version.vectors_of(row)[0] for row in range(opened.version.rows)])
    found: Floats = np.einsum("ij,ij->i", vectors[ends[:, 0]], vectors[ends[:, 1]]).astype(np.float64)
    return found


def _demo(opened: Opened, path: Path) -> dict[str, object]:
    ids = opened.version.table().column("id").to_pylist()
    rows = {id: row for row, id in enumerate(ids)}
    with path.open(encoding="utf-8", newline="") as file:
        told = {
            tuple(sorted((rows[r["id1"]], rows[r["id2"]]))): r["label"] for r in csv.DictReader(file, delimiter="\t")
        }
    ends = np.stack(np.triu_indices(len(ids), 1), axis=1)
    same = np.array([told.get((a, b)) == "1" for a, b in ends.tolist()])
    pairs = neighbours(opened)
    groups = group(pairs, THRESHOLD)
    merged = {(a, b) for found in groups for a in found.members for b in found.members if a < b}
    alike = sorted(pair for pair, label in told.items() if label == "0")
    return {
        "records": len(ids),
        "duplicates": int(same.sum()),
        "look_alikes": len(alike),
        "ours": _overall(_scores(pairs, ends), same),
        "cosine": _overall(_cosines(opened, ends), same),
        "merged_pairs_at_default": len(merged),
        "merged_duplicates": sum(told.get(pair) == "1" for pair in merged),
        "merged_look_alikes": [[ids[a], ids[b]] for a, b in alike if (a, b) in merged],
    }


def _overall(score: Floats, same: NDArray[np.bool_]) -> dict[str, float]:
    threshold = best_threshold(score, same)
    return {
        "AP": round(average_precision(score, same), 3),
        "best_F1": round(f1(score, same, threshold), 3),
        "at": round(threshold, 3),
    }


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


if __name__ == "__main__":
    main()
