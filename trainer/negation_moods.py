"""Questions, requests and "there is": the sentences whose negation does not stand where a statement has it."""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_clauses import Main, after_adjunct, main_verb
from trainer.negation_finite import Reading, is_finite
from trainer.negation_forms import Token, tags
from trainer.negation_scope import article, negative_object, under_negation, without_negation
from trainer.negation_tables import leanings
from trainer.negation_verbs import Edits, affirm_verb, is_auxiliary, negate_verb, negation_place, titled
from trainer.negation_words import AUXILIARIES, DETERMINERS, NUMBERS, PREPOSITIONS, PRONOUNS, STRONG_VERBS, WH, words

POLITE = words("please kindly then just simply now first next so and but also carefully gently")
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
    if main_verb(tokens, place, end) is not None or titled(tokens):
        return False
    if leaning == "verb" and after not in PREPOSITIONS | {""} and "NN" not in possible:
        return True
    ends = tokens[end - 1].low in (".", "!")
    return after != "of" and (ends or after in NUMBERS or tags(after) == {"RB"}) and after != ","


def flip_request(tokens: Sequence[Token], place: int, end: int) -> tuple[Edits, str]:
    """Close → do not close; do not close → close; always → never."""
    low = tokens[place].low
    if low == "let" and place + 1 < end and tokens[place + 1].low in ("'s", "us") and tokens[place + 1].low == "'s":
        if tokens[place + 2].low == "not":
            return {place + 2: ""}, "imperative"
        return {place + 1: f"{tokens[place + 1].text} not"}, "imperative"
    if low == "do" and tokens[place + 1].low in ("not", "n't"):
        return {place: "", place + 1: "", **without_negation(tokens, place + 2, end)}, "imperative, not away"
    if low in ("never", "always"):
        return {place: "always" if low == "never" else "never"}, "imperative, adverb"
    negative = negative_object(tokens, place + 1, end)
    if negative:
        return negative, "determiner no away"
    not_ = "Do Not" if titled(tokens) and place == 0 else "do not"
    written = tokens[place].text if titled(tokens) else lowered(tokens[place]) if place == 0 else tokens[place].text
    return {place: f"{not_} {written}", **under_negation(tokens, place + 1, end)}, "imperative"


def flip_question(tokens: Sequence[Token], start: int, end: int) -> tuple[Edits, str] | None:
    """Does it … → doesn't it …; isn't it … → is it …; who signed … → who did not sign …."""
    place = after_adjunct(tokens, start, end)
    while place < end and tokens[place].low in {"so", "and", "but", "then", "well", ",", "please"}:
        place += 1
    if tokens[place].low in INVERTED:
        return _flip_inverted(tokens, place, end)
    prepositional = tokens[place].low in PREPOSITIONS and place + 1 < end
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
        return {verb + 1: f"{tokens[verb + 1].text} not"}, "question not"
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
    reading = Reading(subject=True, plural=None)
    for number in range(place + 1, min(place + 9, end)):
        low = tokens[number].low
        reading.plural = _wh_plural(tokens, place, number)
        if low in AUXILIARIES and is_finite(tokens, number, end, reading):
            return number
        near = number == place + 1 and tokens[place].low in ("who", "what", "which")
        if (
            near
            and tags(low) & {"VBZ", "VBD"}
            and not ("NNS" in tags(low) and tokens[place].low != "who" and "VBZ" not in tags(low))
        ):
            if (
                "NNS" not in tags(low)
                or tokens[place].low == "who"
                or not any(t.low in INVERTED for t in tokens[number:end])
            ):
                return number
        elif number > place + 1 and is_finite(tokens, number, end, reading):
            return number
        if low in (",", "that", "if", "when"):
            return None
    return None


def _wh_plural(tokens: Sequence[Token], place: int, verb: int) -> bool | None:
    if verb == place + 1:
        return False
    nouns = [token for token in tokens[place + 1 : verb] if tags(token.low) & {"NN", "NNS"}]
    return any("NNS" in tags(token.low) for token in nouns) if nouns else False


def flip_existential(tokens: Sequence[Token], main: Main, end: int) -> tuple[Edits, str] | None:
    """There is a … → there is no …, and back."""
    verb = main.verb
    if verb == 0 or tokens[verb - 1].low != "there" or tokens[verb].low not in ("is", "are", "was", "were", "'s"):
        return None
    after = verb + 1
    if after < end and tokens[after].low in ("n't", "not"):
        if tokens[after + 1].low in ("any", "enough", "many", "much"):
            return {after: "", **without_negation(tokens, after + 1, end)}, "existential"
        return {after: ""}, "existential"
    if negation_place(tokens, verb) is not None:
        return affirm_verb(tokens, main)
    return _existential_object(tokens, after, end)


def _existential_object(tokens: Sequence[Token], after: int, end: int) -> tuple[Edits, str] | None:
    low = tokens[after].low if after < end else ""
    nxt = tokens[after + 1].low if after + 1 < end else ""
    if low == "no" and nxt == "one":
        return {after: "someone", after + 1: ""}, "existential"
    if low == "no":
        some = article(tokens, after + 1, end)
        plain = some or ("some" if "NNS" not in tags(nxt) else "")
        return {after: plain, **without_negation(tokens, after + 1, end)}, "existential"
    opposite = {
        "nothing": "something", "nobody": "somebody", "something": "nothing", "somebody": "nobody", "someone": "no one",
        "everything": "not everything", "few": "many", "little": "much", "none": "some",
    }  # fmt: skip
    if low in opposite:
        return {after: opposite[low]}, "existential"
    if low == "a" and nxt in ("few", "little", "lot", "number", "couple"):
        return {after: "no", after + 1: "", **({after + 2: ""} if nxt in ("lot", "number") else {})}, "existential"
    if low in ("a", "an", "some", "any", "several", "plenty"):
        of = {after + 1: ""} if low == "plenty" and nxt == "of" else {}
        return {after: "no", **of}, "existential"
    if low in DETERMINERS | NUMBERS or low in PRONOUNS or not tags(low) & {"NN", "NNS", "JJ"}:
        return None
    return {after: f"no {tokens[after].text}"}, "existential"
