"""The tokenizer of a model folder, opened only when it cannot stop or break whoever opens it.

tokenizer.json may hold regular expressions, which then run over every text. A group repeated without bound can take time
that doubles with each letter, and the library's guard against that is a panic, which no `except Exception` catches.
Patterns of the tokenizers in use repeat single characters and classes only.
"""

from __future__ import annotations

import re
from pathlib import Path

from tokenizers import Tokenizer

from indexer.encode.json_file import read_object, settings_in
from indexer.encode.sound import naming
from indexer.errors import UserError

_SINGLE = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)  # an escaped character, or a class
_REPEATED_GROUP = re.compile(r"\)[?+]?(?:[*+]|\{\d*,\d*\})|\\[1-9k]")
_AGAIN = "Save or download the model again."


def refuse_hostile_patterns(file: Path) -> None:
    """Raises UserError for a regular expression that could take for ever. A missing file has none."""
    for key, value in settings_in(read_object(file)):
        if key == "Regex" and isinstance(value, str) and _may_not_end(value):
            what = f"A pattern of the tokenizer may take for ever, since it repeats a group: {value[:80]!r}."
            raise UserError(what, file, "Use a tokenizer whose patterns repeat single characters and classes only.")


def open_tokenizer(file: Path, vectors: int) -> Tokenizer:
    """The tokenizer, without truncation and padding. `vectors`: how many tokens the model has a vector for; UserError when
    the tokenizer knows more, or cannot be read."""
    with naming("The tokenizer cannot be used", file, _AGAIN):
        tokenizer = Tokenizer.from_file(str(file))
    largest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if not 0 <= largest < vectors:
        what = f"The tokenizer numbers tokens up to {largest}, and the model has vectors for {vectors}."
        raise UserError(what, file, _AGAIN)
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _may_not_end(pattern: str) -> bool:
    singles = _SINGLE.sub(lambda found: found.group() if found.group()[1:2].isdigit() else "x", pattern)
    return _REPEATED_GROUP.search(singles) is not None
