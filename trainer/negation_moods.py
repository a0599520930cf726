"""Questions and requests: the sentences whose negation does not stand where a statement has it."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_clauses import Main, after_adjunct, main_verb, paying_verb
from trainer.negation_forms import Token, tags
from trainer.negation_places import SOFTENING, asking_place, is_titled
from trainer.negation_scope import negative_object, under_negation, without_negation
from trainer.negation_tables import leanings, tag_words
from trainer.negation_tagging import tagged
from trainer.negation_verbs import Edits, affirm_verb, is_auxiliary, negate_verb
from trainer.negation_words import (
    AUXILIARIES,
    DETERMINERS,
    NUMBERS,
    PREPOSITIONS,
    PRONOUNS,
    STRONG_VERBS,
    SUBJECTS,
    WH,
    words,
)

POLITE = words("please kindly then just simply now first next so and but also carefully gently")
NOT_OBJECTS = words("VBN VBG VBZ VBD BE MD")  # what follows a title's noun ("Dogs running …"), not a request's verb
DEGREES = words("far long old tall big heavy deep high wide large much often soon fast")
INVERTED = AUXILIARIES - {"'s", "'re", "'ve", "'ll", "'d", "'m"}


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
    if read[place].tag == "VB" and low not in ("have", "do", "let", "be"):
        return _is_request_base(tokens, place, end, after)
    if main_verb(tokens, place, end) is not None:
        return low == "let" or (low == "do" and read[place + 1].tag == "VB")
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


def _is_request_base(tokens: Sequence[Token], place: int, end: int, after: str) -> bool:
    """Whether a word tagged as a base form at the start asks for something, and is no noun or adjective of a title."""
    low, read = tokens[place].low, tagged(tuple(tokens))
    possible = tags(low)
    if low not in STRONG_VERBS and possible & {"NN", "JJ"} and read[min(place + 1, end - 1)].tag in NOT_OBJECTS:
        return False
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
    not_ = "Do Not" if is_titled(tokens) and place == 0 else "do not"
    written = tokens[place].text if is_titled(tokens) else lowered(tokens[place]) if place == 0 else tokens[place].text
    return {place: f"{not_} {written}", **under_negation(tokens, place + 1, end)}, "imperative"


def flip_question(tokens: Sequence[Token], start: int, end: int) -> tuple[Edits, str] | None:
    """Does it … → doesn't it …; isn't it … → is it …; who signed … → who did not sign …."""
    found = asking_place(tokens)
    place = after_adjunct(tokens, start, end) if found is None else found
    while place < end and (tokens[place].low in SOFTENING or tokens[place].low == ","):
        place += 1
    if tokens[place].low in INVERTED:
        return _flip_inverted(tokens, place, end)
    prepositional = tokens[place].low in PREPOSITIONS and place + 1 < end
    if (
        tokens[place].low == "how"
        and tokens[place + 1].low in DEGREES
        and end > place + 2
        and tokens[place + 2].low in AUXILIARIES
    ):
        return None
    if tokens[place].low not in WH and not (prepositional and tokens[place + 1].low in WH):
        return None
    return _flip_wh(tokens, place, end)


def _flip_inverted(tokens: Sequence[Token], verb: int, end: int) -> tuple[Edits, str]:
    place = _negation_after(tokens, verb, end)
    if place is not None:
        edits = affirm_verb(tokens, Main(verb, verb, None), question=True) if place == verb + 1 else None
        edits_ = edits[0] if edits else {place: "ever" if tokens[place].low == "never" else ""}
        some = {number: text for number, text in without_negation(tokens, place + 1, end).items() if text == ""}
        return {**edits_, **some, **({place: ""} if place == verb + 1 else {})}, "question, not away"
    for number in range(verb + 1, min(verb + 4, end)):
        if tokens[number].low == "no" and tokens[number + 1].low != "one":
            return {number: "any"}, "question, no → any"
        if tokens[number].low in ("nobody", "nothing"):
            return {number: {"nobody": "anybody", "nothing": "anything"}[tokens[number].low]}, "question, no → any"
        if tokens[number].low == "no":
            return {number: "anyone", number + 1: ""}, "question, no → any"
    if tokens[verb].low in ("am", "may", "might"):
        place = verb + 1 if tokens[verb + 1].low in SUBJECTS else verb
        return {place: f"{tokens[place].text} not"}, "question not"
    return (
        negate_verb(tokens, Main(verb, verb, None), short=True)
        if is_auxiliary(tokens, verb)
        else (
            {verb: f"{ {'can': 'Can'}.get(tokens[verb].low, tokens[verb].text) }n't"},
            "question n't",
        )
    )


def _negation_after(tokens: Sequence[Token], verb: int, end: int) -> int | None:
    for number in range(verb + 1, min(verb + 8, end)):
        if tokens[number].low in ("n't", "not", "never"):
            return number
        if tokens[number].low in (",", "if", "when", "because", "that", "who", "which", "or"):
            return None
    return None


def _flip_wh(tokens: Sequence[Token], place: int, end: int) -> tuple[Edits, str] | None:
    verb = _wh_verb(tokens, place, end)
    if verb is None:
        return None
    if tokens[verb].low in AUXILIARIES and tokens[verb].low != "'s" and _is_inverted(tokens, place, verb, end):
        return _flip_inverted(tokens, verb, end)
    main = Main(verb, place, _wh_plural(tokens, place, verb))
    affirmed = affirm_verb(tokens, main)
    if affirmed:
        return affirmed
    negative = negative_object(tokens, verb + 1, end)
    if negative:
        return negative, "determiner no away"
    edits, rule = negate_verb(tokens, main)
    return {**under_negation(tokens, verb + 1, end), **edits}, f"question, {rule}"


def _is_inverted(tokens: Sequence[Token], place: int, verb: int, end: int) -> bool:
    """ "What do penguins eat", "what has he eaten"; not "which planets have rings"."""
    low = tokens[verb].low
    later = tokens[verb + 1 : end]
    if low not in ("have", "has", "had", "do", "does", "did") or is_auxiliary(tokens, verb):
        return True
    if low in ("do", "does", "did"):
        near = [
            number
            for number in range(verb + 2, end)
            if tokens[number - 1].low not in DETERMINERS | PREPOSITIONS | {"to"}
        ]
        return any("VB" in tags(tokens[number].low) or tokens[number].low in ("have", "be", "do") for number in near)
    subject = later and later[0].low in PRONOUNS | DETERMINERS
    return bool(
        any("VBN" in tags(token.low) or token.low == "been" for token in later[1:])
        and (subject or not _subject_wh(tokens, place, verb))
    )


def _subject_wh(tokens: Sequence[Token], place: int, verb: int) -> bool:
    return tokens[place].low in ("who", "which", "what") or (
        tokens[place].low == "how" and tokens[place + 1].low in ("many", "much")
    )


def _wh_verb(tokens: Sequence[Token], place: int, end: int) -> int | None:
    """The question's own verb: the first finite one, past clauses inside the subject."""
    read = tagged(tuple(tokens))
    return paying_verb(read, place + (2 if tokens[place].low in PREPOSITIONS else 1), end)


def _wh_plural(tokens: Sequence[Token], place: int, verb: int) -> bool | None:
    if verb == place + 1:
        return False
    nouns = [token for token in tokens[place + 1 : verb] if tags(token.low) & {"NN", "NNS"}]
    return any("NNS" in tags(token.low) for token in nouns) if nouns else False
