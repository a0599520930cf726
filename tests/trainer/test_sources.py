"""Sources: every format by value, and that a bad row costs nothing but itself."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.errors import UserError
from indexer.files import sha256
from tests.trainer import reading
from trainer import sources_tables
from trainer.negation_data import split_of
from trainer.recipe import Source
from trainer.sources import digests_of, read_source, size_of
from trainer.sources_shapes import Example
from trainer.sources_tables import Bad


def found(path: Path, **settings: Any) -> tuple[list[Example], list[Bad]]:
    return reading.found(Source("s", (path,), **settings))


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
    assert sorted((e.line, e.reason) for e in bad) == [(3, "no positive to stand against"), (4, "unknown label")]


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


BOM = b"\xef\xbb\xbf"
TABLE = {
    "jsonl": [b'{"query": "q", "positive": "p"}'],
    "csv": [b"query,positive", b"q,p"],
    "tsv": [b"query\tpositive", b"q\tp"],
}


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("kind", TABLE)
def test_a_byte_order_mark_and_other_line_ends_change_nothing(
    tmp_path: Path, kind: str, end: bytes, packed: bool
) -> None:
    for content in (end.join(TABLE[kind]) + end, end.join(TABLE[kind])):  # with and without an end of the last line
        whole = BOM + content
        path = tmp_path / (f"a.{kind}.gz" if packed else f"a.{kind}")
        path.write_bytes(gzip.compress(whole) if packed else whole)
        assert found(path) == ([Example(len(TABLE[kind]), "q", "p")], [])


@pytest.mark.parametrize("content", [b"", BOM, b"\n", b"\r\n\r\n", b"query,positive", b"query,positive\n"])
@pytest.mark.parametrize("kind", [*TABLE, "parquet"])
def test_without_rows_there_is_nothing_or_a_refusal(tmp_path: Path, kind: str, content: bytes) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(content)
    if kind == "parquet" or (kind == "tsv" and b"query" in content):
        with pytest.raises(UserError, match=r"cannot be read|no column"):
            found(path)
    elif kind == "jsonl" and b"query" in content:
        assert found(path) == ([], [Bad(1, "broken line", "query,positive")])
    else:
        assert found(path) == ([], [])


def test_two_columns_of_one_name_are_refused_only_where_one_is_needed(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.csv", b"query,positive,query\na,b,c\n")
    with pytest.raises(UserError, match="two columns have one name") as refused:
        found(path)
    assert "'query'" in str(refused.value)
    path.write_bytes(b"query,positive,,\na,b,c,d\n")  # columns without a name stand for no field
    assert found(path)[0] == [Example(2, "a", "b")]
    pq.write_table(pa.table([["a"], ["b"], ["c"]], names=["query", "positive", "positive"]), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="two columns have one name"):
        found(tmp_path / "a.parquet")


def test_csv_lines_end_only_where_csv_says_so(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes('query,positive\na\u2028b,c\x0bd\n"e\r\nf",\x85g\n'.encode())
    assert found(path) == ([Example(2, "a\u2028b", "c\x0bd"), Example(3, "e\r\nf", "\x85g")], [])


def test_a_long_csv_cell_is_a_cell(tmp_path: Path) -> None:
    long = "word " * 100_000
    path = _written(tmp_path / "a.csv", f"query,positive\na,{long}\n".encode())
    assert found(path)[0] == [Example(2, "a", long)]


@pytest.mark.parametrize("end", ["", ".gz"])
@pytest.mark.parametrize("kind", TABLE)
def test_a_line_beyond_the_limit_is_bad_and_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, end: str
) -> None:
    monkeypatch.setattr(sources_tables, "LONGEST", 10_000)
    *header, row = TABLE[kind]
    # With its line end just within the limit.
    exact = row[: row.rindex(b"p")] + b"p" * (10_000 - len(row)) + row[row.rindex(b"p") + 1 :]
    content = b"\n".join([*header, row, exact, row[:-1] + b"x" * 20_000_000, row, b"y" * 10_000, row]) + b"\n"
    path = tmp_path / f"a.{kind}{end}"
    path.write_bytes(gzip.compress(content) if end else content)
    del content
    tracemalloc.start()
    good, bad = found(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    first = len(header) + 1
    assert [e.line for e in good] == [first, first + 1, first + 3, first + 5]
    assert [(e.line, e.reason) for e in bad] == [(first + 2, "line too long"), (first + 4, "line too long")]
    assert peak < 3_000_000


def test_a_quoted_cell_does_not_swallow_more_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources_tables, "LONGEST", 1000)
    lines = [b'open,"cell', *[b"x" * 400 + b",y" for _ in range(9)], b'end"']
    good, bad = found(_written(tmp_path / "a.csv", b"\n".join([b"query,positive", *lines])))
    assert [e.line for e in good] == list(range(3, 12))
    assert [(e.line, e.reason) for e in bad] == [(2, "broken line"), (12, "broken line")]


def test_a_gzip_file_that_swells_beyond_reason_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources_tables, "ALLOWED", 500_000)
    row = b'{"query": "q", "positive": "p"}\n'
    fine = gzip.compress(row * 10_000)
    assert len(row * 10_000) > sources_tables.SWOLLEN * len(fine)  # much of little, but not more than is allowed
    assert len(found(_written(tmp_path / "fine.jsonl.gz", fine))[0]) == 10_000
    for bomb in (row * 100_000, bytes(2_000_000), row + b"x" * 2_000_000):
        path = _written(tmp_path / "bomb.jsonl.gz", gzip.compress(bomb))
        with pytest.raises(UserError, match="grows beyond reason"):
            found(path)


def test_sizes_are_of_unpacked_rows(tmp_path: Path) -> None:
    row = {"query": "q" * 1000, "positive": "p" * 1000}
    plain, packed = (jsonl(tmp_path / name, row, row) for name in ("a.jsonl", "a.jsonl.gz"))
    assert size_of(Source("s", (plain,))) == plain.stat().st_size
    assert size_of(Source("s", (packed,))) == 4 * packed.stat().st_size
    texts = [f"{number:09}" for number in range(10_000)]
    pq.write_table(pa.table({"query": texts, "positive": texts}), tmp_path / "a.parquet", compression="zstd")
    assert 180_000 < size_of(Source("s", (tmp_path / "a.parquet",))) < 400_000
    assert size_of(Source("s", (beir(tmp_path / "set"),))) > 200


@pytest.mark.parametrize(
    "make", [lambda f: jsonl(f / "a.jsonl", {"query": "q", "positive": "p"}), lambda f: beir(f / "b")]
)
def test_a_file_that_changes_after_the_check_is_refused(tmp_path: Path, make: Any) -> None:
    source = Source("s", (make(tmp_path),))
    inputs = digests_of(source)
    list(read_source(source, inputs=inputs))
    for file in tmp_path.rglob("*.jsonl"):
        jsonl(file, {"_id": "q1", "query": "other", "positive": "p", "text": "other"})
    with pytest.raises(UserError, match="changed after it was checked"):
        list(read_source(source, inputs=inputs))


@pytest.mark.parametrize("shape", ["pairs", "beir"])
def test_a_fold_keeps_the_rows_of_one_side_and_accounts_for_the_others(tmp_path: Path, shape: str) -> None:
    queries = [f"how do I set number {number}" for number in range(40)]
    if shape == "pairs":
        path = jsonl(tmp_path / "a.jsonl", *({"query": query, "positive": "so"} for query in queries))
    else:
        path = tmp_path
        jsonl(path / "corpus.jsonl", {"_id": "d", "text": "so"})
        jsonl(path / "queries.jsonl", *({"_id": f"q{n}", "text": query} for n, query in enumerate(queries)))
        (path / "qrels").mkdir()
        judged = "".join(f"q{n}\td\t1\n" for n in range(len(queries)))
        (path / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    sides = {fold: found(path, fold=fold) for fold in ("train", "test")}
    for fold, (good, bad) in sides.items():
        assert [one.anchor for one in good] == [query for query in queries if split_of(query) == fold]
        assert {one.reason for one in bad} == {"on the other side of the split"}
        assert len(good) + len(bad) == len(queries)
    assert all(good for good, _ in sides.values())
