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

from trainer.negation_beside import forced
from trainer.negation_costs import ALIKE, NO_SUCH_PAIR, Costs, shipped
from trainer.negation_forms import Token
from trainer.negation_lexicon import FINITE, INTRANSITIVE, NOMINAL, OPENERS, candidates
from trainer.negation_places import Place, is_caption, is_titled, places
from trainer.negation_steps import number_after, owing, unlikely_base, unlikely_verb
from trainer.negation_words import words


class Tagged(NamedTuple):
    """A word's tag, and what is known after it: the finite verbs owed and the number of the subject so far."""

    tag: str
    owed: int
    number: str


State = tuple[str, int, str]
# tag, finite verbs owed, number of the subject: "", - past the verb, s, d (after "a"), p; S, P once its head is past; c in "a and"
Layer = dict[State, tuple[float, State | None]]

NO_VERB, NO_VERB_STOP, VERB_LOST, EACH_MISSING, CAPTION = 2.5, 5.5, 7.0, 3.0, 2.0  # a sentence that ends owing a verb
WIDTH = 14.0  # how much dearer than the best a reading may be and still be followed
EXPECTING_NOUN = words("DT DTS DTP POS WHD JJ CD IN VBN")
WITHIN = words(
    "always often never also still already just only even really now usually sometimes ever quite so both all too"
)


class Readings(NamedTuple):
    """All the readings of a sentence that are worth following: the layers of states, and what made them."""

    layers: list[Layer]
    steps: list[tuple[Place, Sequence[tuple[str, float]]]]
    unpaid: float  # what it costs to end without the sentence's own verb


@lru_cache(maxsize=512)
def tagged(tokens: tuple[Token, ...]) -> tuple[Tagged, ...]:
    """The likeliest tags of a sentence."""
    return _best_path(readings(tokens))


def decode(tokens: Sequence[Token], costs: Costs) -> tuple[Tagged, ...]:
    """Viterbi's best path through the sentence."""
    return _best_path(_readings(tokens, costs))


@lru_cache(maxsize=512)
def readings(tokens: tuple[Token, ...]) -> Readings:
    """The readings of a sentence by the shipped costs."""
    return _readings(tokens, shipped())


def _readings(tokens: Sequence[Token], costs: Costs) -> Readings:
    layers: list[Layer] = [{("^", 1, ""): (0.0, None)}]
    steps = list(zip(places(tokens), _choices(tokens, costs), strict=True))
    for place, tags in steps:
        layers.append(_next(layers[-1], tags, costs, place))
    return Readings(layers, steps, _unpaid(tokens))


def go_on(layer: Layer, steps: Sequence[tuple[Place, Sequence[tuple[str, float]]]]) -> Layer:
    """The last layer, from one in the middle and the steps that follow it, by the shipped costs."""
    for place, tags in steps:
        layer = _next(layer, tags, shipped(), place)
    return layer


def cheapest(last: Layer, unpaid: float) -> float:
    """The cost of the likeliest of the readings that a last layer holds."""
    return min(cost + _missing(state[1], unpaid) for state, (cost, _) in last.items())


def _best_path(read: Readings) -> tuple[Tagged, ...]:
    last = read.layers[-1]
    state: State | None = min(last, key=lambda one: last[one][0] + _missing(one[1], read.unpaid))
    path = []
    for layer in reversed(read.layers[1:]):
        assert state is not None
        path.append(Tagged("VBN" if state[0] == "VBR" else state[0], *state[1:]))
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
        only = forced(tokens, number)
        if auxiliary and (token.low in WITHIN or (token.low.endswith("ly") and tags[0][0] == "RB")):
            tags = (("RA", 0.0),)
        elif only:
            tags = ((only, 0.0),)
        elif number > 1 and tokens[number - 1].low == "longer" and tokens[number - 2].low == "no":
            tags = tuple(one for one in tags if one[0] not in ("NN", "NNS")) or tags
        yield tags
        auxiliary = tags[0][0] in ("RA", "NOT", "BE", "HV", "MD", "DO", "BEN")


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
            if tag == "CCN" and place.low == "but":
                here += 3.0  # "but" joins clauses, hardly nouns
            if tag == "VBN" and earlier in NOMINAL and not place.participles:
                tag = "VBR"
                here += 5.0 if place.low in INTRANSITIVE else 0.0
            if tag in FINITE:
                here += unlikely_verb(number, tag, earlier, place)
            elif tag == "VB":
                here += unlikely_base(earlier, number, place)
            elif tag == "VBN" and not place.participles and earlier == "RB" and not place.only_adverbs:
                here += 2.0
            elif tag == "NNS" and number == "d":
                here += 2.5
            elif tag == "PN" and earlier in ("NN", "NNS"):
                here += 2.0
            elif tag == "NN" and earlier == "NNS":
                here += 1.5  # "twins study": a plural hardly stands before another noun
            for then, more in owing(tag, earlier, owed, place):
                key = (tag, then, number_after(number, tag, place, then > owed))
                if key not in found or here + more < found[key][0]:
                    found[key] = (here + more, state)
    limit = min(cost for cost, _ in found.values()) + WIDTH
    return {state: way for state, way in found.items() if way[0] < limit}
