"""Records: what a value is, which column is what, which rows are set aside and why, and the way to Arrow and back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as trying
from hypothesis import strategies as st

from indexer.arrow import arrow_schema, from_batch, record_at, to_batch
from indexer.columns import MOST_COLUMNS, survey
from indexer.corpus import read_records
from indexer.errors import UserError
from indexer.records import (
    LARGEST,
    Columns,
    FieldType,
    Record,
    Rejection,
    Row,
    Value,
    as_json,
    content_digest,
    to_record,
)
from indexer.values import FITS, Look, convert, look
from tests.trials import trials


def rows(*values: dict[str, object]) -> Iterator[Row | Rejection]:
    return (Row("f", number, row) for number, row in enumerate(values, 1))


# --- what a value is ----------------------------------------------------------------------------------------------------

LOOKS: list[tuple[object, Look | None]] = [
    *((value, None) for value in (None, "", " ", "\t ")),
    *((value, "boolean") for value in (True, False, "true", "FALSE", " True ")),
    *((value, "integer") for value in (0, -7, "20240131", "0", "-7", " 42", 2**53, str(-(2**53)))),
    *((value, "long") for value in (2**53 + 1, str(2**63 - 1), -(2**63))),
    *((value, "number") for value in (1.0, 413.99, "413.99", "-.5", "1e5", "1E-3", "-0", "-0.0", 1e300)),
    *((value, "date") for value in ("2024-01-31", "0001-01-01", "2024-01-31T10:00", "2024-01-31 10:00:00.5Z")),
    *(
        (value, "date")
        for value in ("2024-01-31T10:00:00+05:30", "9999-12-31T23:59:59.999999Z", "2024-02-29T00:00-0800")
    ),
    *(
        (value, "text")
        for value in ("00123", "+5", "5.", "1_000", "1,5", "0x1F", "٣", "yes", "no", "t", "null", "None")
    ),
    *(
        (value, "text")
        for value in ("nan", "inf", "-Infinity", "1e999", float("nan"), float("inf"), "--1", "-", ".", "e5")
    ),
    *((value, "text") for value in (2**63, str(2**63), "9" * 60, "9" * 5_000, -(2**63) - 1, "\u00a05", "5\n")),
    *((value, "text") for value in ("2023-02-29", "0000-01-01", "2024-W05", "2024-1-31", "31.01.2024")),
    *((value, "text") for value in ("2024-01-31T24:00", "2024-01-31T10:00:60Z", "2024-01-31T10", "2024-01-31X10:00")),
    *((value, "text") for value in ("0001-01-01T00:00+01:00", "9999-12-31T23:59-01:00", "2024-01-31T10:00+24:00")),
    *((value, "text") for value in ([], [1], {}, {"a": 1}, "a")),
]


@pytest.mark.parametrize(("value", "expected"), LOOKS, ids=lambda value: ascii(value)[:30])
def test_a_value_counts_as_what_it_looks_like(value: object, expected: Look | None) -> None:
    assert look(value) == expected


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("413.99", "number", 413.99),
        (3, "number", 3.0),
        (" 42", "integer", 42),
        (str(2**63 - 1), "integer", 2**63 - 1),
        ("TRUE", "boolean", True),
        ("2024-01-31", "date", datetime(2024, 1, 31, tzinfo=UTC)),
        ("2024-01-31T10:00:00.1234567+05:30", "date", datetime(2024, 1, 31, 4, 30, 0, 123456, tzinfo=UTC)),
        (" ", "number", None),
        (" ", "text", " "),
        (True, "text", "true"),
        (5.0, "text", "5.0"),
        ({"b": [1, "é"], "a": None}, "text", '{"a":null,"b":[1,"é"]}'),
    ],
    ids=str,
)
def test_a_value_converts(value: object, kind: FieldType, expected: Value) -> None:
    assert convert(value, kind) == expected
    assert type(convert(value, kind)) is type(expected)


likely = st.text(st.sampled_from("0123456789-+.:eETZ tru alsF"), max_size=22) | st.from_regex(
    r"\A[0-9]{4}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-5][0-9]([Z]|[+-][0-9]{2}:[0-9]{2})?)?\Z"
)
anything = (
    likely | st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers(), max_size=2)
)


@trying(max_examples=trials(500))
@given(value=anything)
def test_a_value_converts_to_exactly_the_types_its_look_fits(value: object) -> None:
    seen = look(value)
    if seen is None:
        return
    for kind in FITS:
        try:
            converted = convert(value, kind)
        except ValueError:
            assert seen not in FITS[kind]
            continue
        assert seen in FITS[kind]
        assert isinstance(
            converted, {"text": str, "integer": int, "number": float, "boolean": bool, "date": datetime}[kind]
        )
        if kind in ("integer", "number") and isinstance(converted, int | float):
            assert converted == float(str(value)) or (kind == "integer" and converted == int(str(value)))
        if isinstance(converted, datetime):
            assert converted.utcoffset() == timedelta(0)


# --- which column is what -----------------------------------------------------------------------------------------------

ROW: dict[str, object] = {
    "SKU": "a1",
    "Product Title": "Oak table",
    "price": "413.99",
    "description": "A table",
    "stock": 3,
}


def test_usual_names_are_found_and_the_rest_gets_types() -> None:
    found = survey(rows(ROW, {**ROW, "since": "2024-01-31", "old": "false"}))
    types = {"price": "number", "stock": "integer", "since": "date", "old": "boolean"}
    assert found.columns == Columns("SKU", "Product Title", "description", types)  # type: ignore[arg-type]
    assert list(found.columns.fields) == list(types)
    assert (found.rows, found.rejected) == (2, {})


def test_the_survey_counts_what_could_not_be_read() -> None:
    bad = [
        Rejection("f", 3, "broken line", ""),
        Rejection("f", 4, "too large", ""),
        Rejection("f", 5, "broken line", ""),
    ]
    found = survey([*rows(ROW), *bad])
    assert (found.rows, found.rejected) == (4, {"broken line": 2, "too large": 1})


@pytest.mark.parametrize(
    ("odd", "expected"), [(1, "integer"), (2, "text")], ids=["1 in 100 does not fit", "2 in 100 do not fit"]
)
def test_a_type_must_fit_99_of_100_values(odd: int, expected: FieldType) -> None:
    values: list[object] = [*["?"] * odd, *map(str, range(100 - odd)), *["", None] * 50]
    found = survey(rows(*({"text": "words", "n": value} for value in values)))
    assert found.columns.fields == {"n": expected}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2.5], "number"),
        ([1, 2**60, 2.5], "text"),
        ([1, 2**60], "integer"),
        (["00123", "1"], "text"),
        ([True, "false"], "boolean"),
        ([True, 1], "text"),
        ([None, ""], "text"),
        ([[1], {"a": 1}], "text"),
        (["2024-01-31", "2024-01-31T10:00Z"], "date"),
    ],
    ids=str,
)
def test_the_narrowest_type_wins(values: list[object], expected: FieldType) -> None:
    assert survey(rows(*({"text": "words", "n": value} for value in values))).columns.fields == {"n": expected}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"a": "short", "b": "rather longer"}, (None, None, "b")),
        ({"name": "Oak table", "price": "3"}, (None, None, "name")),
        ({"question": "why?", "body": "because", "id": 1}, ("id", None, "body")),
        ({"text": None, "remark": "words"}, (None, None, "remark")),
        ({"_id": 1, "title": "", "text": "", "remark": "words"}, ("_id", "title", "text")),
        ({"title": "T", "name": "N", "note": "words"}, (None, "title", "note")),
        ({"title": None, "name": "N", "note": "words"}, (None, "name", "note")),
    ],
    ids=[
        "longest",
        "title-becomes-text",
        "body-before-question",
        "empty-text",
        "beir-is-fixed",
        "title-first",
        "empty-title",
    ],
)
def test_guesses(row: dict[str, object], expected: tuple[str | None, str | None, str]) -> None:
    columns = survey(rows(row)).columns
    assert (columns.id, columns.title, columns.text) == expected
    assert not set(columns.fields) & set(expected)


def test_every_guess_can_be_overridden() -> None:
    columns = survey(rows(ROW), id="", title="description", text="Product Title", fields={"price": "text"}).columns
    assert columns == Columns(None, "description", "Product Title", {"price": "text"})
    assert survey(rows(ROW), fields={"stock": None, "price": None}).columns.fields == {
        "price": "number",
        "stock": "integer",
    }
    assert survey(rows(ROW), title="", fields={}).columns == Columns("SKU", None, "description", {})


@pytest.mark.parametrize(
    "asked", [{"id": "skuu"}, {"text": "descripton"}, {"fields": ["prise"]}, {"fields": {"prise": "number"}}]
)
def test_a_column_that_is_not_there_is_refused_with_the_nearest(asked: dict[str, object]) -> None:
    with pytest.raises(UserError) as refused:
        survey(rows({**ROW, "sku": 1}), **asked)  # type: ignore[arg-type]
    assert refused.value.given in ('"skuu"', '"descripton"', '"prise"')
    assert any(f"perhaps you mean '{near}'" in refused.value.todo for near in ("sku", "description", "price"))


@pytest.mark.parametrize(
    ("found", "asked", "what"),
    [
        ([], {}, "The source has no readable row"),
        ([{"n": 1}], {}, "No column holds text to search in"),
        ([{"text": "a", "n": 1}], {"fields": {"n": "decimal"}}, "There is no such field type"),
        (
            [{f"key {n}": "a"} for n in range(MOST_COLUMNS + 1)],
            {},
            f"The source has more than {MOST_COLUMNS:,} different columns",
        ),
    ],
    ids=["no rows", "no text", "type", "keys are data"],
)
def test_what_cannot_be_settled_is_refused(found: list[dict[str, object]], asked: dict[str, object], what: str) -> None:
    with pytest.raises(UserError) as refused:
        survey(rows(*found), **asked)  # type: ignore[arg-type]
    assert refused.value.what == what


def test_keys_that_are_data_do_no_harm_once_the_fields_are_named() -> None:
    many = [{"text": "a", "n": 1, f"key {n}": "a"} for n in range(2 * MOST_COLUMNS)]
    found = survey(rows(*many), fields={"n": None})
    assert found.columns.fields == {"n": "integer"}
    assert len(found.tallies) == MOST_COLUMNS


# --- which rows are set aside -------------------------------------------------------------------------------------------

COLUMNS = Columns("id", "title", "text", {"price": "number", "tags": "text", "since": "date", "stock": "integer"})
GOOD: dict[str, object] = {"id": 7, "title": "T", "text": "words", "price": "1.5", "tags": ["a"], "since": "2024-01-31"}


def test_a_good_row_becomes_a_record() -> None:
    fields: dict[str, Value] = {
        "price": 1.5,
        "tags": '["a"]',
        "since": datetime(2024, 1, 31, tzinfo=UTC),
        "stock": None,
    }
    assert to_record(Row("f", 3, GOOD), COLUMNS) == Record("7", "T", "words", fields)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"title": "", "text": None}, "no text"),
        ({"title": " ", "text": ""}, "no text"),
        ({"title": None, "text": " \n\t"}, "blank"),
        ({"title": "", "text": "\u200b\ufeff\u00ad\u3164\u2800\x00\x85\U000e0041"}, "blank"),
        ({"text": ["a"]}, "wrong type"),
        ({"text": True}, "wrong type"),
        ({"text": float("nan")}, "wrong type"),
        ({"title": {}}, "wrong type"),
        ({"id": False}, "wrong type"),
        ({"price": "cheap"}, "wrong type"),
        ({"price": float("nan")}, "wrong type"),
        ({"stock": 1.0}, "wrong type"),
        ({"stock": 2**63}, "wrong type"),
        ({"since": "2023-02-29"}, "wrong type"),
        ({"id": None}, "no id"),
        ({"id": "\u200b"}, "no id"),
        ({"id": "\ud800"}, "lone surrogate"),
        ({"title": "a\udfffb"}, "lone surrogate"),
        ({"text": "é\ud83d"}, "lone surrogate"),
        ({"tags": ["\ud800"]}, "lone surrogate"),
        ({"tags": {"\ud800": 1}}, "lone surrogate"),
        ({"text": "x" * (LARGEST - 6)}, "too large"),  # with id, title and tags one byte too many
        ({"text": "é" * (LARGEST // 2)}, "too large"),
        ({"tags": "x" * LARGEST}, "too large"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_bad_row_is_rejected_with_its_reason(change: dict[str, object], reason: str) -> None:
    made = to_record(Row("f.csv", 12, GOOD | change), COLUMNS)
    assert isinstance(made, Rejection)
    assert (made.file, made.row, made.reason) == ("f.csv", 12, reason)
    json.dumps(made.detail).encode()
    assert made.detail.encode()


@pytest.mark.parametrize("text", [None, "", " \u200b"], ids=ascii)
def test_a_row_with_only_a_title_takes_it_as_text(text: str | None) -> None:
    made = to_record(Row("f", 1, {"id": "a", "title": "Oak table", "text": text}), Columns("id", "title", "text", {}))
    assert made == Record("a", "", "Oak table", {})


@pytest.mark.parametrize(
    "text", ["é", "😀", "\u0301", "\u200bx", "٣", "x" * (LARGEST - 2)], ids=lambda text: ascii(text)[:20]
)
def test_visible_text_is_kept_as_it_is(text: str) -> None:
    made = to_record(Row("f", 1, {"text": text, "id": "n", "title": 5}), Columns("id", "title", "text", {}))
    assert made == Record("n", "5", text, {})


def test_without_an_id_column_the_row_number_is_the_id() -> None:
    assert to_record(Row("f", 31, {"text": "a"}), Columns(None, None, "text", {})) == Record("31", "", "a", {})


# --- unique ids ---------------------------------------------------------------------------------------------------------


@trying(max_examples=trials(200))
@given(ids=st.lists(st.text(st.sampled_from("aA\x00é "), max_size=2), max_size=30), size=st.integers(1, 7))
def test_the_first_of_several_rows_with_one_id_is_kept(
    ids: list[str], size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    source = folder / "ids.jsonl"
    source.write_text("".join(json.dumps({"id": id, "text": f"{n}"}) + "\n" for n, id in enumerate(ids, 1)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("indexer.corpus._BATCH_ROWS", size)
        found = list(read_records(source, "jsonl", Columns("id", None, "text", {}), folder))
    expected: list[tuple[int, str]] = []
    first: dict[str, int] = {}
    for number, id in enumerate(ids, 1):
        reason = "no id" if not id.strip("\0 ") else "duplicate id" if id in first else "kept"
        first.setdefault(id, number)
        expected.append((number, reason))
        made = found[number - 1]
        if isinstance(made, Rejection) and reason == "duplicate id":
            assert made.detail.endswith(f"row {first[id]}")
    assert [(int(m.text), "kept") if isinstance(m, Record) else (m.row, m.reason) for m in found] == expected


def test_the_scratch_file_of_ids_goes_away_and_a_stale_one_does_not_matter(tmp_path: Path) -> None:
    source = tmp_path / "a.jsonl"
    source.write_text('{"text": "a"}\n' * 10)
    work = tmp_path / "work"
    work.mkdir()
    (work / "seen-ids.sqlite").write_bytes(b"left by a killed process")
    records = read_records(source, "jsonl", Columns(None, None, "text", {}), work)
    assert len(list(islice(records, 3))) == 3
    records.close()  # type: ignore[attr-defined]
    assert list(work.iterdir()) == []


# --- identity, Arrow, JSON ----------------------------------------------------------------------------------------------

encodable = st.text(st.sampled_from("ab.\0\né\u0301😀\U0010ffff"), max_size=4)
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
values: dict[FieldType, st.SearchStrategy[Value]] = {
    "text": encodable.filter(bool),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False),
    "boolean": st.booleans(),
    "date": st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)),
}


@st.composite
def collections(draw: st.DrawFn) -> tuple[list[Record], Columns]:
    types = draw(st.dictionaries(encodable, st.sampled_from(sorted(values)), max_size=4))
    record = st.builds(
        Record,
        encodable,
        encodable,
        encodable,
        st.fixed_dictionaries({n: st.none() | values[k] for n, k in types.items()}),
    )
    return draw(st.lists(record, max_size=4)), Columns("id", "title", "text", types)


@trying(max_examples=trials(500))
@given(made=collections())
def test_records_and_their_digests_survive_the_way_through_an_arrow_file(made: tuple[list[Record], Columns]) -> None:
    records, columns = made
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, arrow_schema(columns)) as writer:
        writer.write_batch(to_batch(records, columns))
        writer.write_batch(to_batch(records[:1], columns))
    table = pa.ipc.open_file(sink.getvalue()).read_all()
    assert list(from_batch(table, columns)) == records + records[:1]
    assert [record_at(table, row, columns) for row in range(table.num_rows)] == records + records[:1]
    for record in from_batch(table, columns):
        assert all(type(v) is not datetime or v.tzinfo is UTC for v in record.fields.values())
    for a, read in zip(records, from_batch(table, columns), strict=False):
        assert [content_digest(read) == content_digest(b) for b in records] == [a == b for b in records]


def test_the_arrow_schema_is_the_documented_one() -> None:
    types: dict[str, FieldType] = {"a": "text", "b": "integer", "c": "number", "d": "boolean", "e": "date"}
    schema = arrow_schema(Columns("x", "y", "z", types))
    assert schema.names == ["id", "title", "text", "field.a", "field.b", "field.c", "field.d", "field.e"]
    assert [str(kind) for kind in schema.types[3:]] == ["string", "int64", "double", "bool", "timestamp[us, tz=UTC]"]


def test_a_digest_is_the_same_for_ever_and_tells_neighbouring_parts_apart() -> None:
    moment = datetime(2024, 1, 31, 10, tzinfo=UTC)
    record = Record("1", "T", "words", {"n": 1, "x": 0.5, "ok": True, "since": moment, "none": None, "t": "é"})
    assert content_digest(record).hex() == "b8e065e808d791400cd5ad8a1728aaa94933293bca04ee4687a0e61d90923e06"
    elsewhere = moment.astimezone(timezone(timedelta(hours=-8)))
    same = Record("1", "T", "words", {"since": elsewhere, "t": "é", "x": 0.5, "ok": True, "n": 1})
    assert content_digest(same) == content_digest(record)
    parts = [
        ("ab", "c", "d", {}),
        ("a", "bc", "d", {}),
        ("a", "b", "cd", {}),
        ("ab", "", "cd", {}),
        ("ab", "c", "d", {"e": "f"}),
    ]
    kinds: list[Value] = [1, 1.0, True, "1", "b1", "i1", datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)]
    every = [Record(*part) for part in parts] + [Record("a", "b", "c", {"d": kind}) for kind in kinds]
    assert len({content_digest(record) for record in every}) == len(every)
    assert content_digest(Record("a", "", "b", {"c": 0.0})) == content_digest(Record("a", "", "b", {"c": -0.0}))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2024, 1, 31, tzinfo=UTC), "2024-01-31"),
        (datetime(2024, 1, 31, 10, tzinfo=UTC), "2024-01-31T10:00:00Z"),
        (datetime(2024, 1, 31, 1, tzinfo=timezone(timedelta(hours=1))), "2024-01-31"),
        (datetime(7, 1, 31, 0, 0, 0, 1, tzinfo=UTC), "0007-01-31T00:00:00.000001Z"),
        (None, None),
        (0.5, 0.5),
    ],
    ids=str,
)
def test_a_record_as_json(value: Value, expected: object) -> None:
    made = as_json(Record("a", "t", "x", {"f": value}))
    assert made == {"id": "a", "title": "t", "text": "x", "fields": {"f": expected}}
    if isinstance(value, datetime):
        assert convert(expected, "date") == value
