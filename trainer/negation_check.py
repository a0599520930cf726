"""Is an answer really the negation of a text, and otherwise the text? The check of what a model wrote.

The two are laid side by side word by word. What a negation brings along may change: cues (not, no, never, without …),
opposites from our tables, do-support with the verb's form, any and some, yet and already, either and too, articles and the
number of a noun beside a cue, contractions. Nothing else may, not one word: content words stay as they are. Then the turns
are counted: each clause may be turned once and the main one must be, for two turns in one clause say the same thing again.
It would rather refuse a good answer than keep a bad one; what it refuses is one text less to train on.
"""

from __future__ import annotations

from collections.abc import Sequence

from trainer.negation_check_align import TURNS, Step, align, read, tense
from trainer.negation_check_words import (
    ARTICLES,
    COORDINATORS,
    CUES,
    QUANTIFIERS,
    SUBORDINATORS,
    TURNING_PAIRS,
    readings,
    verb_forms,
)
from trainer.negation_words import ADVERBS, AUXILIARIES, BE, DETERMINERS, NOT_LEXICAL, POSSESSIVES, PREPOSITIONS

REASONS = {
    "empty": "there is no word in it",
    "more than one line": "explanations and lists come on lines of their own",
    "too long": "longer than any negation of the text could be",
    "unchanged": "the text itself, but for case, spaces and contractions",
    "a word added": "a word that a negation does not bring along",
    "a word left out": "a word of the text is gone",
    "a word replaced": "a word of the text became another one that is not its opposite",
    "letter case changed": "a word within the sentence is written with other capitals",
    "another verb form": "tense or agreement changed, or a form of do does not fit its verb",
    "not negated": "small words changed, but nothing turns the sentence round",
    "turned twice": "one clause has two turns, so it says the same again",
    "only a side clause": "what is turned is a clause with who, that, if, because …, not the sentence",
    "only a modifier": "what is turned only describes a noun: an expensive lamp is not the denial of a cheap one",
}
OTHER = {"added": "a word added", "left out": "a word left out", "other": "a word replaced"}
LONGEST = 60  # characters an answer may have beyond twice the text
NEAR = 3  # words between a changed quantifier and the noun whose number changes with it
FINITE = ("VBZ", "VBD")
SAME = {("VB", "VB"), ("VBZ", "VBZ"), ("VBD", "VBD")}
HIGH = ("already", "too", "also", "some", "somewhat", "both")  # words that no negation brings along, only takes away
NO_WORDS = ("no", "none", "nobody", "nothing", "neither")
OWNERS = DETERMINERS | POSSESSIVES - {"'s", "'"}  # what a noun phrase begins with


def check(text: str, answer: str) -> str | None:
    """None where `answer` negates `text` and changes nothing else, or one of REASONS."""
    shape = _shape(text, answer)
    if shape:
        return shape
    steps = align(read(text), read(answer))
    unknown = next((step.kind for step in steps if step.kind in OTHER), None)
    if unknown:
        return OTHER[unknown]
    if all(step.kind == "keep" for step in steps):
        return "letter case changed" if _recased(steps) else "unchanged"
    if _recased(steps):
        return "letter case changed"
    if not any(step.kind in TURNS for step in steps):
        return "not negated"
    return _loose(steps) or _verbs(steps) or _turns(steps)


def _shape(text: str, answer: str) -> str | None:
    if not any(letter.isalnum() for letter in answer):
        return "empty"
    if len(answer.splitlines()) != 1 or not answer.isprintable():
        return "more than one line"
    return "too long" if len(answer) > 2 * len(text) + LONGEST else None


def _recased(steps: Sequence[Step]) -> bool:
    """A kept word may change its capital only at the beginning of a sentence, where a cue may have come or gone."""
    old_first = next((step.old.text[0] for step in steps if step.old), "")
    new_first = next((step.new.text[0] for step in steps if step.new), "")
    if old_first.isalpha() and old_first.isupper() != new_first.isupper():
        return True
    for number, step in enumerate(steps):
        old, new = step.old, step.new
        if step.kind == "keep" and old and new and old.text != new.text and old.text.lower() == new.text.lower():
            before = [earlier for earlier in steps[:number] if earlier.old], [e for e in steps[:number] if e.new]
            if not any(not side or side[-1].word.low in ".!?:\"'“‘" for side in before):
                return True
    return False


def _loose(steps: Sequence[Step]) -> str | None:
    """Small words that changed without the cue that brings them along."""
    for number, step in enumerate(steps):
        pair = {word.low for word in (step.old, step.new) if word}
        after = steps[number + 1].word.low if number + 1 < len(steps) else ""
        if step.kind in ("article", "of") and not _beside_quantifier(steps, number):
            return "a word added" if step.new else "a word left out"
        if step.kind == "number" and not any(other.kind != "keep" for other in steps[max(0, number - NEAR) : number]):
            return "a word replaced"
        if pair == {"a", "an"} and (number + 1 == len(steps) or steps[number + 1].kind == "keep"):
            return "a word replaced"
        if step.kind == "polarity" and step.new and (step.new.low in HIGH or after in ARTICLES):
            return "a word added"
        if pair == {"and", "or"} and not any(earlier.kind in TURNS for earlier in steps[:number]):
            return "a word replaced"
    return None


def _beside_quantifier(steps: Sequence[Step], number: int) -> bool:
    """Whether a changed quantifier, with or without stands next to a small word: "none of the", "without a"."""
    the = steps[number].word.low == "the"
    for way in (-1, 1):
        place = number + way
        while 0 <= place < len(steps) and steps[place].kind in ("article", "of"):
            place += way
        low = steps[place].word.low if 0 <= place < len(steps) and steps[place].kind != "keep" else ""
        if low in QUANTIFIERS and (not the or abs(place - number) > 1 or steps[number].old is not None):
            return True
        if low in ("with", "without") and not the:
            return True
    return False


def _verbs(steps: Sequence[Step]) -> str | None:
    """Every change of a verb's form needs its reason: a form of do or of fail to, or a quantifier that changed."""
    given: str | None = None  # the tense that the answer's new do (or fail to) carries
    taken: str | None = None  # and the one that the text's lost do carried
    counted = False
    for number, step in enumerate(steps):
        carries = tense(step.word) if step.kind in ("do", "cue") else None  # a cue: fail to
        if carries and not _supports(steps, number, carries):
            return "another verb form"
        if carries and step.new:
            given = carries
        elif carries:
            taken = carries
        counted |= step.kind not in ("keep", "verb") and step.word.low in QUANTIFIERS
        if step.kind == "verb" or _fails_otherwise(step):
            forms = _forms(step)
            supported = (given, "VB") in forms or ("VB", taken) in forms
            if not supported and not (counted and forms & {("VB", "VBZ"), ("VBZ", "VB"), ("VBD", "VBD")}):
                return "another verb form"
    return None


def _forms(step: Step) -> frozenset[tuple[str | None, str | None]]:
    if step.old is None or step.new is None:
        return frozenset()
    if step.word.low == "fail-to":
        return frozenset({(tense(step.old), tense(step.new))})
    return frozenset(
        pair for one in step.old.may_be for other in step.new.may_be for pair in verb_forms(one, other)
    )  # fmt: skip


def _fails_otherwise(step: Step) -> bool:
    """Whether "fail to" stayed in another form."""
    return step.word.low == "fail-to" and bool(step.old and step.new) and not _forms(step) <= SAME


def _supports(steps: Sequence[Step], number: int, carries: str) -> bool:
    """Whether the next verb after a do that came or went has the tense of that do on the side without it."""
    for step in steps[number + 1 :]:
        if ((carries, "VB") if steps[number].new else ("VB", carries)) in _forms(step):
            return True
        adverb = step.word.low in ADVERBS or any(tag == "RB" for _, tag in readings(step.word.low))
        if step.kind not in (*TURNS, "polarity") and not adverb:
            return False
    return False


def _turns(steps: Sequence[Step]) -> str | None:
    """Count the turns by clause, and ask where they are."""
    clauses, verb = [0], False
    for step in steps:
        low = step.word.low
        if step.kind in TURNS:
            clauses[-1] += 1
        if low in COORDINATORS and (verb or low in ".!?;"):
            clauses.append(int(low == "nor" and step.kind != "keep"))
            verb = False
        verb |= low in AUXILIARIES or _is_finite(low)
    if max(clauses) > 1:
        return "turned twice"
    turned = [number for number, step in enumerate(steps) if step.kind in TURNS]
    if _moved(steps, turned):
        return "turned twice"
    if any(_in_side_clause(steps, number) for number in turned):
        return "only a side clause"
    return "only a modifier" if any(_is_modifier(steps, number) for number in turned) else None


def _moved(steps: Sequence[Step], turned: Sequence[int]) -> bool:
    """Whether a no-word went and a cue came elsewhere, or the other way round: "no goods are" against "goods are not"."""
    gone = [step.old.low for step in map(steps.__getitem__, turned) if step.old and step.old.low in CUES]
    come = [step.new.low for step in map(steps.__getitem__, turned) if step.new and step.new.low in CUES]
    return bool(gone and come) and any(low in NO_WORDS for low in gone + come)


def _is_finite(low: str) -> bool:
    """Whether a word is a finite verb by its form, and no plural noun as well ("guests", "prices")."""
    tags = {tag for _, tag in readings(low)}
    return low in AUXILIARIES or (bool(tags & set(FINITE)) and not tags & {"NNS", "NN"})


def _in_side_clause(steps: Sequence[Step], number: int) -> bool:
    """Whether, going back from the turned verb, a subordinator comes before any other verb or comma."""
    start = number
    while start and (steps[start - 1].word.low in AUXILIARIES | ADVERBS or steps[start - 1].kind in ("do", "cue")):
        start -= 1
    for place in range(start - 1, -1, -1):
        low, before = steps[place].word.low, steps[place - 1].word.low if place else ""
        if low in SUBORDINATORS and not (low == "that" and before in PREPOSITIONS):
            return place > 0 or (any(step.word.low == "," for step in steps) and steps[-1].word.low != "?")
        its_verb = before in ("who", "which", "that") and any(tag in ("VB", *FINITE) for _, tag in readings(low))
        if low in COORDINATORS or low == "," or its_verb or _is_finite(low):
            return False
    return False


def _is_modifier(steps: Sequence[Step], number: int) -> bool:
    """Whether what is turned stands within a noun phrase of a sentence, so that the statement itself is not denied."""
    step = steps[number]
    side = [word for other in steps[:number] if (word := other.new if step.new else other.old)]
    before = side[-1].low if side else ""
    if step.word.low == "not":
        return before in OWNERS
    finite = [place for place, other in enumerate(steps) if place != number and _is_finite(other.word.low)]
    if not finite or _is_verb(step, before):
        return False
    known = {(word.low, other.low) for word in (step.old,) if word for other in (step.new,) if other} & TURNING_PAIRS
    if known or step.kind == "cue":
        return before in PREPOSITIONS and number < finite[0]
    return number < finite[0] or _is_attribute(steps, number)


def _is_verb(step: Step, before: str) -> bool:
    if step.old is None or step.new is None or before in OWNERS:
        return False
    tags = [{tag for _, tag in readings(word.low)} for word in (step.old, step.new)]
    return bool(tags[0] & tags[1] & {"VB", "VBZ", "VBD"})


def _is_attribute(steps: Sequence[Step], number: int) -> bool:
    after = steps[number + 1].word.low if number + 1 < len(steps) else "."
    if after in NOT_LEXICAL or not {tag for _, tag in readings(after)} & {"NN", "NNS"}:
        return False
    said = [step.word.low for step in steps[max(0, number - 2) : number]]  # "is a bad teacher" is said of the subject
    return not any(low in BE for low in said)
