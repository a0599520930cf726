"""How to run an embedding model fast on this machine: a library of its own that knows no store, catalog or index.

`load_encoder(folder)` opens a sentence-transformers folder, refuses what is unsafe or broken, and gives an `Encoder`:
texts in, unit vectors out. BERT-type models run in our packed engine (`packed`), everything else in
sentence-transformers itself (`general`). `models` finds the embedded model and the ones in a home folder,
`fingerprint` says which model a vector came from, however often the folder was saved again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from indexer.encode.card import refuse_other_than_card
from indexer.encode.fingerprint import fingerprint
from indexer.encode.folder import read_folder
from indexer.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

LEAST_TOKENS = 16  # of a passage: less says nothing
Precision = Literal["auto", "fp32", "bf16"]

__all__ = ["Encoder", "Precision", "fingerprint", "load_encoder"]


class Encoder(Protocol):
    """A text encoder. Vectors are float32 [n, dim], unit length, in the order of the texts."""

    @property
    def dim(self) -> int: ...
    @property
    def max_tokens(self) -> int:
        """Tokens the model reads, special tokens and prompt included; what is beyond is cut off."""
        ...

    @property
    def document_tokens(self) -> int:
        """What of `max_tokens` is left for a document after the model's document prompt: the limit of a passage."""
        ...

    @property
    def fingerprint(self) -> str: ...
    @property
    def precision(self) -> str:
        """`fp32` or `bf16`."""
        ...

    @property
    def tokenizer(self) -> Tokenizer:
        """With truncation and padding off: it sees the whole text."""
        ...

    def encode_query(self, texts: Sequence[str]) -> NDArray[np.float32]: ...
    def encode_document(self, texts: Sequence[str]) -> NDArray[np.float32]: ...


def load_encoder(folder: Path, *, precision: Precision = "auto", threads: int | None = None) -> Encoder:
    """Open the model in `folder` with the fastest engine that can run it.

    `precision="auto"` means bf16 where the processor multiplies it in hardware, else fp32. `threads` defaults to the
    physical cores this process may use. Raises `UserError`, naming the file, for a folder that is not a safe and sound
    sentence-transformers model.
    """
    model = read_folder(folder)
    model.refuse_broken_weights()
    from indexer.encode import packed
    from indexer.encode.tokenizer import refuse_hostile_patterns

    refuse_hostile_patterns(model.tokenizer_file)
    refuse_other_than_card(model)
    if packed.runs(model):
        return _long_enough(packed.PackedEncoder(model, precision=precision, threads=threads), folder)
    from indexer.encode import general

    return _long_enough(general.GeneralEncoder(model, precision=precision, threads=threads), folder)


def _long_enough(encoder: Encoder, folder: Path) -> Encoder:
    if encoder.document_tokens < LEAST_TOKENS:
        given = f"{folder}: {encoder.document_tokens} tokens of a document, its prompt taken off"
        raise UserError("The model reads too little of a text.", given, f"Use one that reads {LEAST_TOKENS} or more.")
    return encoder
