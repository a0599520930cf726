"""The filter language: which records a search may return.

A filter is written as text, `price < 50 and brand in ("Acme", "Zen") and not discontinued and name contains "oak"`, or as
the equal JSON, and `parse` turns either into one frozen `Condition` whose keys and types were checked against the
collection's columns. `mask` evaluates it over a table of records.

Text. Tests are joined by `and`, `or`, `not` (loosest: or) and parentheses; keywords in any case, keys exactly as in the data:

    key = value      also ==; != and <> are its negation        key in (value, value)
    key < value      and <= > >=                                key contains "text"
    key between value and value     (both ends belong to it)    key starts with "text"
    key is missing, key is not missing                          key alone: a boolean key that is true

`not` may stand before in, contains, starts with and between. Text is quoted by " or ' with the escapes \\" \\' \\\\ \\n \\t \\r
\\uXXXX; a key with spaces or other signs is written `net weight` in backquotes, a backquote in it doubled. Dates are
2024-01-31 or 2024-01-31T10:00:00Z (or +02:00; without a zone they are UTC), bare or quoted.

JSON. {"all": [...]}, {"any": [...]}, {"not": {...}}, and tests {"key": "price", "op": "<", "value": 50}. `op` is one of
= != < <= > >= in "not in" between "not between" contains "not contains" "starts with" "not starts with" missing "not missing";
`value` is a list for in and between and left out for missing. Dates are strings.

What it means:

- Keys are the source's column names, and `id`, `title`, `text` for the columns that became these (a column of the user's own
  with such a name wins).
- A test asks for a value that passes, so a missing value passes none; an empty text is missing. `not` is everything else,
  and `!=` is `not =`: `not discontinued` and `brand != "Acme"` keep records that say nothing about it. Add
  `and brand is not missing` to drop those.
- Text is compared without regard to case (Unicode case folding, then NFC), whole by `=` and `in`. Text has no order: "10" < "9"
  would surprise, so `<` on it is refused.
- Whole numbers and numbers compare exactly, also beyond 2**53. A number with a point or an exponent means the float64
  nearest to it, as in the data.
- Dates are instants in UTC. A plain date is the whole UTC day: `= 2024-01-31` is any time of it, `<=` and `between`
  include it, `<` ends before it and `>` begins after it.

Limits, refused with a `UserError`: 64 KiB of text, 64 levels of nesting, 1 000 tests, 10 000 values in all lists together, and, where
JSON comes parsed, 500 000 characters in all its texts together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.records import Columns
from searchapp.conditions.as_json import from_json, from_json_text, to_json
from searchapp.conditions.as_text import from_text, to_text
from searchapp.conditions.typed import And, Condition, Key, Not, Or, Predicate

if TYPE_CHECKING:
    import pyarrow as pa

    from searchapp.conditions.rows import FoldedColumns

__all__ = ["And", "Condition", "Key", "Not", "Or", "Predicate", "mask", "parse", "to_json", "to_text"]


def parse(source: str | Mapping[str, object], columns: Columns) -> Condition:
    """Read a filter from text, JSON text (it begins with a brace) or parsed JSON, its keys and types checked.

    `parse(to_text(c), columns) == c` and `parse(to_json(c), columns) == c` for every condition within the limits.
    Raises `UserError` for everything else, with the place: a caret under the text or the path in the JSON.
    """
    if not isinstance(source, str):
        return from_json(source, columns)
    if source.lstrip().startswith("{"):
        return from_json_text(source, columns)
    return from_text(source, columns)


def mask(condition: Condition, table: pa.Table, folded: FoldedColumns | None = None) -> NDArray[np.bool_]:
    """Which rows of `table` (columns id, title, text, field.<name>) meet the condition: bool [table.num_rows].

    Text is folded once per distinct value; a caller that asks the same table again passes the same dict as `folded`
    every time (begin with {}, drop it with the table), and the folded columns stay in it. Columns above 64 MiB never do.
    """
    from searchapp.conditions.rows import holds

    return holds(condition, table, {} if folded is None else folded)
