"""The text of a web page: what a reader would see, without tags, scripts, styles and drawings, paragraph by paragraph.

White space counts as it does in a browser: runs of it are one space, except in `pre`. The encoding is that of the byte-order
mark, else the one that the page names, else UTF-8; a page in none of these is set aside and not guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from indexer.readers.unpacked import beginning
from indexer.records import Rejection, Row

LARGEST_PAGE = 16 * 2**20  # bytes; a page holds far more tags than text

_UNSEEN = frozenset({"script", "style", "template", "noscript", "svg", "iframe", "object"})
_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_BLOCKS = _HEADINGS | {
    "address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "div", "dl", "fieldset", "figcaption",
    "figure", "footer", "form", "header", "hr", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "ul",
}  # fmt: skip
_LINES = frozenset({"br", "dt", "li", "option", "tr"})
_CELLS = frozenset({"td", "th"})
_NAMED = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?\s*([\w-]+)", re.IGNORECASE)
# Encodings of the web; to a browser the first two mean windows-1252. Python knows others that are no text encodings.
_ENCODINGS = re.compile(
    r"(us-ascii|iso-8859-1)|utf-?8|iso-8859-\d+|windows-125\d|koi8-[ru]|shift_jis|euc-(?:jp|kr)|gb(?:k|2312|18030)|big5"
)


def read_html(path: Path) -> Iterator[Row | Rejection]:
    """A web page (.html, .htm, also .gz): one row with its title and text."""
    content = beginning(path, LARGEST_PAGE + 1)
    if len(content) > LARGEST_PAGE:
        yield Rejection(path.name, 1, "too large", f"a page of more than {LARGEST_PAGE:,} bytes")
        return
    try:
        page = _Page(content.decode(encoding_of(content)))
    except UnicodeDecodeError as error:
        yield Rejection(path.name, 1, "broken file", f"not {error.encoding}: byte at position {error.start}")
    except LookupError as error:
        yield Rejection(path.name, 1, "broken file", f"an encoding that is not known: {error}")
    else:
        yield Row(path.name, 1, {"title": page.title, "text": page.text})


def encoding_of(content: bytes) -> str:
    """The encoding of a page. LookupError, with its name, if it is none of the web's."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            return encoding
    found = _NAMED.search(content[:1024])
    name = found[1].decode("ascii", "replace").lower() if found else "utf-8"
    known = _ENCODINGS.fullmatch(name)
    if known is None:
        raise LookupError(name)
    return "windows-1252" if known[1] else name


class _Page(HTMLParser):
    """`title`: of the page, else its first heading, else empty. `text`: blocks apart by an empty line."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._unseen: list[str] = []  # elements that are open and not shown, and those of the same kind inside
        self._pre = 0
        self._into: list[str] | None = None  # where a title or the first heading is noted
        self._title: list[str] = []
        self._heading: list[str] = []
        self._in_title = False
        self.feed(source)
        self.close()
        self.title = " ".join("".join(self._title or self._heading).split())
        self.text = _tidy("".join(self._parts))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_title = False  # where it was not closed: nothing stands inside a title
        if tag in _UNSEEN and (not self._unseen or tag == self._unseen[0]):
            self._unseen.append(tag)
        elif not self._unseen:
            self._in_title = tag == "title" and not self._title
            self._into = self._heading if tag in _HEADINGS and not self._heading else self._into
            self._pre += tag == "pre"
            self._parts.append(_gap(tag))

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            if tag == self._unseen[0]:
                self._unseen.pop()
            return
        self._in_title = False
        self._into = None if tag in _HEADINGS else self._into
        self._pre -= tag == "pre" and self._pre > 0
        self._parts.append(_gap(tag) if tag in _BLOCKS else "")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._unseen and tag not in _UNSEEN:
            self._parts.append(_gap(tag))

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        if self._in_title:
            self._title.append(data)
            return
        if self._into is not None:
            self._into.append(data)
        self._parts.append(data.replace("\f", " ") if self._pre else re.sub(r"\s+", " ", data))


def _gap(tag: str) -> str:
    if tag in _BLOCKS:
        return "\n\n"
    return "\n" if tag in _LINES else " " if tag in _CELLS else ""


def _tidy(text: str) -> str:
    """Lines without white space around them, at most one empty line between two."""
    lines = [line.strip() for line in text.split("\n")]
    kept = [line for place, line in enumerate(lines) if line or (place and lines[place - 1])]
    return re.sub(r"(?<=\S) +", " ", "\n".join(kept)).strip() if kept else ""
