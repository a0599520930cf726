"""What may be highlighted: wrapped lines are one statement, headings and borders are none."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from searchapp.usecases.sentences import is_whole, statements
from tests.trials import trials

LAMBDAS = """Lambdas
*******

   lambda_expr ::= "lambda" [parameter_list] ":" expression

Lambda expressions (sometimes called lambda forms) are used to create
anonymous functions. The expression "lambda parameters: expression"
yields a function object.  The unnamed object behaves like a function
object defined with:

   def <lambda>(parameters):
       return expression

Note that functions created with lambda expressions cannot contain
statements or annotations.
"""


def shown(text: str) -> list[str]:
    return [re.sub(r"\s+", " ", text[span.start : span.end]) for span in statements(text, 0, len(text))]


def test_wrapped_reference_text() -> None:
    assert shown(LAMBDAS) == [
        'lambda_expr ::= "lambda" [parameter_list] ":" expression',
        "Lambda expressions (sometimes called lambda forms) are used to create anonymous functions.",
        'The expression "lambda parameters: expression" yields a function object.',
        "The unnamed object behaves like a function object defined with:",
        "def <lambda>(parameters):",
        "return expression",
        "Note that functions created with lambda expressions cannot contain statements or annotations.",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Calls\n*****\n\nA call calls.", ["A call calls."], id="underlined"),
        pytest.param("## Returns\n\nSend it back.", ["Send it back."], id="markdown"),
        pytest.param("== History ==\nIt began.", ["It began."], id="wiki"),
        pytest.param("Early life\n\nShe was born in Ulm.", ["She was born in Ulm."], id="a short line alone"),
        pytest.param("-[ Footnotes ]-\n\nNone given.", ["None given."], id="footnotes"),
        pytest.param("-----\nIt works.\n-----", ["It works."], id="rules"),
        pytest.param("See also:\n\nIt works.", ["It works."], id="a lead"),
        pytest.param("It ends here. 4. Go on.", ["It ends here.", "Go on."], id="a number"),
        pytest.param("+----+----+\n| a  | bc |\n+====+====+", ["| a | bc |"], id="borders"),
        pytest.param(
            "+----+----+\n| ab | cd |\n|    | ef |\n+----+----+\n| gh | ij |\n+----+----+",
            ["| ab | cd | | | ef |", "| gh | ij |"],
            id="a row of several lines",
        ),
        pytest.param(
            "| ab | cd |\n|----|----|\n| ef | gh |\n| ij | kl |",
            ["| ab | cd |", "| ef | gh |", "| ij | kl |"],
            id="a table without borders",
        ),
        pytest.param("Title\n=====", ["Title"], id="a heading when there is nothing else"),
        pytest.param("teak table 120 cm", ["teak table 120 cm"], id="a name only"),
        pytest.param("***\n---", [], id="no word at all"),
        pytest.param("", [], id="empty"),
        pytest.param("New in 3.3.\n\nstr.center(width)", ["New in 3.3.", "str.center(width)"], id="a number ends"),
        pytest.param("Run it:\n\n   x = 1\n   y = 2", ["x = 1", "y = 2"], id="code"),
        pytest.param("猫は寝る。犬は走る。", ["猫は寝る。", "犬は走る。"], id="Japanese"),
        pytest.param("هل تعمل؟ نعم تعمل.", ["هل تعمل؟", "نعم تعمل."], id="Arabic"),
    ],
)
def test_what_is_a_statement(text: str, expected: list[str]) -> None:
    assert shown(text) == expected


def test_a_line_is_joined_only_where_it_was_full() -> None:
    full = "All argument expressions of a call are evaluated before the\nCall is attempted."
    assert len(shown(full)) == 1
    assert len(shown(full.replace("before the\n", "before\n\n"))) == 2
    listed = "The kettle that was bought by most of the people last year\n* Acme\n* Zen"
    assert shown(listed) == ["The kettle that was bought by most of the people last year", "* Acme", "* Zen"]
    poem = "Tyger Tyger, burning bright,\nIn the forests of the night;"
    assert len(shown(poem)) == 2


def test_a_heading_is_known_by_the_underline_in_the_next_passage() -> None:
    text = "It is over.\n\nOperator precedence, from the highest to the very lowest\n*****\n\nNext."
    end = text.index("*****")
    assert [text[s.start : s.end] for s in statements(text, 0, end)] == ["It is over."]


@pytest.mark.parametrize(
    ("statement", "whole"),
    [
        ("It works.", True),
        ('He said "go!"', True),
        ("(It works.)", True),
        ("走る。", True),
        ("return x", False),
        ("block is checked.", False),
        ("| a | b |", False),
        ("defined with:", False),
    ],
)
def test_what_is_whole(statement: str, whole: bool) -> None:
    assert is_whole(statement) is whole


@settings(max_examples=trials(500))
@given(st.text(alphabet=st.sampled_from("aB1.!?:\n\n  |+-*=#>。é\t"), max_size=200), st.data())
def test_statements_lie_inside_in_order_and_say_something(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    found = statements(text, start, end)
    for span in found:
        assert start <= span.start < span.end <= end
        piece = text[span.start : span.end]
        assert piece == piece.strip()
        assert any(map(str.isalnum, piece))
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert bool(found) == any(map(str.isalnum, text[start:end]))
