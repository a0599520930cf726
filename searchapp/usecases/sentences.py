"""The statements of a passage: what may be highlighted as "the sentence that answers".

`indexer.sentences` says where sentences end; it was made for cutting, where an end too many costs nothing. Shown to
people, three things need mending. A line wrapped before a capital letter or a quotation mark is no end, so in wrapped
text (a line was full when the first word of the next would not have fitted) the two parts are joined. A blank line is
always an end. And not every piece says something: headings, their underlines and the borders of tables are furniture,
left out unless there is nothing else. A line of code or a row of a table stays: it may well be the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from indexer.passages import Span
from indexer.sentences import sentences

NARROWEST = 50  # characters: text whose longest line is shorter was not wrapped, its line breaks are meant
HEADING_WORDS = 6  # a line by itself without a full stop, of at most so many words, is a heading
AROUND = 2_000  # characters before and after a line in which its paragraph is looked at
LEAD_WORDS = 3  # "For example:", "See also:"
_RULE = re.compile(r"[^\w\s]{3,}")  # a line of signs alone, such as the underline of a heading
_MARKED = re.compile(r"#{1,6}\s|=+\s.*\s=+$|\.\. \w+::|-\[ .* \]-$")  # headings of Markdown, wikis, reStructuredText
_ITEM = re.compile(r"([*+•-]|\(?\w{1,3}[.)]|\[\w+\]|>>>|\.\.\.|[|+#$])\s")  # what begins a line of its own
_BLANK = re.compile(r"[^\S\n]*\n\s*\n\s*")
_CODE = re.compile(r"[=(){}\[\]<>;_\\]")
_ENDS = tuple(".!?…。！？｡؟۔।॥")
_CLOSING = "\"'”’»)]*」』）】"


def statements(text: str, start: int, end: int) -> list[Span]:
    """The statements of `text[start:end]` in reading order, as spans of `text`; none only where there is no letter or digit.

    The rest of the text is looked at where it tells what a line is: a heading's underline may be in the next passage.
    """
    pieces = [part for a, b in sentences(text[start:end]) for part in _paragraphs(text, start + a, start + b)]
    joined = list(_joined(text, pieces))
    saying = [span for span in joined if not _is_furniture(text, span)]
    return saying or [span for span in joined if any(map(str.isalnum, text[span.start : span.end]))]


def is_whole(statement: str) -> bool:
    """Whether a statement begins and ends as a sentence; a line of code, a row of a table, a part of one do not."""
    return not statement[:1].islower() and statement.rstrip(_CLOSING).endswith(_ENDS)


def _paragraphs(text: str, start: int, end: int) -> Iterator[Span]:
    """A sentence, parted at blank lines: "New in version 3.3." is not seen to end, for its number."""
    for blank in _BLANK.finditer(text, start, end):
        yield Span(start, blank.start())
        start = blank.end()
    yield Span(start, end)


def _joined(text: str, pieces: list[Span]) -> Iterator[Span]:
    """The pieces, those put together again that only the wrapping of lines parted."""
    waiting: Span | None = None
    for piece in pieces:
        if waiting is not None and _is_wrapped(text, waiting, piece):
            waiting = Span(waiting.start, piece.end)
            continue
        if waiting is not None:
            yield waiting
        waiting = piece
    if waiting is not None:
        yield waiting


def _is_wrapped(text: str, one: Span, other: Span) -> bool:
    """Whether the line break between two pieces is there only because the line, or the cell of a table, was full."""
    if text.count("\n", one.end, other.start) != 1:
        return False
    line, below = _line(text, one.end - 1), _line(text, other.start)
    if _is_rule(text, line) or _is_rule(text, below):
        return False
    if _is_row(text, line):
        return _is_row(text, below) and _in_bordered_table(text, line)
    if text[one.end - 1] in (*_ENDS, ":") or _ITEM.match(text, other.start):
        return False
    first_word = re.compile(r"\S+").match(text, other.start)
    needed = line.end - line.start + 1 + (len(first_word[0]) if first_word else 0)
    return needed > _width(text, line) >= NARROWEST


def _in_bordered_table(text: str, line: Span) -> bool:
    """Whether rows are parted by borders, so that the lines between two borders are one row."""
    return any(row.lstrip().startswith("+-") for row in _paragraph(text, line))


def _width(text: str, line: Span) -> int:
    return max(map(len, _paragraph(text, line)))


def _paragraph(text: str, line: Span) -> list[str]:
    """The lines around a line, without a blank one between."""
    low, high = max(0, line.start - AROUND), line.end + AROUND
    first, last = text.rfind("\n\n", low, line.start), text.find("\n\n", line.end, high)
    return text[max(first, low) : last if last >= 0 else high].split("\n")


def _is_furniture(text: str, span: Span) -> bool:
    """Whether a piece only helps the eye: a border, a heading, the underline of one, the lead of an example."""
    piece = text[span.start : span.end]
    telling, solid = sum(map(str.isalnum, piece)), sum(not character.isspace() for character in piece)
    if telling < 2 or 3 * telling < solid or _MARKED.match(piece):
        return True
    if piece.endswith(":") and len(piece.split()) <= LEAD_WORDS:
        return not _CODE.search(piece)
    line = _line(text, span.start)
    underlined = line.end < len(text) and _is_rule(text, _line(text, line.end + 1)) and not _is_row(text, line)
    return underlined or _stands_alone(text, span, line)


def _stands_alone(text: str, span: Span, line: Span) -> bool:
    """A short line between blank ones, not indented, without a full stop and without a sign of code."""
    piece = text[span.start : span.end]
    if piece != text[line.start : line.end].rstrip() or piece.endswith(_ENDS):
        return False
    if len(piece.split()) > HEADING_WORDS or _CODE.search(piece) or not piece.isascii():
        return False
    before = text[max(0, line.start - AROUND) : line.start].rstrip(" \t")
    return (not before or before.endswith("\n\n")) and (
        line.end == len(text) or _BLANK.match(text, line.end) is not None
    )


def _is_row(text: str, line: Span) -> bool:
    """Whether a line is a row of a table."""
    row = text[line.start : line.end].strip()
    return len(row) > 1 and row[0] in "|+" and row[-1] in "|+"


def _is_rule(text: str, line: Span) -> bool:
    return _RULE.fullmatch(text[line.start : line.end].strip()) is not None


def _line(text: str, at: int) -> Span:
    """The line that holds character `at`, without its line break."""
    end = text.find("\n", at)
    return Span(text.rfind("\n", 0, at) + 1, end if end >= 0 else len(text))
