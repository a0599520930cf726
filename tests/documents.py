"""Documents that tests write themselves: PDFs by hand, so that what reads them is checked by something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def pdf(pages: Sequence[str], title: str = "") -> bytes:
    """A PDF with these lines of text, page by page; parentheses and backslashes escaped."""
    return pdf_of([_drawn(page) for page in pages], title=title)


def _drawn(page: str) -> bytes:
    lines = [line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)") for line in page.split("\n")]
    shown = " T* ".join(f"({line}) Tj" for line in lines)
    return f"BT /F1 12 Tf 14 TL 72 720 Td {shown} ET".encode("latin-1")


def pdf_of(streams: Sequence[bytes], extra: Mapping[int, bytes] | None = None, title: str = "") -> bytes:
    """A PDF whose pages have these content streams; `extra`: what stands in the dictionaries of some, from 0."""
    count = len(streams)
    kids = b" ".join(b"%d 0 R" % (4 + 2 * page) for page in range(count))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count %d /Kids [%s] >>" % (count, kids),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for page, stream in enumerate(streams):
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R "
            b"/Resources << /Font << /F1 3 0 R >> >> >>" % (5 + 2 * page)
        )
        objects.append(
            b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(stream), (extra or {}).get(page, b""), stream)
        )
    objects.append(b"<< /Title (%s) >>" % title.encode("latin-1"))
    return _file(objects)


def _file(objects: Sequence[bytes]) -> bytes:
    content, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(content))
        content += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    trailer = b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\n" % (size, len(objects))
    return content + b"xref\n0 %d\n0000000000 65535 f \n%s%sstartxref\n%d\n%%%%EOF\n" % (
        size,
        table,
        trailer,
        len(content),
    )
