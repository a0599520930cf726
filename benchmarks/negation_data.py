"""Does distance in words give away what negation data teaches?

Of a preparation with [negation]: pairs that mean the same (entailments, counterweights) against pairs that contradict (negations,
far-worded contradictions). AUC of the share of common words (Jaccard) as a sign of "the same": .5 is no signal; beside it the AUC
without counterweights and far contradictions, as triplets alone would be. Groups are weighed equally, as a trainer may draw them.

    trainer prepare RECIPE.toml --out DIR && python -m benchmarks.negation_data DIR
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from trainer.negation_data import shared_words

SAME = ("entailment", "counterweight")
AGAINST = ("negation", "far contradiction")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prepared", type=Path)
    groups = shares(parser.parse_args().prepared)
    found = {
        "benchmark": "negation_data",
        "pairs": {name: len(found) for name, found in groups.items()},
        "mean_shared_words": {name: round(mean(found), 3) for name, found in groups.items()},
        "auc_triplets_alone": auc(groups, ("entailment",), ("negation",)),
        "auc_with_counterweights": auc(groups, SAME, ("negation",)),
        "auc_with_both": auc(groups, SAME, AGAINST),
    }
    print(json.dumps(found))


def shares(folder: Path) -> dict[str, list[float]]:
    """The share of common words of every pair, by group."""
    groups: dict[str, list[float]] = defaultdict(list)
    for row in _rows(folder, "triplets"):
        if row["negation"]:
            groups["entailment"].append(shared_words(row["anchor"], row["positive"]))
            groups["negation"].append(shared_words(row["positive"], row["negatives"][0]))
        elif '"contradiction":"far"' in (row["scores"] or ""):
            groups["far contradiction"].append(shared_words(row["positive"], row["negatives"][0]))
    for row in _rows(folder, "pairs"):
        if row["source"].endswith("/same"):
            groups["counterweight"].append(shared_words(row["anchor"], row["positive"]))
    return groups


def _rows(folder: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / f"{name}.parquet").to_pylist()
    return found


def auc(groups: dict[str, list[float]], same: tuple[str, ...], against: tuple[str, ...]) -> float:
    """How often a pair that means the same shares more words than one that contradicts; groups count alike."""
    wins = [_wins(np.array(groups[one]), np.sort(groups[other])) for one in same for other in against]
    return round(mean(wins), 3)


def _wins(ours: Any, theirs: Any) -> float:
    below, up_to = (np.searchsorted(theirs, ours, side) for side in ("left", "right"))
    return float((below + up_to).mean() / 2 / len(theirs))


if __name__ == "__main__":
    main()
