"""Flip one finite verb: "not" behind an auxiliary, do-support in the right tense and person, or a negation taken away."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_clauses import Main
from trainer.negation_forms import Token, base, tags
from trainer.negation_places import is_titled
from trainer.negation_tagging import tagged
from trainer.negation_words import (
    ADVERBS,
    AUXILIARIES,
    DETERMINERS,
    MODALS,
    NEGATIVE_ADVERBS,
    NOT,
    words,
)

Edits = dict[int, str]
DONE = {"has": "have", "had": "have", "does": "do", "did": "do"}
SHORT = {"will": "won't", "'ll": "won't", "can": "can't", "shall": "shan't", "'ve": "haven't", "'re": "aren't"}
NO_SHORT = frozenset({"am", "may", "might", "ought", "'s", "'m", "'d"})
LONG = {"wo": "will", "ca": "can", "sha": "shall", "ai": "is"}
MOVABLE = words(
    "always often usually sometimes also still already just only even really now currently generally normally typically "
    "frequently never seldom rarely hardly barely scarcely longer no ever simply actually probably all both first last"
)


def is_auxiliary(tokens: Sequence[Token], verb: int) -> bool:
    """Whether the finite verb takes "not" itself: "has gone", not "has a lid" or "has to go"."""
    low = tokens[verb].low
    if low not in AUXILIARIES:
        return False
    after = next_word(tokens, verb + 1)
    if low in ("have", "has", "had"):
        return after in ("been", "better", "got", "had") or negation(tokens, verb) == "n't" or "VBN" in tags(after)
    if low in ("do", "does", "did"):
        return "VB" in tags(after) or after in ("have", "be", "do", "so") or negation(tokens, verb) == "n't"
    return True


def next_word(tokens: Sequence[Token], number: int) -> str:
    """The first word from a place on that is no adverb or negation."""
    while number < len(tokens) and (tokens[number].low in ADVERBS | NOT or tags(tokens[number].low) == {"RB"}):
        if tokens[number].low in ("better", "rather"):
            break
        number += 1
    return tokens[number].low if number < len(tokens) else ""


def negation(tokens: Sequence[Token], verb: int) -> str:
    """The negating word beside a verb, or nothing."""
    place = negation_place(tokens, verb)
    return tokens[place].low if place is not None else ""


def negation_place(tokens: Sequence[Token], verb: int) -> int | None:
    """Where "not", "n't", "never", "no longer", "rarely" … stand that belong to the verb."""
    wanted = NOT | {"never"} | NEGATIVE_ADVERBS.keys()
    for number in range(verb + 1, min(verb + 4, len(tokens))):
        low = tokens[number].low
        if low in wanted and tokens[verb].low in AUXILIARIES:
            return number
        if low == "no" and number + 1 < len(tokens) and tokens[number + 1].low == "longer":
            return number
        if low not in ADVERBS and not low.endswith("ly"):
            break
    for number in range(verb - 1, max(verb - 4, -1), -1):
        low = tokens[number].low
        if low in wanted or (low == "no" and tokens[number + 1].low == "longer"):
            return number
        if low not in MOVABLE and not low.endswith("ly"):
            break
    return None


def negate_verb(tokens: Sequence[Token], main: Main, short: bool = False) -> tuple[Edits, str]:
    """The edits that put "not" into an affirmative clause, and the rule's name."""
    special = _adverb_flip(tokens, main)
    if special:
        return special
    if is_auxiliary(tokens, main.verb):
        return _with_yet(tokens, main.verb, {main.verb: _negated(tokens, main.verb, short)}), "auxiliary not"
    return _do_support(tokens, main, short)


def _adverb_flip(tokens: Sequence[Token], main: Main) -> tuple[Edits, str] | None:
    """still → no longer, sometimes → never: these adverbs carry the negation themselves."""
    for number in _adverbs_around(tokens, main.verb):
        if tokens[number].low == "still":
            return {number: "no longer"}, "still, no longer"
        if tokens[number].low in ("sometimes", "occasionally"):
            return {number: "never"}, "adverb"
    return None


def _adverbs_around(tokens: Sequence[Token], verb: int) -> list[int]:
    found = []
    for number in range(verb - 1, -1, -1):
        if tokens[number].low not in MOVABLE:
            break
        found.append(number)
    for number in range(verb + 1, len(tokens)):
        if tokens[number].low not in MOVABLE or tokens[verb].low not in AUXILIARIES:
            break
        found.append(number)
    return found


def _negated(tokens: Sequence[Token], verb: int, short: bool) -> str:
    text, low = tokens[verb].text, tokens[verb].low
    after = tokens[verb + 1].low if verb + 1 < len(tokens) else ""
    if after in ("better", "rather"):
        return text  # "had better not": the caller's edit of the next word says it
    if low in SHORT and (short or low.startswith("'")):
        return like_first(text, SHORT[low]) if not low.startswith("'") else f" {SHORT[low]}"
    if low == "'d":
        past = "VBN" in tags(next_word(tokens, verb + 1)) and "VB" not in tags(next_word(tokens, verb + 1))
        had = past or next_word(tokens, verb + 1) in ("been", "had")
        return " hadn't" if had else " wouldn't"
    if short and low not in NO_SHORT:
        return f"{text}n't"
    if low == "can":
        return f"{text}not"
    return f"{text} {'Not' if is_titled(tokens) and text[:1].isupper() and verb else 'not'}"


def _with_yet(tokens: Sequence[Token], verb: int, edits: Edits) -> Edits:
    after = verb + 1
    if after < len(tokens) and tokens[after].low in ("better", "rather"):
        edits[after] = f"{tokens[after].text} not"
    for number in _adverbs_around(tokens, verb):
        if tokens[number].low == "already":
            edits[number] = "yet"
    return edits


def _do_support(tokens: Sequence[Token], main: Main, short: bool) -> tuple[Edits, str]:
    verb, low = main.verb, tokens[main.verb].low
    lemma = "lay" if _lays(tokens, verb) else DONE.get(low) or base(low) or low
    form = {"VBZ": "does", "VBD": "did", "VB": "do"}[tense(tokens, main)]
    first = verb
    while (first - 1 > main.start and tokens[first - 1].low in MOVABLE) or (
        first - 1 > main.start
        and tokens[first - 1].low.endswith("ly")
        and tags(tokens[first - 1].low) == {"RB"}
        and not any(token.low in ("who", "which", "that") for token in tokens[main.start : verb])
    ):
        first -= 1
    not_ = f"{form}n't" if short else f"{form} not"
    big = is_titled(tokens) and tokens[verb].text[:1].isupper()
    not_ = not_.title().replace("'T", "'t") if big else not_
    written = lemma.capitalize() if tokens[verb].text[:1].isupper() and big else lemma
    edits = {verb: f"{not_} {written}"} if first == verb else {first: f"{not_} {tokens[first].text}", verb: written}
    for number in range(first, verb):
        if tokens[number].low == "already":
            edits[number] = edits.get(number, "already").replace("already", "yet")
    return edits, f"do-support ({form})"


def _lays(tokens: Sequence[Token], verb: int) -> bool:
    """ "The hens lay eggs": lay with an object, not the past of lie."""
    after = tokens[verb + 1].low if verb + 1 < len(tokens) else "."
    return tokens[verb].low == "lay" and (after in DETERMINERS or bool(tags(after) & {"NN", "NNS", "JJ"}))


def tense(tokens: Sequence[Token], main: Main) -> str:
    """VBZ, VBD or VB (present, plural) of a finite verb; "cost" and "put" also by the sentence's other verbs."""
    low, possible = tokens[main.verb].low, tags(tokens[main.verb].low)
    if low in ("have", "do", "like"):
        return "VB"
    if low in ("had", "did"):
        return "VBD"
    if low in ("has", "does"):
        return "VBZ"
    tag = tagged(tuple(tokens))[main.verb].tag
    if _lays(tokens, main.verb) or (tag == "VBD" and "VB" in possible and main.plural and base(low) == low):
        present = _looks_present(tokens, main.verb) or low == "cost"
        return "VBD" if _looks_past(tokens, main.verb) or not present else "VB"
    if tag == "VBP" and "VBD" in possible:
        return "VBD" if main.plural is False or _looks_past(tokens, main.verb) else "VB"
    if tag in ("VBZ", "VBD", "VBP"):
        return "VB" if tag == "VBP" else tag
    for form in ("VBZ", "VBD"):
        if form in possible:
            return form
    return "VB" if "VB" in possible else "VBZ"


def _looks_past(tokens: Sequence[Token], verb: int) -> bool:
    for number, token in enumerate(tokens):
        if token.low in ("yesterday", "ago", "last", "was", "were", "did", "had", "finally", "then"):
            return True
        if number != verb and "VBD" in tags(token.low) and not tags(token.low) & {"VBN", "VB", "JJ", "NN"}:
            return True
    return False


def _looks_present(tokens: Sequence[Token], verb: int) -> bool:
    present = any(token.low in ("is", "are", "has", "does", "do") for token in tokens)
    return tokens[verb].low == "lay" or present


def like_first(pattern: str, text: str) -> str:
    """The text with the pattern's first letter, capital or not."""
    return text[:1].upper() + text[1:] if pattern[:1].isupper() else text


def is_modal(word: str) -> bool:
    """Whether the word is a modal verb."""
    return word in MODALS
