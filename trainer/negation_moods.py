"""Requests: "Close the door", "If it is hot, use a cloth", "Let's go", and which first words ask for something."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_clauses import after_adjunct, main_verb
from trainer.negation_forms import Token, tags
from trainer.negation_places import is_titled
from trainer.negation_scope import negative_object, under_negation, without_negation
from trainer.negation_tables import leanings, tag_words
from trainer.negation_tagging import tagged
from trainer.negation_verbs import Edits
from trainer.negation_words import (
    AUXILIARIES,
    DETERMINERS,
    NUMBERS,
    PREPOSITIONS,
    PRONOUNS,
    STRONG_VERBS,
    words,
)

POLITE = words("please kindly then just simply now first next so and but also carefully gently")
NOT_OBJECTS = words("VBN VBG VBZ VBD BE MD")  # what follows a title's noun ("Dogs running …"), not a request's verb
OPENING_HOURS = words("daily from until till all today on late every weekdays weekends year-round seven 24")


def lowered(token: Token) -> str:
    """The word as it stands inside a sentence, when it stood at its beginning."""
    keeps = token.text == "I" or token.text[1:] != token.text[1:].lower() or token.low.startswith("i'")
    return token.text if keeps else token.low


def request_start(tokens: Sequence[Token], start: int, end: int) -> int | None:
    """Where the verb of a request stands ("Please close …", "If it is hot, use …"), or None for other sentences."""
    place = after_adjunct(tokens, start, end)
    while place < end and (tokens[place].low in POLITE or tokens[place].low == ",") and place - start < 12:
        place += 1
    if place < end and tokens[place].low in ("always", "never"):
        return (
            place
            if place + 1 < end and ("VB" in tags(tokens[place + 1].low) or tokens[place + 1].low == "be")
            else None
        )
    if place < end and tokens[place].low == "do" and place + 1 < end and tokens[place + 1].low in ("not", "n't"):
        return place
    return place if _is_request_verb(tokens, place, end) else None


def _is_request_verb(tokens: Sequence[Token], place: int, end: int) -> bool:
    if place >= end:
        return False
    low, after = tokens[place].low, tokens[place + 1].low if place + 1 < end else ""
    possible = tags(low)
    read = tagged(tuple(tokens))
    if _joins_bases(tokens, place, end):
        return True
    if after == "that" and possible & {"NN"} and tags(tokens[place + 2].low if place + 2 < end else "") & {"VBZ"}:
        return False  # "paint that sticks"
    if ("JJ" in possible and after == "enough") or (low == "open" and after in OPENING_HOURS):
        return False
    if read[place].tag == "VB" and low not in ("have", "do", "let", "be"):
        return _is_request_base(tokens, place, end, after)
    if low == "do" and after in DETERMINERS:
        return True
    if tokens[place].text.isupper() and len(low) > 1 and any(token.text.islower() for token in tokens[place + 1 :]):
        return False  # an acronym
    if main_verb(tokens, place, end) is not None:
        return low == "let" or (low == "do" and read[place + 1].tag == "VB")
    return _may_be_base(tokens, place, end, after)


def _may_be_base(tokens: Sequence[Token], place: int, end: int, after: str) -> bool:
    """Whether a first word that was not read as a base form asks for something after all."""
    low, possible = tokens[place].low, tags(tokens[place].low)
    leaning = leanings().get(low)
    if leaning == "noun" and after not in DETERMINERS - {"that"} and after not in ("it", "them", "me", "us"):
        return False
    if low in ("be", "let", "have", "do"):
        return low in ("be", "let") or after in DETERMINERS
    if (
        "VB" not in possible
        or after in AUXILIARIES | {":"}
        or (possible & {"NN", "JJ"} and after in ("and", "or", ","))
    ):
        return False
    if low in STRONG_VERBS and (after not in ("", "of") and "VBZ" not in tags(after)):
        return True
    if after in DETERMINERS - {"of"} or (after in PRONOUNS and after not in ("i", "we", "he", "she", "they")):
        return True
    if not possible & {"NN", "JJ", "RB"}:
        return (
            main_verb(tokens, place, end) is None
            or bool(tags(after) & {"NN", "NNS", "JJ", "RB"})
            or after in PREPOSITIONS
        )
    if main_verb(tokens, place, end) is not None or is_titled(tokens):
        return False
    if leaning == "verb" and after not in PREPOSITIONS | {""} and "NN" not in possible:
        return True
    ends = tokens[end - 1].low in (".", "!")
    return after != "of" and (ends or after in NUMBERS or tags(after) == {"RB"}) and after != ","


def _joins_bases(tokens: Sequence[Token], place: int, end: int) -> bool:
    """ "press and hold the key": two base forms and an object, whatever else the words may be."""
    if end - place < 4 or tokens[place + 1].low != "and" or tokens[end - 1].low not in (".", "!"):
        return False
    first, second, after = (tokens[number].low for number in (place, place + 2, place + 3))
    return "VB" in tags(first) and "VB" in tags(second) and after in DETERMINERS | {"it", "them"}


def _is_request_base(tokens: Sequence[Token], place: int, end: int, after: str) -> bool:
    """Whether a word tagged as a base form at the start asks for something, and is no noun or adjective of a title."""
    low, read = tokens[place].low, tagged(tuple(tokens))
    possible = tags(low)
    if (
        low not in STRONG_VERBS
        and possible & {"NN", "JJ"}
        and read[min(place + 1, end - 1)].tag in NOT_OBJECTS
        and after not in ("left", "right")
    ):
        return False
    if is_titled(tokens) and low == "complete":
        return False  # "Complete Works of …"; the lexicon has no adjective there
    if end - place == 2 and tags(after) == {"JJ"} and possible & {"NN"}:
        return False  # "filter replaceable"
    if after in (":", "of", "") and possible & {"NN", "JJ"}:
        return False
    if after in ("and", "or", ","):
        return (
            read[min(place + 2, end - 1)].tag == "VB" and tokens[end - 1].low in (".", "!", "?")
        ) or not possible & {"NN", "JJ", "RB"}
    if after in DETERMINERS - {"of"} or after in PRONOUNS or not possible & {"NN", "JJ", "RB"}:
        return not is_titled(tokens) or not possible & {"NN", "JJ"}
    if is_titled(tokens) or (possible & {"JJ", "RB"} and after in PREPOSITIONS):
        return False
    seen = tag_words().get(low, {})
    return tokens[end - 1].low in (".", "!") or seen.get("VB", 0) >= 0.4 * max(3, sum(seen.values()))


def flip_request(tokens: Sequence[Token], place: int, end: int) -> tuple[Edits, str]:
    """Close → do not close; do not close → close; always → never."""
    low = tokens[place].low
    if low == "let" and place + 1 < end and tokens[place + 1].low in ("'s", "us") and tokens[place + 1].low == "'s":
        if tokens[place + 2].low == "not":
            return {place + 2: ""}, "imperative"
        return {place + 1: f"{tokens[place + 1].text} not"}, "imperative"
    if low == "do" and "VB" in tags(tokens[place + 1].low):
        return {place: f"{tokens[place].text} not"}, "imperative"
    if low == "do" and tokens[place + 1].low in ("not", "n't"):
        return {place: "", place + 1: "", **without_negation(tokens, place + 2, end)}, "imperative, not away"
    if low in ("never", "always"):
        return {place: "always" if low == "never" else "never"}, "imperative, adverb"
    negative = negative_object(tokens, place + 1, end)
    if negative:
        return negative, "determiner no away"
    if place and tokens[place - 1].low in ("carefully", "gently"):
        return {place - 1: f"do not {tokens[place - 1].low}", **under_negation(tokens, place + 1, end)}, "imperative"
    not_ = "Do Not" if is_titled(tokens) and place == 0 else "do not"
    written = tokens[place].text if is_titled(tokens) else lowered(tokens[place]) if place == 0 else tokens[place].text
    return {place: f"{not_} {written}", **under_negation(tokens, place + 1, end)}, "imperative"
