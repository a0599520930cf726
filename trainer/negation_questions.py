"""Questions: does it → doesn't it, who signed → who did not sign; those for an amount, a time or a place have no opposite.

Tag questions ("…, isn't it?") turn twice, and a question with its answer ("Does it fit? Yes.") turns the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_affirm import affirm_verb
from trainer.negation_clauses import Main, after_adjunct, paying_verb
from trainer.negation_forms import Token, tags
from trainer.negation_places import SOFTENING, asking_place
from trainer.negation_scope import negative_object, under_negation, without_negation
from trainer.negation_tagging import tagged
from trainer.negation_verbs import LONG, NO_SHORT, SHORT, Edits, is_auxiliary, negate_verb
from trainer.negation_words import AUXILIARIES, DETERMINERS, PREPOSITIONS, PRONOUNS, SUBJECTS, WH, words

TAGS = words("is are do does did was were has have had can will wo ca should could would ai")
PLACED = words("is are was were 's")
DEGREES = words("far long old tall big heavy deep high wide large much often soon fast")
INVERTED = AUXILIARIES - {"'s", "'re", "'ve", "'ll", "'d", "'m"}


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
    if tokens[verb].low in ("am", "may", "might") or _asks_way(tokens, verb):
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


def _asks_way(tokens: Sequence[Token], verb: int) -> bool:
    """ "How do I cancel" → "how do I not cancel"."""
    return verb > 0 and tokens[verb - 1].low == "how" and tokens[verb + 1].low in SUBJECTS


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
    if verb == place + 1 and tokens[place].low == "who" and tokens[verb].low in ("does", "did", "do"):
        return affirm_verb(tokens, Main(verb, place, False)) or _flip_inverted(tokens, verb, end)
    if tokens[verb].low in AUXILIARIES and tokens[verb].low != "'s" and _is_inverted(tokens, place, verb, end):
        return _flip_inverted(tokens, verb, end)
    main = Main(verb, place, _wh_plural(tokens, place, verb))
    affirmed = affirm_verb(tokens, main)
    if affirmed:
        return {**without_negation(tokens, verb + 1, end), **affirmed[0]}, affirmed[1]
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
        if later and later[0].low in SUBJECTS:
            return True
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


def unanswerable(tokens: Sequence[Token]) -> str:
    """Why a question has no negation, or nothing: "how far is it", "when does it open", "where is the nearest bank"."""
    lows = [token.low for token in tokens[:4]] + [""] * 4
    if lows[0] == "how" and lows[1] in DEGREES and lows[2] in AUXILIARIES:
        return "a question of degree"
    if lows[:2] == ["how", "much"] and "do" in {low[:2] for low in (token.low for token in tokens[2:8])}:
        return "a question of degree"
    if lows[:2] == ["what", "time"] or (lows[0] == "when" and lows[1] in AUXILIARIES):
        return "a question of time"
    if (
        lows[0] in ("who", "what")
        and lows[1] in ("are", "is", "am")
        and lows[2] in ("you", "he", "she", "it", "they", "i")
    ):
        return "a question of who someone is"
    if lows[0] == "what" and lows[1] in ("is", "'s", "was") and lows[2] in ("the", "your", "my", "its"):
        return "a question of what something is"
    return "a question of place" if lows[0] == "where" and lows[1] in PLACED else ""


def begins_question(tokens: Sequence[Token]) -> bool:
    """ "is the charger included": a form of be or have before its subject, without a question mark."""
    after = tokens[1].low if len(tokens) > 2 else ""
    return tokens[0].low in PLACED | {"has", "have"} and after in DETERMINERS | SUBJECTS | words(
        "anyone anybody someone everyone everybody"
    )


def tag_question(tokens: Sequence[Token]) -> int | None:
    """The comma before a tag: "It is cold, isn't it?"."""
    for number in range(len(tokens) - 3, max(len(tokens) - 6, 0), -1):
        if tokens[number].low == "," and tokens[number + 1].low in TAGS:
            subject = tokens[number + 2 + (tokens[number + 2].low == "n't")].low
            return number if subject in SUBJECTS and len(tokens) - number <= 5 else None
    return None


def flip_tag(tokens: Sequence[Token], verb: int) -> Edits:
    """isn't it → is it, won't you → will you, is it → isn't it."""
    low, after = tokens[verb].low, tokens[verb + 1].low
    if after == "n't":
        return {verb: LONG.get(low, low), verb + 1: ""}
    return {} if low in NO_SHORT else {verb: SHORT.get(low, f"{low}n't")}


def flip_answer(tokens: Sequence[Token]) -> tuple[Edits, str] | None:
    """ "Does it grind flax? Yes." → "Does it grind flax? No."."""
    last = len(tokens) - 1 - (tokens[-1].low in (".", "!"))
    opposite = {"yes": "no", "no": "yes"}.get(tokens[last].low)
    if opposite is None or last < 2 or tokens[last - 1].low != "?":
        return None
    text = tokens[last].text
    return {last: opposite.capitalize() if text[:1].isupper() else opposite}, "yes, no"
