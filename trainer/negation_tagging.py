"""The part of speech of every word where it stands, and how many finite verbs its clauses still owe there.

A hidden Markov model over (tag, verbs owed, number of the subject), decoded by Viterbi. The sentence begins owing one
finite verb; who, because, a joining "and", or a new subject straight after a noun ("the recipe my aunt wrote") owes one
more; a finite verb pays one; to have one too many or one too few is dear. So "switches" is a noun in "the light switches
were replaced", because "were" must be the verb. Which tags follow which, and what each word mostly is, was counted in
untagged public texts by hard expectation maximisation from a rough start (`benchmarks/negation_tags.py`); that the state
holds the verbs owed is what makes this work without a treebank.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from trainer.negation_costs import ALIKE, NO_SUCH_PAIR, Costs, shipped
from trainer.negation_forms import Token
from trainer.negation_lexicon import FINITE, NOMINAL, OPENERS, SUBJECT_STARTS, candidates
from trainer.negation_places import ACRONYMS, Place, is_caption, is_titled, places
from trainer.negation_words import words


class Tagged(NamedTuple):
    """A word's tag, and what is known after it: the finite verbs owed and the number of the subject so far."""

    tag: str
    owed: int
    number: str


State = tuple[str, int, str]
# tag, finite verbs owed, number of the subject: "", - past the verb, s, d (after "a"), p; S, P once its head is past; c in "a and"
Layer = dict[State, tuple[float, State | None]]

ONE_TOO_MANY, DISAGREES = 9.0, 4.0
NO_VERB, NO_VERB_STOP, VERB_LOST, EACH_MISSING, CAPTION = (
    2.5,
    4.0,
    7.0,
    3.0,
    2.0,
)  # a sentence that ends owing a finite verb
WIDTH = 14.0  # how much dearer than the best a reading may be and still be followed
SINGULAR = {"is": "s", "was": "s", "has": "s", "does": "s", "are": "p", "were": "p", "have": "p", "do": "p"}
COLLECTIVE = words("group couple crowd lot number pair variety bunch majority handful team range")
SAYING = words(
    "say says said think thinks thought know knows knew believe believes believed hope hopes hoped mean means meant suggest "
    "suggests suggested show shows showed find finds found feel feels felt see sees saw claim claims claimed guess wish "
    "wishes understand realise realize insist insists admit admits admitted argue argues indicate indicates assume "
    "hear heard report reports reported reveal reveals revealed suppose doubt doubts ensure ensures learn learned notice "
    "noticed prove proves proved explain explains explained confirm confirms confirmed tell told sure glad afraid promise "
    "promised swear expect expects recommend recommends"
)
POLITE = words("then please now first always never just simply also so kindly next")
EXPECTING_NOUN = words("DT DTS DTP POS WHD JJ CD IN VBN")
BEFORE_BASE = words(
    "^ TO MD DO NOT CCV CCO CV CM CMV SM SMV RB RA"
)  # before a verb's base form that nothing earlier licenses
REQUESTING = words("^ CM CMV SM SMV CV")  # a base form after these is a request, and pays as a finite verb does
ASKED = words("NN NNS PN PNP PRP PRS PRX RB RA NOT")
WITHIN = words(
    "always often never also still already just only even really now usually sometimes ever quite so both all too"
)


@lru_cache(maxsize=512)
def tagged(tokens: tuple[Token, ...]) -> tuple[Tagged, ...]:
    """The likeliest tags of a sentence."""
    return decode(tokens, shipped())


def decode(tokens: Sequence[Token], costs: Costs) -> tuple[Tagged, ...]:
    """Viterbi's best path through the sentence."""
    layers: list[Layer] = [{("^", 1, ""): (0.0, None)}]
    for place, tags in zip(places(tokens), _choices(tokens, costs), strict=True):
        layers.append(_next(layers[-1], tags, costs, place))
    last, unpaid = layers[-1], _unpaid(tokens)
    state: State | None = min(last, key=lambda one: last[one][0] + _missing(one[1], unpaid))
    path = []
    for layer in reversed(layers[1:]):
        assert state is not None
        path.append(Tagged(*state))
        state = layer[state][1]
    return tuple(reversed(path))


def _choices(tokens: Sequence[Token], costs: Costs) -> Iterator[Sequence[tuple[str, float]]]:
    """(tag, cost) of each word, as far as a look at the words beside it decides."""
    title, auxiliary = is_titled(tokens), False
    for number, token in enumerate(tokens):
        nominal = number > 0 and bool(EXPECTING_NOUN & {*candidates(tokens[number - 1].low)})
        tags = costs.of(token.low, not title and number > 0 and token.text[:1].isupper(), nominal)
        if number + 1 == len(tokens):
            tags = tuple(one for one in tags if one[0] not in OPENERS) or tags
        if auxiliary and (token.low in WITHIN or (token.low.endswith("ly") and tags[0][0] == "RB")):
            tags = (("RA", 0.0),)
        elif token.low in ("may", "might", "can", "will") and token.text == token.low and not _nominal(tokens, number):
            tags = (("MD", 0.0),)
        elif token.text in ACRONYMS and any(other.text != other.text.upper() for other in tokens):
            tags = (("NN", 0.0),)
        elif token.low == "as" and number and tokens[number - 1].low == "such":
            tags = (("IN", 0.0),)
        elif token.low == "as" and any(other.low == "as" for other in tokens[number + 1 : number + 4]):
            tags = (("RB", 0.0),)
        elif token.low in ("than", "as") and _verb_soon(tokens, number + 1):
            tags = (("SC", 0.0),)
        yield tags
        auxiliary = tags[0][0] in ("RA", "NOT", "BE", "HV", "MD", "DO", "BEN")


def _nominal(tokens: Sequence[Token], number: int) -> bool:
    return number > 0 and candidates(tokens[number - 1].low)[0] in ("DT", "DTS", "POS")


def _verb_soon(tokens: Sequence[Token], start: int) -> bool:
    for token in tokens[start : start + 5]:
        if token.low == ",":
            return False
        if set(candidates(token.low)) <= FINITE:
            return True
    return False


def _missing(owed: int, unpaid: float) -> float:
    return unpaid + EACH_MISSING * (owed - 1) if owed else 0.0


def _unpaid(tokens: Sequence[Token]) -> float:
    """How dear it is that a verb is missing: little where the text begins as captions do, much where one is sure to stand."""
    lows = [token.low for token in tokens]
    if is_caption(tokens) or (lows and "SC" in candidates(lows[0]) and "," not in lows):
        return CAPTION
    if any(set(candidates(low)) <= FINITE for low in lows):
        return VERB_LOST
    return NO_VERB_STOP if lows and lows[-1] in ".!?" else NO_VERB


def _next(layer: Layer, tags: Sequence[tuple[str, float]], costs: Costs, place: Place) -> Layer:
    """The states one word further, each by its cheapest way."""
    found: Layer = {}
    for state, (cost, _) in layer.items():
        earlier, owed, number = state
        after = costs.after[earlier]
        for tag, own in tags:
            if tag == "CC":
                tag = ALIKE.get(earlier, "CCO")
            here = cost + own + after.get(tag, NO_SUCH_PAIR)
            if tag in FINITE:
                here += _unlikely_verb(number, tag, earlier, place)
            elif tag == "VB":
                here += _unlikely_base(earlier, number, place)
            elif tag == "VBN" and not place.participles and earlier == "RB" and not place.only_adverbs:
                here += 2.0
            elif tag == "NNS" and number == "d":
                here += 2.5
            for then, more in _owing(tag, earlier, owed, place):
                key = (tag, then, _number(number, tag, place, then > owed))
                if key not in found or here + more < found[key][0]:
                    found[key] = (here + more, state)
    limit = min(cost for cost, _ in found.values()) + WIDTH
    return {state: way for state, way in found.items() if way[0] < limit}


def _unlikely_verb(number: str, tag: str, earlier: str, place: Place) -> float:
    """What it costs a finite verb to disagree with its subject, to follow the sentence's first comma, or to have no subject."""
    cost = 3.0 if place.first_comma and earlier in ("CM", "RB") else -1.5 if place.second_comma else 0.0
    if tag in ("VBP", "VBZ") and not number and (earlier == "RB" or (earlier in ("CMV", "SMV") and tag == "VBP")):
        cost += 4.0  # no subject
    if tag == "VBD" and (place.only_adverbs or place.caption) and "VBN" in candidates(place.low):
        cost += 4.0 if place.only_adverbs else 2.0
    if place.last and place.caption:
        cost += 2.0
    if tag == "VBP" and "JJ" in candidates(place.low):
        cost += 1.5  # "full" and "ready" are hardly ever verbs
    if place.pending:
        cost += NO_SUCH_PAIR
    wanted = "s" if tag == "VBZ" else "p" if tag == "VBP" else SINGULAR.get(place.low, "") if earlier != "PRP" else ""
    return cost + (
        DISAGREES if number not in ("", "-") and wanted and wanted != {"d": "s"}.get(number, number.lower()) else 0.0
    )


def _unlikely_base(earlier: str, number: str, place: Place) -> float:
    """What it costs a base form to stand there without a modal, "to" or a request."""
    if place.inverted and earlier in ASKED:
        return -2.0
    licensed = (earlier in BEFORE_BASE and not (earlier == "RB" and number.isalpha())) or (
        place.causes and earlier in ("NN", "NNS", "PN", "PNP", "PRX")
    )
    return 0.0 if licensed else 4.0


def _owing(tag: str, earlier: str, owed: int, place: Place) -> tuple[tuple[int, float], ...]:
    """(verbs owed after this word, cost): at least one way to go on, two where a clause may open without a word of its own."""
    if tag in FINITE:
        if owed:
            return ((owed - 1, 3.0 if owed == 1 and place.in_adjunct else 0.0),)
        return ((0, 3.0 if place.before in SAYING else ONE_TOO_MANY),)
    if tag == "VB" and (
        (earlier in REQUESTING and place.before not in ("(", ")")) or (earlier == "RB" and place.before in POLITE)
    ):
        if owed and place.bases and earlier != "^":
            return ((owed, 0.0), (owed - 1, 0.5))  # "could boost trade, create wealth"
        return ((owed - 1, 0.0),) if owed else ((0, 1.5),)
    if tag in ("SM", "SMV") and place.low in ".;!?" and not place.last:
        return ((owed + (tag == "SMV"), 3.0 * owed + 0.6 * (tag == "SMV")),)
    more = min(owed + 1, 4)
    if tag in OPENERS:
        if place.asks:
            return ((owed, 0.0),)
        return ((more, 2.0 if tag == "CMV" else 0.1 if tag in ("WH", "WHD", "SC") else 0.6),)
    bare = _bare(tag, earlier, place.before) if tag in SUBJECT_STARTS else None
    if bare is None:
        return ((owed, 0.0),)
    return (
        (owed, (1.5 if place.fronted else 5.0) if earlier in NOMINAL and tag in ("PRP", "PRS") else 0.0),
        (more, bare),
    )


def _bare(tag: str, earlier: str, before: str) -> float | None:
    """What it costs to open a clause without a word: "the food we like", "they say it works", "glad you came"."""
    if earlier in NOMINAL:
        return {"PRP": 1.0, "PRS": 1.0, "DT": 4.5, "DTS": 4.5, "DTP": 4.5, "PN": 4.5, "NN": 6.5, "NNS": 6.5}.get(tag)
    pronoun = tag in ("PRP", "PRS")
    if earlier in ("VBZ", "VBP", "VBD", "VB", "VBG", "VBN", "JJ", "PRX"):
        return (0.3 if pronoun else 2.0) if before in SAYING else (3.0 if pronoun else 8.0)
    return 4.0 if earlier == "RB" and pronoun else None


def _number(number: str, tag: str, place: Place, opened: bool) -> str:
    """The number of the clause's subject as its words go by; capital once its head is past."""
    if tag in FINITE:
        return "-"
    if opened or tag in OPENERS or place.adjunct_ends:
        number = ""
    if tag in OPENERS or number == "-":
        return number
    if number in ("S", "P"):
        return "P" if tag[:2] == "CC" else number
    if tag == "DTS" or (number == "d" and tag in ("NN", "JJ")):
        return "P" if number == "c" else "d"
    if tag in ("NN", "PRS", "PN") or (tag == "VBG" and not number):
        return "P" if number == "c" else "s"
    if tag in ("NNS", "PRP", "PNP", "DTP") or (tag == "CD" and not number):
        return "P" if number == "c" else "p"
    if number and tag[:2] == "CC":
        return "c"
    if number and tag in ("IN", "VBN", "VBG", "TO"):
        return "" if place.low == "of" and place.before in COLLECTIVE else "S" if number in "sd" else "P"
    return number
