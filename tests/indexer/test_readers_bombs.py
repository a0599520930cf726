"""Small files that stand for gigabytes: reading ends within its limits, with one clear refusal or one row set aside.

Each case is read in a process of its own, whose peak of memory is measured together with that of the process it starts.
"""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.readers.apart import MEMORY, Apart, StoppedError
from indexer.readers.html_text import LARGEST_PAGE
from indexer.records import LARGEST
from tests.documents import pdf, pdf_of

MB = 2**20
LIMIT = 192 * MB  # for most cases: what is refused within this is refused within the real one, only later
OVER = 100 * MB  # that a process may take beyond its limit
READ = """
import json, resource, sys
from pathlib import Path
from indexer.errors import UserError
from indexer.readers import Query, apart, choose_reader, read_rows
from indexer.records import Row
apart.MEMORY = int(sys.argv.pop(1))
source = Path(sys.argv[1]) if len(sys.argv) == 2 else Query(*sys.argv[1:])
rows, bad, refused = 0, [], ""
try:
    for item in read_rows(choose_reader(source), source):
        if isinstance(item, Row):
            rows += 1
        elif len(bad) < 5:
            bad.append([item.file, item.row, item.reason, item.detail])
except UserError as error:
    refused = str(error)
own = Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]  # ru_maxrss is at least that of who started us
below = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"rows": rows, "bad": bad, "refused": refused, "peaks": [int(own) * 1024, below * 1024]}))
"""


def read(*source: object, memory: int = LIMIT) -> dict[str, Any]:
    """What reading a source gives, in a process of its own; its peak of memory is within the limits."""
    run = subprocess.run(
        [sys.executable, "-c", READ, str(memory), *map(str, source)],
        capture_output=True,
        text=True,
        check=True,
        timeout=250,
    )
    found: dict[str, Any] = json.loads(run.stdout)
    own, below = found["peaks"]
    assert own < OVER + 20 * MB
    assert below < memory + OVER
    return found


pytestmark = pytest.mark.slow


def gzipped(path: Path, pieces: Iterator[bytes]) -> Path:
    with gzip.open(path, "wb", compresslevel=1) as file:
        for piece in pieces:
            file.write(piece)
    return path


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.tsv.gz"])
def test_a_gzip_of_a_thousand_to_one_is_refused(name: str, tmp_path: Path) -> None:
    lines = b'{"text": "' + b"x" * 900_000 + b'"}\n' if "json" in name else b"x" * 900_000 + b"\n"
    begin = b"" if "json" in name else b"text\n"
    path = gzipped(tmp_path / name, iter([begin, *[lines] * 1_250]))
    assert path.stat().st_size < 6_000_000
    assert "A compressed file grows beyond reason." in read(path)["refused"]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.tsv.gz"])
def test_a_field_of_a_gigabyte_is_one_bad_row(name: str, tmp_path: Path) -> None:
    begin, end, good = (b'{"text": "', b'"}\n', b'{"text": "good"}\n') if "json" in name else (b'"', b'"\n', b"good\n")
    header = b"" if "json" in name else b"text\n"
    path = gzipped(tmp_path / name, iter([header + begin, *[b"y" * 10**7] * 100, end, good]))
    found = read(path)
    assert (found["rows"], [reason for _, _, reason, _ in found["bad"]]) == (1, ["too large"])


def test_json_nested_a_hundred_thousand_deep_is_a_bad_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'{"a": ' + b"[" * 900_000 + b"\n" + b'{"a": ' * 100_000 + b'\n{"a": 1}\n')
    found = read(tmp_path / "a.jsonl")
    assert (found["rows"], [reason for _, _, reason, _ in found["bad"]]) == (1, ["broken line"] * 2)


def one_value(path: Path, size: int = 250_000_000, **options: Any) -> Path:
    pq.write_table(pa.table({"text": ["x" * size]}), path, compression="zstd", **options)
    return path


def repeated(path: Path, **options: Any) -> Path:
    indices = pa.array([0] * 5_000, pa.int32())
    table = pa.table({"text": pa.DictionaryArray.from_arrays(indices, ["x" * 900_000])})
    pq.write_table(table, path, compression="zstd", **options)
    return path


def grown(path: Path) -> Path:
    """Each value is the one before and a letter more: little to store, much to hold."""
    words = pa.table({"text": ["x" * 900_000] * 600})
    pq.write_table(words, path, use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"})
    return path


def nulls(path: Path) -> Path:
    pq.write_table(pa.table({"text": pa.array([[None] * 50_000_000], pa.list_(pa.int8()))}), path)
    return path


@pytest.mark.parametrize(
    ("make", "rows", "bad", "refused"),
    [
        (one_value, 0, [], "memory"),
        (lambda path: one_value(path, use_dictionary=False), 0, [], "memory"),
        (repeated, 1193, [], "grows beyond reason"),
        (grown, 600, [], ""),
        (nulls, 0, [], "memory"),
    ],
    ids=["value", "plain-value", "dictionary", "prefixes", "nulls"],
)
def test_parquet_of_absurd_sizes(
    make: Callable[[Path], Path], rows: int, bad: list[str], refused: str, tmp_path: Path
) -> None:
    path = make(tmp_path / "a.parquet")
    assert path.stat().st_size < 2_000_000
    found = read(path)
    assert found["refused"].count("\n") == (2 if refused else 0)
    assert (found["rows"], found["bad"]) == (rows, bad)
    assert refused in found["refused"]


def test_the_limit_itself_is_kept(tmp_path: Path) -> None:
    path = one_value(tmp_path / "a.parquet", MEMORY + 50_000_000, use_dictionary=False)
    assert "needs more than 512 MB" in read(path, memory=MEMORY)["refused"]


def test_parquet_rows_larger_than_its_average_says_are_read_all_the_same(tmp_path: Path) -> None:
    words = [os.urandom(200).hex() * 2_000 for _ in range(350)]
    table = pa.table({"text": [*map(str, range(10_000)), *words]})
    pq.write_table(table, tmp_path / "a.parquet", write_batch_size=16, use_dictionary=False, compression="none")
    del table, words
    found = read(tmp_path / "a.parquet")
    assert (found["rows"], found["refused"]) == (10_350, "")


def test_a_saved_data_set_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    table = pa.table({"text": ["x" * 250_000_000]})
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with (
        pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink,
        pa.ipc.new_stream(sink, table.schema, options=options) as to,
    ):
        to.write_table(table)
    (tmp_path / "state.json").write_text('{"_data_files": [{"filename": "a.arrow"}]}')
    found = read(tmp_path)
    assert "memory" in found["refused"]


@pytest.mark.parametrize(
    "statement",
    ["select printf('%.*c', 900000000, 'x')", "select zeroblob(900000000)", "select 1 union all select zeroblob(9e8)"],
)
def test_a_query_for_a_gigabyte_in_a_cell_is_refused(statement: str, tmp_path: Path) -> None:
    import sqlite3

    sqlite3.connect(tmp_path / "a.db").close()
    (tmp_path / "a.db").touch()
    found = read(f"sqlite:///{tmp_path / 'a.db'}", statement)
    assert "memory" in found["refused"] or "too big" in found["refused"]


TAKE_IN = """
import sys
from pathlib import Path
from indexer.columns import survey
from indexer.intake import take_in
from indexer.readers import read_rows
from indexer.rows import RECORDS, Records
source, folder = map(Path, sys.argv[1:])
columns = survey(read_rows("jsonl", source)).columns
intake = take_in(source, "jsonl", columns, folder, folder / "rejected.jsonl", max_rejected=0.01)
records = Records(folder / RECORDS, columns, mapped=False)
characters = sum(len(text) for _, text in records.texts())
peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024
places = [0, records.batches, records.rows // 2, records.rows - 1]
at = [(records.id(row), records[row].fields["more"][:9], text[:9]) for row, (_, text) in zip(places, records.text_at(places))]
print([intake.records, records.rows, records.batches, characters, at == [(str(p), f"m{p:08}", f"t{p:08}") for p in places], peak])
"""


def test_the_longest_documents_are_taken_in_within_memory(tmp_path: Path) -> None:
    row = '{"id": %d, "text": "t%08d' + "x" * 400_000 + '", "more": "m%08d' + "y" * 400_000 + '"}\n'
    path = gzipped(tmp_path / "a.jsonl.gz", (row.encode() % (n, n, n) for n in range(400)))
    command = [sys.executable, "-c", TAKE_IN, str(path), str(tmp_path / "in")]
    run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=250)
    *found, peak = json.loads(run.stdout.replace("True", "true").replace("False", "false"))
    assert found == [400, 400, 10, 400 * 400_009, True]
    assert peak < 300 * MB


def bombs(folder: Path) -> Path:
    """A folder of documents: one good one after each bomb."""
    packed = zlib.compress(zlib.compress(b" " * 1_000_000_000, 1), 9)
    (folder / "a-stream.pdf").write_bytes(pdf_of([packed], {0: b"/Filter [/FlateDecode /FlateDecode]"}))
    (folder / "b-good.pdf").write_bytes(pdf(["a quiet lamp"]))
    with (folder / "c-large.html").open("wb") as file:
        file.truncate(1_000_000_000)
    gzipped(folder / "d-large.html.gz", iter([b"<p>words " * 100_000] * 1_000))
    gzipped(folder / "e-large.txt.gz", iter([b"words " * 100_000] * 1_000))
    (folder / "f-good.txt").write_text("a bright shelf")
    with (folder / "g-large.pdf").open("wb") as file:
        file.truncate(1_000_000_000)
    (folder / "h-deep.html").write_text("<div>" * 300_000 + "deep")
    return folder


def test_documents_that_burst_are_set_aside_and_the_others_read(tmp_path: Path) -> None:
    found = read(bombs(tmp_path))
    assert found["rows"] == 3
    assert [file for file, *_ in found["bad"]] == [
        "a-stream.pdf", "c-large.html", "d-large.html.gz", "e-large.txt.gz", "g-large.pdf",
    ]  # fmt: skip
    assert {reason for _, _, reason, _ in found["bad"][1:]} == {"too large"}
    assert found["refused"] == ""


def test_a_document_that_takes_too_long_is_left_and_the_next_one_read(tmp_path: Path) -> None:
    slow, good = tmp_path / "slow.html", tmp_path / "good.html"
    slow.write_text("<!x" * (LARGEST_PAGE // 4))
    good.write_text("<p>good")
    with Apart() as apart:
        with pytest.raises(StoppedError, match="more than 1 s of processor time"):
            list(apart.read("html", slow, 1))
        assert len(list(apart.read("html", good, 1))) == 1


def test_the_largest_rows_go_through_the_pipe(tmp_path: Path) -> None:
    text = "\0" * (LARGEST - 1)
    pq.write_table(
        pa.table({"text": [text, text + "more", "é" * (LARGEST // 2), "😀" * LARGEST]}), tmp_path / "a.parquet"
    )
    found = read(tmp_path / "a.parquet")
    assert (found["rows"], [row for _, row, _, _ in found["bad"]]) == (2, [2, 4])
