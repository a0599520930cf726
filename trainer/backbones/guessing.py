"""Guessing hidden words: scores for the places a model was shown a mask at, the head that gives them, and how many are right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors.torch import load
from torch import Tensor, nn

from indexer.architectures import MaskedHead
from indexer.errors import UserError
from trainer.backbones.hiding import Fates, Flags, Vocabulary, hide
from trainer.backbones.windows import Ints, Windows

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

HEAD = "masked_head.safetensors"


def guesses(
    encoder: nn.Module,
    head: nn.Module,
    shown: Ints,
    lengths: Ints,
    hidden: Flags,
    device: torch.device,
) -> Tensor:
    """A score per piece of the vocabulary for each hidden place, in the order of the batch: [hidden, vocabulary].

    `shown` ids and `hidden` flags are [rows, n]; what is beyond a row's length is padding."""
    mask = np.arange(shown.shape[1]) < lengths[:, None]
    ids, seen = torch.from_numpy(shown).to(device), torch.from_numpy(mask.astype(np.int64)).to(device)
    states = encoder(input_ids=ids, attention_mask=seen).last_hidden_state
    scores: Tensor = head(states[torch.from_numpy(hidden).to(device)])
    return scores


def new_head(model: SentenceTransformer, seed: int = 0) -> MaskedHead:
    """A fresh head over a model's encoder."""
    words = model[0].model.get_input_embeddings()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return MaskedHead(words.embedding_dim, words.num_embeddings).tie(words)


def saved_head(folder: Path, model: SentenceTransformer) -> MaskedHead:
    """The head that was trained with the model in `folder`. Raises UserError if there is none."""
    if not (folder / HEAD).is_file():
        raise UserError(f"There is no {HEAD}.", folder, "Give a folder that learn_words has written.")
    head = new_head(model)
    head.load_state_dict(load((folder / HEAD).read_bytes()), strict=False)  # the embeddings are the model's own
    return head


@torch.no_grad()
def share_guessed(
    model: SentenceTransformer,
    head: MaskedHead,
    windows: Windows,
    *,
    seed: int = 0,
    tokens: int = 8192,
    share: float = 0.15,
) -> tuple[int, int]:
    """How many of how many hidden words the model guesses, with all their pieces; `tokens` are read at once.

    All hidden words show as mask tokens here; the same seed hides the same words for every model of one tokenizer.
    """
    vocabulary, encoder = Vocabulary.of(model.tokenizer), model[0].model.eval()
    head.to(model.device).eval()
    noise, right, asked = np.random.default_rng(seed), 0, 0
    for rows in _in_order(windows, tokens):
        ids, words = windows.batch(rows, vocabulary.padding)
        shown, hidden = hide(ids, words, vocabulary, noise, Fates(share, masked=1.0))
        found = guesses(encoder, head, shown, windows.lengths[rows], hidden, model.device).argmax(1).cpu().numpy()
        word = (np.arange(len(rows))[:, None] * (words.max() + 1) + words)[hidden]
        wrong = np.unique(word[found != ids[hidden]])
        asked += len(np.unique(word))
        right += len(np.unique(word)) - len(wrong)
    return right, asked


def _in_order(windows: Windows, tokens: int) -> Iterator[list[int]]:
    rows: list[int] = []
    for row, length in enumerate(windows.lengths):
        if rows and (len(rows) + 1) * max(length, *windows.lengths[rows]) > tokens:
            yield rows
            rows = []
        rows.append(row)
    yield rows
