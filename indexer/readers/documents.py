"""A folder of documents: each file of plain text, Markdown, HTML or PDF in it, however deep, is one record.

Its id is its path in the folder, its title what the document itself says (the title of a page or PDF, the first heading),
else the name of the file. Files come in the order of their names, folder by folder; files of other kinds, hidden ones and
links that lead out of the folder are passed over. HTML and PDF are read in a process of its own with limits on memory and
time (`apart`): a file that breaks them is set aside, and the next one is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from indexer.errors import UserError
from indexer.readers.apart import Apart, StoppedError
from indexer.readers.html_text import read_html
from indexer.readers.pdf_text import read_pdf
from indexer.readers.unpacked import beginning
from indexer.records import LARGEST, Rejection, Row

SECONDS = 60  # of processor time for one document
LARGEST_FILE = 2**28  # bytes of a PDF
_FRONT = re.compile(r"---[ \t]*\n(.*?\n)---[ \t]*\n", re.DOTALL)
_TITLE = re.compile(r"^title:[ \t]*(\S.*)$", re.MULTILINE)
_MARK = re.compile(r" {0,3}#{1,6}[ \t]+(?=[^\s#])")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)[ \t]*")


def read_documents(source: Path) -> Iterator[Row | Rejection]:
    """A folder of .txt, .md, .html and .pdf files (text and HTML also .gz): one record per file, pages of PDFs kept."""
    with Apart() as apart:
        for path in files_of(source):
            name = path.relative_to(source).as_posix()
            for item in _read(path, apart):
                yield _as_record(item, name, kind_of(path) or "")


def files_of(folder: Path) -> Iterator[Path]:
    """Every document below a folder: in the order of the names of files and folders."""
    waiting, inside = [folder], folder.resolve()
    while waiting:
        path = waiting.pop()
        if path.is_dir():
            shown = [below for below in path.iterdir() if not below.name.startswith(".") and _belongs(below, inside)]
            waiting += sorted(shown, key=lambda below: below.name, reverse=True)
        elif kind_of(path) and path.is_file():
            yield path


def _belongs(path: Path, inside: Path) -> bool:
    """No link, or one to a file of the same folder; a link to a folder might lead round in circles."""
    return not path.is_symlink() or (not path.is_dir() and path.resolve().is_relative_to(inside))


def kind_of(path: Path) -> str | None:
    """The kind of document that a file's name promises: a value of KINDS, or None."""
    return KINDS.get(Path(path.name.lower().removesuffix(".gz")).suffix)


def _read(path: Path, apart: Apart) -> Iterator[Row | Rejection]:
    kind = str(kind_of(path))
    try:
        if kind in ("text", "markdown"):
            yield from read_plain(path, titled=kind == "markdown")
        elif kind == "pdf" and path.suffix.lower() == ".gz":
            yield Rejection(path.name, 1, "broken file", "a PDF is packed by itself and is not read from .gz")
        elif kind == "pdf" and path.stat().st_size > LARGEST_FILE:
            yield Rejection(path.name, 1, "too large", f"a file of more than {LARGEST_FILE:,} bytes")
        else:
            yield from apart.read(kind, path, SECONDS)
    except StoppedError as error:
        yield Rejection(path.name, 1, "too large" if error.limited else "broken file", str(error))
    except UserError as error:
        yield Rejection(path.name, 1, "broken file", f"{error.what}: {error.given}")


def read_plain(path: Path, *, titled: bool) -> Iterator[Row | Rejection]:
    """A text in UTF-8, or in UTF-16 with a byte-order mark; `titled`: its first Markdown heading is its title."""
    content = beginning(path, 2 * LARGEST + 1)  # in UTF-16 a letter has two bytes
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    if len(content) > 2 * LARGEST:
        yield Rejection(path.name, 1, "too large", f"more than {LARGEST:,} bytes of text")
        return
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        yield Rejection(path.name, 1, "broken file", f"not {error.encoding}: byte at position {error.start}")
        return
    if "\0" in text:
        yield Rejection(path.name, 1, "broken file", "a NUL byte: not a text file")
    else:
        yield Row(path.name, 1, {"title": heading_of(text) if titled else "", "text": text})


def heading_of(text: str) -> str:
    """The title that a Markdown text gives itself: in its front matter, or its first heading outside code; else empty."""
    front = _FRONT.match(text)
    titled = _TITLE.search(front[1]) if front else None
    if titled:
        return titled[1].strip().strip("\"'")
    before, fence = "", ""
    for line in text[front.end() if front else 0 :].splitlines():
        if found := _FENCE.match(line):
            fence = "" if fence == found[1] else fence or found[1]
        elif not fence:
            if found := _MARK.match(line):
                return line[found.end() :].strip().rstrip("#").rstrip()
            if before and _UNDERLINE.fullmatch(line):
                return before
        before = line.strip()
    return ""


def _as_record(item: Row | Rejection, name: str, kind: str) -> Row | Rejection:
    """The row with its id, a title and its kind; a document without any text is set aside."""
    if isinstance(item, Rejection):
        return replace(item, file=name)
    text, title = str(item.values["text"]), str(item.values["title"])
    if not text.strip():
        return Rejection(name, 1, "no text", "an empty document")
    if len(text) > LARGEST:
        return Rejection(name, 1, "too large", f"more than {LARGEST:,} bytes of text")
    return Row(name, 1, {"id": name, "title": title or Path(name).name, "text": text, "kind": kind})


KINDS: Mapping[str, str] = {
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".pdf": "pdf",
}

DOCUMENTS: Mapping[str, Callable[[Path], Iterator[Row | Rejection]]] = {"html": read_html, "pdf": read_pdf}
