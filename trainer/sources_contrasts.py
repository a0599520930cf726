"""Sources that become triplets around one text: a sentence with its negation, or running text whose sentences the rules negate.

Both make (sentence, the same said otherwise, the opposite); what the same and the opposite are comes from our own rules, drawn by
a seeded hash of the text. They are marked as negation triplets, which the margin filter leaves alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

from indexer.sentences import sentences
from trainer.negation_data import contrast_of, same_of, split_of
from trainer.sources_shapes import Example, Rows, UnfitError, each, text_of, unfit
from trainer.sources_tables import Bad

ELSEWHERE = "on the other side of the split"
WORDS = range(5, 36)  # of a sentence that is taken out of running text
WHOLE = ".?!"


def opposites(rows: Rows, fields: Mapping[str, str], split: str, seed: int) -> Iterator[Example | Bad]:
    """A sentence and its negation, written by somebody → two triplets, one from either side, each with a copy of ours.

    Only sentences on the side `split` of the fixed split by hash (`negation_data.split_of`); "all" takes both."""
    for entry in each(rows, lambda line, row: _sides(line, row, fields, split)):
        if isinstance(entry, Bad):
            yield entry
            continue
        line, sentence, negated = entry
        for one, other in ((sentence, negated), (negated, sentence)):
            same = same_of(one, seed=seed)
            yield Example(line, one, same[1], (other,), negation=True) if same else unfit(line, "no copy is known", one)


def _sides(line: int, row: Mapping[str, Any], fields: Mapping[str, str], split: str) -> tuple[int, str, str]:
    sentence, negated = text_of(row, fields["text"]), text_of(row, fields["negated"])
    if split not in ("all", split_of(sentence)):
        raise UnfitError(ELSEWHERE)
    return line, sentence, negated


def running_text(rows: Rows, fields: Mapping[str, str], partners: int, seed: int) -> Iterator[Example | Bad]:
    """Texts → triplets around `partners` sentences of each, drawn by hash among those of 5 to 35 words that can be negated."""
    for entry in each(rows, lambda line, row: (line, text_of(row, fields["text"]))):
        if isinstance(entry, Bad):
            yield entry
            continue
        line, text = entry
        made = 0
        for sentence in _drawn(text, seed):
            example = _contrasted(line, sentence, seed)
            if example is not None:
                yield example
                made += 1
            if made == partners:
                break
        if not made:
            yield unfit(line, "no sentence can be negated", text)


def _drawn(text: str, seed: int) -> list[str]:
    found = dict.fromkeys(" ".join(text[start:end].split()) for start, end in sentences(text))
    fit = [one for one in found if len(one.split()) in WORDS and one.endswith(tuple(WHOLE)) and one[0].isupper()]
    return sorted(fit, key=lambda one: blake2b(one.encode(), digest_size=8, key=str(seed).encode()).digest())


def _contrasted(line: int, sentence: str, seed: int) -> Example | None:
    found = contrast_of(sentence, seed=seed)
    if found.same is None or found.opposite is None:
        return None
    # Half of the time the negation is the anchor: else "not" alone would tell which of three is wrong.
    turned = same_of(found.opposite, seed=seed) if _even(sentence, seed) else None
    if turned is not None:
        return Example(line, found.opposite, turned[1], (sentence,), negation=True)
    return Example(line, sentence, found.same, (found.opposite,), negation=True)


def _even(text: str, seed: int) -> bool:
    return blake2b(text.encode(), digest_size=1, key=f"{seed} side".encode()).digest()[0] % 2 == 0
