"""A folder of tables of one kind is read as one: in the order of names, with the same columns, and every row keeps its place."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.build import build
from indexer.columns import survey
from indexer.corpus import read_records, sample
from indexer.errors import UserError
from indexer.home import Home
from indexer.readers import choose_reader, read_rows
from indexer.records import Record, Rejection, Row
from indexer.settings import BuildSettings
from searchapp.service import SearchService
from tests.corpora import product
from tests.documents import pdf

Rows = list[dict[str, Any]]


def parquet(path: Path, rows: Rows) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


def csv(path: Path, rows: Rows, delimiter: str = ",") -> None:
    lines = [rows[0], *(row.values() for row in rows)]
    text = "".join(delimiter.join("" if cell is None else str(cell) for cell in line) + "\n" for line in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def tsv(path: Path, rows: Rows) -> None:
    csv(path, rows, "\t")


def jsonl(path: Path, rows: Rows) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


KINDS: list[tuple[Callable[[Path, Rows], None], str]] = [
    (parquet, ".parquet"),
    (csv, ".csv"),
    (csv, ".csv.gz"),
    (tsv, ".tsv"),
    (jsonl, ".jsonl"),
    (jsonl, ".jsonl.gz"),
]


def folder_of(path: Path, *shards: tuple[str, Callable[[Path, Rows], None], Rows]) -> Path:
    path.mkdir()
    for name, write, rows in shards:
        write(path / name, rows)
    return path


def words(*texts: str) -> Rows:
    return [{"id": text, "text": text} for text in texts]


def refusal(folder: Path) -> UserError:
    with pytest.raises(UserError) as refused:
        list(read_rows(choose_reader(folder), folder))
    return refused.value


@pytest.mark.parametrize(("write", "ending"), KINDS, ids=[ending for _, ending in KINDS])
def test_shards_are_read_in_the_order_of_names_and_rows_keep_their_place(
    write: Callable[[Path, Rows], None], ending: str, tmp_path: Path
) -> None:
    folder = folder_of(
        tmp_path / "shop",
        (f"part-2{ending}", write, words("e")),
        (f"part-1{ending}", write, words("c", "d")),
        (f"part-0{ending}", write, words("a", "b")),
    )
    rows = [row for row in read_rows(choose_reader(folder), folder) if isinstance(row, Row)]
    first = 2 if write in (csv, tsv) else 1  # the header is a line
    assert [(row.file, row.number - first + 1, row.values["text"]) for row in rows] == [
        (f"part-0{ending}", 1, "a"),
        (f"part-0{ending}", 2, "b"),
        (f"part-1{ending}", 1, "c"),
        (f"part-1{ending}", 2, "d"),
        (f"part-2{ending}", 1, "e"),
    ]


def test_packed_and_plain_shards_of_a_kind_go_together(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "shop", ("a.csv", csv, words("a")), ("b.csv.gz", csv, words("b")))
    assert [row.file for row in read_rows(choose_reader(folder), folder)] == ["a.csv", "b.csv.gz"]


def test_what_writers_leave_beside_their_shards_is_no_table(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "shop", ("part-0.parquet", parquet, words("a")))
    for name in ("_SUCCESS", "_metadata.parquet", ".part-0.parquet.crc", ".hidden.parquet", "README.md", "license.txt"):
        (folder / name).write_text("no table")
    (folder / "part-1.parquet").mkdir()
    assert [row.file for row in read_rows(choose_reader(folder), folder)] == ["part-0.parquet"]


def test_documents_beside_tables_are_the_corpus_as_before(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "notes", ("figures.csv", csv, words("a")))
    (folder / "report.md").write_text("# The report")
    assert choose_reader(folder) == "documents"
    (folder / "figures.csv").unlink()
    (folder / "report.md").rename(folder / "README.md")
    assert choose_reader(folder) == "documents"


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ({"id": 1, "text": "a"}, {"id": 2}, "it has no 'text', which a.parquet has"),
        ({"id": 1}, {"id": 2, "text": "a"}, "it has 'text', which a.parquet has not"),
        ({"id": 1, "price": 1.5}, {"id": 2, "price": "cheap"}, "'price' is text there and number in a.parquet"),
        ({"id": 1, "tags": ["a"]}, {"id": 2, "tags": "a"}, "'tags' is text there and structure in a.parquet"),
        ({"id": 1, "open": True}, {"id": 2, "open": 1}, "'open' is number there and bool in a.parquet"),
    ],
    ids=["a column less", "a column more", "text for a number", "text for a list", "a number for a boolean"],
)
def test_shards_of_other_columns_are_refused_before_the_first_row(
    first: dict[str, Any], second: dict[str, Any], told: str, tmp_path: Path
) -> None:
    folder = folder_of(tmp_path / "shop", ("a.parquet", parquet, [first]), ("b.parquet", parquet, [second]))
    rows = read_rows("parquet", folder)
    with pytest.raises(UserError, match="do not have the same columns") as refused:
        next(rows)
    assert refused.value.given == f"{folder / 'b.parquet'}: {told}"


def test_a_kind_that_only_a_later_shard_tells_holds_from_there_on(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path / "shop",
        ("a.parquet", parquet, [{"id": 1, "price": None}]),
        ("b.parquet", parquet, [{"id": 2, "price": 3}]),
        ("c.parquet", parquet, [{"id": 3, "price": 2.5}]),
        ("d.parquet", parquet, [{"id": 4, "price": None}]),
    )
    rows = [row for row in read_rows("parquet", folder) if isinstance(row, Row)]
    assert [row.values["price"] for row in rows] == [None, 3, 2.5, None]
    parquet(folder / "e.parquet", [{"id": 5, "price": "cheap"}])
    assert "'price' is text there and number in b.parquet" in str(refusal(folder))


def test_types_that_become_the_same_values_are_the_same_columns(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "shop", ("a.parquet", parquet, words("a")))
    large = pa.table({"id": pa.array(["b"], pa.large_string()), "text": pa.array(["b"]).dictionary_encode()})
    pq.write_table(large, folder / "b.parquet")
    assert [row.values for row in read_rows("parquet", folder) if isinstance(row, Row)] == words("a", "b")


@pytest.mark.parametrize("write", [csv, tsv])
def test_a_text_table_without_its_header_row_is_refused(write: Callable[[Path, Rows], None], tmp_path: Path) -> None:
    ending = f".{write.__name__}"
    shards = [(f"{name}{ending}", write, [{"id": 7, "text": name}]) for name in "ab"]
    folder = folder_of(tmp_path / "shop", *shards)
    file = folder / f"b{ending}"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[1:]))
    refused = refusal(folder)
    assert str(refused.given) == f"{file}: it has no 'id', which a{ending} has"
    assert "begins with the header row" in refused.todo


def test_json_lines_have_no_columns_to_compare(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "shop", ("a.jsonl", jsonl, [{"text": "a"}]), ("b.jsonl", jsonl, [{"body": "b"}]))
    rows = [row.values for row in read_rows("jsonl", folder) if isinstance(row, Row)]
    assert rows == [{"text": "a"}, {"body": "b"}]


def test_tables_of_several_kinds_are_refused(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "shop", ("a.csv", csv, words("a")), ("b.parquet", parquet, words("b")))
    refused = refusal(folder)
    assert (refused.what, refused.given) == ("The folder holds tables of several kinds", f"{folder}: csv, parquet")


def test_a_shard_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "shop", ("a.parquet", parquet, words("a")), ("b.parquet", parquet, words("b")))
    (folder / "b.parquet").write_bytes((folder / "b.parquet").read_bytes()[:-20])
    refused = refusal(folder)
    assert refused.what == "The Parquet file cannot be read"
    assert str(folder / "b.parquet") in str(refused.given)


def test_a_packed_parquet_shard_is_refused_and_not_passed_over(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "shop", ("a.parquet", parquet, words("a")))
    (folder / "b.parquet.gz").write_bytes(gzip.compress((folder / "a.parquet").read_bytes()))
    assert "not read from .gz" in refusal(folder).what


def test_a_link_out_of_the_folder_is_refused_and_one_within_it_is_a_shard(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "shop", ("a.csv", csv, words("a")))
    (folder / "b.csv").symlink_to("a.csv")
    assert [row.file for row in read_rows("csv", folder)] == ["a.csv", "b.csv"]
    csv(tmp_path / "secret.csv", words("secret"))
    (folder / "c.csv").symlink_to(tmp_path / "secret.csv")
    refused = refusal(folder)
    assert (refused.what, refused.given) == ("A table in the folder is a link that leads out of it", folder / "c.csv")


def records(folder: Path, workdir: Path) -> list[Record | Rejection]:
    reader = choose_reader(folder)
    columns = survey(read_rows(reader, folder)).columns
    return list(read_records(folder, reader, columns, workdir))


def test_a_bad_row_is_named_by_shard_and_row_and_the_other_shards_go_on(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "shop", ("a.jsonl.gz", jsonl, words("a", "b")), ("b.jsonl", jsonl, words("c", "d")))
    whole = (folder / "a.jsonl.gz").read_bytes()
    (folder / "a.jsonl.gz").write_bytes(whole[:-6])  # cut off
    (folder / "b.jsonl").write_text('{"id": "c", "text": "c"}\n{broken\n{"id": "e", "text": "e"}\n')
    found = records(folder, tmp_path)
    assert [(bad.file, bad.row, bad.reason) for bad in found if isinstance(bad, Rejection)] == [
        ("a.jsonl.gz", 3, "broken file"),
        ("b.jsonl", 2, "broken line"),
    ]
    assert [record.id for record in found if isinstance(record, Record)] == ["a", "b", "c", "e"]


def test_an_id_that_another_shard_has_is_told_with_that_shard(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "shop", ("a.jsonl", jsonl, words("x", "y")), ("b.jsonl", jsonl, words("z", "y", "z")))
    found = records(folder, tmp_path)
    assert [(bad.file, bad.row, bad.detail) for bad in found if isinstance(bad, Rejection)] == [
        ("b.jsonl", 2, "id 'y' is that of row 2 of a.jsonl"),
        ("b.jsonl", 3, "id 'z' is that of row 1"),
    ]


def test_rows_without_ids_are_named_by_shard_and_row(tmp_path: Path) -> None:
    texts = ["one lamp", "two chairs", "three rugs"]
    folder = folder_of(
        tmp_path / "shop",
        ("a.parquet", parquet, [{"text": text} for text in texts[:2]]),
        ("b.parquet", parquet, [{"text": texts[2]}]),
    )
    found = [record for record in records(folder, tmp_path) if isinstance(record, Record)]
    assert [(record.id, record.text) for record in found] == [
        ("a.parquet:1", "one lamp"),
        ("a.parquet:2", "two chairs"),
        ("b.parquet:1", "three rugs"),
    ]


def test_a_sample_is_drawn_from_all_shards(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path / "shop",
        *((f"{place}.csv", csv, words(*(f"{place} {number}" for number in range(50)))) for place in "abc"),
    )
    drawn = sample(folder, "csv", 30)
    assert {row.file for row in drawn} == {"a.csv", "b.csv", "c.csv"}
    assert drawn == sample(folder, "csv", 30)


def test_a_pdf_beside_tables_is_a_document(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "shop", ("a.csv", csv, words("a")))
    (folder / "manual.pdf").write_bytes(pdf(["One page"], "Manual"))
    assert choose_reader(folder) == "documents"


@pytest.mark.slow
def test_shards_are_built_as_the_one_file_that_they_make_up(tmp_path: Path, tiny_model: Path) -> None:
    rows = [product(number) for number in range(1, 61)]
    parquet(tmp_path / "whole.parquet", rows)
    folder = folder_of(
        tmp_path / "shards",
        *((f"part-{place:05}.parquet", parquet, rows[20 * place : 20 * (place + 1)]) for place in range(3)),
    )
    home = Home(tmp_path / "home")
    for source, unchanged in ((tmp_path / "whole.parquet", False), (folder, True)):
        report = build(BuildSettings(source=source, name="shop", model=str(tiny_model)), home)
        assert (report.records, report.rejected, report.unchanged) == (60, {}, unchanged)
    wanted = product(45)
    hit = SearchService(home).search("shop", str(wanted["description"]), k=1, where="price > 1").hits[0]
    assert hit.id == wanted["sku"]
