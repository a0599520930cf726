"""Every other sentence-transformers folder, run by sentence-transformers itself.

The folder's checks have passed by now; here nothing is fetched, no code of the folder runs and only safetensors are
read. Texts are sorted by length and given over in batches of a token budget, so that padding stays small whatever the
corpus looks like. It costs seconds to import, so only models that need it pay.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from indexer.encode.fingerprint import fingerprint_of
from indexer.encode.folder import ModelFolder
from indexer.encode.linear import resolve_precision
from indexer.encode.threads import usable_cores
from indexer.errors import UserError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BATCH_TOKENS = 4096  # padding counted
_LIMIT = 512  # tokens, for a model that names no limit of its own: ours


class GeneralEncoder:
    """An `Encoder` over a `SentenceTransformer` on the CPU."""

    def __init__(self, model: ModelFolder, *, precision: str = "auto", threads: int | None = None) -> None:
        self.precision = resolve_precision(precision, model.path)
        self.fingerprint = fingerprint_of(model)
        self.threads = threads or usable_cores()
        self.max_tokens = model.max_tokens or _LIMIT
        torch.set_num_threads(self.threads)
        self._model = _opened(model, torch.bfloat16 if self.precision == "bf16" else torch.float32)
        self.tokenizer = _tokenizer(self._model, model)
        self._prompts = (model.query_prompt, model.document_prompt)
        if model.max_tokens is None and model.modules[0].kind == "Transformer":
            self._model.max_seq_length = _LIMIT
        self.dim = self._encode([""], "").shape[1]
        self.document_tokens = self.max_tokens - len(
            self.tokenizer.encode(model.document_prompt, add_special_tokens=False).ids
        )

    def encode_query(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [n, dim] of queries, with the model's query prompt before each."""
        return self._encode(texts, "query") if texts else np.empty((0, self.dim), np.float32)

    def encode_document(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [n, dim] of documents, with the model's document prompt before each."""
        return self._encode(texts, "document") if texts else np.empty((0, self.dim), np.float32)

    def _encode(self, texts: Sequence[str], task: str) -> NDArray[np.float32]:
        encode = self._model.encode_query if task == "query" else self._model.encode_document
        lengths = [min(len(row.ids), self.max_tokens) for row in self.tokenizer.encode_batch_fast(list(texts))]
        found = np.empty((len(texts), 0), np.float32)
        for batch in padded_batches(lengths):
            vectors = encode(
                [texts[row] for row in batch],
                batch_size=len(batch),
                normalize_embeddings=True,
                show_progress_bar=False,
                convert_to_tensor=True,
            )
            found = found if found.shape[1] else np.empty((len(texts), vectors.shape[1]), np.float32)
            found[batch] = vectors.float().cpu().numpy()
        return found


def padded_batches(lengths: Sequence[int], budget: int = _BATCH_TOKENS) -> list[list[int]]:
    """Rows sorted by length, longest first, in batches of at most `budget` tokens with their padding."""
    batches: list[list[int]] = []
    width = 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if not batches or width * (len(batches[-1]) + 1) > budget:
            batches.append([])
            width = max(1, lengths[row])
        batches[-1].append(row)
    return batches


def _opened(model: ModelFolder, dtype: torch.dtype) -> SentenceTransformer:
    import transformers
    from sentence_transformers import SentenceTransformer

    import indexer.architectures  # noqa: F401 — the ones of our own, by the model_type that a folder names

    transformers.utils.logging.disable_progress_bar()  # stderr belongs to our own progress
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    try:
        opened = SentenceTransformer(
            str(model.path),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, TypeError) as error:
        raise UserError(
            f"sentence-transformers cannot open this model: {error}",
            model.path,
            "Check that `SentenceTransformer(folder)` opens it, and save it again as safetensors.",
        ) from error
    return opened.to(dtype).eval()


def _tokenizer(opened: SentenceTransformer, model: ModelFolder) -> Tokenizer:
    """The model's own fast tokenizer, a copy that neither truncates nor pads."""
    found = getattr(opened.tokenizer, "backend_tokenizer", opened.tokenizer)
    if not isinstance(found, Tokenizer):
        raise UserError("This model has no tokenizer.json.", model.path, "Save it with a fast tokenizer.")
    copy = Tokenizer.from_str(found.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy
