"""Sources whose cells have types: Parquet, saved data sets and databases give every value, and name every bad row."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.columns import survey
from indexer.corpus import read_records
from indexer.database import masked
from indexer.errors import UserError
from indexer.readers import READERS, Query, choose_reader, read_rows
from indexer.readers.apart import Apart, StoppedError
from indexer.readers.cells import row_of
from indexer.records import LARGEST, Record, Rejection, Row
from tests.postgresql import postgresql

Values = dict[str, Any]


def split(items: Iterator[Row | Rejection]) -> tuple[list[Values], list[tuple[int, str, str]]]:
    found = list(items)
    good = [item.values for item in found if isinstance(item, Row)]
    return good, [(item.row, item.reason, item.detail) for item in found if isinstance(item, Rejection)]


# --- cells --------------------------------------------------------------------------------------------------------------

CELLS: list[tuple[Any, Any]] = [
    (None, None),
    (True, True),
    (7, 7),
    (2**70, 2**70),
    (1.5, 1.5),
    (float("nan"), None),
    ("é 😀", "é 😀"),
    (Decimal("413.99"), "413.99"),
    (Decimal("NaN"), None),
    (date(2024, 1, 31), "2024-01-31"),
    (datetime(2024, 1, 31, 10, tzinfo=UTC), "2024-01-31T10:00:00+00:00"),
    (time(10, 30), "10:30:00"),
    (timedelta(hours=1), "1:00:00"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (["a", None, b"x", 2], ["a", None, 2]),
    ({"b": 1, "a": [Decimal(2)], "raw": b"x"}, {"b": 1, "a": ["2"]}),
    ({3}, [3]),
]


@pytest.mark.parametrize(("cell", "value"), CELLS, ids=lambda one: type(one).__name__)
def test_a_cell_becomes_what_json_can_hold(cell: Any, value: Any) -> None:
    row = row_of("t", 1, [("a", cell)])
    assert row == Row("t", 1, {"a": value})
    assert json.loads(json.dumps(value)) == value


def test_bytes_are_no_text_and_left_out() -> None:
    assert row_of("t", 1, [("raw", b"\xff"), ("view", memoryview(b"a")), ("a", 1)]) == Row("t", 1, {"a": 1})


def test_a_row_over_the_limit_is_too_large_whatever_it_is_made_of() -> None:
    fits = row_of("t", 1, [("a", "x" * LARGEST)])
    assert isinstance(fits, Row)
    for cells in ([("a", "x" * (LARGEST + 1))], [("a", "x" * LARGEST), ("b", 1)], [("a", [1] * LARGEST)]):
        over = row_of("t", 1, cells)
        assert isinstance(over, Rejection)
        assert over.reason == "too large"


def test_a_cell_nested_too_deeply_is_a_broken_row() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    row = row_of("t", 3, [("a", deep)])
    assert row == Rejection("t", 3, "broken line", "column 'a': lists or objects nested too deeply")
    while deep:  # piece by piece: taken apart at once it would overflow the stack of Python itself
        deep = deep[0]


def test_half_a_letter_of_utf_16_is_left_to_whoever_makes_the_record() -> None:
    assert row_of("t", 1, [("a", "x\ud800")]) == Row("t", 1, {"a": "x\ud800"})


# --- Parquet ------------------------------------------------------------------------------------------------------------


def parquet(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pq.write_table(pa.table(columns), path, **options)
    return path


def test_every_row_of_every_row_group_comes_in_order(tmp_path: Path) -> None:
    count = 10_000
    columns = {
        "id": [f"r{n}" for n in range(count)],
        "n": list(range(count)),
        "tags": [["a", str(n)] for n in range(count)],
    }
    path = parquet(tmp_path / "a.parquet", columns, row_group_size=3_333)
    items = list(READERS["parquet"](path))
    assert [item for item in items if isinstance(item, Rejection)] == []
    assert items == [
        Row("a.parquet", n + 1, {"id": f"r{n}", "n": n, "tags": ["a", str(n)]}) for n in range(count)
    ]  # fmt: skip


@pytest.mark.slow
def test_a_process_of_its_own_gives_the_same_rows(tmp_path: Path) -> None:
    path = parquet(
        tmp_path / "a.parquet",
        {"t": ["é\u2028", None, "\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16")]},
    )
    assert list(read_rows("parquet", path)) == list(READERS["parquet"](path))
    first = read_rows("parquet", path)
    assert isinstance(next(first), Row)
    first.close()  # type: ignore[attr-defined]
    (tmp_path / "b.parquet").write_bytes(b"no parquet")
    with pytest.raises(UserError, match="cannot be read"):
        list(read_rows("parquet", tmp_path / "b.parquet"))


def test_parquet_types_arrive_as_the_collection_knows_them(tmp_path: Path) -> None:
    moment = datetime(2024, 1, 31, 10, 0, 0, 123456)
    columns = {
        "id": ["a", "b"],
        "text": pa.array(["one lamp", "two lamps"], pa.large_string()),
        "price": pa.array([Decimal("413.99"), None], pa.decimal128(8, 2)),
        "day": pa.array([date(2024, 1, 31), None]),
        "at": pa.array([moment, None], pa.timestamp("ns")),
        "zoned": pa.array([moment, None], pa.timestamp("us", tz="Europe/Berlin")),
        "stock": pa.array([7, None], pa.uint16()),
        "half": pa.array([0.5, float("nan")], pa.float32()),
        "sold": [True, None],
        "kind": pa.array(["x", "y"]).dictionary_encode(),
        "raw": [b"\xff", b""],
        "view": pa.array(["v", None], pa.string_view()),
        "none": pa.nulls(2),
    }
    path = parquet(tmp_path / "a.parquet", columns)
    chosen = survey(READERS["parquet"](path)).columns
    assert (chosen.id, chosen.text) == ("id", "text")
    assert chosen.fields == {
        "price": "number", "day": "date", "at": "date", "zoned": "date", "stock": "integer", "half": "number",
        "sold": "boolean", "kind": "text", "view": "text", "none": "text",
    }  # fmt: skip
    first, second = (item for item in read_records(path, "parquet", chosen, tmp_path) if isinstance(item, Record))
    assert dict(first.fields) == {
        "price": 413.99, "day": datetime(2024, 1, 31, tzinfo=UTC), "at": moment.replace(tzinfo=UTC),
        "zoned": moment.replace(tzinfo=UTC), "stock": 7, "half": 0.5, "sold": True, "kind": "x", "view": "v", "none": None,
    }  # fmt: skip
    assert {value for name, value in second.fields.items() if name != "kind"} == {None}


def broken_text(values: list[bytes], kind: Any = None) -> Any:
    kind = kind or pa.string()
    return pa.Array.from_buffers(kind, len(values), pa.array(values, pa.binary()).buffers())


def test_a_cell_that_cannot_be_held_costs_its_row_only(tmp_path: Path) -> None:
    columns = {
        "text": broken_text([b"good", b"ab\xff", b"good", b"good"]),
        "day": pa.array([0, 0, 2**30, None], pa.int32()).cast(pa.date32()),
        "list": pa.ListArray.from_arrays([0, 1, 1, 1, 2], broken_text([b"fine", b"\xc3"])),
    }
    good, bad = split(READERS["parquet"](parquet(tmp_path / "a.parquet", columns)))
    assert good == [{"text": "good", "day": "1970-01-01", "list": ["fine"]}]
    assert [(row, reason) for row, reason, _ in bad] == [(2, "broken line"), (3, "broken line"), (4, "broken line")]
    assert "not UTF-8: byte 0xff at position 2" in bad[0][2]
    assert "out of range" in bad[1][2]


def test_classes_are_read_by_their_names(tmp_path: Path) -> None:
    features = {
        "info": {"features": {"label": {"names": ["bad", "good"], "_type": "ClassLabel"}, "text": {"_type": "Value"}}}
    }
    table = pa.table({"text": ["a", "b", "c", "d"], "label": [0, 1, -1, 9]})
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}), tmp_path / "a.parquet")
    good, _ = split(READERS["parquet"](tmp_path / "a.parquet"))
    assert [values["label"] for values in good] == ["bad", "good", None, 9]
    for damaged in (b"{", b"[]", b'{"info": {"features": {"label": {"_type": "ClassLabel"}}}}'):
        pq.write_table(table.replace_schema_metadata({"huggingface": damaged}), tmp_path / "a.parquet")
        assert split(READERS["parquet"](tmp_path / "a.parquet"))[0][1]["label"] == 1


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    whole = parquet(
        tmp_path / "a.parquet", {"text": ["word " * 50] * 500}, write_page_checksum=True, use_dictionary=False, compression="none"
    ).read_bytes()  # fmt: skip
    damaged = bytearray(whole)
    damaged[len(whole) // 2] ^= 1
    for content in (b"", b"PAR1", whole[:-20], whole[: len(whole) // 2], bytes(damaged)):
        (tmp_path / "a.parquet").write_bytes(content)
        with pytest.raises(UserError, match="The Parquet file cannot be read"):
            list(READERS["parquet"](tmp_path / "a.parquet"))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["t", "t"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(UserError, match="Two columns have the same name"):
        list(READERS["parquet"](tmp_path / "a.parquet"))


def test_parquet_without_rows_has_none(tmp_path: Path) -> None:
    assert split(READERS["parquet"](parquet(tmp_path / "a.parquet", {"t": pa.array([], pa.string())}))) == ([], [])


def test_parquet_is_not_read_from_gzip(tmp_path: Path) -> None:
    (tmp_path / "a.parquet.gz").touch()
    with pytest.raises(UserError, match="packed by itself"):
        choose_reader(tmp_path / "a.parquet.gz")


@pytest.mark.slow
@pytest.mark.data
def test_a_public_corpus_is_the_same_as_json_lines_and_as_parquet(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "scifact"
    columns = survey(READERS["beir"](source)).columns
    records = [item for item in read_records(source, "beir", columns, tmp_path) if isinstance(item, Record)]
    table = {"_id": [r.id for r in records], "title": [r.title for r in records], "text": [r.text for r in records]}
    fields = {name: [r.fields[name] for r in records] for name in columns.fields}
    path = parquet(tmp_path / "a.parquet", table | fields)
    again = survey(read_rows("parquet", path)).columns
    assert again == columns
    assert list(read_records(path, "parquet", again, tmp_path)) == records
    assert len(records) == 5_183


# --- saved data sets ----------------------------------------------------------------------------------------------------


def saved(folder: Path, table: Any, parts: int = 2) -> Path:
    """A folder as `save_to_disk` leaves it: several Arrow streams, named in state.json."""
    folder.mkdir(parents=True)
    names = [f"data-{part:05}-of-{parts:05}.arrow" for part in range(parts)]
    size = -(-len(table) // parts)
    for part, name in enumerate(names):
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.slice(part * size, size), max_chunksize=3)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    return folder


def test_the_rows_of_a_saved_data_set_come_in_order(tmp_path: Path) -> None:
    folder = saved(tmp_path / "set", pa.table({"text": [f"t{n}" for n in range(20)], "raw": [b"x"] * 20}))
    assert choose_reader(folder) == "datasets"
    assert list(READERS["datasets"](folder)) == [Row("set", n + 1, {"text": f"t{n}"}) for n in range(20)]


@pytest.mark.slow
def test_what_the_library_saves_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["no", "yes"])})
    rows = {"text": [f"t{n}" for n in range(7)], "label": [n % 2 for n in range(7)]}
    whole = datasets.Dataset.from_dict(rows, features=features)
    whole.select([5, 1, 3]).save_to_disk(str(tmp_path / "one"))
    datasets.DatasetDict({"train": whole, "test": whole.select([6])}).save_to_disk(str(tmp_path / "two"))
    datasets.DatasetDict({"train": whole}).save_to_disk(str(tmp_path / "single"))
    given = [
        (row.values["text"], row.values["label"])
        for row in READERS["datasets"](tmp_path / "one")
        if isinstance(row, Row)
    ]
    assert given == [("t5", "yes"), ("t1", "yes"), ("t3", "yes")]
    assert len(list(READERS["datasets"](tmp_path / "single"))) == 7
    assert [row.number for row in read_rows("datasets", tmp_path / "two" / "test") if isinstance(row, Row)] == [1]
    with pytest.raises(UserError, match="several splits") as refused:
        list(READERS["datasets"](tmp_path / "two"))
    assert "train, test" in str(refused.value)
    assert str(tmp_path / "two" / "train") in refused.value.todo


def test_a_damaged_saved_data_set_is_refused(tmp_path: Path) -> None:
    table = pa.table({"text": ["word " * 30] * 50})
    states = [
        "{",
        "[]",
        "{}",
        '{"_data_files": [{"filename": "none.arrow"}]}',
        '{"_data_files": [{"filename": "../a.arrow"}]}',
    ]
    for number, state in enumerate(states):
        folder = saved(tmp_path / str(number), table)
        (folder / "state.json").write_text(state)
        with pytest.raises(UserError, match="The saved data set cannot be read"):
            list(READERS["datasets"](folder))
    folder = saved(tmp_path / "cut", table)
    file = folder / "data-00001-of-00002.arrow"
    file.write_bytes(file.read_bytes()[:-2_000])
    with pytest.raises(UserError, match="The saved data set cannot be read"):
        list(READERS["datasets"](folder))
    (tmp_path / "dict").mkdir()
    for content in ("{", '{"splits": 3}', '{"splits": []}'):
        (tmp_path / "dict" / "dataset_dict.json").write_text(content)
        with pytest.raises(UserError, match=r"saved data set (cannot be read|has several splits)"):
            list(READERS["datasets"](tmp_path / "dict"))


# --- queries ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE products (sku TEXT, name TEXT, price REAL, picture BLOB)")
        rows = [(f"s{n:04}", f"lamp {n}", n / 2, b"\xff") for n in range(1_000)]
        database.executemany("INSERT INTO products VALUES (?, ?, ?, ?)", rows)
    return path


def ask(path: Path, statement: str) -> tuple[list[Values], list[tuple[int, str, str]]]:
    return split(READERS["sql"](Query(f"sqlite:///{path}", statement)))


def test_every_row_of_a_query_comes_and_nothing_is_written(shop: Path) -> None:
    before = shop.read_bytes()
    good, bad = ask(shop, "SELECT * FROM products ORDER BY sku")
    assert good == [{"sku": f"s{n:04}", "name": f"lamp {n}", "price": n / 2} for n in range(1_000)]
    assert bad == []
    assert shop.read_bytes() == before
    assert [file.name for file in shop.parent.iterdir()] == ["shop.db"]


def test_a_text_that_is_no_utf_8_costs_its_row_only(shop: Path) -> None:
    good, bad = ask(shop, "SELECT 1 AS n, CAST(x'61ff' AS TEXT) AS t UNION ALL SELECT 2, '100% :fine' ORDER BY n")
    assert good == [{"n": 2, "t": "100% :fine"}]
    assert bad == [(1, "broken line", "column 't': not UTF-8: byte 0xff at position 1")]


@pytest.mark.parametrize(
    ("statement", "part"),
    [
        ("DROP TABLE products", "readonly"),
        ("SELECT 1; DROP TABLE products", "one statement"),
        ("ATTACH 'other.db' AS o", "not authorized"),
        ("BEGIN", "gives no rows"),
        ("SELECT nope FROM products", "no such column"),
        ("SELECT sku, sku FROM products", "two columns of the query have one name"),
    ],
)
def test_a_statement_that_does_not_only_read_is_refused(shop: Path, statement: str, part: str) -> None:
    before = shop.read_bytes()
    with pytest.raises(UserError, match=part):
        ask(shop, statement)
    assert shop.read_bytes() == before


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("sqlite:///{folder}/none.db", "no such SQLite file"),
        ("mysql://user:hush@host/shop", "not known"),
        ("user:hush@host", "no URL of a database"),
    ],
)
def test_a_database_that_cannot_be_read_is_refused_at_the_door(url: str, part: str, tmp_path: Path) -> None:
    query = Query(url.format(folder=tmp_path), "SELECT 1")
    with pytest.raises(UserError, match=part) as refused:
        choose_reader(query)
    assert "hush" not in str(refused.value) + repr(query) + str(query)


@pytest.mark.slow
def test_a_password_is_never_told(tmp_path: Path) -> None:
    query = Query("postgresql://user:hush@127.0.0.1:1/shop?password=hush", "SELECT 1")
    assert choose_reader(query) == "sql"
    with pytest.raises(UserError, match="did not give the rows") as refused:
        list(read_rows("sql", query))
    assert "hush" not in str(refused.value)
    assert (
        masked("see postgresql://me:hush@host/db?password=hush&x=1")
        == "see postgresql://me:***@host/db?password=***&x=1"
    )


@pytest.mark.slow
def test_postgresql_is_read_by_a_server_side_cursor_that_cannot_write() -> None:
    with postgresql() as server:
        server.psql("CREATE TABLE products (sku text, price numeric, tags text[], facts jsonb, at timestamptz);")
        server.psql(
            "INSERT INTO products SELECT 's' || n, n / 2.0, ARRAY['a', 'b'], '{\"k\": [1]}', '2024-01-31T10:00:00Z' "
            "FROM generate_series(1, 3000) n;"
        )
        url = server.get_uri()
        good, bad = split(read_rows("sql", Query(url, "SELECT * FROM products ORDER BY length(sku), sku")))
        assert (len(good), bad) == (3_000, [])
        assert (good[0]["sku"], float(good[0]["price"]), good[0]["tags"], good[0]["facts"]) == (
            "s1",
            0.5,
            ["a", "b"],
            {"k": [1]},
        )
        assert datetime.fromisoformat(good[0]["at"]) == datetime(2024, 1, 31, 10, tzinfo=UTC)
        for statement in ("DELETE FROM products", "DELETE FROM products RETURNING *", "SELECT 1; DELETE FROM products"):
            with pytest.raises(UserError, match="did not give the rows"):
                list(read_rows("sql", Query(url, statement)))
        assert len(list(read_rows("sql", Query(url, "SELECT sku FROM products")))) == 3_000


# --- the process that reads ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_reading_process_is_used_again_and_replaced_when_it_dies(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"t": ["a" * 1_000] * 5_000})
    with Apart() as apart:
        whole = list(apart.read("parquet", path))
        part = apart.read("parquet", path)
        assert next(part) == whole[0]
        part.close()  # type: ignore[attr-defined]
        assert list(apart.read("parquet", path)) == whole  # and not the rest of the part
        with pytest.raises(UserError, match="cannot be read"):
            list(apart.read("parquet", tmp_path))
        assert list(apart.read("parquet", path)) == whole
        with pytest.raises(RuntimeError, match="'none' failed: KeyError"):
            list(apart.read("none", path))
        assert list(apart.read("parquet", path)) == whole


@pytest.mark.slow
def test_a_process_that_is_killed_is_told_of(tmp_path: Path) -> None:
    path = parquet(tmp_path / "a.parquet", {"t": ["a" * 1_000] * 50_000})
    with Apart() as apart:
        rows = apart.read("parquet", path)
        next(rows)
        assert apart._process is not None
        apart._process.kill()
        with pytest.raises(StoppedError, match="crashed"):
            list(rows)
        assert len(list(apart.read("parquet", path))) == 50_000


@pytest.mark.slow
def test_a_module_beside_the_user_is_not_taken_for_one_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    assert len(list(read_rows("parquet", parquet(tmp_path / "a.parquet", {"t": ["a"]})))) == 1
