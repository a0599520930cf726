"""Texts to unit vectors, each text once per run, cut where asked: inputs at so many tokens, vectors at so many dimensions.

A model is a folder, opened with the fast engine of `indexer.encode`, or any object with sentence-transformers' own
`encode_query` and `encode_document`: a model in the middle of its training is one. Texts are encoded in an order that
depends on nothing but the texts, so that the order of rows changes no figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.errors import UserError
from indexer.progress import Watcher
from trainer.evaluate.suite import Side

CHUNK = 1024  # texts between two reports of progress
Vector = NDArray[np.float32]


class Encodes(Protocol):
    """What a model must be able to do: texts in, vectors [n, dim] out, of any length."""

    def encode_query(self, sentences: Any, /) -> Any: ...
    def encode_document(self, sentences: Any, /) -> Any: ...


class Vectors:
    """The vectors of a model, remembered by side and text."""

    def __init__(self, model: Encodes, watch: Watcher) -> None:
        self._model, self._watch = model, watch
        self._known: dict[tuple[Side, str], Vector] = {}
        self._cuts: dict[tuple[str, int], str] = {}
        self._name = "a first text"

    def named(self, name: str) -> None:
        """Whose texts come next, for whoever watches."""
        self._name = name

    def dim(self) -> int:
        """Dimensions of the model's vectors."""
        return int(self.of(["a"], "document").shape[1])

    def of(self, texts: Sequence[str], side: Side, tokens: int | None = None, dim: int | None = None) -> Vector:
        """Unit vectors [texts, dim] in the order of the texts; a text without any direction stays all zeros."""
        asked = list(texts) if tokens is None else self._cut(texts, tokens)
        self._encode({text for text in asked if (side, text) not in self._known}, side)
        return _unit(np.stack([self._known[side, text] for text in asked])[:, :dim])

    def _encode(self, fresh: set[str], side: Side) -> None:
        encode = self._model.encode_query if side == "query" else self._model.encode_document
        ordered = sorted(fresh, key=lambda text: (len(text), text))
        for start in range(0, len(ordered), CHUNK):
            chunk = ordered[start : start + CHUNK]
            vectors = np.asarray(encode(chunk), np.float32)
            if not np.isfinite(vectors).all():
                broken = chunk[int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])]
                raise UserError("The model gives vectors that are not numbers.", broken[:200], "evaluate a sound model")
            self._known.update(zip(((side, text) for text in chunk), vectors, strict=True))
            self._watch(f"encoding {self._name}", start + len(chunk), len(ordered))

    def _cut(self, texts: Sequence[str], tokens: int) -> list[str]:
        """The beginnings of the texts that fill `tokens` tokens, special ones counted, the model's prompt not."""
        tokens = min(tokens, _limit(self._model))
        fresh = sorted({text for text in texts if (text, tokens) not in self._cuts})
        if fresh:
            tokenizer = _tokenizer(self._model)
            room = tokens - tokenizer.num_special_tokens_to_add(False)
            for text, found in zip(fresh, tokenizer.encode_batch(fresh, add_special_tokens=False), strict=True):
                self._cuts[text, tokens] = text if len(found.ids) <= room else text[: found.offsets[room - 1][1]]
        return [self._cuts[text, tokens] for text in texts]


def _unit(vectors: Vector) -> Vector:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0))


def _limit(model: Encodes) -> int:
    """Tokens the model reads at most: cutting later than that changes nothing."""
    return getattr(model, "max_tokens", None) or getattr(model, "max_seq_length", None) or 2**31


def _tokenizer(model: Encodes) -> Any:
    """The model's own fast tokenizer, a copy that neither truncates nor pads."""
    from tokenizers import Tokenizer

    held: Any = getattr(model, "tokenizer", None)
    found = getattr(held, "backend_tokenizer", held)
    if not isinstance(found, Tokenizer):
        raise UserError("Inputs can only be cut with a fast tokenizer.", type(model).__name__, "leave out `lengths`")
    copy = Tokenizer.from_str(found.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy
