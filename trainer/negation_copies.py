"""Near-copies that keep the meaning, and double flips: without them a model learns that a small edit means the opposite."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from trainer.negation_coordination import main_verbs
from trainer.negation_forms import Token, inflect, inflections, rewrite, tags, tokenise
from trainer.negation_tables import antonyms, prefixes, synonyms, unprefixed
from trainer.negation_verbs import Edits
from trainer.negation_ways import contract, predicate
from trainer.negation_words import AUXILIARIES, DETERMINERS, PREPOSITIONS, words

EXPANDED = {
    "n't": " not", "it's": "it is", "that's": "that is", "there's": "there is", "we're": "we are", "they're": "they are",
    "you're": "you are", "i'm": "i am", "we'll": "we will", "they'll": "they will", "you'll": "you will",
}  # fmt: skip
TIMES = words("yesterday today tomorrow now tonight")
POS = {"adj": "JJ", "adv": "RB", "noun": "NN", "verb": "VB"}


def near_copies(text: str) -> list[tuple[str, str]]:
    """(kind, text) that mean what the text means: synonym, contraction, order, time moved, tense, "there is"."""
    tokens = tokenise(text)
    if not tokens:
        return []
    found = [*_synonyms(tokens), *_contractions(text), *_orders(tokens), *_times(tokens), *_tenses(tokens)]
    found += _existentials(tokens)
    return [(kind, copy) for kind, copy in {copy: (kind, copy) for kind, copy in found}.values() if copy != text]


def double_flips(text: str) -> list[tuple[str, str]]:
    """(kind, text) with a predicate's complementary opposite and the negation toggled: "is closed" → "is not open"."""
    tokens = tokenise(text)
    mains = main_verbs(tokens, 0, len(tokens))
    place = predicate(tokens, mains[0]) if len(mains) == 1 else None
    if place is None or ("VBN" in tags(tokens[place].low) and _goes_on(tokens, place)):
        return []  # "dressed in white" is not "not naked in white"
    low, before = tokens[place].low, tokens[place - 1].low
    opposite = antonyms().get((low, "adj"))
    words = [opposite.word] if opposite and opposite.complementary else []
    words += [word for word in (prefixes().get((low, "adj")), unprefixed().get((low, "adj"))) if word]
    if before in ("not", "n't"):
        return [("double flip", rewrite(tokens, {place: word, place - 1: ""})) for word in dict.fromkeys(words)]
    if place != mains[0].verb + 1:
        return []
    return [("double flip", rewrite(tokens, {place: f"not {word}"})) for word in dict.fromkeys(words)]


def _goes_on(tokens: Sequence[Token], place: int) -> bool:
    return place + 1 < len(tokens) and tokens[place + 1].word


def _synonyms(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    for number, token in enumerate(tokens):
        if token.text != token.low or number == 0:
            continue
        for pos, tag in POS.items():
            for word in synonyms().get((token.low, pos), ())[:1]:
                if tags(token.low) & {"JJ", "RB", "NN", "VB"} == {tag} or tags(token.low) == {tag}:
                    yield "synonym", rewrite(tokens, {number: word, **_article(tokens, number, word)})
        yield from _inflected(tokens, number)


def _inflected(tokens: Sequence[Token], number: int) -> Iterator[tuple[str, str]]:
    """A verb's synonym in the verb's own form: began → started."""
    from trainer.negation_forms import base

    low = tokens[number].low
    verbal = [tag for tag in ("VBD", "VBZ", "VBG") if tag in tags(low)]
    lemma = base(low) if verbal and not tags(low) & {"NN", "NNS", "JJ", "RB"} else None
    if lemma and low in inflections(lemma, verbal[0]):
        for word in synonyms().get((lemma, "verb"), ())[:1]:
            if " " not in word:
                yield "synonym", rewrite(tokens, {number: inflect(word, verbal[0])})


def _tenses(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """ "A man is sleeping." → "A man sleeps.": of a progressive the simple form; only where it is the one main verb."""
    mains = main_verbs(tokens, 0, len(tokens))
    if len(mains) != 1 or mains[0].verb + 2 > len(tokens) or _asks(tokens):
        return
    verb = mains[0].verb
    tag = {"is": "VBZ", "are": "VB", "was": "VBD", "were": "VBD"}.get(tokens[verb].low)
    lemma = _gerund_of(tokens[verb + 1]) if verb + 1 < len(tokens) else None
    if tag and lemma and verb > 0 and tokens[0].low != "there":
        yield "tense", rewrite(tokens, {verb: "", verb + 1: inflect(lemma, tag)})


def _gerund_of(token: Token) -> str | None:
    """The verb of a plain -ing form that is nothing but one; "going", which forms the future, is left alone."""
    if not token.low.endswith("ing") or token.low == "going" or tags(token.low) & {"JJ", "RB"}:
        return None
    from trainer.negation_forms import base

    lemma = base(token.low)
    return lemma if lemma and token.low in inflections(lemma, "VBG") else None


def _existentials(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """ "A man is sleeping." → "There is a man sleeping."; and back."""
    mains = main_verbs(tokens, 0, len(tokens))
    if len(mains) != 1 or _asks(tokens):
        return
    verb, low = mains[0].verb, [token.low for token in tokens]
    following = low[verb + 1] if verb + 1 < len(low) else ""
    told = following in PREPOSITIONS or following.endswith("ing")
    if (
        low[0] in ("a", "an", "some", "two", "three")
        and low[verb] in ("is", "are", "was", "were")
        and told
        and verb < 6
    ):
        plain = rewrite(tokens, {0: low[0], verb: ""})
        yield "there is", f"There {low[verb]} {plain[:1].lower()}{plain[1:]}"


def _asks(tokens: Sequence[Token]) -> bool:
    return tokens[-1].low == "?"


def _article(tokens: Sequence[Token], number: int, word: str) -> Edits:
    before = tokens[number - 1].low if number else ""
    if before not in ("a", "an"):
        return {}
    right = "an" if word[0] in "aeio" else "a"
    return {number - 1: right.capitalize() if tokens[number - 1].text[0].isupper() else right}


def _contractions(text: str) -> Iterator[tuple[str, str]]:
    contracted = contract(text)
    if contracted != text:
        yield "contraction", contracted
        return
    for short, long in EXPANDED.items():
        pattern = r"(?<![wc])(?<!ca)(?<!wo)(?<!sha)n't\b" if short == "n't" else rf"\b{short}\b"
        expanded = re.sub(pattern, long, text, count=1, flags=re.IGNORECASE)
        if expanded != text and not text.rstrip().endswith("?"):
            yield "expansion", expanded[:1].upper() + expanded[1:] if text[:1].isupper() else expanded
            return


def _orders(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """ "frost and hail" → "hail and frost", where both are single nouns that nothing before or after belongs to."""
    for number in range(2, len(tokens) - 2):
        left, right = tokens[number - 1], tokens[number + 1]
        same = tags(left.low) & tags(right.low) & {"NN", "NNS"}
        plain = left.text == left.low and right.text == right.low and left.low != right.low
        opened = tokens[number - 2].low in PREPOSITIONS - {"between"} or tokens[number - 2].low in DETERMINERS - {
            "a",
            "an",
        }
        closed = tokens[number + 2].low in PREPOSITIONS | AUXILIARIES | {".", ",", "!"}
        if tokens[number].low == "and" and same and plain and opened and closed:
            yield "order", rewrite(tokens, {number - 1: right.text, number + 1: left.text})


def _times(tokens: Sequence[Token]) -> Iterator[tuple[str, str]]:
    """ "She came yesterday." → "Yesterday she came."."""
    if (
        len(tokens) < 4
        or tokens[-2].low not in TIMES
        or tokens[-1].low != "."
        or tokens[0].low not in {"he", "she", "we", "they", "it", "the", "my", "our"}
    ):
        return
    if len(main_verbs(tokens, 0, len(tokens))) == 1 and all(token.low not in ",;:" for token in tokens):
        time = tokens[-2].low.capitalize()
        yield (
            "time moved",
            f"{time} "
            + rewrite(tokens, {0: tokens[0].low, len(tokens) - 2: ""})[:1].lower()
            + rewrite(tokens, {len(tokens) - 2: ""})[1:],
        )
