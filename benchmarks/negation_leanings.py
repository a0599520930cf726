"""Which words that can be a noun or a verb are mostly which? Counts them in training texts; made `trainer/tables/leanings.tsv`.

A word counts as a noun after an article, a possessive, a number or a preposition, as a verb after a pronoun, a modal or
"to", or before an article. Seen at least four times: at most .12 verb is a noun, at least half verb is a verb; what lies
between has no leaning.

    python -m benchmarks.negation_leanings --data DIR > leanings.tsv
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from trainer.negation_forms import tags
from trainer.negation_words import words

FILES = (
    "snli/pairs_train.jsonl.gz",
    "negation_pairs/train.jsonl.gz",
    "tldr_pairs/en.jsonl.gz",
    "product_qa_pairs/train*.gz",
)
BEFORE_VERBS = words("to will can would could should may might must not n't they we you i do does did please who")
BEFORE_VERBS_IN_S = words("he she it who which that")
BEFORE_NOUNS = words(
    "the a an of his her my your our their this these those in with for on some two three four several many at from by no any its and wearing"
)
AFTER_VERBS = words("a an the his her their its my your our")
SEEN, NOUN, VERB = 4, 0.12, 0.5
_WORD = re.compile(r"n't|[a-z]+(?:-[a-z]+)*|[.,;:!?]")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    verbs, nouns = count(sorted(set(texts(parser.parse_args().data))))
    print("word\tleaning")
    for word in sorted(nouns.keys() | verbs.keys()):
        if leaning := lean(word, nouns[word], verbs[word]):
            print(f"{word}\t{leaning}")


def texts(data: Path) -> Iterator[str]:
    """Every text of the training files that is longer than a few words."""
    for path in sorted(path for pattern in FILES for path in data.glob(pattern)):
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                yield from (value for value in json.loads(line).values() if isinstance(value, str) and len(value) > 20)


def count(found: list[str]) -> tuple[Counter[str], Counter[str]]:
    """How often each word stood as a verb and as a noun."""
    verbs: Counter[str] = Counter()
    nouns: Counter[str] = Counter()
    for text in found:
        found_words = _WORD.findall(text.lower().replace("n't", " n't"))
        for before, word, after in zip(found_words, found_words[1:], found_words[2:], strict=False):
            if not word[0].isalpha():
                continue
            if before in BEFORE_NOUNS:
                nouns[word] += 1
            elif after in AFTER_VERBS or before in (
                BEFORE_VERBS_IN_S if word.endswith("s") else BEFORE_VERBS | BEFORE_VERBS_IN_S
            ):
                verbs[word] += 1
    return verbs, nouns


def lean(word: str, noun: int, verb: int) -> str:
    """`noun`, `verb`, or nothing."""
    possible = tags(word)
    both = possible & {"NN", "NNS", "JJ"} and possible & {"VB", "VBZ"}
    if not both or noun + verb < SEEN:
        return ""
    share = verb / (noun + verb)
    return "noun" if share <= NOUN else "verb" if share >= VERB else ""


if __name__ == "__main__":
    main()
