"""How often is the rule negator right on sentences whose accepted negations were written before its rules?

The gold sentences are split by the first hexadecimal digit of SHA-256 of the text: even ones to tune on, odd ones held out.
Of the held-out half only totals are printed. Right is: equal to an accepted negation but for case, final punctuation,
white space, quotes and contractions. A row without an accepted negation is right when the negator abstains.

    python -m benchmarks.negation [--data DIR]
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trainer.negation import negate

GOLD = Path(__file__).resolve().parents[1] / "tests" / "trainer" / "gold_negations.jsonl"
SHORT = {
    "won't": "will not", "can't": "can not", "cannot": "can not", "shan't": "shall not", "n't": " not", "'re": " are",
    "'ve": " have", "'ll": " will", "'m": " am", "there's": "there is", "it's": "it is", "let's": "let us",
}  # fmt: skip


def normal(text: str) -> str:
    """The text but for case, final punctuation, white space, quotes and contractions."""
    text = text.lower().replace("’", "'").replace("“", '"').replace("”", '"')
    for short, long in SHORT.items():
        text = re.sub(
            rf"(?<!\w){short}\b" if short[0] not in "'n" or (len(short) > 3 and short[0] != "'") else rf"{short}\b",
            long,
            text,
        )
    return re.sub(r"\s+", " ", text).strip().rstrip(".!?").strip()


def is_tuning(text: str) -> bool:
    """Whether the rules may be tuned on a gold sentence."""
    return int(hashlib.sha256(text.encode()).hexdigest()[0], 16) % 2 == 0


def judge(row: dict[str, Any]) -> str:
    """right, wrong or abstained; abstaining is right where nothing is accepted."""
    found = negate(row["text"])
    if found.text is None:
        return "abstained" if row["accepted"] else "rightly abstained"
    return "right" if normal(found.text) in {normal(text) for text in row["accepted"]} else "wrong"


def table(rows: Iterable[dict[str, Any]]) -> None:
    """Totals by kind: rows, right of those answered, abstained of those that have a negation."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        for kind in (row["kind"], "all"):
            counts[kind][judge(row)] += 1
    print(
        f"{'kind':12} {'rows':>5} {'answered':>9} {'right':>6} {'of answered':>12} {'abstained':>10} {'of negatable':>13} {'rightly':>8}"
    )
    for kind, count in sorted(counts.items(), key=lambda item: (item[0] == "all", item[0])):
        answered = count["right"] + count["wrong"]
        rows_ = sum(count.values())
        negatable = max(1, rows_ - count["rightly abstained"])
        print(
            f"{kind:12} {rows_:5} {answered:9} {count['right']:6} {count['right'] / max(1, answered):12.3f}"
            f" {count['abstained']:10} {count['abstained'] / negatable:13.3f} {count['rightly abstained']:8}"
        )


def failures(rows: Iterable[dict[str, Any]]) -> None:
    """What went wrong in the tuning half, in full."""
    for row in rows:
        if judge(row) in ("wrong", "abstained"):
            found = negate(row["text"])
            print(
                f"{row['id']} {row['text']}\n   got  {found.text or 'abstains: ' + found.why}  [{found.rule}]\n   want {row['accepted'][:2]}"
            )


def orientation(data: Path) -> None:
    """Agreement with the sentence / negated-sentence pairs, and speed."""
    with gzip.open(data / "negation_pairs" / "train.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    begun = time.perf_counter()
    found = [negate(row["sentence"]).text for row in rows]
    seconds = time.perf_counter() - begun
    equal: Counter[str] = Counter()
    answered: Counter[str] = Counter()
    for row, text in zip(rows, found, strict=True):
        answered[row["source"]] += text is not None
        equal[row["source"]] += text is not None and normal(text) == normal(row["negated"])
    for source, number in answered.items():
        print(
            f"negation_pairs {source}: answered {number}, equal to theirs {equal[source]} ({equal[source] / max(1, number):.3f})"
        )
    print(f"{len(rows)} sentences in {seconds:.1f} s: {len(rows) / seconds:.0f} sentences/s")


def main() -> None:
    """Print both halves' totals, the tuning half's failures, and the orientation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    rows = [json.loads(line) for line in GOLD.read_text(encoding="utf-8").splitlines()]
    tuning = [row for row in rows if is_tuning(row["text"])]
    failures(tuning)
    print(f"\ntuning half: {len(tuning)} sentences")
    table(tuning)
    print(f"\nheld-out half: {len(rows) - len(tuning)} sentences")
    table(row for row in rows if not is_tuning(row["text"]))
    if options.data:
        orientation(options.data)


if __name__ == "__main__":
    main()
