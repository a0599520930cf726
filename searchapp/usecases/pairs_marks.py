"""The words that turn a near copy into another thing: numbers, negations, and words that mean each other's opposite.

"How do I turn it on" and "How do I turn it off" share every word but one, and an embedding hardly tells them apart. So
these words are read by themselves, in the title and in a text short enough to make one statement. A negation denies the
few words after it; two records contradict each other where one denies a word that the other affirms, which tells "it never
came, I registered" from "I never registered, it came". The lists are small, English and ours.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from sys import intern

STATEMENT = 400  # characters up to which a text is one statement; beyond, it denies one thing or another anyway
SCOPE = 4  # words after a negation that it denies, unless punctuation or "but" comes first
MOST = 0.5  # share of words in common from which one denial more is a contradiction; in free rewordings it is style
STEM = 5  # letters by which denied words are compared: receive, received and receiving are one
WORD = re.compile(r"[0-9]+(?:[.,:][0-9]+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")  # letters and digits part: "cs3" is cs, 3
_NEGATION = re.compile(
    r"no|not|never|none|neither|nor|nothing|nobody|nowhere|without|cannot"
    r"|(?:ai|are|ca|could|did|do|does|had|has|have|is|must|need|should|was|were|wo|would)n['’]?t|cant|can't"
)
_BREAK = re.compile(r"[.,;:!?()\n]")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
_TWO_TO_TWELVE = "two three four five six seven eight nine ten eleven twelve"
_COUNTS = {name: f"{count}" for count, name in enumerate(_TWO_TO_TWELVE.split(), 2)}
_FUNCTION = """
    a an the and or of in on at to for with from by as it its this that these those is are was were be been am do does did
    has have had can could will would should may might must i me my you your we us our he him his she her they them their
    there if so any some all yet still just only even more than what when where who which how why
"""
FUNCTION = frozenset(_FUNCTION.split())  # stand in the scope of a denial, but are not what is denied
_PAIRS = (
    "on off", "before after", "up down", "add remove", "open close", "buy sell", "enable disable", "allow forbid",
    "allow reject", "accept reject", "accept decline", "minimum maximum", "min max", "higher lower", "increase decrease",
    "more less", "more fewer", "cheaper expensive", "inside outside", "indoors outdoors", "left right", "start stop",
    "start end", "begin end", "include exclude", "lost found", "early late", "first last", "old new", "hot cold",
    "small large", "hard soft", "wet dry", "light dark", "push pull", "send receive", "private public", "import export",
    "upload download", "wired wireless", "monthly yearly", "men women", "boys girls", "indoor outdoor", "front back",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Marks:
    """What a record states: its numbers, its words, and the stems of the words it denies and of those it affirms."""

    numbers: frozenset[str]
    words: frozenset[str]
    denied: frozenset[str]
    affirmed: frozenset[str]


def marks(title: str, text: str, known: frozenset[str] = frozenset()) -> Marks:
    """The marks of a record's title and, where it is short, its text; `known` numbers are left out."""
    statement = _statement(title, text)
    found = [intern(plain(match[0])) for match in words(statement)]  # records share most of their words
    numbers = frozenset(number(word) for word in found if is_number(word)) - known
    denied, affirmed = _denials(statement)
    return Marks(numbers, frozenset(word for word in found if not is_number(word)), denied, affirmed - denied)


def numbers_differ(a: Marks, b: Marks) -> bool:
    """Whether each of the two has a number that the other lacks: 2006 against 2007, not 2006 against nothing."""
    return bool(a.numbers - b.numbers) and bool(b.numbers - a.numbers)


def says_opposite(a: Marks, b: Marks, words: float) -> bool:
    """Whether one denies what the other affirms, or a word of one is the opposite of a word only the other has.

    Where they share most of their `words` (a share of 0 to 1), it is enough that one denies something and the other nothing.
    """
    if words >= MOST and bool(a.denied) != bool(b.denied):
        return True
    if not a.denied.isdisjoint(b.affirmed) or not b.denied.isdisjoint(a.affirmed):
        return True
    mine, others = a.words - b.words, b.words - a.words
    return any(opposite(word, others) for word in mine)


def words(text: str) -> Iterator[re.Match[str]]:
    """The words of a text and where they stand."""
    return WORD.finditer(text)


def plain(word: str) -> str:
    """A word as it is compared: compatibility forms made one, lower case, one kind of apostrophe."""
    if word.isascii():
        return word.lower()
    return unicodedata.normalize("NFKC", word).casefold().replace("’", "'")


def is_number(word: str) -> bool:
    """Whether a plain word is a number, in digits or, from two to twelve, in letters."""
    return word[:1].isdigit() or word in _COUNTS


def number(word: str) -> str:
    """A number as it is compared: `1,000` is `1000`, `3.0` is `3`, `007` is `7`, `three` is `3`."""
    word = _COUNTS.get(word, word)
    if _THOUSANDS.fullmatch(word):
        word = word.replace(",", "")
    whole, point, rest = word.partition(".")
    rest = rest.rstrip("0") if point and rest.isdigit() else rest
    return (whole.lstrip("0") or "0") + (f".{rest}" if rest else "")


def is_negation(word: str) -> bool:
    """Whether a plain word negates."""
    return _NEGATION.fullmatch(word) is not None


def opposite(word: str, others: frozenset[str]) -> str | None:
    """A word among `others` that means the opposite of a plain word: by the list, or by un- or dis- before either."""
    listed = OPPOSITES.get(word, frozenset()) & others
    if listed:
        return min(listed)
    for prefix in ("un", "dis"):
        if prefix + word in others:
            return prefix + word
        if word.startswith(prefix) and len(word) > len(prefix) + 3 and word.removeprefix(prefix) in others:
            return word.removeprefix(prefix)
    return None


def _statement(title: str, text: str) -> str:
    if len(text) <= STATEMENT:
        return f"{title}\n{text}"
    return title or text[:STATEMENT]


def _denials(statement: str) -> tuple[frozenset[str], frozenset[str]]:
    """Stems of the words in the scope of a negation, and of those outside."""
    left, end = 0, 0
    denied: set[str] = set()
    affirmed: set[str] = set()
    for match in words(statement):
        word = plain(match[0])
        if word == "but" or _BREAK.search(statement, end, match.start()):
            left = 0
        end = match.end()
        if is_negation(word):
            left = SCOPE
            continue
        if word not in FUNCTION:
            (denied if left else affirmed).add(intern(word[:STEM]))
        left = max(0, left - 1)
    return frozenset(denied), frozenset(affirmed)


def _opposites() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for one, other in map(str.split, _PAIRS):
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in found.items()}


OPPOSITES = _opposites()  # word → the words that mean the opposite
