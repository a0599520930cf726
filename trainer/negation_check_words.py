"""The words the check of a negation knows: which ones turn a sentence round, and which only come along.

A cue is a word whose coming or going turns the sentence round. A pair of words may stand for each other either turning it
round (always, never) or not (some, any). Everything else is a content word, and content words must stay.
"""

from __future__ import annotations

from functools import cache, lru_cache

from trainer.negation_tables import antonyms, less, prefixes
from trainer.negation_words import words

CUES = words("not no never none nobody nothing nowhere neither without no-longer fail-to non")
ARTICLES = words("a an the")
QUANTIFIERS = words(
    "all every each both either some any many most few no none neither nobody somebody everybody anybody"
)
POLARITY = words("any some yet already too either also ever even still any-more both somewhat")
DO = {"do": "VB", "does": "VBZ", "did": "VBD"}
FAIL = {"fail": "VB", "fails": "VBZ", "failed": "VBD"}
COORDINATORS = words("and or nor but so ; . ! ?")
SUBORDINATORS = words(
    "if when whenever because although though while whereas unless whether where wherever that how why who which whose whom"
)
SHORT = {  # what a contracted form may stand for; 's is also the genitive, and "us" after "let"
    "'m": ("am",), "'re": ("are",), "'ve": ("have",), "'ll": ("will",), "'d": ("would", "had"), "'s": ("is", "has", "us"),
    "n't": ("not",), "ca": ("can",), "wo": ("will",), "sha": ("shall",), "anymore": ("any-more",),
}  # fmt: skip
TWO = {
    ("no", "one"): "nobody", ("no", "longer"): "no-longer", ("any", "more"): "any-more", ("any", "longer"): "any-more",
    ("fail", "to"): "fail-to", ("fails", "to"): "fail-to", ("failed", "to"): "fail-to",
}  # fmt: skip
ONE = {"someone": "somebody", "anyone": "anybody", "everyone": "everybody", "noone": "nobody"}
BE_HAVE_DO = {
    "am": ("be", "VB"), "are": ("be", "VB"), "is": ("be", "VBZ"), "was": ("be", "VBD"), "were": ("be", "VBD"), "be": ("be", "VB"),
    "have": ("have", "VB"), "has": ("have", "VBZ"), "had": ("have", "VBD"),
    "do": ("do", "VB"), "does": ("do", "VBZ"), "did": ("do", "VBD"),
}  # fmt: skip
TURNING = {  # a word on the left against any on the right turns the sentence round, in both directions
    "no": "a an the any some every all each both many most", "none": "all both some many most each every any",
    "nobody": "somebody everybody anybody", "nothing": "something everything anything",
    "nowhere": "somewhere everywhere anywhere", "never": "always ever often sometimes usually",
    "neither": "both either each", "no-longer": "still", "few": "many most", "little": "much",
    "rarely": "often usually", "seldom": "often usually", "lose": "win", "lack": "have", "short": "long",
}  # fmt: skip
ALIKE = {  # these may stand for each other without turning it round
    "any": "some every all a an", "anybody": "somebody everybody", "anything": "something everything",
    "anywhere": "somewhere everywhere", "ever": "always sometimes", "yet": "already still", "either": "too also both",
    "or": "and nor", "nor": "and", "each": "every", "a": "an",
}  # fmt: skip


def _pairs(table: dict[str, str]) -> frozenset[tuple[str, str]]:
    found = {(one, other) for one, others in table.items() for other in others.split()}
    return frozenset(found | {(other, one) for one, other in found})


TURNING_PAIRS, ALIKE_PAIRS = _pairs(TURNING), _pairs(ALIKE)


@cache
def opposites() -> frozenset[tuple[str, str]]:
    """Pairs of base forms that are opposites, in both directions: from the tables of antonyms, prefixes and -less."""
    found = {(word, opposite.word) for (word, _), opposite in antonyms().items()}
    found |= {(word, negated) for (word, _), negated in prefixes().items()}
    found |= {(having, lacking) for having, lacking in less().items() if " " not in having + lacking}
    return frozenset(found | {(other, one) for one, other in found}) | TURNING_PAIRS


@lru_cache(maxsize=50_000)
def readings(word: str) -> frozenset[tuple[str, str]]:
    """(base form, tag) for all that a lower-case word may be; the tag of a present verb without -s is VB."""
    if word in BE_HAVE_DO:
        return frozenset({BE_HAVE_DO[word]})
    if not word[:1].isalpha():
        return frozenset()
    from lemminflect import getAllInflections, getAllLemmas, getAllLemmasOOV

    lemmas: dict[str, tuple[str, ...]] = getAllLemmas(word)
    if not lemmas:  # not in the lexicon: judged by its ending
        lemmas = {**getAllLemmasOOV(word, "VERB"), **getAllLemmasOOV(word, "NOUN")}
        tag = "VBZ" if word.endswith("s") else "VBD" if word.endswith("ed") else "VB"
        return frozenset({(lemma, tag) for found in lemmas.values() for lemma in found} | {(word, "NN")})
    found = {
        (lemma, "VB" if tag == "VBP" else tag)
        for pos, bases in lemmas.items()
        for lemma in bases
        for tag, forms in getAllInflections(lemma, pos).items()
        if word in forms
    }
    return frozenset(found | {(lemma, "VBN") for lemma, tag in found if tag == "VBD" and word.endswith("ed")})


def is_opposite(one: str, other: str) -> bool:
    """Whether two lower-case words are opposites, in the same form: cheap expensive, agrees disagrees, scented unscented."""
    known = opposites()
    if (one, other) in known or _non(one, other) or _non(other, one):
        return True
    return any(tag == same and (left, right) in known for left, tag in readings(one) for right, same in readings(other))


def _non(word: str, negated: str) -> bool:
    return len(word) > 2 and negated in (f"non-{word}", f"non{word}")


def verb_forms(one: str, other: str) -> frozenset[tuple[str, str]]:
    """(tag of the one, tag of the other) for the verbs that two words can both be a form of."""
    return frozenset(
        (tag, to)
        for lemma, tag in readings(one)
        for same, to in readings(other)
        if lemma == same and tag.startswith("VB") and to.startswith("VB")
    )


def is_number(one: str, other: str) -> bool:
    """Whether the words are singular and plural of one noun."""
    return any(
        lemma == same and {tag, to} == {"NN", "NNS"} for lemma, tag in readings(one) for same, to in readings(other)
    )
