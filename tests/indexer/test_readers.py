"""Readers: every good row exactly, every bad row with file, row and reason, whatever the bytes."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tracemalloc
import zlib
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from indexer.columns import survey
from indexer.corpus import read_records, sample
from indexer.errors import UserError
from indexer.intake import take_in
from indexer.readers import READERS, choose_reader
from indexer.records import LARGEST, REASONS, Columns, Record, Rejection, Row, to_record
from tests.trials import trials

Bad = tuple[int, str]  # row, reason
Good = tuple[int, dict[str, object]]


def rows_of(reader: str, path: Path) -> tuple[list[Good], list[Bad]]:
    found = list(READERS[reader](path))
    assert {item.file for item in found} <= {path.name, "corpus.jsonl"}
    good = [(item.number, item.values) for item in found if isinstance(item, Row)]
    bad = [(item.row, item.reason) for item in found if isinstance(item, Rejection)]
    assert len(good) + len(bad) == len(found)
    return good, bad


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sources")


# --- JSON lines ---------------------------------------------------------------------------------------------------------

plain = st.text(st.sampled_from('ab"\\/ \n\té\u2028\0\x85😀'), max_size=6)
scalars = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False) | plain
)
objects: st.SearchStrategy[dict[str, object]] = st.dictionaries(
    plain, scalars | st.lists(scalars, max_size=2), max_size=3
)
broken_json = st.sampled_from(
    [
        *(b"{", b'{"a": 1', b"[1]", b"7", b'"a"', b"nothing", b'{"a": 1} x', b"\0", b'{"a": "\0"}', b"\xa0"),
        *(b'{"a": "\xff"}', b'{"a": "\xed\xa0\x80"}', b"[" * 10_000, b'{"a": ' + b"9" * 5_000 + b"}"),
    ]
)


@st.composite
def json_files(draw: st.DrawFn) -> tuple[bytes, list[Good], list[Bad]]:
    """A file with the rows in it that are good and those that are not, as its writer knows them."""
    lines: list[bytes] = []
    good: list[Good] = []
    bad: list[Bad] = []
    for number in range(1, draw(st.integers(0, 8)) + 1):
        kind = draw(st.sampled_from(["good", "good", "broken", "empty", "surrogate"]))
        if kind == "good":
            values = draw(objects)
            lines.append(json.dumps(values, ensure_ascii=draw(st.booleans())).encode())
            good.append((number, values))
        elif kind == "broken":
            lines.append(draw(broken_json))
            bad.append((number, "broken line"))
        elif kind == "surrogate":
            lines.append(b'{"\\ud800": 1}')
            bad.append((number, "lone surrogate"))
        else:
            lines.append(draw(st.sampled_from([b"", b"  ", b"\t"])))
    ending = draw(st.sampled_from([b"\n", b"\r\n"]))
    start = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    return start + ending.join(lines) + draw(st.sampled_from([b"", ending])), good, bad


@trying(max_examples=trials(500))
@given(made=json_files(), name=st.sampled_from(["a.jsonl", "a.jsonl.gz"]))
def test_json_lines_give_every_good_row_and_name_every_bad_one(
    made: tuple[bytes, list[Good], list[Bad]], name: str, folder: Path
) -> None:
    content, good, bad = made
    assert rows_of("jsonl", write(folder / name, content)) == (good, bad)


def test_a_line_over_the_limit_is_skipped_without_being_held(tmp_path: Path) -> None:
    fits = b'{"a": "' + b"x" * (LARGEST - 9) + b'"}'
    content = b"\r\n".join([fits, b'{"a": "' + b"x" * 30_000_000 + b'"}', fits + b" ", b'{"a": "last"}'])
    path = write(tmp_path / "a.jsonl.gz", content)
    tracemalloc.start()
    good: list[int] = []
    bad: list[Bad] = []
    for item in READERS["jsonl"](path):
        if isinstance(item, Row):
            good.append(item.number)
        else:
            bad.append((item.row, item.reason))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (good, bad) == ([1, 4], [(2, "too large"), (3, "too large")])
    assert peak < 8_000_000


# --- BEIR ---------------------------------------------------------------------------------------------------------------


def test_beir_metadata_keys_become_columns_and_nothing_is_lost_or_repeated(tmp_path: Path) -> None:
    lines = [
        {"_id": "a", "title": "T", "text": "X", "metadata": {"title": "T", "price": "1.5"}},
        {"_id": "b", "title": "T", "text": "X", "metadata": {"title": "other"}, "lang": "en"},
        {"_id": "c", "text": "X", "metadata": None},
        {"_id": "d", "text": "X", "metadata": [1]},
    ]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, lines)))
    good, bad = rows_of("beir", tmp_path)
    assert [values for _, values in good] == [
        {"_id": "a", "title": "T", "text": "X", "price": "1.5"},
        {"_id": "b", "title": "T", "text": "X", "lang": "en", "metadata.title": "other"},
        {"_id": "c", "text": "X"},
    ]
    assert bad == [(4, "broken line")]


@pytest.mark.data
def test_every_public_beir_folder_reads_whole(shared_data: Path, tmp_path: Path) -> None:
    counts = {}
    for line in (shared_data / "MANIFEST.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["file"].endswith("corpus.jsonl.gz"):
            counts[str(Path(entry["file"]).parent)] = entry["rows"]
    assert len(counts) == 15
    found = {}
    for name in counts:
        columns = survey(READERS["beir"](shared_data / name)).columns
        assert (columns.id, columns.title, columns.text) == ("_id", "title", "text")
        records = list(read_records(shared_data / name, "beir", columns, tmp_path))
        found[name] = sum(isinstance(record, Record) for record in records)
        assert found[name] == len(records)
    assert found == counts
    readme = (shared_data / "README.md").read_text()
    assert all(f"{counts[name]:,} docs" in readme for name in ("scifact", "epqa", "cosqa", "peps", "qmsum"))


# --- CSV and TSV --------------------------------------------------------------------------------------------------------

cells = st.text(st.sampled_from('ab,;\t"\n\r é\u2028😀'), max_size=6)
HEADER = ["id", "a b", "text"]


@st.composite
def tables(draw: st.DrawFn) -> tuple[bytes, list[Good], list[Bad]]:
    """A comma-separated file written by the csv module, broken rows strewn in."""
    ending = draw(st.sampled_from(["\n", "\r\n"]))
    content = ",".join(HEADER).encode() + ending.encode()
    good: list[Good] = []
    bad: list[Bad] = []
    for _ in range(draw(st.integers(0, 8))):
        number = content.count(b"\n") + 1
        kind = draw(st.sampled_from(["good", "good", "count", "bytes", "NUL", "quote", "empty"]))
        if kind == "good":
            values = draw(st.lists(cells, min_size=3, max_size=3))
            out = io.StringIO(newline="")
            writer = csv.writer(out, lineterminator=ending, quoting=csv.QUOTE_ALL)
            if "\r" not in "".join(values):  # the csv module leaves a lone one unquoted
                writer = csv.writer(out, lineterminator=ending)
            writer.writerow(values)
            line = out.getvalue().encode()
            good.append((number, dict(zip(HEADER, values, strict=True))))
        else:
            line = {
                "count": b"1,2",
                "bytes": b"1,\xff,3",
                "NUL": b"1,2,\x00",
                "quote": b'1,"a"b,3',
                "empty": b"",
            }[kind] + ending.encode()
            bad += [] if kind == "empty" else [(number, "broken line")]
        content += line
    if draw(st.booleans()):
        bad.append((content.count(b"\n") + 1, "broken line"))
        content += b'1,2,"never closed\nand on'
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + content, good, bad


@trying(max_examples=trials(500))
@given(made=tables(), name=st.sampled_from(["a.csv", "a.csv.gz"]))
def test_csv_gives_every_good_row_and_names_every_bad_one(
    made: tuple[bytes, list[Good], list[Bad]], name: str, folder: Path
) -> None:
    content, good, bad = made
    assert rows_of("csv", write(folder / name, content)) == (good, bad)


def test_tsv_has_quotes_and_commas_in_cells(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", b'id\ttext\n1\t"a\tb, ""c"""\n2\t5" pipe\n')
    assert rows_of("tsv", path) == ([(2, {"id": "1", "text": 'a\tb, "c"'}), (3, {"id": "2", "text": '5" pipe'})], [])


@pytest.mark.parametrize(
    ("content", "good"),
    [
        ('id\ttext\n1\t"so," he said\n2\tand left\n', [(2, '"so," he said'), (3, "and left")]),  # text after the quote
        ('id\ttext\n1\t"so\n2\tand" on\n', [(2, '"so'), (3, 'and" on')]),
        ('id\ttext\n1\t"so\n2\tand on"\n', [(2, '"so'), (3, 'and on"')]),  # quoting would make one row of two
        ('id\ttext\n1\t"so"\n2\t"a ""b"""\n', [(2, "so"), (3, 'a "b"')]),  # both fit
        ('id\ttext\n1\t"so\nand so"\n2\tb\n', [(2, "so\nand so"), (4, "b")]),  # only quoting fits
        ('id\t"text\n1\ta\n', [(2, "a")]),
    ],
    ids=["speech", "across", "swallowed", "both", "line-end", "header"],
)
def test_tsv_has_quotes_that_are_text_or_mean_something(
    content: str, good: list[tuple[int, str]], tmp_path: Path
) -> None:
    rows, bad = rows_of("tsv", write(tmp_path / "a.tsv", content.encode()))
    assert [(number, list(values.values())[1]) for number, values in rows] == good
    assert bad == []


def test_a_long_tsv_is_judged_by_its_beginning(tmp_path: Path) -> None:
    lines = ["id\ttext", *(f'{number}\t"{"word " * 20}" {number}' for number in range(50_000))]
    good, bad = rows_of("tsv", write(tmp_path / "a.tsv.gz", table(lines)))
    assert (len(good), bad) == (50_000, [])


@pytest.mark.data
def test_every_row_of_the_public_tsv_files_is_read_as_its_makers_wrote_it(shared_data: Path) -> None:
    files = sorted(shared_data.rglob("*.tsv.gz"))
    assert len(files) == 5
    for path in files:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            header, *lines = [line.rstrip("\n").split("\t") for line in file]
        good, bad = rows_of("tsv", path)
        assert bad == []
        assert [values for _, values in good] == [dict(zip(header, line, strict=True)) for line in lines]


def table(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def numbered(first: int, last: int) -> list[str]:
    return [f"{number},row {number}" for number in range(first, last + 1)]


@pytest.mark.parametrize(
    "after", [[], ['52,"a quoted cell"'], ['52,"a quoted cell', 'on two lines"']], ids=["end", "quoted", "two-lines"]
)
def test_a_stray_quote_costs_its_own_row_only(after: list[str], tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", table(["id,text", *numbered(2, 9), '10,"stray', *numbered(11, 51), *after]))
    good, bad = rows_of("csv", path)
    assert bad == [(10, "broken line")]
    assert [number for number, _ in good] == [*range(2, 10), *range(11, 52), *([52] if after else [])]


def test_the_lines_of_a_broken_record_are_not_taken_for_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b'id,text,price\n"first line\nsecond, half",5\n4,good,1\n')
    assert rows_of("csv", path) == ([(4, {"id": "4", "text": "good", "price": "1"})], [(2, "broken line")])


def test_a_quote_left_open_for_megabytes_holds_one_and_costs_its_own_row_only(tmp_path: Path) -> None:
    rows = [f"{number},{'x' * 300}" for number in range(3, 20_001)]
    path = write(tmp_path / "a.csv", table(["id,text", '2,"stray', *rows]))
    tracemalloc.start()
    items = READERS["csv"](path)
    first, count = next(items), sum(isinstance(item, Row) for item in items)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(first, Rejection)
    assert (first.row, first.reason, count) == (2, "too large", 19_998)
    assert peak < 16_000_000


def test_a_quoted_cell_over_the_limit_is_passed_over_whole(tmp_path: Path) -> None:
    prose = ['a line with ""quotes"" of a very long cell'] * 60_000
    path = write(tmp_path / "a.csv", table(["id,text", "2,good", '3,"begins', *prose, 'ends"', "60005,good"]))
    good, bad = rows_of("csv", path)
    assert bad == [(3, "too large")]
    assert [number for number, _ in good] == [2, 60_005]


def test_a_hostile_file_of_open_quotes_ends_soon(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b"id,text\n" + b'a,"\n1,2\n3,4\n' * 30_000)
    good, bad = rows_of("csv", path)
    assert good
    assert {reason for _, reason in bad} <= {"broken line", "too large"}


def test_an_overlong_line_inside_a_quoted_cell_is_told_once_the_record_is(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", b'id,text\n1,"open\n' + b"x" * 2_000_000 + b"\n3,good\n")
    assert rows_of("csv", path) == ([(4, {"id": "3", "text": "good"})], [(2, "broken line"), (3, "too large")])


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "The file has no header row"),
        (b"\n1,2\n", "The first line is empty"),
        (b"a,b,a\n", "2 columns have the same name"),
        (b"\xff,b\n", "The header row cannot be read"),
        (b'"a,b\n', "The header row cannot be read"),
        (b"x" * 2_000_000, "The header row cannot be read"),
    ],
    ids=["empty", "blank", "same-name", "latin-1", "open-quote", "too-long"],
)
def test_a_file_without_a_usable_header_is_refused(content: bytes, what: str, tmp_path: Path) -> None:
    with pytest.raises(UserError) as refused:
        list(READERS["csv"](write(tmp_path / "a.csv", content)))
    assert refused.value.what == what


def test_a_column_without_a_name_is_called_by_its_place(tmp_path: Path) -> None:
    assert rows_of("csv", write(tmp_path / "a.csv", b",text\n0,a\n"))[0] == [(2, {"column 1": "0", "text": "a"})]


# --- any bytes, and files that end too early ---------------------------------------------------------------------------

shreds = st.lists(
    st.binary(max_size=20)
    | st.sampled_from([b'{"_id": 1, "text": "a"}', b'"', b"\n", b",", b"\r", b"\xef\xbb\xbf", b"\x1f\x8b"]),
    max_size=12,
)


@trying(max_examples=trials(500))
@given(pieces=shreds, reader=st.sampled_from(["beir", "csv", "tsv", "jsonl"]), packed=st.booleans())
def test_arbitrary_bytes_end_in_rows_rejections_or_a_refusal(
    pieces: list[bytes], reader: str, packed: bool, folder: Path
) -> None:
    content = b"".join(pieces)
    path = folder / "corpus.jsonl"
    path.write_bytes(gzip.compress(content) if packed else content)
    source = folder if reader == "beir" else path
    try:
        found = list(READERS[reader](source))
    except UserError as error:
        refusal = error
        assert reader in ("csv", "tsv")
        assert any(word in refusal.what for word in ("header", "first line", "same name"))
        return
    assert all(item.reason in REASONS for item in found if isinstance(item, Rejection))
    try:
        columns = survey(iter(found)).columns
    except UserError:
        return
    outcome = list(read_records(source, reader, columns, folder))
    assert len(outcome) == len(found)
    first: dict[str, Record] = {}
    for row in found:
        made = to_record(row, columns)
        if isinstance(made, Record):
            first.setdefault(made.id, made)
    assert [item for item in outcome if isinstance(item, Record)] == list(first.values())


@trying(max_examples=trials(200))
@given(count=st.integers(0, 300), cut=st.floats(0, 1))
def test_a_cut_off_gzip_gives_what_is_readable_and_then_says_so(count: int, cut: float, folder: Path) -> None:
    content = b"".join(b'{"n": %d, "text": "%d words"}\n' % (n, n * 7919 % 1000) for n in range(count))
    packed = gzip.compress(content, mtime=0)
    kept = packed[: 3 + int((len(packed) - 4) * cut)]
    (folder / "cut.jsonl.gz").write_bytes(kept)
    whole = zlib.decompressobj(wbits=31).decompress(kept).count(b"\n")
    good, bad = rows_of("jsonl", folder / "cut.jsonl.gz")
    assert [values["n"] for _, values in good] == list(range(whole))
    assert bad == [(whole + 1, "broken file")]


def test_a_damaged_gzip_ends_in_one_rejection(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(b'{"a": 1}\n' * 50, mtime=0))
    packed[-6] ^= 1  # the checksum
    (tmp_path / "a.jsonl.gz").write_bytes(packed)
    good, bad = rows_of("jsonl", tmp_path / "a.jsonl.gz")
    assert (len(good), bad) == (50, [(51, "broken file")])


# --- too many bad rows --------------------------------------------------------------------------------------------------


def test_taking_in_ends_with_the_bad_row_that_is_too_much(tmp_path: Path) -> None:
    lines = [b'{"text": "good"}\n', *[b"bad\n"] * 5_000, b'{"text": "good"}\n']
    path = write(tmp_path / "a.jsonl", b"".join(lines))
    columns = survey(READERS["jsonl"](path)).columns
    rejected = tmp_path / "rejected.jsonl"
    for limit, expected, told, written in (
        (0.01, 5_002, "at least 1001 of 5002 rows are bad", 1_001),
        (0.5, 5_002, "at least 2502 of 5002 rows are bad", 2_502),
        (0.01, None, "5000 of 5002 rows are bad", 5_000),
    ):
        with pytest.raises(UserError) as refused:
            take_in(path, "jsonl", columns, tmp_path / "in", rejected, max_rejected=limit, expected=expected)
        assert refused.value.what.startswith(told)
        assert refused.value.given == f"broken line: {written}"
        assert rejected.read_bytes().count(b"\n") == written
    taken = take_in(path, "jsonl", columns, tmp_path / "in", rejected, max_rejected=1, expected=5_002)
    assert (taken.records, taken.rejected) == (2, {"broken line": 5_000})


def test_a_source_without_one_good_row_says_so_however_early_it_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b"bad\n" * 3_000)
    columns = Columns(None, None, "text", {})
    for expected, told in ((3_000, "at least 1001 of 3000 rows are bad"), (None, "the source holds no usable row")):
        with pytest.raises(UserError) as refused:
            take_in(path, "jsonl", columns, tmp_path, tmp_path / "bad", max_rejected=0.01, expected=expected)
        assert refused.value.what.startswith(told)


# --- which reader, and a sample -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reader"),
    [("a.csv", "csv"), ("a.b.TSV.gz", "tsv"), ("a.jsonl", "jsonl"), ("a.ndjson.gz", "jsonl"), ("a.csv.GZ", "csv")],
)
def test_the_ending_chooses_the_reader(name: str, reader: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    assert choose_reader(tmp_path / name) == reader


def test_a_folder_with_a_corpus_is_beir(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no corpus and no documents"):
        choose_reader(tmp_path)
    (tmp_path / "corpus.jsonl.gz").touch()
    assert choose_reader(tmp_path) == "beir"
    (tmp_path / "corpus.jsonl").touch()
    with pytest.raises(UserError, match="two corpus files"):
        choose_reader(tmp_path)


@pytest.mark.parametrize("name", ["a.xlsx", "noending", "a.gz", "a.txt"])
def test_an_unknown_ending_is_refused_with_the_known_ones(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(UserError) as refused:
        choose_reader(tmp_path / name)
    assert ".csv, .tsv, .jsonl, .ndjson, .parquet" in refused.value.todo


def test_a_source_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not there"):
        choose_reader(tmp_path / "a.csv")
    with pytest.raises(UserError, match="cannot be read"):
        list(READERS["csv"](tmp_path / "a.csv"))


def test_a_sample_is_uniform_ordered_and_repeatable(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", b"".join(b'{"n": %d}\n' % n for n in range(10_000)))
    drawn = [row.number for row in sample(path, "jsonl", 1_000) if isinstance(row, Row)]
    assert len(set(drawn)) == 1_000
    assert drawn == sorted(drawn)
    assert 4_500 < sum(drawn) / 1_000 < 5_500
    assert len(sample(path, "jsonl", 20_000)) == 10_000


def test_a_sample_of_long_rows_is_smaller_and_as_uniform(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl.gz", b"".join(b'{"text": "%s"}\n' % (b"x" * 900_000) for _ in range(400)))
    tracemalloc.start()
    drawn = [row.number for row in sample(path, "jsonl", 1_000) if isinstance(row, Row)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 16 <= len(drawn) <= 36
    assert drawn == sorted(set(drawn))
    assert 120 < sum(drawn) / len(drawn) < 280
    assert peak < 60_000_000
