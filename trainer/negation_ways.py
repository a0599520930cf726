"""Other ways to say the same negation: contracted, "no" before the object, "without", a prefix, an antonym, "never".

They make negation data vary: a model that only ever sees "not" learns the word, not the meaning.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from trainer.negation_clauses import Main
from trainer.negation_coordination import main_verbs
from trainer.negation_forms import Token, rewrite, tags, tokenise
from trainer.negation_scope import scope_end
from trainer.negation_tables import antonyms, less, prefixes
from trainer.negation_verbs import Edits, is_auxiliary, negation_place, tense
from trainer.negation_words import BE, SUBJECTS, SUBORDINATORS, words

CONTRACTED = re.compile(
    r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should|need) not\b(?! only)|\b(can)(?: )?not\b|\b(will) not\b",
    re.IGNORECASE,
)
HAVING = words("has have had contains contain includes include offers offer requires require needs need")
COMING = words("comes come came ships ship shipped arrives sold delivered supplied served made")
DEGREES = words("very quite really so too rather")


def ways(text: str) -> list[tuple[str, str]]:
    """(rule, negated text) for an affirmative statement with one main verb; nothing for other texts."""
    tokens = tokenise(text)
    mains = main_verbs(tokens, 0, len(tokens))
    if len(mains) != 1 or text.rstrip().endswith("?") or negation_place(tokens, mains[0].verb) is not None:
        return []
    if tokens[0].low in SUBORDINATORS or tokens[mains[0].start].low in ("no", "nobody", "none", "neither", "nothing"):
        return []
    return [(rule, rewrite(tokens, edits)) for rule, edits in _all(tokens, mains[0])]


def contract(text: str) -> str:
    """The text with its first "does not" as "doesn't"."""
    return CONTRACTED.sub(_contracted, text, count=1)


def _contracted(found: re.Match[str]) -> str:
    plain, can, will = found.groups()
    return f"{plain}n't" if plain else f"{can}'t" if can else f"{will[0]}on't"


def predicate(tokens: Sequence[Token], main: Main) -> int | None:
    """The adjective that a form of "be" says of the subject, if it is said plainly."""
    if tokens[main.verb].low not in BE:
        return None
    number = main.verb + 1
    while number < len(tokens) and tokens[number].low in DEGREES | {"not", "n't"}:
        number += 1
    if number >= len(tokens) or ("JJ" not in tags(tokens[number].low) and "VBN" not in tags(tokens[number].low)):
        return None
    after = tokens[number + 1].low if number + 1 < len(tokens) else "."
    return number if after in (".", "!", ",", "in", "on", "at", "for", "when", "if", "because", "to", "with") else None


def _all(tokens: Sequence[Token], main: Main) -> Iterator[tuple[str, Edits]]:
    yield from _predicate_ways(tokens, main)
    yield from _object_ways(tokens, main)
    yield from _never(tokens, main)


def _predicate_ways(tokens: Sequence[Token], main: Main) -> Iterator[tuple[str, Edits]]:
    number = predicate(tokens, main)
    if number is None or tokens[number - 1].low in DEGREES:
        return
    low = tokens[number].low
    if (low, "adj") in prefixes():
        yield "prefix", {number: prefixes()[low, "adj"]}
    opposite = antonyms().get((low, "adj"))
    if opposite and opposite.complementary:
        yield "antonym", {number: opposite.word}
    if low in less():
        yield "-less", {number: less()[low]}


def _object_ways(tokens: Sequence[Token], main: Main) -> Iterator[tuple[str, Edits]]:
    end = scope_end(tokens, main.verb + 1, len(tokens))
    low, after = tokens[main.verb].low, main.verb + 1
    if after >= end:
        return
    if low in HAVING and not is_auxiliary(tokens, main.verb) and tokens[after].low != "to":
        if tokens[after].low in ("a", "an", "some", "any"):
            yield "no-determiner", {after: "no"}
        elif "NNS" in tags(tokens[after].low):
            yield "no-determiner", {after: f"no {tokens[after].text}"}
    for number in range(after, min(after + 2, end)):
        if tokens[number].low == "with" and tokens[number - 1].low in COMING:
            yield "without", {number: "without"}


def _never(tokens: Sequence[Token], main: Main) -> Iterator[tuple[str, Edits]]:
    plain = not is_auxiliary(tokens, main.verb) and tense(tokens, main) == "VBZ"
    if plain and (tokens[main.verb - 1].low in SUBJECTS or tags(tokens[main.verb - 1].low) & {"NN", "NNS"}):
        yield "never", {main.verb: f"never {tokens[main.verb].text}"}
