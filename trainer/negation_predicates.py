"""Predicates that lack their subject: "suitable for …", "made in …", "fits under …", "very easy to clean", "from Portugal".

Product pages and replies begin so. Each rule looks at the first two words and answers with its edits, or leaves it to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trainer.negation_clauses import Main
from trainer.negation_forms import Token, tags
from trainer.negation_lexicon import INTRANSITIVE
from trainer.negation_moods import lowered
from trainer.negation_places import is_titled
from trainer.negation_tables import unprefixed
from trainer.negation_tagging import tagged
from trainer.negation_verbs import Edits, negate_verb
from trainer.negation_words import ADVERBS, AUXILIARIES, DETERMINERS, NUMBERS, PREPOSITIONS, PRONOUNS, words

BECOMING = words("felt looked seemed got became went kept stayed")
GREETINGS = words("dear wishing sincerely yours good")
PLACING = words(
    "out for from in within under by on at worth like into of as over above below near inside outside up"
)  # prepositions that begin what is said of a thing
AFTER_ADJECTIVES = PREPOSITIONS | words("to and or , . enough ! when if") | {""}
FIT = words("safe friendly proof resistant ready compatible free certified approved tested")
BOTH_WAYS = words("stock order date use reach print sight service season focus tune fashion shape")  # in or out of them
TREATED = words(
    "machine hand height dishwasher microwave oven steam tumble length"
)  # "machine washable", "height adjustable"
UNSAID = words("here now how yes no then well not please maybe perhaps first second third fourth last next once twice")
LATE = words("late early long wide high tall deep thick old ago away apart short ahead behind")


@dataclass(frozen=True, slots=True)
class Opening:
    """A fragment and its first words: in lower case, with the tags they may have."""

    tokens: Sequence[Token]
    end: int
    first: str
    after: str
    beyond: str
    possible: frozenset[str]
    titled: bool

    @property
    def goes_on(self) -> bool:
        """Whether something follows that a verb or a participle takes."""
        known = self.after in PREPOSITIONS | DETERMINERS | ADVERBS | PRONOUNS | NUMBERS | {"to"}
        return known or "RB" in tags(self.after)

    def may_be(self, tag: str) -> bool:
        """Whether the first word may have a tag."""
        return tag in self.possible


def flip_predicate(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | None:
    """The edits that negate what is said of an unnamed subject, or None."""
    after, beyond = (tokens[number].low if number < end else "" for number in (1, 2))
    opening = Opening(tokens, end, tokens[0].low, after, beyond, tags(tokens[0].low), is_titled(tokens))
    if _is_no_predicate(opening):
        return None
    for rule in (
        _fit_for,
        _listed,
        _turned,
        _adjective_verb,
        _unprefixed,
        _auxiliary,
        _placing,
        _measured,
        _verb,
        _past,
        _participle,
    ):
        found = rule(opening)
        if found:
            return found
    return _adjective(opening) or _adverb(opening)


def _is_no_predicate(opening: Opening) -> bool:
    """Greetings, cries, titles such as "On Liberty", and "set of six"."""
    if opening.first in GREETINGS or (opening.tokens[-1].low == "!" and opening.may_be("VBG")):
        return True
    if opening.after == "of" and opening.first != "free" and opening.possible & {"NN", "NNS"}:
        return True
    return opening.titled and opening.first in PREPOSITIONS - {"for"}


def _fit_for(opening: Opening) -> tuple[Edits, str] | None:
    """ "dishwasher safe", "machine washable at 40 degrees"."""
    fit = (
        opening.after in FIT
        or (opening.first == "brand" and opening.after == "new")
        or (opening.first in TREATED and "JJ" in tags(opening.after))
    )
    ends = opening.beyond in PREPOSITIONS | {"", ".", ",", "up", "and"}
    return lead(opening.tokens) if opening.may_be("NN") and fit and ends else None


def _listed(opening: Opening) -> tuple[Edits, str] | None:
    """ "Light, compact and durable." → "not light, compact or durable."."""
    said = [token for token in opening.tokens if token.word]
    items = [token.low for token in said if token.low != "and"]
    marks = all(token.word or token.low in ",.!" for token in opening.tokens)
    if opening.after not in (",", "and") or len(items) < 2 or not marks:
        return None
    if not all(
        tags(low) & {"JJ", "VBN"} and (tags(low) != {"JJ", "NN"} or "-" in low or low.endswith("proof"))
        for low in items
    ):
        return None
    edits, rule = lead(opening.tokens)
    return {**edits, **{n: "or" for n, token in enumerate(opening.tokens) if token.low == "and"}}, rule


def _turned(opening: Opening) -> tuple[Edits, str] | None:
    """ "out of stock" → "in stock", "unlike the old one" → "like the old one"."""
    text = opening.tokens[0].text
    if opening.first == "out" and opening.after == "of" and opening.beyond in BOTH_WAYS:
        return {0: _like(text, "in"), 1: ""}, "antonym"
    if opening.first == "still" and opening.after in PREPOSITIONS:
        return {0: _like(text, "no longer")}, "still, no longer"
    return ({0: _like(text, "like")}, "prefix") if opening.first == "unlike" else None


def _adjective_verb(opening: Opening) -> tuple[Edits, str] | None:
    """ "tastes great", "works"."""
    short = opening.end < 3 or "JJ" in tags(opening.after)
    read = tagged(tuple(opening.tokens))[0].tag
    return _negate_first(opening) if read == "VBZ" and not opening.titled and short else None


def _unprefixed(opening: Opening) -> tuple[Edits, str] | None:
    positive = unprefixed().get((opening.first, "adj"))
    if positive and opening.after in PREPOSITIONS | {"to", ""}:
        return {0: _like(opening.tokens[0].text, positive)}, "prefix"
    return None


def _auxiliary(opening: Opening) -> tuple[Edits, str] | None:
    """ "would recommend", "is a gift"."""
    if opening.first in AUXILIARIES and not opening.first.startswith("'"):
        return negate_verb(opening.tokens, Main(0, 0, False if opening.first in ("is", "has", "does", "was") else None))
    return None


def _placing(opening: Opening) -> tuple[Edits, str] | None:
    """ "in stock", "for indoor use"; not a price ("from €5")."""
    priced = opening.after[:1] in ("€", "$", "£") or (opening.first == "from" and opening.after[:1].isdigit())
    return lead(opening.tokens) if opening.first in PLACING and not priced else None


def _measured(opening: Opening) -> tuple[Edits, str] | None:
    """ "two hours late", "10 cm tall"."""
    number = opening.first in NUMBERS or opening.first.isdigit()
    return lead(opening.tokens) if number and opening.beyond in LATE else None


def _verb(opening: Opening) -> tuple[Edits, str] | None:
    """ "fits under a bed", "holds six bottles"."""
    if not opening.may_be("VBZ") or opening.may_be("NN") or opening.titled:
        return None
    bare = not opening.may_be("NNS") and bool(tags(opening.after) & {"NN", "NNS", "JJ"})
    return _negate_first(opening) if opening.goes_on or bare else None


def _past(opening: Opening) -> tuple[Edits, str] | None:
    """ "arrived on time", "looked great"."""
    intransitive = not opening.may_be("VBN") or opening.first in INTRANSITIVE | BECOMING
    said = opening.goes_on or (opening.first in ("stopped", "started", "kept") and "VBG" in tags(opening.after))
    said = said or (opening.first in BECOMING and "JJ" in tags(opening.after))
    past = opening.may_be("VBD") and intransitive and said and not opening.titled
    return _negate_first(opening) if past else None


def _participle(opening: Opening) -> tuple[Edits, str] | None:
    """ "made in Japan", "having read the book", "certified organic"."""
    if not opening.possible & {"VBN", "VBG"}:
        return None
    after = tags(opening.after)
    said = opening.goes_on or not opening.after or (opening.first in ("having", "being") and "VBN" in after)
    said = said or (opening.may_be("VBN") and (opening.after == "," or (opening.end == 2 and after == {"JJ"})))
    objects = opening.may_be("VBG") and not opening.may_be("NN") and "NNS" in after and opening.beyond != "made"
    return lead(opening.tokens) if said or objects else None


def _adjective(opening: Opening) -> tuple[Edits, str] | None:
    """ "suitable for children", "light and compact" → "not light or compact"."""
    if not opening.may_be("JJ") or opening.after not in AFTER_ADJECTIVES:
        return None
    if opening.after == "," and opening.may_be("NN"):
        return None
    edits, rule = lead(opening.tokens)
    if opening.after == "and" and "JJ" in tags(opening.beyond):
        edits[1] = "or"
    return edits, rule


def _adverb(opening: Opening) -> tuple[Edits, str] | None:
    """ "very easy to assemble", "currently in stock", "lightly roasted"."""
    if opening.first == "more" and opening.after == "than":
        return lead(opening.tokens)
    if not opening.may_be("RB") or opening.first in UNSAID:
        return None
    if "VBG" in tags(opening.after) and opening.possible != {"RB"}:
        return None  # "deep learning", "free shipping"
    if tags(opening.after) & {"JJ", "VBN", "VBG"}:
        ends = opening.beyond in PREPOSITIONS | {"to", "", ".", "and", ","} or "VBN" in tags(opening.after)
        return lead(opening.tokens) if ends else None
    return lead(opening.tokens) if opening.after in PREPOSITIONS and opening.first.endswith("ly") else None


def lead(tokens: Sequence[Token]) -> tuple[Edits, str]:
    """ "Not" before the first word."""
    not_ = "Not" if tokens[0].text[:1].isupper() else "not"
    return {0: f"{not_} {tokens[0].text if is_titled(tokens) else lowered(tokens[0])}"}, "fragment not"


def _negate_first(opening: Opening) -> tuple[Edits, str]:
    return negate_verb(opening.tokens, Main(0, 0, False))


def _like(pattern: str, text: str) -> str:
    return text.capitalize() if pattern[:1].isupper() else text


def is_predicate(tokens: Sequence[Token]) -> bool:
    """Predicates without a subject: "not yet licensed …", "sunny with light winds"."""
    if tokens[0].low in ("not", "without") and not any(token.low == "," for token in tokens):
        return (
            tokens[0].low == "without"
            or tags(tokens[1].low) & {"JJ", "VBN", "RB", "VBG"} != set()
            or tokens[1].low == "for"
        )
    adjective = "JJ" in tags(tokens[0].low) and not tags(tokens[0].low) & {"VB", "NNS", "RB"}
    return (
        adjective
        and len(tokens) > 2
        and tokens[1].low in PREPOSITIONS | {"to"}
        and all(token.low != "," for token in tokens)
    )
