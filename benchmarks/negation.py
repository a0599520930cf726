"""How often is the rule negator right on sentences whose accepted negations were written before its rules?

The first gold file is split by the first hexadecimal digit of SHA-256 of the text: even ones to tune on, odd ones held out. The
rules have been tuned on the files b and c whole; the files that come after them are held out whole. What may be tuned on is
printed with its failures in full; the rest only when asked for, and only its totals, so that whoever tunes the rules never
sees it. Right is: equal to an accepted negation but for
case, final punctuation, white space, quotes and contractions. A row without an accepted negation is right when the negator
abstains.

    python -m benchmarks.negation [--held-out] [--by-file] [--data DIR]
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

SPLIT, SPENT = ("gold_negations",), ("gold_negations_b", "gold_negations_c")
GOLD = Path(__file__).resolve().parents[1] / "tests" / "trainer"
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


def may_tune(name: str, text: str) -> bool:
    """Whether the rules may be tuned on a sentence of a gold file: by its hash in the first, always in the spent ones."""
    return name in SPENT or (name in SPLIT and is_tuning(text))


def judge(row: dict[str, Any]) -> str:
    """right, wrong or abstained; abstaining is right where nothing is accepted."""
    found = negate(row["text"])
    if found.text is None:
        return "abstained" if row["accepted"] else "rightly abstained"
    return "right" if normal(found.text) in {normal(text) for text in row["accepted"]} else "wrong"


def gold() -> dict[str, list[dict[str, Any]]]:
    """File name without ending → its rows."""
    return {
        path.stem: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        for path in sorted(GOLD.glob("gold_negations*.jsonl"))
    }


def report(files: dict[str, list[dict[str, Any]]], title: str, tuning: bool, by_file: bool) -> None:
    """The table of what may be tuned on, or of the rest, over all files; with `by_file` one for each file before it."""
    half = {name: [row for row in rows if may_tune(name, row["text"]) == tuning] for name, rows in files.items()}
    for name, rows in half.items() if by_file else ():
        if not rows:
            continue
        print(f"\n{title}, {name}: {len(rows)} sentences")
        table(rows)
    print(f"\n{title}: {sum(map(len, half.values()))} sentences")
    table(row for rows in half.values() for row in rows)


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
    """What went wrong where the rules may be tuned, in full."""
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
    """Print what may be tuned on with its failures, or the totals of the rest; the orientation where data is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--held-out", action="store_true", help="print the totals of what is held out instead")
    parser.add_argument("--by-file", action="store_true", help="a table for each gold file too")
    parser.add_argument("--data", type=Path)
    options = parser.parse_args()
    files = gold()
    if options.held_out:
        report(files, "held out", tuning=False, by_file=options.by_file)
    else:
        failures(row for name, rows in files.items() for row in rows if may_tune(name, row["text"]))
        report(files, "to tune on", tuning=True, by_file=options.by_file)
    if options.data:
        orientation(options.data)


if __name__ == "__main__":
    main()
