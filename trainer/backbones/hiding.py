"""Which words are hidden from a model that learns to guess them: whole words, each with the same chance.

A word is what the tokenizer splits into pieces, so a rare word is hidden with all its pieces or not at all. Of the hidden
words 80 % become mask tokens, 10 % random pieces, 10 % stay as they are (Devlin et al. 2018, arXiv 1810.04805; whole words
and a share of 30 % as in JinaBERT, Günther et al. 2023, arXiv 2310.19923). That a word's pieces share one fate is ours: a
piece left in place would give its word away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.errors import UserError
from trainer.backbones.windows import NO_WORD, Ints

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Fates:
    """What becomes of words: the share that is hidden, and of those the shares that become masks and random pieces."""

    share: float = 0.3
    masked: float = 0.8
    random: float = 0.1


@dataclass(frozen=True)
class Vocabulary:
    """The mask token, the padding, and the pieces that may stand in for hidden ones."""

    mask: int
    padding: int
    ordinary: Ints

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> Vocabulary:
        """Of a tokenizer; T5's first sentinel serves as its mask. Raises UserError where there is no mask token."""
        mask = tokenizer.mask_token_id
        if mask is None:
            mask = tokenizer.get_vocab().get("<extra_id_0>")
        if mask is None:
            todo = "Take the tokenizer of a model with a mask token, `minilm` for example."
            raise UserError("The tokenizer has no mask token.", tokenizer.name_or_path, todo)
        special = np.array(sorted({*tokenizer.all_special_ids, mask}))
        return cls(mask, tokenizer.pad_token_id or 0, np.setdiff1d(np.arange(len(tokenizer)), special))


def hide(
    ids: Ints, words: Ints, vocabulary: Vocabulary, noise: np.random.Generator, fates: Fates = Fates()
) -> tuple[Ints, Flags]:
    """What the model is shown of `ids` [rows, n], and which of them it has to guess: at least one word of the batch."""
    first = (words != NO_WORD) & (words != np.pad(words, ((0, 0), (1, 0)), constant_values=NO_WORD)[:, :-1])
    word = np.cumsum(first).reshape(words.shape) - 1  # number of each piece's word in the batch
    chance, fate = noise.random((2, int(first.sum())))
    chosen = chance < fates.share
    if not chosen.any():
        chosen[noise.integers(len(chosen))] = True
    hidden = (words != NO_WORD) & chosen[word]
    masks = hidden & (fate < fates.masked)[word]
    others = hidden & ~masks & (fate < fates.masked + fates.random)[word]
    shown = np.where(masks, vocabulary.mask, ids)
    return np.where(others, noise.choice(vocabulary.ordinary, ids.shape), shown), hidden
