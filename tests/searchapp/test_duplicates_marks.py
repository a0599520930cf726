"""Numbers, negations and opposites as they are read, and the words and fields that tell two records apart."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.records import Record, Value
from searchapp.usecases.differences import FieldDifference, Mark, differences, fields_as_json
from searchapp.usecases.pairs_marks import marks, number, numbers_differ, opposite, says_opposite


@pytest.mark.parametrize(
    ("a", "b", "contradicts"),
    [
        ("How do I turn on the lamp?", "How do I turn off the lamp?", True),
        ("How do I subscribe?", "How do I unsubscribe?", True),
        ("Can I connect it?", "Can I disconnect it?", True),
        ("A table with drawers", "A table without drawers", True),
        ("I have received my parcel.", "I haven't received my parcel.", True),
        ("I have received my parcel.", "I never received my parcel.", True),
        ("my card was declined", "my card wasn’t declined", True),
        ("I registered but the mail never came.", "I never registered, but a mail came.", True),
        ("The mail never came.", "The mail did not come, it never came.", False),  # both deny that it came
        ("It doesn't work. Help!", "Help! It does not work.", False),
        ("How do I turn on the lamp?", "How can I switch the lamp on?", False),
        ("open or close the door", "close the door or open it", False),
        ("A union of workers", "A reunion of workers", False),
    ],
)
def test_statements_contradict_each_other(a: str, b: str, contradicts: bool) -> None:
    one, other = marks("", a), marks("", b)
    assert says_opposite(one, other, 0.3) is contradicts
    assert says_opposite(other, one, 0.3) is contradicts


def test_one_denial_more_contradicts_only_where_most_words_are_shared() -> None:
    plain, denying = (
        marks("", "Pay first, goods afterwards?"),
        marks("", "Pay first, goods afterwards? No account please"),
    )
    assert not says_opposite(plain, denying, 0.49)
    assert says_opposite(plain, denying, 0.5)


@pytest.mark.parametrize(
    ("a", "b", "differ"),
    [
        ("word 2006", "word 2007", True),
        ("word 2007", "word", False),
        ("word 2007 for 3 users", "word 2007", False),
        ("word v3.0", "word v3", False),
        ("1,000 pieces", "1000 pieces", False),
        ("three towels", "4 towels", True),
        ("three towels", "3 towels", False),
        ("cs3", "cs 3", False),
        ("ordered three, got four", "ordered four, got three", False),
    ],
)
def test_numbers_differ_when_both_have_one_that_the_other_lacks(a: str, b: str, differ: bool) -> None:
    assert numbers_differ(marks(a, ""), marks(b, "")) is differ


def test_known_numbers_and_long_texts_are_left_out() -> None:
    assert marks("lamp 40 W", "price: 12.50", frozenset({"12.5"})).numbers == {"40"}
    assert marks("lamp", "There are 7 words. " * 30).numbers == frozenset()
    assert marks("", "There are 7 words. " * 30).numbers == {"7"}


@given(st.text(max_size=80))
def test_any_text_has_marks_and_agrees_with_itself(text: str) -> None:
    found = marks("", text)
    assert not numbers_differ(found, found)
    assert not says_opposite(found, found, 1.0)


def test_number_and_opposite_by_themselves() -> None:
    assert [number(word) for word in ("007", "3.50", "10:30", "12,5", "0", "twelve")] == [
        "7",
        "3.5",
        "10:30",
        "12,5",
        "0",
        "12",
    ]
    assert opposite("off", frozenset({"on", "lamp"})) == "on"
    assert opposite("locked", frozenset({"unlocked"})) == "unlocked"
    assert opposite("unto", frozenset({"to"})) is None


def record(title: str, text: str = "", **fields: Value) -> Record:
    return Record("id", title, text, fields)


def shown(text: str, found: tuple[Mark, ...]) -> list[tuple[str, str]]:
    return [(text[mark.start : mark.end], mark.kind) for mark in found]


def test_words_that_only_one_has_are_marked_where_they_stand_and_by_their_kind() -> None:
    a = record("Oak stool, large", "Seats 2 people. Comes without a cushion, 40 cm high.")
    b = record("Stool in oak, small", "The stools seat 3. Comes with a cushion, 40 cm high.")
    found = differences(a, b)
    assert shown(a.title, found.titles[0]) == [("large", "opposite")]
    assert shown(b.title, found.titles[1]) == [("in", "word"), ("small", "opposite")]
    assert shown(a.text, found.texts[0]) == [("2", "number"), ("people", "word"), ("without", "negation")]
    assert shown(b.text, found.texts[1]) == [("3", "number"), ("with", "word")]


def test_sizes_and_spans_in_texts_beyond_ascii() -> None:
    a, b = record("Straße Größe XL"), record("STRASSE Größe M")
    found = differences(a, b)
    assert shown(a.title, found.titles[0]) == [("XL", "size")]
    assert shown(b.title, found.titles[1]) == [("M", "size")]


def test_word_that_moved_from_title_to_text_is_no_difference() -> None:
    found = differences(record("Brass lamp", "Bright."), record("Lamp", "Bright brass."))
    assert (found.titles, found.texts) == (((), ()), ((), ()))


def test_differing_fields_in_the_order_of_the_collection() -> None:
    day = datetime(2026, 3, 14, tzinfo=UTC)
    a = record("x", price=9.5, brand="Zen", stock=None, added=day)
    b = record("x", price=12, brand="Zen", stock=4, added=None)
    found = differences(a, b).fields
    assert found == (
        FieldDifference("price", 9.5, 12),
        FieldDifference("stock", None, 4),
        FieldDifference("added", day, None),
    )
    assert fields_as_json(found) == {
        "price": {"a": 9.5, "b": 12},
        "stock": {"a": None, "b": 4},
        "added": {"a": "2026-03-14", "b": None},
    }


@given(st.text(max_size=60), st.text(max_size=60))
def test_marks_lie_inside_their_text_in_order(a: str, b: str) -> None:
    found = differences(record(a), record(b))
    for text, spans in ((a, found.titles[0]), (b, found.titles[1])):
        ends = [0, *(edge for mark in spans for edge in (mark.start, mark.end)), len(text)]
        assert ends == sorted(ends)
        assert all(mark.start < mark.end for mark in spans)
    assert differences(record(a), record(a)).titles == ((), ())
