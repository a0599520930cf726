"""What the tagger's steps cost: negative logarithms of the probabilities of tag pairs and of words' tags.

Both were counted in untagged public texts (`benchmarks/negation_tags.py`). Pairs that grammar rules out cost more besides.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache

from trainer.negation_lexicon import FINITE, candidates
from trainer.negation_tables import tag_pairs, tag_words
from trainer.negation_words import words

Counts = Mapping[str, Mapping[str, float]]
NO_SUCH_PAIR = 8.0
_OBJECTS = words(
    "DT DTS NN NNS PRX"
)  # hardly after a participle behind its noun: "sandbags filled", not "filled sandbags"
ALIKE = {
    **dict.fromkeys(words("NN NNS PN PNP PRX CD"), "CCN"), "JJ": "CCJ", "RB": "CCJ", "VBG": "CCG", "VBN": "CCP", "VB": "CCV",
}  # fmt: skip
_BEFORE_NOUN = words("DT DTS DTP POS WHD")
_NEVER = (
    {(before, verb) for before in _BEFORE_NOUN | {"IN", "TO"} for verb in FINITE}
    | {(before, tag) for before in _BEFORE_NOUN | {"IN"} for tag in ("VB", "PRP", "PRS", "WH")} - {("IN", "WH")}
    | {("MD", tag) for tag in ("VBZ", "VBD", "VBN", "VBP")}
    | {(auxiliary, verb) for auxiliary in ("BE", "HV", "BEN", "RA") for verb in ("VBP", "VBZ", "VBD")}
    | {(one, other) for one in ("MD", "HV", "BE", "DO") for other in ("MD", "HV", "BE", "DO")}
    | {("^", "VBP"), ("PRX", "PRS"), ("PRX", "PRP")}
    | {("SE", tag) for tag in words("DT DTS DTP PRP PRS PN PNP NN NNS CD EX BE HV DO MD VB VBP VBZ VBD CV WH PRX TO")}
)  # fmt: skip


class Costs:
    """Negative logarithms of the model's probabilities, from counts of tag pairs and of words' tags."""

    def __init__(self, pairs: Counts, of_words: Counts) -> None:
        names = sorted(set(pairs) | {tag for row in pairs.values() for tag in row})
        self.after = {tag: _smoothed(pairs.get(tag, {}), names) for tag in names}
        for before, tag in _NEVER:
            self.after[before][tag] += NO_SUCH_PAIR
        self.after["VBR"] = {tag: cost + (2.5 if tag in _OBJECTS else 0.0) for tag, cost in self.after["VBN"].items()}
        for pronoun in ("PRP", "PRS"):
            self.after[pronoun]["IN"] += 8.0  # "i like it": no preposition
        self.after["^"]["VBZ"] += 2.0
        self.after["^"]["VBD"] += 4.0
        total = sum(sum(row.values()) for row in pairs.values())
        self._share = {tag: (sum(row.get(tag, 0) for row in pairs.values()) + 1) / total for tag in names}
        self._share["CC"] = sum(self._share.get(tag, 0) for tag in {*ALIKE.values(), "CCO"})
        self._words, self._alike = of_words, _by_candidates(of_words)
        self.of = lru_cache(maxsize=100_000)(self._of)

    def _of(self, word: str, capital: bool, nominal: bool = False) -> tuple[tuple[str, float], ...]:
        """(tag, cost) of a word; rare words are judged by the words that may have the same tags."""
        found = candidates(word, capital, nominal)
        if len(found) == 1:
            return ((found[0], 0.0),)
        alike: Mapping[str, float] = self._alike.get(found, {})
        counts: Mapping[str, float] = self._words.get(word, {})
        seen, seen_alike = sum(counts.values()), sum(alike.values())
        costs = []
        for tag in found:
            prior = (alike.get(tag, 0) + 1) / (seen_alike + len(found))
            share = (counts.get(tag, 0) + 2 * prior) / (seen + 2) + (0.6 if capital and tag == "NN" else 0)
            costs.append(-math.log(share / self._share.get(tag, 1e-3)))
        return tuple((tag, cost - min(costs)) for tag, cost in zip(found, costs, strict=True))


def _smoothed(row: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    total = sum(row.values()) + 0.5 * len(names)
    return {tag: -math.log((row.get(tag, 0) + 0.5) / total) for tag in names}


def _by_candidates(of_words: Counts) -> dict[tuple[str, ...], Counter[str]]:
    alike: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for word, row in of_words.items():
        for tag, seen in row.items():
            alike[candidates(word)][tag] += int(min(seen, 5))
    return alike


@cache
def shipped() -> Costs:
    """The costs from the tables beside this package."""
    return Costs(tag_pairs(), tag_words())
