"""Sources: every format by value, and that a bad row costs nothing but itself."""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.errors import UserError
from indexer.files import sha256
from tests.trials import trials
from trainer.recipe import Source
from trainer.sources import check_source, read_source
from trainer.sources_shapes import Example
from trainer.sources_tables import Bad


def found(path: Path, **settings: Any) -> tuple[list[Example], list[Bad]]:
    source = Source("s", (path,), **settings)
    check_source(source)
    entries = [entry for _, entry in read_source(source)]
    return [e for e in entries if isinstance(e, Example)], [e for e in entries if isinstance(e, Bad)]


def jsonl(path: Path, *rows: Any) -> Path:
    text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_pairs_and_triplets_of_json_lines(tmp_path: Path, name: str) -> None:
    rows = [
        {"query": "q", "positive": "p"},
        {"query": "q2", "positive": "p2", "negative": "n"},
        {"query": "q3", "positive": "p3", "negative": ["n1", "n2"], "score": 0.5, "negation": True},
    ]
    good, bad = found(jsonl(tmp_path / name, *rows), fields={"negative": "negative"})
    assert good == [
        Example(1, "q", "p"),
        Example(2, "q2", "p2", ("n",)),
        Example(3, "q3", "p3", ("n1", "n2"), 0.5, True),
    ]
    assert not bad


def test_bad_lines_go_with_their_reason(tmp_path: Path) -> None:
    path = jsonl(
        tmp_path / "a.jsonl",
        {"query": "q", "positive": "p"},
        '{"query": "q", ',
        "[1]",
        {"query": "q"},
        {"query": 3, "positive": "p"},
        '{"query": "\\ud800", "positive": "p"}',
        {"query": "q", "positive": "p", "score": "high"},
        "",
        "[" * 100_000,
        {"query": "q", "positive": None},
        {"query": "last", "positive": "p"},
    )
    good, bad = found(path)
    assert [example.line for example in good] == [1, 11]
    reasons = [
        "broken line",
        "no object",
        "missing field",
        "wrong type",
        "broken text",
        "wrong type",
        "broken line",
        "missing field",
    ]
    assert [entry.reason for entry in bad] == reasons
    assert [entry.line for entry in bad] == [2, 3, 4, 5, 6, 7, 9, 10]


def test_csv_with_quoted_line_breaks_and_an_unclosed_quote(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('question,answer\n"a, b","c\nd"\ne,"never closed\ng,h\ntoo,many,cells\ni,j\n')
    good, bad = found(path)
    assert [(e.line, e.anchor, e.positive) for e in good] == [(2, "a, b", "c\nd"), (5, "g", "h"), (7, "i", "j")]
    assert [(e.line, e.reason) for e in bad] == [(4, "broken line"), (6, "wrong number of cells")]


def test_tsv_has_no_quoting(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('sentence1\tsentence2\tscore\na "b\tc\t2.5\nd\te\n')
    good, bad = found(path)
    assert good == [Example(2, 'a "b', "c", (), 2.5)]
    assert [(e.line, e.reason) for e in bad] == [(3, "wrong number of cells")]


def test_parquet_with_named_columns(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": ["a", None], "y": ["b", "c"]}), tmp_path / "a.parquet")
    good, bad = found(tmp_path / "a.parquet", fields={"anchor": "x", "positive": "y"})
    assert good == [Example(1, "a", "b")]
    assert [(e.line, e.reason) for e in bad] == [(2, "missing field")]


def test_nli_gives_pairs_and_triplets(tmp_path: Path) -> None:
    rows = [
        ("P", "yes", "entailment"),
        ("P", "no", "contradiction"),
        ("P", "maybe", "neutral"),
        ("Q", "no", "contradiction"),
    ]
    path = jsonl(tmp_path / "a.jsonl", *[{"premise": p, "hypothesis": h, "label": label} for p, h, label in rows])
    good, bad = found(path)
    assert good == [Example(1, "P", "yes"), Example(1, "P", "yes", ("no",))]
    assert [(e.line, e.reason) for e in bad] == [(3, "neutral"), (4, "no entailment to stand against")]


def test_labels_pair_within_their_label_whatever_the_order(tmp_path: Path) -> None:
    rows = [{"text": f"t{n}", "label": n % 2} for n in range(10)] + [{"text": "alone", "label": 9}]
    good, bad = found(jsonl(tmp_path / "a.jsonl", *rows))
    assert [e.reason for e in bad] == ["alone with its label"]
    assert len(good) == 20
    assert all(int(e.anchor[1:]) % 2 == int(e.positive[1:]) % 2 and e.anchor != e.positive for e in good)
    again, _ = found(jsonl(tmp_path / "b.jsonl", *reversed(rows)))
    assert {(e.anchor, e.positive) for e in good} == {(e.anchor, e.positive) for e in again}


def test_duplicates_give_pairs_and_hard_negatives(tmp_path: Path) -> None:
    rows = [("a", "b", 1), ("a", "c", 0), ("d", "e", 0), ("f", "g", "x")]
    path = jsonl(tmp_path / "a.jsonl", *[{"text1": x, "text2": y, "label": z} for x, y, z in rows])
    good, bad = found(path)
    assert good == [Example(1, "a", "b"), Example(2, "a", "b", ("c",))]
    assert sorted((e.line, e.reason) for e in bad) == [(3, "no positive to stand against"), (4, "wrong type")]


def beir(folder: Path) -> Path:
    (folder / "qrels").mkdir(parents=True)
    jsonl(folder / "corpus.jsonl", {"_id": "d1", "title": "T", "text": "one"}, {"_id": "d2", "text": "two"}, "{broken")
    jsonl(folder / "queries.jsonl", {"_id": "q1", "text": "first"}, {"_id": "q2", "text": "second"})
    judged = "q1\td1\t2\nq1\td2\t0\nq2\td2\t0\nq2\td9\t1\nq1\td1\thigh\n"
    (folder / "qrels" / "train.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    return folder


def test_a_beir_folder(tmp_path: Path) -> None:
    folder = beir(tmp_path / "set")
    good, bad = found(folder)
    assert good == [Example(2, "first", "T one"), Example(3, "first", "T one", ("two",))]
    assert {(e.line, e.reason) for e in bad} == {
        (3, "broken line"),
        (4, "no positive to stand against"),
        (5, "unknown id"),
        (6, "wrong type"),
    }
    files = {digest for digest, entry in read_source(Source("s", (folder,))) if isinstance(entry, Example)}
    assert files == {sha256(folder / "qrels" / "train.tsv")[:16]}


def test_files_with_the_same_bytes_are_read_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        jsonl(tmp_path / f"{name}.jsonl", {"query": "q", "positive": "p"})
    good, _ = found(tmp_path)
    assert len(good) == 1


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (lambda f: f / "none.jsonl", "Nothing to read"),
        (lambda f: jsonl(f / "a.jsonl", {"left": "q"}), "no column for 'anchor'"),
        (lambda f: _written(f / "a.parquet", b"PAR1 no"), "cannot be read"),
        (
            lambda f: _written(f / "a.jsonl.gz", gzip.compress(b'{"query": "q", "positive": "p"}\n' * 9999)[:-200]),
            "to its end",
        ),
        (lambda f: _written(f / "a.txt", b"x"), "not known"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, make: Any, part: str) -> None:
    with pytest.raises(UserError, match=part):
        found(make(tmp_path))


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_an_absent_split_is_refused_with_those_that_are_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="train"):
        found(beir(tmp_path / "set"), split="tset")


@pytest.mark.parametrize("kind", ["jsonl", "csv", "tsv"])
def test_nothing_good_is_lost_among_generated_bad_rows(tmp_path: Path, kind: str) -> None:
    draw = random.Random(5)
    bad = trials(1000)
    lines = [_bad_line(kind, draw) for _ in range(bad)] + [_good_line(kind, number) for number in range(bad)]
    draw.shuffle(lines)
    header = {
        "jsonl": b'{"query": "first", "positive": "row"}\n',
        "csv": b"query,positive\n",
        "tsv": b"query\tpositive\n",
    }[kind]
    path = tmp_path / f"a.{kind}"
    path.write_bytes(header + b"".join(line + b"\n" for line in lines))
    good, fallen = found(path)
    kept = Counter(example.anchor for example in good if example.anchor.startswith("good"))
    assert kept == Counter(f"good{number}" for number in range(bad))
    assert len(fallen) == bad
    assert all(entry.reason and entry.line > 1 for entry in fallen)


def _good_line(kind: str, number: int) -> bytes:
    row = {"query": f"good{number}", "positive": 'it is 5" wide, or so'}
    if kind == "jsonl":
        return json.dumps(row).encode()
    return f'good{number},"it is 5"" wide, or so"'.encode() if kind == "csv" else "\t".join(row.values()).encode()


def _bad_line(kind: str, draw: random.Random) -> bytes:
    junk = bytes(draw.choice(b"abc{}[]:, ") for _ in range(draw.randrange(1, 30)))
    if kind == "jsonl":
        return draw.choice(
            [
                b"{" + junk,
                b'{"query": 1, "positive": ' + junk,
                b"\xff" + junk,
                b"[1]",
                b"7",
                b'{"query": null, "positive": "x"}',
            ]
        )
    if kind == "tsv":
        return draw.choice([b"one cell " + junk, b"a\tb\t" + junk, b"\xff\tb"])
    return draw.choice(
        [
            b"onecell",
            b"a,b,c",
            b'a,"b" c',
            b"\xff,b",
            b'"a"b,c',
            b'x,"open ' + bytes(draw.choice(b"abc ") for _ in range(9)),
        ]
    )
