"""The rule negator: a sentence in, the sentence that says the opposite out, with the rule that made it, or an abstention.

A sentence is read as tokens, split into its parts, and each mood has its rule: questions, requests, "there is", quantified
subjects, statements by their main verbs, and fragments without a verb. Coordinated verbs are negated each. What is negated
becomes affirmative. The negator would rather abstain, saying why, than guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from trainer.negation_affirm import affirm_verb
from trainer.negation_captions import flip_sure_caption, is_passive
from trainer.negation_clauses import Main, attribution_start
from trainer.negation_coordination import main_verbs
from trainer.negation_doubt import is_doubtful, is_doubtful_participle
from trainer.negation_existential import flip_existential
from trainer.negation_forms import Token, rewrite, tags, tokenise
from trainer.negation_fragments import flip_fragment
from trainer.negation_headlines import flip_headline
from trainer.negation_moods import flip_request, request_start
from trainer.negation_places import is_inverted, is_titled
from trainer.negation_predicates import is_predicate
from trainer.negation_questions import begins_question, flip_answer, flip_question, flip_tag, tag_question, unanswerable
from trainer.negation_scope import negative_object, under_negation, without_negation
from trainer.negation_subjects import NONE, flip_subject
from trainer.negation_tagging import tagged
from trainer.negation_unclear import unclear
from trainer.negation_verbs import Edits, negate_verb
from trainer.negation_ways import contract, ways
from trainer.negation_words import AUXILIARIES


@dataclass(frozen=True, slots=True)
class Negation:
    """A negated text and the rule that made it; `text` is None where the negator abstains, and `why` says why."""

    text: str | None
    rule: str
    why: str = ""


def negate(text: str, *, seed: int = 0, prefer: str | None = None) -> Negation:
    """The negation of a sentence: the usual one, or the one whose rule begins with `prefer` where there is such a one."""
    if prefer is not None:
        fitting = [way for way in negations(text) if way.rule.startswith(prefer)]
        if fitting:
            return fitting[_drawn(text, seed, len(fitting))]
    return _usual(text)


def negations(text: str) -> list[Negation]:
    """All the negations the rules know for a sentence, the usual one first."""
    usual = _usual(text)
    if usual.text is None:
        return []
    found = {usual.text: usual}
    short = contract(usual.text)
    if len(short) < len(usual.text) and usual.text not in text:
        found.setdefault(short, Negation(short, "contracted n't"))
    for rule, other in ways(text):
        found.setdefault(other, Negation(other, rule))
    return [way for way in found.values() if way.text != text]


def say(text: str) -> str:
    """What the command prints: the negation and its rule, or that it abstains and why."""
    found = negate(text)
    return f"abstains: {found.why}" if found.text is None else f"{found.text}\nrule: {found.rule}"


def _drawn(text: str, seed: int, among: int) -> int:
    return int.from_bytes(blake2b(f"{seed}\0{text}".encode(), digest_size=8).digest()) % among


def _usual(text: str) -> Negation:
    tokens = tokenise(text)
    if not any(token.word for token in tokens):
        return Negation(None, "", "no words")
    if len(tokens) > 120:
        return Negation(None, "", "longer than 120 words")
    found = _flip(tokens)
    if isinstance(found, str):
        return Negation(None, "", found)
    edits, rule = found
    negated = rewrite(tokens, edits) + text[len(text.rstrip()) :]
    if negated.strip() == text.strip():
        return Negation(None, "", "nothing to negate")
    return Negation(negated, rule)


def _flip(tokens: Sequence[Token]) -> tuple[Edits, str] | str:
    """The edits for the first sentence that has a negation, or why there is none."""
    answered = flip_answer(tokens)
    if answered:
        return answered
    why = "no finite verb"
    start = 0
    for end in _sentence_ends(tokens):
        part = tokens[start:end]
        found = _flip_sentence(part)
        if not isinstance(found, str):
            return {number + start: edit for number, edit in found[0].items()}, found[1]
        why, start = found, end
    return why


def _sentence_ends(tokens: Sequence[Token]) -> list[int]:
    ends = [
        number + 1
        for number, token in enumerate(tokens[:-1])
        if token.low in ".!?"
        and tokens[number + 1].gap
        and tokens[number + 1].text[:1].isupper()
        and number > 1
        and len(tokens[number - 1].text) > 2
    ]
    return [*ends, len(tokens)]


def _flip_sentence(tokens: Sequence[Token]) -> tuple[Edits, str] | str:
    end = len(tokens)
    if any(token.low == "?" for token in tokens[-2:]) or is_inverted(tokens):
        tag = tag_question(tokens)
        if tag is not None:
            return _flip_tag_question(tokens, tag)
        why = unanswerable(tokens)
        if why:
            return why
        found = flip_question(tokens, 0, end)
        if found:
            return found
    why = unclear(tokens)
    if why:
        return why
    attribution = attribution_start(tokens)
    if attribution is not None:
        return _flip_sentence(tokens[:attribution])
    if tokens[0].low == "to" and end > 2 and "VB" in tags(tokens[1].low) and "," not in {token.low for token in tokens}:
        return {0: f"{'Not' if tokens[0].text[0].isupper() else 'not'} to"}, "infinitive not"
    asks = not is_titled(tokens) and tagged(tuple(tokens))[0].tag == "VB" and request_start(tokens, 0, end) == 0
    headline = None if asks else flip_headline(tokens)
    if headline:
        return headline
    if is_predicate(tokens):
        return flip_fragment(tokens, end) or "no finite verb"
    request = request_start(tokens, 0, end)
    if request is not None:
        return flip_request(tokens, request, end)
    mains = main_verbs(tokens, 0, end)
    if mains and mains[0].verb == 0 and begins_question(tokens):
        return flip_question(tokens, 0, end) or "no finite verb"
    if mains and is_passive(tokens, mains[0].verb):
        mains = []
    if not mains and tokens[0].low in NONE and end > 1 and "VB" in tags(tokens[1].low):
        return flip_subject(tokens, Main(1, 0, None), end) or "no finite verb"
    if not mains:
        return _flip_behind_colon(tokens) or _flip_sure_fragment(tokens, end)
    if is_doubtful(tokens, mains):
        return flip_sure_caption(tokens, end) or "the verb may be another word"
    return _flip_statement(tokens, mains, end)


def _flip_sure_fragment(tokens: Sequence[Token], end: int) -> tuple[Edits, str] | str:
    found = flip_fragment(tokens, end)
    if found and found[1] == "participle not" and is_doubtful_participle(tokens, found[0]):
        return "the participle may be the verb"
    return found or "no finite verb"


def _flip_behind_colon(tokens: Sequence[Token]) -> tuple[Edits, str] | None:
    """ "Help: my printer keeps jamming": what stands behind the colon, where it is a sentence of its own."""
    colon = next((number for number, token in enumerate(tokens[1:-3], 1) if token.low == ":"), None)
    if colon is None or not main_verbs(tokens[colon + 1 :], 0, len(tokens) - colon - 1):
        return None
    found = _flip_sentence(tokens[colon + 1 :])
    return None if isinstance(found, str) else ({n + colon + 1: edit for n, edit in found[0].items()}, found[1])


def _flip_tag_question(tokens: Sequence[Token], comma: int) -> tuple[Edits, str] | str:
    """ "It is cold, isn't it?" → "It is not cold, is it?"; after a request the tag stays ("…, would you?")."""
    found = _flip_sentence(tokens[:comma])
    if isinstance(found, str) or found[1].startswith("imperative"):
        return found
    if found[1].startswith(("fragment", "quantifier", "participle")):
        return "a tag question"
    return {**found[0], **flip_tag(tokens, comma + 1)}, "tag question"


def _flip_statement(tokens: Sequence[Token], mains: Sequence[Main], end: int) -> tuple[Edits, str]:
    edits: Edits = {}
    rules = []
    for number, main in enumerate(mains):
        until = mains[number + 1].start if number + 1 < len(mains) else end
        if number and len(mains) > 2 and main.verb > main.start and _has_subject(tokens, main):
            break  # many clauses: the first is the statement, the others go on from it
        if number and negative_object(tokens, main.verb + 1, max(until, main.verb + 1)):
            break
        found, rule = _so(tokens, main) or _flip_clause(tokens, main, max(until, main.verb + 1))
        edits |= found
        rules.append(rule)
        if number == 0 and len(mains) > 1 and rule == "quantifier" and mains[1].start == mains[1].verb:
            break
    return edits, rules[0] if len(set(rules)) == 1 else " + ".join(dict.fromkeys(rules))


def _so(tokens: Sequence[Token], main: Main) -> tuple[Edits, str] | None:
    """ "…, and so does her sister" → "…, and neither does her sister", and back."""
    before = tokens[main.verb - 1].low if main.verb else ""
    if before in ("so", "neither") and main.start >= main.verb - 1 and tokens[main.verb].low in AUXILIARIES:
        return {main.verb - 1: "neither" if before == "so" else "so"}, "so, neither"
    return None


def _has_subject(tokens: Sequence[Token], main: Main) -> bool:
    """Whether the clause has a subject of its own, not only an adverb before its verb."""
    return any(
        "RB" not in tags(token.low) and token.low not in ("not", "n't") for token in tokens[main.start : main.verb]
    )


def _flip_clause(tokens: Sequence[Token], main: Main, end: int) -> tuple[Edits, str]:
    existential = flip_existential(tokens, main, end)
    if existential:
        return existential
    subject = flip_subject(tokens, main, end)
    if subject:
        return subject
    affirmed = affirm_verb(tokens, main)
    if affirmed:
        return {**without_negation(tokens, main.verb + 1, end), **affirmed[0]}, affirmed[1]
    negative = negative_object(tokens, main.verb + 1, end)
    if negative:
        return negative, "determiner no away"
    edits, rule = negate_verb(tokens, main)
    if rule == "adverb":
        return edits, rule
    return {**under_negation(tokens, main.verb + 1, end), **edits}, rule
