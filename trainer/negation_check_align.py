"""A text and its supposed negation side by side: which words stayed, and what each change is.

The cheapest way to turn the one into the other, word by word (the classic edit distance with a price for each kind of
change). Known changes of a negation are cheap, any other change is dear, so a change is called unknown only where no
reading of the two texts explains it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trainer.negation_check_words import (
    ALIKE_PAIRS,
    ARTICLES,
    CUES,
    DO,
    FAIL,
    ONE,
    POLARITY,
    SHORT,
    TURNING_PAIRS,
    TWO,
    is_number,
    is_opposite,
    verb_forms,
)
from trainer.negation_forms import tokenise

Kind = Literal["keep", "cue", "turn", "alike", "verb", "number", "do", "polarity", "article", "of", "added", "left out", "other"]  # fmt: skip
PRICES: dict[Kind, int] = {
    "keep": 0, "cue": 4, "turn": 4, "alike": 2, "verb": 2, "number": 2, "do": 2, "polarity": 2, "article": 2, "of": 2,
    "added": 30, "left out": 30, "other": 31,
}  # fmt: skip
TURNS = ("cue", "turn")  # the kinds that turn a sentence round


@dataclass(frozen=True, slots=True)
class Word:
    """A word or mark: as written, in lower case (two words such as "no one" as one), and all it may stand for."""

    text: str
    low: str
    may_be: frozenset[str]


@dataclass(frozen=True, slots=True)
class Step:
    """One word of the text against one of the answer; None where the other side has no word for it."""

    kind: Kind
    old: Word | None
    new: Word | None

    @property
    def word(self) -> Word:
        """The word of the answer, or of the text where the answer has none."""
        word = self.new or self.old
        assert word is not None
        return word


def read(text: str) -> list[Word]:
    """The words of a text, contracted forms opened."""
    tokens, found = tokenise(text), list[Word]()
    number = 0
    while number < len(tokens):
        low = tokens[number].low
        after = tokens[number + 1].low if number + 1 < len(tokens) else ""
        two = TWO.get((low, after))
        if two:
            # the tense of "failed to" is needed later, so `text` keeps it
            found.append(Word(f"{tokens[number].text} {tokens[number + 1].text}", two, frozenset({two})))
            number += 2
            continue
        low = ONE.get(low, low)
        meant = SHORT.get(low, (low,))
        found.append(Word(tokens[number].text, meant[0] if len(meant) == 1 else low, frozenset({low, *meant})))
        number += 1
    return found


def align(old: Sequence[Word], new: Sequence[Word]) -> list[Step]:
    """The cheapest steps from the text to the answer; equal beginnings and ends are not searched."""
    head = 0
    while head < min(len(old), len(new)) and old[head].may_be & new[head].may_be:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail].may_be & new[-1 - tail].may_be:
        tail += 1
    middle = _cheapest(old[head : len(old) - tail], new[head : len(new) - tail])
    kept = [Step("keep", one, other) for one, other in zip(old, new, strict=False)][:head]
    ends = zip(old[len(old) - tail :], new[len(new) - tail :], strict=True)
    return [*kept, *middle, *(Step("keep", one, other) for one, other in ends)]


def _cheapest(old: Sequence[Word], new: Sequence[Word]) -> list[Step]:
    rows, columns = len(old) + 1, len(new) + 1
    price = [[0] * columns for _ in range(rows)]
    by: list[list[Step | None]] = [[None] * columns for _ in range(rows)]
    for i in range(rows):
        for j in range(columns):
            ways = []  # (price, step), the preferred one first among equals
            if i and j:
                step = Step(_pair(old[i - 1], new[j - 1]), old[i - 1], new[j - 1])
                ways.append((price[i - 1][j - 1] + PRICES[step.kind], step))
            if i:
                step = Step(_single(old[i - 1], "left out"), old[i - 1], None)
                ways.append((price[i - 1][j] + PRICES[step.kind], step))
            if j:
                step = Step(_single(new[j - 1], "added"), None, new[j - 1])
                ways.append((price[i][j - 1] + PRICES[step.kind], step))
            if ways:
                price[i][j], by[i][j] = min(ways, key=lambda way: way[0])
    return _walk(by, len(old), len(new))


def _walk(by: Sequence[Sequence[Step | None]], i: int, j: int) -> list[Step]:
    steps = []
    while (step := by[i][j]) is not None:
        steps.append(step)
        i, j = i - (step.old is not None), j - (step.new is not None)
    return steps[::-1]


def _pair(one: Word, other: Word) -> Kind:
    if one.may_be & other.may_be:
        return "keep"
    pair = (one.low, other.low)
    if pair in TURNING_PAIRS:
        return "turn"
    if pair in ALIKE_PAIRS:
        return "alike"
    if any(verb_forms(left, right) for left in one.may_be for right in other.may_be):
        return "verb"
    if is_number(*pair):
        return "number"
    return "turn" if is_opposite(*pair) else "other"


def _single(word: Word, otherwise: Literal["added", "left out"]) -> Kind:
    if word.low in CUES:
        return "cue"
    if word.low in DO:
        return "do"
    if word.low in POLARITY:
        return "polarity"
    if word.low in ARTICLES:
        return "article"
    return "of" if word.low == "of" else otherwise


def tense(word: Word) -> str | None:
    """The tense that a form of do, or of fail to, carries for the verb after it: VB, VBZ or VBD."""
    return DO.get(word.low) or FAIL.get(word.text.lower().split()[0])
