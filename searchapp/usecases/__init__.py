"""What people do with a collection, as values: shop, find duplicates, get answers.

The value says how a use case presents itself; the work is told over an open version, one module per use case beside this
one. Commands and pages share everything but these values and what they draw.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UseCase:
    """A use case as people meet it."""

    name: str
    title: str
    ask: str  # the label of its one field
    placeholder: str  # what to put there; {rows} is the size of the collection
    button: str
    demo: str  # the demo collection that shows it


USE_CASES = {
    case.name: case
    for case in (
        UseCase(
            name="shop",
            title="Shop",
            ask="Search the catalogue",
            placeholder="Search {rows} records in your own words, or paste an id",
            button="Search",
            demo="shop",
        ),
        UseCase(
            name="duplicates",
            title="Duplicates",
            ask="Paste a text",
            placeholder="Paste a text: is it among the {rows} records already?",
            button="Compare",
            demo="questions",
        ),
        UseCase(
            name="answers",
            title="Answers",
            ask="Ask a question",
            placeholder="Ask {rows} documents in a whole sentence",
            button="Ask",
            demo="python",
        ),
    )
}
