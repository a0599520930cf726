"""How sure the tagger is of a sentence's verb: what the best reading costs in which that word is something else.

"Cabinet handles" may say that a cabinet handles something, or name the handles. Where both readings cost nearly the same the
negator abstains. The layers of the tagger's search are kept, so that only the words from the doubtful one on are read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import inf

from trainer.negation_captions import is_passive
from trainer.negation_clauses import Main
from trainer.negation_forms import Token, tags
from trainer.negation_lexicon import FINITE, INTRANSITIVE, candidates
from trainer.negation_tables import tag_words
from trainer.negation_tagging import cheapest, go_on, readings, tagged
from trainer.negation_verbs import negation_place
from trainer.negation_words import NEGATIVE_ADVERBS, PREPOSITIONS, words

PAYING = FINITE | {"VB"}
LEAST, LEAST_STOP = 2.2, 1.0  # without and with a full stop: of margins below it every second answer was wrong
LEAST_FIRST = 0.5  # "works without a battery": a predicate's first word
SAID_OF_THINGS = words(
    "works tastes sounds looks feels smells fits comes runs holds keeps stays ships goes makes takes gives gets needs does has is "
    "lasts arrives arrived came works worked looked felt fits"
)  # verbs that reviews and product pages begin with
STANDING = words("stood stands stand sat sits lay lies hung hangs came comes lived lives rose appeared began ran runs")


def is_doubtful(tokens: Sequence[Token], mains: Sequence[Main]) -> bool:
    """Whether the verb to be negated is nearly as likely something else; a verb beside "not" or "never" is none."""
    place = negation_place(tokens, mains[0].verb)
    if place is not None and tokens[place].low not in NEGATIVE_ADVERBS:
        return False
    if _stands_first(tokens, mains[0].verb):
        return True
    if mains[0].verb > 1 and tokens[mains[0].verb - 1].low == "," and {"VBD", "VBN"} <= tags(tokens[0].low):
        return True  # "arrived broken, returned it": two predicates without a subject
    if _may_be_caption(tokens, mains[0].verb):
        return True
    if mains[0].verb == 0 and tokens[1:] and tokens[1].low == "of":
        return tokens[0].low not in ("smells", "tastes", "consists", "speaks")  # "works of art"
    if mains[0].verb == 0 and tokens[0].low in SAID_OF_THINGS:
        return False
    if tokens[-1].low == "left" and mains[0].verb == len(tokens) - 1:
        return True  # "the only one left"
    stops = tokens[-1].low in (".", "!", "?")
    return margin(tokens, mains[0].verb) < (LEAST_STOP if stops else LEAST if mains[0].verb else LEAST_FIRST)


def is_doubtful_participle(tokens: Sequence[Token], places: Iterable[int]) -> bool:
    """Whether a past participle that a caption says of its subject may be its verb: "visitors complained"."""
    if any(tokens[number].low in ("included", "required", "needed", "supplied") for number in places):
        return False
    past = any({"VBD", "VBP"} & tags(tokens[number].low) and not is_passive(tokens, number) for number in places)
    return past and verb_margin(tokens) < (LEAST if tokens[-1].low == "." else LEAST_FIRST)


def margin(tokens: Sequence[Token], verb: int) -> float:
    """How much dearer the sentence is when a word is not the verb its clause owes; infinite where it can be nothing else."""
    if set(candidates(tokens[verb].low)) <= FINITE:
        return inf
    key = tuple(tokens)
    read, owed = readings(key), tagged(key)[verb].owed
    other = {
        state: way for state, way in read.layers[verb + 1].items() if not (state[0] in PAYING and state[1] == owed)
    }
    if not other:
        return inf
    return cheapest(go_on(other, read.steps[verb + 1 :]), read.unpaid) - cheapest(read.layers[-1], read.unpaid)


def verb_margin(tokens: Sequence[Token]) -> float:
    """How much dearer the sentence is with a verb, where its best reading has none; infinite where it cannot have one."""
    read = readings(tuple(tokens))
    paid = {state: way for state, way in read.layers[-1].items() if state[1] == 0}
    if not paid:
        return inf
    return cheapest(paid, read.unpaid) - cheapest(read.layers[-1], read.unpaid)


def _may_be_caption(tokens: Sequence[Token], verb: int) -> bool:
    """ "Fishing boats tied up in the harbour.": a past form that may be a participle, no article before, no object behind."""
    low, after = tokens[verb].low, tokens[verb + 1].low if verb + 1 < len(tokens) else "."
    read = tagged(tuple(tokens))
    if read[verb].tag != "VBD" or "VBN" not in tags(low) or low in INTRANSITIVE or after not in PREPOSITIONS | {"."}:
        return False
    bare = all(word.tag in ("NN", "NNS", "JJ", "VBG", "CD", "VBN") for word in read[:verb])
    seen = tag_words().get(low, {})
    return bare and seen.get("VBN", 0) >= 0.3 * sum(seen.values())


def _stands_first(tokens: Sequence[Token], verb: int) -> bool:
    """ "In the corner stood an old piano": the subject comes after the verb."""
    read = tagged(tuple(tokens))
    if (
        read[0].tag != "IN"
        or tokens[verb].low not in STANDING
        or any(token.low == "," for token in tokens[:verb])
        or verb + 1 >= len(tokens)
    ):
        return False
    groups = sum(
        one.tag in ("NN", "NNS") and other.tag not in ("NN", "NNS") for one, other in pairwise(read[: verb + 1])
    )
    return (
        groups == 1
        and not any(word.tag in ("PRP", "PRS", "PN") for word in read[:verb])
        and read[verb + 1].tag[:2] == "DT"
    )
