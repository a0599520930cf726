"""Headlines: "Mayor to reopen baths", "Sprinter banned after test": verbless to grammar, not to readers."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_clauses import main_verb
from trainer.negation_forms import Token, tags
from trainer.negation_places import is_titled
from trainer.negation_verbs import Edits
from trainer.negation_words import ADVERBS, AUXILIARIES, DETERMINERS, PREPOSITIONS, words

NEGATED = words("no not never without nothing")
WAYS = words("places ways things tips time guide place way")  # "ways to save energy" tells no news


def flip_headline(tokens: Sequence[Token]) -> tuple[Edits, str] | None:
    """The edits that put "not" before a headline's infinitive or participle, or None for other texts."""
    first = tokens[0].low
    if tokens[-1].low in (".", "!", "?") or first.endswith("ing") or first in NEGATED | ADVERBS:
        return None
    for number in range(1, min(len(tokens), 8)):
        low = tokens[number].low
        if low in PREPOSITIONS - {"to"} or (low == "to" and _has_verb_before(tokens, number)):
            return None
        if _tells(tokens, number) and tokens[number - 1].low != "and" and is_headline(tokens, number):
            return {number: f"{'Not' if is_titled(tokens) else 'not'} {tokens[number].text}"}, "headline not"
        if "VBZ" in tags(low) and "NNS" not in tags(low):
            return None
    return None


def _has_verb_before(tokens: Sequence[Token], number: int) -> bool:
    main = main_verb(tokens)
    return tokens[number - 1].low in WAYS or (main is not None and main.verb < number)


def _tells(tokens: Sequence[Token], number: int) -> bool:
    """Whether an infinitive begins here ("to reopen") or a participle without an object stands here ("banned after …")."""
    low, after = tokens[number].low, tokens[number + 1].low if number + 1 < len(tokens) else ""
    if low == "to":
        return "VB" in tags(after) or after == "be" or after.startswith("re")
    alone = after in PREPOSITIONS or after in ("to", "")
    return {"VBD", "VBN"} <= tags(low) and "VB" not in tags(low) and alone


def is_headline(tokens: Sequence[Token], place: int) -> bool:
    """A subject without articles, as newspapers write: "Mayor to …", "Sprinter banned after …"."""
    if place < 4 and tokens[-1].low not in ".!?" and "NNS" in tags(tokens[place - 1].low) and place == len(tokens) - 1:
        return True
    plain = all(token.low not in DETERMINERS | AUXILIARIES | {",", "not", "never", "no"} for token in tokens[:place])
    return (
        plain
        and place > 0
        and bool(tags(tokens[place - 1].low) & {"NN", "NNS"} or not tags(tokens[place - 1].low))
        and tokens[0].text[:1].isupper()
    )
