"""Which tag follows which, and which tag has each word? Counts them in untagged texts; makes the negator's two tag tables.

Hard expectation maximisation: tag the texts with the present counts, count again, four times. It begins with the rough
counts below, which also stay in as if they had been seen, so that the tags keep their meaning.

    python -m benchmarks.negation_tags --data DIR --out trainer/tables
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from trainer.negation_costs import Costs
from trainer.negation_forms import Token, tokenise
from trainer.negation_lexicon import candidates
from trainer.negation_tagging import decode

FIELDS = {
    "snli/pairs_train.jsonl.gz": ("premise", "hypothesis"),
    "negation_pairs/train.jsonl.gz": ("sentence", "negated"),
    "product_qa_pairs/train.jsonl.gz": ("query", "positive"),
    "banking77/train.jsonl.gz": ("text",),
    "tldr_pairs/en.jsonl.gz": ("query",),
    "xquad_sentences_en/corpus.jsonl.gz": ("text",),
    "pubmedqa/corpus.jsonl.gz": ("text",),
}
ROUGH = """
^ DT 30 DTS 20 PRP 15 PRS 8 NN 10 NNS 8 IN 10 SC 4 WH 3 VB 3 CD 4 RB 4 JJ 4 DTP 3 EX 2 DO 2 MD 2 BE 2 PN 2
TO VB 60 BEN 5
MD VB 40 NOT 6 BEN 10 PRP 4 RB 3
DO NOT 20 PRP 6 DT 3 NN 2 VB 1
NOT VB 15 VBN 4 VBG 3 DT 4 BEN 1 JJ 3 RB 2
DT NN 50 JJ 20 NNS 14 VBN 2 VBG 1 CD 1
DTS NN 60 JJ 25 VBN 2 CD 1
DTP NNS 40 JJ 15 NN 3 VBN 1
CD NNS 30 NN 10 JJ 6 CD 2
JJ NN 40 NNS 20 JJ 5 CM 3 CCJ 2 IN 4
NN IN 20 NN 8 VBZ 8 VBD 5 BE 8 NNS 3 CCN 4 CM 6 SM 8 VBG 2 VBN 2 MD 2 WH 2 VBP .3 HV 1
NNS IN 20 VBP 6 VBD 5 BE 8 CCN 5 CM 6 SM 8 VBG 3 VBN 3 MD 2 WH 2 VBZ .2 HV 1
PRP VBP 15 VBD 8 MD 6 HV 4 BE 6 DO 3 RB 2
PRS VBZ 15 VBD 10 MD 4 BE 8 HV 3 RB 2
PRX IN 6 DT 2 SM 5 RB 2 TO 3 CM 2
WH VBZ 6 VBD 5 BE 6 VBP 4 MD 3 PRP 3 PRS 3 DT 2 HV 2 DO 2
WHD NN 6 NNS 3 JJ 2
SC DT 6 PRP 6 PRS 5 NN 2 NNS 2 VBG 1 DTS 1
BE VBG 15 VBN 12 DT 8 DTS 8 JJ 10 IN 6 RB 6 NOT 4
HV VBN 15 DTS 5 BEN 4 NOT 2 RB 2 DT 3 TO 1 JJ 1
BEN VBN 12 VBG 2 JJ 3 DTS 2
VBZ DT 12 DTS 8 IN 8 NN 4 NNS 4 JJ 4 TO 2 RB 3 PRX 2
VBD DT 12 DTS 8 IN 8 NN 3 NNS 3 JJ 3 TO 2 RB 3 PRX 3
VBP DT 12 DTS 6 IN 8 NN 3 NNS 4 JJ 4 TO 2 RB 3 PRX 2
VB DT 14 DTS 8 IN 8 NN 4 NNS 4 JJ 4 PRX 3 RB 3 TO 1 SM 2
VBN IN 20 SM 3 CM 2 TO 2 NN 2 NNS 2 RB 2 DT 1
VBG DT 10 DTS 8 IN 10 NN 4 NNS 4 JJ 4 RB 2 PRX 1 TO 1
IN DT 25 DTS 12 NN 10 NNS 8 JJ 6 PRX 2 CD 3 VBG 4 DTP 1
RB JJ 5 VBN 4 IN 4 VBZ 2 VBD 2 VBP 2 VB 2 RB 2 CM 3 SM 3
CCN NN 8 NNS 6 JJ 4 DT 4 DTS 3 PRX 1 CD 1
CCJ JJ 10 RB 2 IN 1
CCG VBG 10
CCP VBN 10
CCV VB 10
CCO IN 3 NN 2 NNS 2 JJ 2 DT 2 VB 2
CM CCO 4
CV VBZ 5 VBD 4 VBP 4 DT 2 PRP 3 PRS 3 BE 1 MD 1
CM CV 3 DT 3 NN 3 JJ 2 VBG 2 WH 2 NNS 2 IN 2 DTS 1
CMV PRP 2 PRS 2 VBZ 1 VBD 1 DT 1
SM DT 1 NN 1 PRP 1
SMV DT 3 PRP 2 PRS 2 NN 1 NNS 1
PN VBZ 3 BE 4 IN 4 VBD 2 MD 1
PNP BE 2 VBP 2 IN 3
EX BE 10
POS NN 10 NNS 4 JJ 3
Q DT 1 NN 1
RA VBN 6 VBG 3 JJ 3 VB 3 DT 1
BE RA 4
HV RA 3
MD RA 3
NOT RA 2
SE VBG 5 VBN 3 JJ 3 IN 4
CM SE 1
NN SE 1
NNS SE 1
"""
Counts = dict[str, Counter[str]]


def main() -> None:
    """Count, and write tag_pairs.tsv and tag_words.tsv."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    sentences = [tokenise(text) for text in texts(options.data)]
    pairs: Counts = rough(20)
    of_words: Counts = {}
    for turn in range(4):
        pairs, of_words = count(sentences, Costs(pairs, of_words), rough(20 if turn < 2 else 5))
    write(options.out / "tag_pairs.tsv", "before\tafter\tseen", pairs, 1)
    write(options.out / "tag_words.tsv", "word\ttag\tseen", of_words, 3)
    print(json.dumps({"question": "negation_tags", "sentences": len(sentences), "words": len(of_words)}))


def texts(data: Path) -> list[str]:
    """The sentences of the public training texts, in an order that does not depend on the files."""
    found = {part for path, fields in FIELDS.items() for part in _sentences(data / path, fields)}
    kept = sorted(text for text in found if 8 < len(text) < 300 and "{" not in text)
    random.Random(0).shuffle(kept)
    return kept


def _sentences(path: Path, fields: tuple[str, ...]) -> Iterator[str]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            for field in fields:
                yield from re.split(r"(?<=[.!?])\s+(?=[A-Z])", row[field])[:4]


def rough(weight: float) -> Counts:
    """The counts to begin with."""
    found: Counts = defaultdict(Counter)
    for line in ROUGH.strip().splitlines():
        before, *rest = line.split()
        for tag, seen in zip(rest[::2], rest[1::2], strict=True):
            found[before][tag] += float(seen) * weight  # type: ignore[assignment]
    return found


def count(sentences: list[list[Token]], costs: Costs, pairs: Counts) -> tuple[Counts, Counts]:
    """Tag the sentences and count pairs of tags, on top of those given, and the tags of words that may have several."""
    of_words: Counts = defaultdict(Counter)
    for tokens in sentences:
        before = "^"
        for token, (tag, _, _) in zip(tokens, decode(tokens, costs), strict=True):
            pairs[before][tag] += 1
            before = tag
            if len(candidates(token.low)) > 1:
                of_words[token.low]["CC" if tag[:2] == "CC" else tag] += 1
    return pairs, of_words


def write(path: Path, head: str, counts: Counts, least: int) -> None:
    """One row per pair; rows seen less often than `least` in all are left out."""
    lines = [
        f"{one}\t{other}\t{seen:g}"
        for one, row in sorted(counts.items())
        if sum(row.values()) >= least
        for other, seen in sorted(row.items())
    ]
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
