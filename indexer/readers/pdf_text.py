"""The text of a PDF, page by page.

Every page ends with a form feed (U+000C), as in the plain text that `pdftotext` writes: so any place in the text knows its
page, and nothing has to be stored beside the text. A page that cannot be read is told, and the others are kept. A PDF has
no text but glyphs at places; what pypdf makes of them is as good as the tables that the PDF's writer gave along.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.records import LARGEST, Rejection, Row

if TYPE_CHECKING:
    from pypdf import PdfReader

PAGE_END = "\n\f"
LONGEST_TITLE = 300  # characters; longer ones are no titles


def read_pdf(path: Path) -> Iterator[Row | Rejection]:
    """A PDF: one row with its title and text, and a rejection for what could not be read of it."""
    from pypdf import PdfReader

    try:
        reader = PdfReader(path)
        number, title = len(reader.pages), _title(reader)
    except MemoryError:
        raise
    except Exception as error:  # whatever the library trips over in a file that is no good PDF
        yield Rejection(path.name, 1, "broken file", _told(error))
        return
    pages, broken = _pages(reader, number)
    if pages is None:
        yield Rejection(path.name, 1, "too large", f"more than {LARGEST:,} bytes of text")
        return
    if broken:
        page, reason = broken[0]
        others = f", and {len(broken) - 1} more pages" if broken[1:] else ""
        yield Rejection(path.name, page, "broken file", f"page {page}: {reason}{others}")
    if any(page.strip() for page in pages):
        yield Row(path.name, 1, {"title": title, "text": "".join(page + PAGE_END for page in pages)})
    elif not broken:
        yield Rejection(path.name, 1, "no text", f"no text on its {number} pages: are they pictures?")


def _pages(reader: PdfReader, number: int) -> tuple[list[str] | None, list[tuple[int, str]]]:
    """The texts of the pages, None where they are too much; and the pages that cannot be read, each with the reason."""
    pages: list[str] = []
    broken: list[tuple[int, str]] = []
    size = 0
    for place in range(number):
        try:
            text = _valid(reader.pages[place].extract_text()).replace("\f", " ").strip()
        except MemoryError:
            raise
        except Exception as error:
            broken.append((place + 1, _told(error)))
            text = ""
        pages.append(text)
        size += len(text) + len(PAGE_END)
        if size > LARGEST:
            return None, []
    return pages, broken


def _title(reader: PdfReader) -> str:
    title = reader.metadata.title if reader.metadata else None
    words = " ".join(_valid(str(title or "")).split())
    return words if len(words) <= LONGEST_TITLE else ""


def _valid(text: str) -> str:
    """Halves of UTF-16 pairs put together, or replaced: they come from a wrong table of glyphs, not from the text."""
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]
