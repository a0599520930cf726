"""Texts as what a model reads at once: pieces with their words, cut to length, kept in flat arrays of a few bytes a piece."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from indexer.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Ints = NDArray[np.int64]
NO_WORD = -1  # special tokens and padding
SHORTEST = 4  # pieces of text in a window; fewer give nothing to guess from
_TEXTS = 512  # tokenised at once


@dataclass(frozen=True, eq=False)
class Windows:
    """Texts cut to what the model reads at once, special tokens included, one after the other in flat arrays."""

    ids: NDArray[np.int32]  # [tokens]
    words: NDArray[np.int32]  # [tokens]: number of the word in its text, or NO_WORD
    starts: Ints  # [windows + 1]
    texts: Ints  # [windows]: row of the text

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def lengths(self) -> Ints:
        """Tokens of each window."""
        return np.diff(self.starts)

    def batch(self, rows: Sequence[int], padding: int) -> tuple[Ints, Ints]:
        """Ids and words of some windows, both [rows, longest]."""
        longest = int(self.lengths[list(rows)].max())
        ids, words = np.full((len(rows), longest), padding), np.full((len(rows), longest), NO_WORD)
        for place, row in enumerate(rows):
            part = slice(self.starts[row], self.starts[row + 1])
            ids[place, : part.stop - part.start], words[place, : part.stop - part.start] = (
                self.ids[part],
                self.words[part],
            )
        return ids, words

    def only(self, wanted: Callable[[Ints], NDArray[np.bool_]]) -> Windows:
        """Those whose length is wanted."""
        kept = wanted(self.lengths)
        tokens, lengths = np.repeat(kept, self.lengths), self.lengths[kept]
        return Windows(self.ids[tokens], self.words[tokens], np.cumsum([0, *lengths]), self.texts[kept])

    def digest(self) -> str:
        """SHA-256 of what the model will read, hex."""
        found = hashlib.sha256()
        for array in (self.ids, self.words, self.starts):
            found.update(array.tobytes())
        return found.hexdigest()


def windows_of(texts: Iterable[str], tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> Windows:
    """Cut texts into windows of at most `max_tokens` tokens. Raises UserError when nothing is left to learn from."""
    plain = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    plain.no_truncation()
    plain.no_padding()
    before, after = _specials(plain)
    room = max_tokens - len(before) - len(after)
    ids, words, rows = [], [], []
    for row, text in enumerate(_encoded(texts, plain)):
        numbers = [NO_WORD if word is None else word for word in text.word_ids]
        for part in _parts(len(text.ids), room):
            ids.append(np.array([*before, *text.ids[part], *after], np.int32))
            words.append(np.array([NO_WORD] * len(before) + numbers[part] + [NO_WORD] * len(after), np.int32))
            rows.append(row)
    if not rows:
        given = f"max_tokens {max_tokens}, special tokens {len(before) + len(after)}"
        raise UserError("There is no text to learn words from.", given, "Give texts of some words, and room for them.")
    starts = np.cumsum([0, *(len(window) for window in ids)])
    return Windows(np.concatenate(ids), np.concatenate(words), starts, np.array(rows))


def _parts(pieces: int, room: int) -> list[slice]:
    starts = range(0, pieces, room) if room >= SHORTEST else ()
    return [slice(start, min(start + room, pieces)) for start in starts if pieces - start >= SHORTEST]


def _encoded(texts: Iterable[str], tokenizer: Tokenizer) -> Iterable[Encoding]:
    stream = iter(texts)
    while some := list(itertools.islice(stream, _TEXTS)):
        yield from tokenizer.encode_batch(some, add_special_tokens=False)


def _specials(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """The special tokens before and after a text."""
    whole = tokenizer.encode("a")
    inside = [place for place, special in enumerate(whole.special_tokens_mask) if not special]
    return whole.ids[: inside[0]], whole.ids[inside[-1] + 1 :]
