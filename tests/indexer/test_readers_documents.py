"""A folder of documents: each file is one record with its title and text, pages are known, and what is broken is set aside."""

from __future__ import annotations

import gzip
import json
import os
import random
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import indexer.cli
import searchapp.cli
from indexer.build import build
from indexer.catalog import Catalog
from indexer.errors import UserError
from indexer.home import Home
from indexer.readers import READERS, Query, Source, choose_reader
from indexer.readers.apart import Apart, StoppedError
from indexer.readers.documents import files_of, heading_of, read_plain
from indexer.readers.html_text import LARGEST_PAGE, encoding_of, read_html
from indexer.readers.pdf_text import read_pdf
from indexer.records import LARGEST, REASONS, Rejection, Row
from indexer.settings import BuildSettings
from searchapp.schemas import Passage
from searchapp.service import SearchService
from tests.corpora import product, write_products
from tests.documents import pdf, pdf_of
from tests.indexer.test_readers_typed import saved
from tests.trials import trials


def one(items: object) -> Row | Rejection:
    (found,) = items  # type: ignore[misc, attr-defined]
    assert isinstance(found, Row | Rejection)
    return found


# --- HTML ---------------------------------------------------------------------------------------------------------------


def page(tmp_path: Path, content: str | bytes) -> tuple[str, str]:
    """Title and text of a page."""
    path = tmp_path / "a.html"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    row = one(read_html(path))
    assert isinstance(row, Row), row
    return str(row.values["title"]), str(row.values["text"])


@pytest.mark.parametrize(
    ("content", "title", "text"),
    [
        ("<title> A \n lamp </title><h1>Other</h1><p>Text</p>", "A lamp", "Other\n\nText"),
        ("<h2>First <b>heading</b></h2><h1>Second</h1>x", "First heading", "First heading\n\nSecond\n\nx"),
        ("<h1></h1><h2>Filled</h2>", "Filled", "Filled"),
        ("no tags &amp; none&nbsp;missing &#128512;", "", "no tags & none missing 😀"),
        ("<script>var a = '<p>';</script>a<style>p{}</style>b", "", "ab"),
        ("<template>x<template>y</template>z</template>a<noscript>b</noscript>", "", "a"),
        ("<svg><title>drawn</title><text>t</text><svg></svg>u</svg><p>a</p>", "", "a"),
        ("<title>never closed<p>text", "never closed", "text"),
        ("<title>one</title><title>two</title>", "one", "two"),
        ("a<br>b<br/>c<ul><li>d<li>e</ul>", "", "a\nb\nc\n\nd\ne"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "", "a b\nc"),
        ("<p>a  \n\t b</p>\n\n\n<div><div><p>c</p></div></div>", "", "a b\n\nc"),
        ("<pre>one\n  two\n\n\nthree\fx</pre></pre>", "", "one\ntwo\n\nthree x"),
        ("a\fb<img alt='c'><input/><svg/>d", "", "a bd"),
        ("<!-- not <p>shown</p> --><!doctype html><?php x ?>a", "", "a"),
        ("</p></script></title>a", "", "a"),
        ("<p>Ab</p><script>never closed <p>x", "", "Ab"),
        ("", "", ""),
    ],
)
def test_a_page_is_what_its_reader_sees(content: str, title: str, text: str, tmp_path: Path) -> None:
    assert page(tmp_path, content) == (title, text)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("é".encode(), "é"),
        ("é".encode("utf-8-sig"), "é"),
        ("é".encode("utf-16"), "é"),
        (b"\xfe\xff" + "é".encode("utf-16-be"), "é"),
        (b"<meta charset=iso-8859-1>\x80", "€"),  # to a browser latin-1 is windows-1252
        (b"<META http-equiv='x' content='text/html; charset=Shift_JIS'>\x82\xa0", "あ"),
        (b'<meta charset="windows-1251">\xff', "я"),
    ],
)
def test_a_page_is_read_in_the_encoding_it_names(content: bytes, text: str, tmp_path: Path) -> None:
    assert page(tmp_path, content)[1] == text


@pytest.mark.parametrize("content", [b"\xe9", b"<meta charset=utf-8>\xff", b"<meta charset=big5>\x80\xff"])
def test_a_page_in_no_encoding_is_set_aside(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(content)
    row = one(read_html(tmp_path / "a.html"))
    assert isinstance(row, Rejection)
    assert row.reason == "broken file"


@pytest.mark.parametrize("name", ["rot13", "zlib", "unicode_escape", "idna", "none"])
def test_only_the_encodings_of_the_web_are_known(name: str, tmp_path: Path) -> None:
    with pytest.raises(LookupError, match=name):
        encoding_of(b"<meta charset=" + name.encode() + b">")
    (tmp_path / "a.html").write_bytes(b"<meta charset=" + name.encode() + b">")
    row = one(read_html(tmp_path / "a.html"))
    assert isinstance(row, Rejection)
    assert name in row.detail


def test_a_page_over_the_limit_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_bytes(b" " * LARGEST_PAGE)
    assert isinstance(one(read_html(tmp_path / "a.html")), Row)
    (tmp_path / "a.html").write_bytes(b" " * (LARGEST_PAGE + 1))
    row = one(read_html(tmp_path / "a.html"))
    assert isinstance(row, Rejection)
    assert row.reason == "too large"


# --- Markdown and plain text --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# A lamp\n\ntext", "A lamp"),
        ("text\n\n  ## A *lamp* ##  \n# B", "A *lamp*"),
        ("text\n====\n", "text"),
        ("\n----\nA lamp\n---\n", "A lamp"),
        ("```\n# code\n```\n# A lamp", "A lamp"),
        ("~~~\n```\n# code\n~~~\n# A lamp", "A lamp"),
        ("#hash\n#\n# \nno heading", ""),
        ("---\nlayout: x\ntitle: 'A lamp'\n---\n# B", "A lamp"),
        ("---\nlayout: x\n---\n# B", "B"),
        ("    # code\n", ""),
        ("", ""),
    ],
)
def test_a_markdown_text_names_itself(text: str, title: str) -> None:
    assert heading_of(text) == title


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"\xef\xbb\xbfa\r\n", "a\r\n"), ("é\n".encode("utf-16"), "é\n"), (b"# not a title", "# not a title")],
)
def test_a_plain_text_is_kept_as_it_is(content: bytes, text: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert one(read_plain(tmp_path / "a.txt", titled=False)) == Row("a.txt", 1, {"title": "", "text": text})


# --- PDF ----------------------------------------------------------------------------------------------------------------


def test_a_pdf_is_read_page_by_page(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["One (1) lamp\non two lines", "", "Third page"], "The \xe9 title"))
    row = one(read_pdf(tmp_path / "a.pdf"))
    assert isinstance(row, Row)
    assert row.values == {"title": "The é title", "text": "One (1) lamp\non two lines\n\f\n\fThird page\n\f"}


def test_a_pdf_of_pictures_has_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["", ""]))
    row = one(read_pdf(tmp_path / "a.pdf"))
    assert isinstance(row, Rejection)
    assert (row.reason, row.detail) == ("no text", "no text on its 2 pages: are they pictures?")


def test_pages_that_cannot_be_read_are_told_and_the_others_kept(tmp_path: Path) -> None:
    good = b"BT /F1 12 Tf (good) Tj ET"
    unknown = b"/Filter /NoSuch"
    (tmp_path / "a.pdf").write_bytes(pdf_of([good] * 4, {1: unknown, 3: unknown}))
    bad, row = read_pdf(tmp_path / "a.pdf")
    assert isinstance(bad, Rejection)
    assert isinstance(row, Row)
    assert (bad.row, bad.reason) == (2, "broken file")
    assert "and 1 more pages" in bad.detail
    assert row.values["text"] == "good\n\f\n\fgood\n\f\n\f"


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4", b"no pdf at all", pdf(["a"])[:200]])
def test_a_damaged_pdf_is_set_aside(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(content)
    found = [item for item in read_pdf(tmp_path / "a.pdf") if isinstance(item, Rejection)]
    assert [item.reason for item in found] in (["broken file"], ["no text"])


def test_a_locked_pdf_is_set_aside(tmp_path: Path) -> None:
    from pypdf import PdfWriter

    (tmp_path / "a.pdf").write_bytes(pdf(["secret"]))
    writer = PdfWriter(tmp_path / "a.pdf")
    writer.encrypt("word", algorithm="RC4-128")
    writer.write(tmp_path / "a.pdf")
    row = one(read_pdf(tmp_path / "a.pdf"))
    assert isinstance(row, Rejection)
    assert "decrypted" in row.detail


def test_a_pdf_with_too_much_text_is_too_large(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf(["words " * 20_000] * 10))
    row = one(read_pdf(tmp_path / "a.pdf"))
    assert isinstance(row, Rejection)
    assert row.reason == "too large"


# --- the folder ---------------------------------------------------------------------------------------------------------


def library(folder: Path) -> Path:
    """A folder with every kind of document, and things that are none."""
    (folder / "b" / "deep").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    (folder / "outside").mkdir()
    files: dict[str, bytes] = {
        "a.md": b"# Head\n\ntext",
        "b/deep/manual.pdf": pdf(["About lamps", "About shelves"], "Manual"),
        "b/page.HTML": b"<title>Page</title><p>about rugs",
        "b/packed.html.gz": gzip.compress(b"<p>about clocks"),
        "c.txt": b"about chairs",
        "d.txt.gz": gzip.compress(b"about vases"),
        "e.jpg": b"\xff\xd8",
        "f-broken.txt": b"\xff\xfe\x00",
        "g-cut.txt.gz": gzip.compress(os.urandom(1_000))[:500],
        "h-empty.md": b" \n",
        "i-binary.txt": b"a\0b",
        "j-large.txt": b"x" * (LARGEST + 1),
        "k-larger.txt": b"x" * (2 * LARGEST + 1),
        "l-packed.pdf.gz": gzip.compress(pdf(["a"])),
        "m-broken.pdf": b"no pdf",
        "n-latin.html": b"\xe9",
        ".hidden/z.txt": b"hidden",
        ".z.txt": b"hidden",
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder.parent / "elsewhere.txt").write_text("not ours")
    (folder / "o-link.txt").symlink_to(folder.parent / "elsewhere.txt")
    (folder / "p-link.txt").symlink_to(folder / "c.txt")
    (folder / "q-circle").symlink_to(folder)
    return folder


GOOD = [
    ("a.md", "Head", "# Head\n\ntext", "markdown"),
    ("b/deep/manual.pdf", "Manual", "About lamps\n\fAbout shelves\n\f", "pdf"),
    ("b/packed.html.gz", "packed.html.gz", "about clocks", "html"),
    ("b/page.HTML", "Page", "about rugs", "html"),
    ("c.txt", "c.txt", "about chairs", "text"),
    ("d.txt.gz", "d.txt.gz", "about vases", "text"),
    ("p-link.txt", "p-link.txt", "about chairs", "text"),
]
BAD = [
    ("f-broken.txt", "broken file", "not utf-16"),
    ("g-cut.txt.gz", "broken file", "damaged"),
    ("h-empty.md", "no text", "an empty document"),
    ("i-binary.txt", "broken file", "NUL"),
    ("j-large.txt", "too large", "1,000,000 bytes"),
    ("k-larger.txt", "too large", "1,000,000 bytes"),
    ("l-packed.pdf.gz", "broken file", "packed by itself"),
    ("m-broken.pdf", "broken file", ""),
    ("n-latin.html", "broken file", "not utf-8"),
]


@pytest.mark.slow
def test_every_document_is_one_record_in_the_order_of_names(tmp_path: Path) -> None:
    folder = library(tmp_path / "library")
    assert choose_reader(folder) == "documents"
    found = list(READERS["documents"](folder))
    rows = [item for item in found if isinstance(item, Row)]
    assert [tuple(row.values.values()) for row in rows] == GOOD
    assert all(list(row.values) == ["id", "title", "text", "kind"] and row.file == row.values["id"] for row in rows)
    bad = [item for item in found if isinstance(item, Rejection)]
    assert [(item.file, item.reason) for item in bad] == [(file, reason) for file, reason, _ in BAD]
    assert all(part in item.detail for item, (_, _, part) in zip(bad, BAD, strict=True))
    assert found == list(READERS["documents"](folder))


def test_a_folder_of_any_depth_is_walked(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 400)
    deep.mkdir(parents=True)
    (deep / "a.txt").touch()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(350)
    try:
        assert list(files_of(tmp_path)) == [deep / "a.txt"]
    finally:
        sys.setrecursionlimit(limit)


def test_a_folder_without_documents_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(UserError, match="no corpus and no documents"):
        choose_reader(tmp_path)


# --- any damage ---------------------------------------------------------------------------------------------------------


def whole_files(folder: Path) -> dict[str, tuple[Path, bytes]]:
    """For each reader a source and the bytes of the file of it that will be damaged."""
    pq.write_table(
        pa.table({"t": [f"word {n}" for n in range(200)], "n": [[n] for n in range(200)]}), folder / "a.parquet"
    )
    saved(folder / "saved", pa.table({"t": [f"word {n}" for n in range(200)]}))
    (folder / "a.pdf").write_bytes(pdf(["One page", "and another"], "Title"))
    (folder / "a.html").write_text("<title>t</title><p>one<script>x</script><pre>y &amp; z</pre>")
    sources = {
        "parquet": folder / "a.parquet",
        "datasets": folder / "saved",
        "pdf": folder / "a.pdf",
        "html": folder / "a.html",
    }
    files = {name: next(path.glob("*.arrow")) if path.is_dir() else path for name, path in sources.items()}
    return {name: (source, files[name].read_bytes()) for name, source in sources.items()}


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["parquet", "datasets", "pdf", "html"])
def test_any_damage_ends_in_rows_rejections_or_a_refusal(reader: str, tmp_path: Path) -> None:
    source, whole = whole_files(tmp_path)[reader]
    file = next(source.glob("*.arrow")) if source.is_dir() else source
    chance, ends = random.Random(reader), Counter[str]()
    with Apart(2**28) as apart:
        for _ in range(trials(60)):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                damaged[chance.randrange(len(whole))] = chance.randrange(256)
            if chance.random() < 0.3:
                del damaged[chance.randrange(len(whole)) :]
            file.write_bytes(damaged)
            try:
                items = list(apart.read(reader, source, 10))
            except (UserError, StoppedError) as error:
                ends[type(error).__name__] += 1
            else:
                assert all(item.reason in REASONS for item in items if isinstance(item, Rejection))
                ends["read"] += 1
    assert ends["StoppedError"] < ends.total() / 4


# --- from every source to an answer -------------------------------------------------------------------------------------


def parquet_source(folder: Path) -> Source:
    pq.write_table(pa.Table.from_pylist([product(number) for number in range(1, 40)]), folder / "p.parquet")
    return folder / "p.parquet"


def tsv_source(folder: Path) -> Source:
    rows = [product(number) for number in range(1, 40)]
    lines = ["\t".join(rows[0]), *("\t".join("" if v is None else str(v) for v in row.values()) for row in rows)]
    with gzip.open(folder / "p.tsv.gz", "wt") as file:
        file.write("\n".join(lines))
    return folder / "p.tsv.gz"


def sql_source(folder: Path) -> Source:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(folder / "p.db")) as database, database:
        names = list(product(1))
        database.execute(f"CREATE TABLE p ({', '.join(names)})")
        rows = [tuple(product(number).values()) for number in range(1, 40)]
        database.executemany(f"INSERT INTO p VALUES ({', '.join('?' * len(names))})", rows)
    return Query(f"sqlite:///{folder / 'p.db'}", "SELECT * FROM p ORDER BY sku")


def saved_source(folder: Path) -> Source:
    return saved(folder / "saved", pa.Table.from_pylist([product(number) for number in range(1, 40)]))


def jsonl_source(folder: Path) -> Source:
    return write_products(folder / "p.jsonl", range(1, 40))


@pytest.mark.slow
@pytest.mark.parametrize("make", [jsonl_source, parquet_source, tsv_source, sql_source, saved_source])
def test_a_source_of_any_kind_is_built_searched_and_known_again(make: object, tmp_path: Path, tiny_model: Path) -> None:
    source, home = make(tmp_path), Home(tmp_path / "home")  # type: ignore[operator]
    settings = BuildSettings(source=source, name="shop", model=str(tiny_model))
    report = build(settings, home)
    assert (report.records, report.rejected) == (39, {})
    assert build(settings, home).unchanged
    fourth = product(4)
    hit = SearchService(home).search("shop", str(fourth["description"]), k=1, where="price > 1").hits[0]
    assert hit.id == fourth["sku"]
    assert hit.record.fields["price"] == fourth["price"]
    assert hit.passage.page is None


@pytest.mark.slow
def test_a_passage_of_a_pdf_knows_its_page(tmp_path: Path, tiny_model: Path) -> None:
    (tmp_path / "docs").mkdir()
    pages = ["\n".join(f"Page {page} line {line} tells of {word} and more {word}." for line in range(30)) for page, word in enumerate(["lamps", "shelves", "rugs"], 1)]  # fmt: skip
    (tmp_path / "docs" / "manual.pdf").write_bytes(pdf(pages))
    (tmp_path / "docs" / "note.txt").write_text("a note without pages")
    home = ["--home", str(tmp_path / "home")]
    arguments = ["build", str(tmp_path / "docs"), "--name", "docs", "--model", str(tiny_model), "--json", *home]
    built = CliRunner().invoke(indexer.cli.app, arguments, catch_exceptions=False)
    assert json.loads(built.stdout)["records"] == 2
    service = SearchService(tmp_path / "home")
    for word in ("lamps", "shelves", "rugs"):
        hit = service.search("docs", f"tells of {word}", k=1).hits[0]
        assert hit.id == "manual.pdf"
        assert f"Page {hit.passage.page} line " in hit.passage.text
    version = service.opened("docs").version
    spans = version.spans(version.row_of("manual.pdf") or 0)
    text = service.record("docs", "manual.pdf").record.text
    assert {Passage.cut(text, span.start, span.end, 0, 1).page for span in spans} == {1, 2, 3}
    assert all(f"Page {Passage.cut(text, s.start, s.end, 0, 1).page} " in text[s.start : s.end] for s in spans)
    assert service.record("docs", "note.txt").passage.page is None
    excerpts = service.answer("docs", "what tells of rugs?", k=1).documents[0].excerpts
    assert all(f"Page {excerpt.passage.page} line " in excerpt.passage.text for excerpt in excerpts)
    asked = ["docs", "tells of rugs", "-k", "1", *home]
    hits = json.loads(CliRunner().invoke(searchapp.cli.app, ["search", *asked, "--json"]).stdout)["hits"]
    assert hits[0]["passage"]["page"] == service.search("docs", "tells of rugs", k=1).hits[0].passage.page
    for command in ("search", "answer"):
        assert ", page " in CliRunner().invoke(searchapp.cli.app, [command, *asked]).stdout


@pytest.mark.parametrize(
    ("start", "page"), [(0, 1), (2, 1), (3, 2), (4, 2), (5, 2), (6, 2), (7, 2), (11, 3)], ids=lambda value: str(value)
)
def test_the_page_of_a_passage_is_the_one_its_first_letter_stands_on(start: int, page: int) -> None:
    text = "one\n\f two\n\fthree\n\f"
    assert Passage.cut(text, start, len(text), 0, 1).page == page
    assert Passage.cut(text.replace("\f", " "), start, len(text), 0, 1).page is None


@pytest.mark.slow
def test_a_query_on_the_command_line_shows_no_password(tmp_path: Path, tiny_model: Path) -> None:
    command = ["build", "--name", "shop", "--home", str(tmp_path / "home"), "--model", str(tiny_model)]
    url = "postgresql://user:hush@127.0.0.1:1/shop"
    for arguments in (["--sql", url, "select 1"], ["--sql", url, " "], ["--sql", url, "select 1", "--dry-run"]):
        run = CliRunner().invoke(indexer.cli.app, [*command, *arguments])
        assert isinstance(run.exception, UserError)
        assert "hush" not in run.output + str(run.exception) + repr(run.exception)
    noted = repr(Catalog.open(Home.find(tmp_path / "home")).builds())
    assert "did not give the rows" in noted  # the catalog notes why a build failed
    assert "hush" not in noted
    held = b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*") if path.is_file())
    assert b"hush" not in held
