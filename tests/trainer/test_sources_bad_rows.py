"""Bad rows: for every kind of source and every shape, each is set aside with its line and reason, and nothing good is lost.

Good rows and spoiled ones are drawn, mixed and written; what is read must be exactly the good ones, and the list of the bad
must name exactly the lines that were spoiled, each with the reason it was spoiled by.
"""

from __future__ import annotations

import gzip
import json
import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.files import sha256
from tests.trainer.reading import found
from tests.trials import trials
from trainer.recipe import Source
from trainer.sources import read_source
from trainer.sources_tables import Bad

COLUMNS = {
    "pairs": ("query", "positive", "score"),
    "nli": ("premise", "hypothesis", "label"),
    "labels": ("text", "label"),
    "duplicates": ("text1", "text2", "label"),
}
RIGHT = {"nli": 0, "duplicates": 1}  # labels of which a row makes a pair
TEXT = 'it is 5" wide, or so;\u2028 très bien'
Row = dict[str, Any]
Drawn = tuple[Row | bytes, str]  # a row, or a line that is none; why it is bad
LATE = 2**40  # seconds: a date past the year 9999, which Python has not


def good_row(shape: str, number: int) -> Row:
    if shape == "labels":
        return {"text": f"good{number}", "label": number // 2}
    return dict(zip(COLUMNS[shape], (f"good{number}", TEXT, RIGHT.get(shape)), strict=True))


def bad_row(shape: str, draw: random.Random, *, loose: bool) -> Drawn:
    """A good row with one thing wrong. Where a column may hold anything (`loose`), also the wrong type."""
    texts = [name for name in COLUMNS[shape] if name not in ("label", "score")]
    needed = [name for name in COLUMNS[shape] if name != "score"]
    faults: list[tuple[str, str, Any]] = [
        ("missing field", draw.choice(needed), None),
        ("broken text", draw.choice(texts), "half a \udcff letter"),
    ]
    if shape in RIGHT:
        faults.append(("unknown label", "label", 9))
    if shape == "pairs":
        faults.append(("wrong type", "score", "high" if loose else float("nan")))
    if loose:
        faults.append(("wrong type", draw.choice(texts), draw.choice([7, 1.5, True])))
        faults += [("wrong type", name, 1.5) for name in needed if name == "label"]
    reason, name, value = draw.choice(faults)
    return good_row(shape, draw.randrange(100)) | {name: value}, reason


def bad_json(shape: str, draw: random.Random) -> Drawn:
    junk = bytes(draw.choice(b"abc{[:, ") for _ in range(draw.randrange(1, 30)))
    broken = [b"{" + junk, b"\xff" + junk, b'{"query": "x", "positive": ' + junk, b"[" * 5000]
    lines = [(line, "broken line") for line in broken] + [(line, "no object") for line in (b"[1]", b"7", b"null")]
    return draw.choice([*lines, bad_row(shape, draw, loose=True), bad_row(shape, draw, loose=True)])


def bad_cells(shape: str, draw: random.Random, mark: str) -> Drawn:
    """A line that is no row of a CSV or TSV file, or holds what its column must not."""
    many = mark.join(["a"] * (len(COLUMNS[shape]) + 1)).encode()
    faults: list[Drawn] = [(b"one cell", "wrong number of cells"), (many, "wrong number of cells")]
    faults.append((mark.join(["\udcff", "b"]).encode("utf-8", "surrogateescape"), "broken line"))
    if mark == ",":
        opened = b'x,"open ' + bytes(draw.choice(b"abc ") for _ in range(9))
        faults += [(line, "broken line") for line in (b'a,"b" c', b'"a"b,c', opened)]
    if shape in RIGHT:
        faults.append((good_row(shape, 0) | {"label": "maybe"}, "unknown label"))
    if shape == "pairs":
        faults += [(good_row(shape, 0) | {"score": value}, "wrong type") for value in ("high", "nan", "-inf")]
    return draw.choice(faults)


def write_lines(path: Path, lines: Iterator[bytes]) -> Source:
    content = b"".join(line + b"\n" for line in lines)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return Source("s", (path,), partners=1)


def write_json(path: Path, shape: str, rows: list[Row | bytes]) -> Source:
    return write_lines(path, (row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows))


def write_cells(path: Path, shape: str, rows: list[Row | bytes]) -> Source:
    mark = "," if path.suffix == ".csv" else "\t"
    lines = (row if isinstance(row, bytes) else mark.join(_cell(value, mark) for value in row.values()) for row in rows)
    encoded = (line if isinstance(line, bytes) else line.encode() for line in (mark.join(COLUMNS[shape]), *lines))
    return write_lines(path, encoded)


def _cell(value: Any, mark: str) -> str:
    text = "" if value is None else str(value)
    return '"{}"'.format(text.replace('"', '""')) if mark == "," else text


def arrow(shape: str, rows: list[Row | bytes]) -> pa.Table:
    """Texts with their broken bytes, and a column of dates, of which no row needs any, that Python cannot hold."""
    names = COLUMNS[shape]
    values = {name: [row[name] for row in rows if isinstance(row, dict)] for name in names}
    columns = {name: _column(name, values[name]) for name in names}
    return pa.table(columns | {"when": pa.array([LATE] * len(rows), pa.timestamp("s"))})


def _column(name: str, values: list[Any]) -> pa.Array:
    if name in ("label", "score"):
        return pa.array(values, pa.int64() if name == "label" else pa.float64())
    raw = [None if value is None else value.encode("utf-8", "surrogateescape") for value in values]
    return pa.array(raw, pa.binary()).view(pa.string())


def write_parquet(path: Path, shape: str, rows: list[Row | bytes]) -> Source:
    pq.write_table(arrow(shape, rows), path)
    return Source("s", (path,), partners=1)


def write_dataset(path: Path, shape: str, rows: list[Row | bytes]) -> Source:
    import datasets

    datasets.disable_progress_bars()
    table = arrow(shape, rows)
    features = datasets.Features.from_arrow_schema(table.schema)
    if shape == "nli":
        features["label"] = datasets.ClassLabel(names=["entailment", "neutral", "contradiction"])
    marked = table.replace_schema_metadata(features.arrow_schema.metadata)
    datasets.Dataset(marked).save_to_disk(str(path))
    return Source("s", (path,), partners=1)


def write_sqlite(path: Path, shape: str, rows: list[Row | bytes]) -> Source:
    connection = sqlite3.connect(path)
    connection.execute(f"CREATE TABLE t ({', '.join(COLUMNS[shape])})")
    for row in rows:
        cells = list(row.values()) if isinstance(row, dict) else []
        holes = ", ".join("CAST(? AS TEXT)" if isinstance(cell, str) else "?" for cell in cells)
        raw = [cell.encode("utf-8", "surrogateescape") if isinstance(cell, str) else cell for cell in cells]
        connection.execute(f"INSERT INTO t VALUES ({holes})", raw)
    connection.commit()
    connection.close()
    return Source("s", url=f"sqlite:///{path}", query="SELECT * FROM t ORDER BY rowid", partners=1)


WRITERS = {  # name of what is written → how, and the line of the first row
    "a.jsonl": (write_json, 1),
    "a.jsonl.gz": (write_json, 1),
    "a.csv": (write_cells, 2),
    "a.tsv": (write_cells, 2),
    "a.parquet": (write_parquet, 1),
    "folder": (write_dataset, 1),
    "a.db": (write_sqlite, 1),
}


def bad_one(name: str, shape: str, draw: random.Random) -> Drawn:
    if "jsonl" in name:
        return bad_json(shape, draw)
    if name in ("a.csv", "a.tsv"):
        return bad_cells(shape, draw, "," if name == "a.csv" else "\t")
    return bad_row(shape, draw, loose=name == "a.db")


@pytest.mark.parametrize("shape", COLUMNS)
@pytest.mark.parametrize("name", WRITERS)
def test_every_bad_row_is_named_and_nothing_good_is_lost(tmp_path: Path, name: str, shape: str) -> None:
    draw = random.Random(f"{name} {shape}")
    many = trials(1000)
    rows: list[tuple[Row | bytes, str | None]] = [(good_row(shape, number), None) for number in range(many)]
    rows += [bad_one(name, shape, draw) for _ in range(many)]
    draw.shuffle(rows)
    write, first = WRITERS[name]
    good, bad = found(write(tmp_path / name, shape, [row for row, _ in rows]))
    assert Counter(example.anchor for example in good) == Counter(f"good{number}" for number in range(many))
    assert shape == "labels" or {example.positive for example in good} == {TEXT}
    expected = [(line, reason) for line, (_, reason) in enumerate(rows, first) if reason is not None]
    assert sorted((entry.line, entry.reason) for entry in bad) == expected


def bad_entry(draw: random.Random) -> Drawn:
    """A line of a BEIR corpus or of its queries that cannot be used."""
    row = {"_id": "x", "title": "", "text": "some text"}
    faults: list[Drawn] = [(row | {name: None}, "missing field") for name in ("_id", "text")]
    faults += [(row | {name: 7}, "wrong type") for name in row] + [(row | {"text": "\udcff"}, "broken text")]
    return draw.choice([*faults, (b"{" * draw.randrange(1, 9), "broken line"), (b"[1]", "no object")])


def bad_judgement(draw: random.Random) -> Drawn:
    faults = [(line, "wrong number of cells") for line in (b"q0", b"q0\td0", b"q0\td0\t1\t1")]
    faults += [(b"q0\td0\t" + grade, "wrong type") for grade in (b"high", b"", b"nan", b"inf")]
    faults += [(line, "unknown id") for line in (b"q0\tnone\t1", b"none\td0\t1", b"none\td0\t0")]
    return draw.choice([*faults, (b"\xff\td0\t1", "broken line")])


def test_bad_lines_in_each_file_of_a_beir_folder(tmp_path: Path) -> None:
    draw, many = random.Random(5), trials(1000)
    (tmp_path / "qrels").mkdir()
    files: dict[str, tuple[Path, list[tuple[Row | bytes, str | None]], int]] = {}
    for name, first in (("corpus.jsonl", 1), ("queries.jsonl", 1), ("qrels/train.tsv", 2)):
        lines: list[tuple[Row | bytes, str | None]] = [(_beir_row(name, number), None) for number in range(many)]
        lines += [bad_judgement(draw) if "qrels" in name else bad_entry(draw) for _ in range(many)]
        draw.shuffle(lines)
        header = [b"query-id\tcorpus-id\tscore"] * (first - 1)
        rows = [row if isinstance(row, bytes) else json.dumps(row).encode() for row, _ in lines]
        write_lines(tmp_path / name, iter([*header, *rows]))
        files[name] = (tmp_path / name, lines, first)
    good, _ = found(Source("s", (tmp_path,)))
    assert Counter((e.anchor, e.positive) for e in good) == Counter((f"query {n}", f"text {n}") for n in range(many))
    entries = list(read_source(Source("s", (tmp_path,))))
    for path, lines, first in files.values():
        its = sha256(path)[:16]
        mine = [entry for name, entry in entries if name == its and isinstance(entry, Bad)]
        expected = [(line, reason) for line, (_, reason) in enumerate(lines, first) if reason is not None]
        assert sorted((entry.line, entry.reason) for entry in mine) == expected


def _beir_row(name: str, number: int) -> Row | bytes:
    if "qrels" in name:
        return f"q{number}\td{number}\t1".encode()
    if "queries" in name:
        return {"_id": f"q{number}", "text": f"query {number}"}
    return {"_id": f"d{number}", "title": None, "text": f"text {number}"}
