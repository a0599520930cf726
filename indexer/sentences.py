"""Where sentences end, by a few rules and no model: fast, the same on every machine, for any script.

A sentence ends after `.`, `!`, `?` or `…` before white space, unless the full stop belongs to an abbreviation or an
initial ("e.g.", "Dr.", "et al.", "J. Smith") or lower case goes on after dots or a quotation; after the full stops of
CJK, Arabic and Indic scripts; at a blank line; and at a line break, unless the line was only wrapped there, from one
lower case word to the next. "3.14" has no white space and so no end. The rules are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_END = re.compile(
    r"""
      (?P<stop>[.!?…]+)["'”’»)\]]*\s+        # Latin, Cyrillic, Greek …
    | [。！？｡؟۔।॥]+["'”’」』）】]*\s*         # scripts whose full stop is unmistakable
    | (?P<blank>[^\S\n]*\n\s*\n\s*)          # a blank line
    | (?P<line>[^\S\n]*\n\s*)                # a line break
    """,
    re.VERBOSE,
)
_WORD_BEFORE = re.compile(r"[\w.&]+$")
_ABBREVIATION = re.compile(
    r"adj|adm|al|approx|apr|assn|aug|ave|bros|cal|calif|cap|capt|cf|cm|cmdr|co|col|conn|corp|dec|dept|dr|ed|eds|"
    r"eq|eqs|esp|est|ex|feb|fig|figs|fr|gen|gov|hon|inc|jan|jr|jul|jun|lt|ltd|maj|mar|med|messrs|mr|mrs|ms|mt|"
    r"nov|oct|op|para|penn|ph|pl|pp|prof|pt|rd|ref|refs|rep|rev|sec|sen|sep|sept|sgt|sr|st|supt|univ|viz|vol|"
    r"vols|vs"
)
_BEFORE_LOWER = re.compile(r"etc|misc|max|min|avg|incl|resp")
_BEFORE_NUMBER = re.compile(r"art|ch|nr|nos?|p")  # "No. 5", but "I said no. Then …"


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Character ranges of the sentences of `text`, in order, white space between them left out.

    Every other character is in exactly one range."""
    start = 0
    for match in _END.finditer(text):
        if _ends(text, match):
            yield from _trimmed(text, start, match.end())
            start = match.end()
    yield from _trimmed(text, start, len(text))


def _ends(text: str, match: re.Match[str]) -> bool:
    after = text[match.end() : match.end() + 1]
    if match["line"] is not None:
        before = text[match.start() - 1 : match.start()]
        return not (after.islower() and (before.islower() or before in (",", "-")))
    if match["stop"] is None or match["blank"] is not None:
        return True
    stop = match["stop"]
    if after.islower() and (len(stop) > 1 or stop == "…" or text[match.start() + 1] in "\"'”’»)]"):
        return False  # "hm... and", '"Really?" he asked'
    return not (stop == "." and _abbreviated(text, match.start(), after))


def _abbreviated(text: str, stop: int, after: str) -> bool:
    """Whether the full stop at `stop` belongs to the word before it."""
    found = _WORD_BEFORE.search(text, max(0, stop - 20), stop)
    if found is None:
        return False
    word = found[0]
    if len(word) == 1:
        return word.isalpha() and word.isupper() and word != "I"
    lowered = word.lower()
    if after.isdigit() and _BEFORE_NUMBER.fullmatch(lowered):
        return True
    if after.islower() and _BEFORE_LOWER.fullmatch(lowered):
        return True
    return "." in word.strip(".") or _ABBREVIATION.fullmatch(lowered) is not None


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    if stripped := piece.strip():
        first = start + len(piece) - len(piece.lstrip())
        yield first, first + len(stripped)
