"""Words and their forms: a sentence as tokens that join again exactly, the tags a word may have, and verbs inflected.

Tokens keep the white space before them, so that a sentence with edits differs only where it was edited. Contractions are
two tokens ("does" + "n't"). Tags come from lemminflect's lexicon: VB VBZ VBD VBN VBG NN NNS JJ RB, all that are possible.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from trainer.negation_words import ADVERBS, HARDLY_VERBS, NOT_LEXICAL, PLURAL_ONLY

# forms people type without the apostrophe: "its a pity", "im late", "theyre new"
_ITS = r"(?=s (?:a|an|not|worth|been|too|really|also|very (?!own)|the (?:best|worst|same|only))\b)"
_TYPED = rf"\b(?:i(?=(?:m|ve)\b)|it{_ITS}|(?:that|what)(?=s\b)|(?:you|they)(?=re\b))"
_TYPED_END = r"(?<=\bi)(?:m|ve)\b|(?<=\b(?:it))s\b|(?<=\b(?:that|what))s\b|(?<=\byou)re\b|(?<=\bthey)re\b"
TOKEN = re.compile(
    rf"\s*(?:{_TYPED}|{_TYPED_END}|"
    r"[^\W_]+?(?=n['’]t\b)|n['’]t\b|\b(?:do|does|did|is|are|was|were|has|have|had|ca|wo|could|would|should)(?=nt\b)|(?<=[a-z])nt\b|can(?=not\b)|['’](?:s|re|ve|ll|d|m)\b|[^\W_]+(?:[-.&/][^\W_]+)*|\S)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, eq=False)
class Token:
    """A word or a mark: as written, in lower case with straight quotes, and the white space before it. Compared by identity,
    so that a sentence's tags are found again without comparing its words."""

    text: str
    low: str
    gap: str

    @property
    def word(self) -> bool:
        return self.low[0].isalnum() or len(self.low) > 1


def tokenise(text: str) -> list[Token]:
    """The tokens of a text; joined with their gaps they are the text again, but for white space at its end."""
    tokens: list[Token] = []
    for found in TOKEN.findall(text):
        bare = found.lstrip()
        low = bare.lower().replace("’", "'")
        gap = found[: len(found) - len(bare)]
        tokens.append(Token(bare, _apostrophised(low, gap) if tokens else low, gap))
    return tokens


def _apostrophised(low: str, gap: str) -> str:
    """ "nt" of "doesnt" as "n't", "m" of "im" as "'m"."""
    typed = not gap and low in ("m", "s", "re", "ve")
    return "n't" if low == "nt" else f"'{low}" if typed else low


def rewrite(tokens: Sequence[Token], edits: Mapping[int, str]) -> str:
    """The sentence with tokens replaced by number; a replacement that begins with "'" or "n't" is written without a gap."""
    parts: list[str] = []
    for number, token in enumerate(tokens):
        text = edits.get(number, token.text)
        if text:
            text = text if parts and token.gap == "" else text.lstrip()
            joined = number in edits and text.startswith(("'", "n't", "n’t", "’")) and number > 0
            gap = (
                ""
                if joined or text[0] == " "
                else token.gap or (" " if number in edits and _parts_word(token, text) and parts else "")
            )
            parts.append((gap if parts else "") + text)
    text = "".join(parts)
    return _capital(text) if edits and tokens[0].text[:1].isupper() else text


def _parts_word(token: Token, text: str) -> bool:
    """Whether what replaces a word's second half ("n't") is a word of its own."""
    return token.low[0] in "'n" and not text.startswith(token.text)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


UNDOING = frozenset({"unlocked", "unpacked", "unveiled", "unfolded", "unplugged", "unwrapped", "unloaded", "unleashed"})
VERBAL = frozenset({"VB", "VBZ"})
MISSED = {
    **dict.fromkeys(("compatible", "visible", "halal"), "JJ"),
    **dict.fromkeys(("vegan", "analogue", "analog"), "JJ NN"),
    "offline": "JJ RB",
    "seamed": "JJ",
    "expired": "JJ VBD VBN",
    "text": "NN VB",
    **dict.fromkeys(["reboot", "blog", "screenshot", "bar", "dam", "log", "act", "pan", "template"], "NN VB"),
    "ready": "JJ",
    "full": "JJ",
    **dict.fromkeys(
        ["acts", "bars", "dams", "logs", "pans", "frames", "gains", "jumps", "taps", "templates", "foams"], "NNS VBZ"
    ),
    "games": "NNS",
    **dict.fromkeys(["mens", "womens", "ladies", "childrens"], "JJ"),
}  # fmt: skip - what the lexicon does not know of common words


@lru_cache(maxsize=100_000)
def tags(word: str) -> frozenset[str]:
    """All the tags the lower-case word may have; a word the lexicon lacks is judged by its ending."""
    if word in ADVERBS:
        return frozenset({"RB"})
    if not word[:1].isalpha() or word in NOT_LEXICAL:
        return frozenset()
    if word == "feed":
        return frozenset({"NN", "VB"})  # not the past of "fee"
    if word in PLURAL_ONLY:
        return frozenset({"NNS"})
    if word in MISSED:
        return frozenset(MISSED[word].split())
    from lemminflect import getAllLemmas

    found: dict[str, tuple[str, ...]] = getAllLemmas(word)
    result = _by_lexicon(word, found) if found else _by_ending(word)
    return frozenset(result - VERBAL if word in HARDLY_VERBS else result)


def _by_lexicon(word: str, found: Mapping[str, Sequence[str]]) -> set[str]:
    result = {tag for pos, tag in (("ADJ", "JJ"), ("ADV", "RB")) if pos in found}
    if "NOUN" in found:
        result |= {"NN"} if word in found["NOUN"] else {"NNS"}
    for lemma in found.get("VERB", ()):
        result |= {tag for tag in ("VB", "VBZ", "VBD", "VBN", "VBG") if word in inflections(lemma, tag)}
    if "VBD" in result and "VB" in result and base(word) != word:
        result -= {"VB"}  # "saw" and "found" are of see and find
    if word.endswith("ed") and len(word) > 4 and "VERB" in found:
        result |= {"VBD", "VBN"}
    return (
        {"JJ"}
        if word.startswith("un") and word.endswith("ed") and result == {"VBD", "VBN"} and word not in UNDOING
        else result
    )


def _by_ending(word: str) -> set[str]:
    if word.endswith("ly"):
        return {"RB"}
    if word.endswith("ing") and len(word) > 5:
        return {"VBG", "NN"}
    if word.startswith(("co-", "re-", "pre-", "over-")):
        return set(tags(word.partition("-")[2]))
    if word.endswith("ed") and len(word) > 4:
        return {"JJ"} if "-" in word else {"VBD", "VBN"}
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return {"NNS", "VBZ"} if word.startswith(("re", "un", "over", "out", "mis", "pre", "sync")) else {"NNS"}
    if "-" in word:
        return (
            {"JJ"} if word.endswith(("-free", "-proof", "-resistant", "-safe", "-friendly", "-ready")) else {"JJ", "NN"}
        )
    return {"JJ"} if word.endswith(("able", "ible", "ful", "less", "ous", "free", "proof", "resistant")) else {"NN"}


@lru_cache(maxsize=50_000)
def inflections(lemma: str, tag: str) -> tuple[str, ...]:
    """The forms of a verb under a tag, the usual one first."""
    if tag == "VB":
        return (lemma,)
    from lemminflect import getInflection

    forms: tuple[str, ...] = getInflection(lemma, tag)
    return forms


@lru_cache(maxsize=50_000)
def base(word: str) -> str | None:
    """The base form of a finite verb, irregular verbs first: "found" is of find, "left" of leave."""
    from lemminflect import getAllLemmas, getAllLemmasOOV

    lemmas = getAllLemmas(word, "VERB").get("VERB", ()) if word != "feed" else ("feed",)
    for tag in ("VBD", "VBZ", "VBN", "VB"):
        fitting = [lemma for lemma in lemmas if word in inflections(lemma, tag)]
        if fitting:
            return str(fitting[0])
    found = lemmas or getAllLemmasOOV(word, "VERB").get("VERB", ())
    lemma: str | None = found[0] if found else None
    return lemma


def inflect(lemma: str, tag: str) -> str:
    """The usual form of a verb; regular where the lexicon lacks it."""
    special = {("be", "VBZ"): "is", ("have", "VBZ"): "has", ("do", "VBZ"): "does"}.get((lemma, tag))
    forms = inflections(lemma, tag)
    if special or forms:
        return special or forms[0]
    ending = {"VBZ": "s", "VBD": "ed", "VBN": "ed", "VBG": "ing"}.get(tag, "")
    return (lemma[:-1] if ending in ("ed", "ing") and lemma.endswith("e") else lemma) + ending
