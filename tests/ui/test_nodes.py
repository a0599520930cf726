"""The tree of a page: what may be drawn, and that both sides allow the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ui
from ui.nodes import ATTRIBUTES, PLACE, TAGS, h, text_of
from ui.parts import counted, flowing, marked, pages, said

SCRIPT = (Path(ui.__file__).parent / "web" / "view.js").read_text()


def test_both_sides_allow_the_same_tags_and_attributes() -> None:
    for name, allowed in (("TAGS", TAGS), ("ATTRIBUTES", ATTRIBUTES)):
        listed = re.search(rf"const {name} = new Set\(`([^`]*)`", SCRIPT)
        assert listed
        assert set(listed[1].split()) == allowed


def test_script_never_reads_data_as_markup() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function|srcdoc", SCRIPT)


@pytest.mark.parametrize("tag", ["script", "iframe", "img", "style", "object", "svg", "link", "SCRIPT"])
def test_tags_that_could_load_or_run_are_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="draws no"):
        h(tag)


@pytest.mark.parametrize("name", ["onclick", "style", "src", "srcdoc", "action", "formaction", "xlink_href"])
def test_attributes_that_could_load_or_run_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="draws no"):
        h("div", **{name: "x"})


def test_both_sides_allow_the_same_addresses() -> None:
    stated = re.search(r'name === "href"\) return /\^(.*)/\.test', SCRIPT)
    assert stated
    assert stated[1].replace(r"\/", "/") == PLACE.pattern
    assert [h("a", "x", href=address)["a"]["href"] for address in ("?q=a", "#top", "./?in=a", "./answers?in=a")]


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", "//elsewhere", "data:text/html,x", "mailto:x", " ?q", "", "/", "./", "../?q", ".//a?q",
        "./a/b?q", "./a:b?q", "/answers?q",
    ],
)  # fmt: skip
def test_addresses_that_lead_out_are_refused(address: str) -> None:
    with pytest.raises(ValueError, match="draws no"):
        h("a", "x", href=address)


def test_children_are_flattened_and_nothing_is_left_out_or_added() -> None:
    node = h("p", "a", None, ["b", h("strong", "c"), [None, "d"]], class_="x", open=False)
    assert node["a"] == {"class": "x"}
    assert text_of(node) == "abcd"


def test_markup_in_a_text_stays_a_text() -> None:
    text = "<script>alert(1)</script> **bold** $x^2$ :smile:"
    assert h("p", text)["c"] == [text]


def test_marked_parts_and_the_rest_are_the_whole_text() -> None:
    nodes = marked("one two three", [(0, 3), (8, 13)])
    assert "".join(map(text_of, nodes)) == "one two three"
    assert [node["c"] for node in nodes if not isinstance(node, str)] == [["one"], ["three"]]


@pytest.mark.parametrize(
    ("current", "last", "shown"),
    [
        (1, 1, None),
        (1, 3, "123"),
        (5, 9, "1…34567…9"),
        (9, 9, "1…789"),
        (2, 40, "1234…40"),
    ],
)
def test_page_numbers_keep_the_ends_and_the_neighbours(current: int, last: int, shown: str | None) -> None:
    node = pages(current, last)
    assert (text_of(node) if node else None) == shown
    if node:
        here = [text_of(child) for child in node["c"] if not isinstance(child, str) and "aria-current" in child["a"]]
        assert here == [str(current)]


def test_values_are_written_as_people_write_them() -> None:
    assert [said(value) for value in (None, "", True, False, 3, 1234567, 2.5, 1234.0, "x")] == [
        "–", "–", "yes", "no", "3", "1,234,567", "2.5", "1,234", "x",
    ]  # fmt: skip
    assert [said(value) for value in (0.0, 0.01, 0.004, -0.001, 1e-9)] == ["0", "0.01", "0.004", "-0.001", "1e-09"]
    assert (counted(1, "record"), counted(1204, "record"), counted(0, "match", "matches")) == (
        "1 record", "1,204 records", "0 matches",
    )  # fmt: skip


WRAPPED = """container (like a
tuple) contains a reference to a mutable object, its value can change when
the latter is changed; however the container is still considered immutable,
because the collection of objects it contains cannot be changed.  So:

   x = (1, [])
   x[1].append(2)

- one item of a list that is long enough to look like a filled line, indeed
- another item
short
line"""


def test_filled_lines_flow_and_every_character_keeps_its_place() -> None:
    flowed = flowing(WRAPPED)
    assert len(flowed) == len(WRAPPED)
    changed = [place for place, (a, b) in enumerate(zip(WRAPPED, flowed, strict=True)) if a != b]
    assert changed == [place for place, character in enumerate(WRAPPED) if character == "\n"][:3]
    assert flowed.splitlines()[0].startswith("container (like a tuple) contains")
    assert flowed.splitlines()[1:] == ["", "   x = (1, [])", "   x[1].append(2)", "", *WRAPPED.splitlines()[-4:]]
