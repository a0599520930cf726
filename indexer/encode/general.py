"""Every other sentence-transformers folder, run by sentence-transformers itself.

The folder's checks have passed by now; here nothing is fetched, no code of the folder runs and only safetensors are
read. Texts are sorted by length and given over in batches of a token budget, so that padding stays small whatever the
corpus looks like. It costs seconds to import, so only models that need it pay.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from indexer.encode.fingerprint import UNREAD_TENSORS, fingerprint_as_opened
from indexer.encode.folder import ModelFolder
from indexer.encode.linear import resolve_precision
from indexer.encode.sound import naming, try_out
from indexer.encode.threads import usable_cores
from indexer.encode.weights import canonical_name
from indexer.errors import UserError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_BATCH_TOKENS = 4096  # padding counted
_LAYER = re.compile(r"\b(?:layers?|block|blocks|h)\.\d+\.")  # how the architectures number their layers
_LIMIT = 512  # tokens, for a model that names no limit of its own: ours


class GeneralEncoder:
    """An `Encoder` over a `SentenceTransformer` on the CPU."""

    def __init__(self, model: ModelFolder, *, precision: str = "auto", threads: int | None = None) -> None:
        self.precision = resolve_precision(precision, model.path)
        self.threads = threads or usable_cores()
        self.max_tokens = model.max_tokens or _LIMIT
        torch.set_num_threads(self.threads)
        self._model = _opened(model, torch.bfloat16 if self.precision == "bf16" else torch.float32)
        self.tokenizer = _tokenizer(self._model, model)
        padding = getattr(self._model.tokenizer, "padding_side", "right")
        self.fingerprint = fingerprint_as_opened(model, self.tokenizer.to_str(), padding)
        if model.max_tokens is None and model.modules[0].kind == "Transformer":
            self._model.max_seq_length = _LIMIT
        self.dim = try_out(self._encode, model.path)
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
                show_progress_bar=False,
                convert_to_tensor=True,
            )
            # In single precision, whatever the model computes in: a length rounded to bf16 is wrong by up to .4 %.
            vectors = torch.nn.functional.normalize(vectors.float(), dim=-1)
            found = found if found.shape[1] else np.empty((len(texts), vectors.shape[1]), np.float32)
            found[batch] = vectors.cpu().numpy()
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
    todo = "Check that `SentenceTransformer(folder)` opens it, and save it again as safetensors."
    with naming("sentence-transformers cannot open this model", model.path, todo):
        opened = SentenceTransformer(
            str(model.path),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": dtype},
        )
    _refuse_other_weights(opened, model)
    return opened.to(dtype).eval()


def _refuse_other_weights(opened: SentenceTransformer, model: ModelFolder) -> None:
    """transformers fills weights that a folder lacks with noise, leaves out layers that the configuration does not count,
    and goes on. Names are compared by their ends: checkpoints put the model's own name before them, or do not."""
    if model.modules[0].kind != "Transformer":
        return
    inner = opened[0].model
    needed = _by_tensor(inner.named_parameters(remove_duplicate=False))
    there = {canonical_name(tensor.name, model.config) for tensor in model.weights[0].tensors}
    alike = {name.partition(".")[2] for name in there} | there
    for names in needed:
        if not any(name in alike or name.partition(".")[2] in there or UNREAD_TENSORS.search(name) for name in names):
            raise _unfit(model, f"the tensor {names[0]!r} is missing")
    layers = {found.group() for names in needed for name in names for found in _LAYER.finditer(name)}
    for name in sorted(there):
        left_out = next((found.group() for found in _LAYER.finditer(name) if found.group() not in layers), None)
        if left_out and not UNREAD_TENSORS.search(name) and not name.startswith("decoder."):
            raise _unfit(model, f"the configuration leaves out {name!r}")


def _by_tensor(parameters: Iterator[tuple[str, torch.nn.Parameter]]) -> list[list[str]]:
    """The names of each parameter; one that is shared has several, and is saved under one of them."""
    names: dict[int, list[str]] = {}
    for name, parameter in parameters:
        names.setdefault(id(parameter), []).append(name)
    return list(names.values())


def _unfit(model: ModelFolder, why: str) -> UserError:
    what = f"The model's weights and its configuration do not fit: {why}."
    return UserError(what, (model.weights[0].files or [model.path])[0], "Copy the model again.")


def _tokenizer(opened: SentenceTransformer, model: ModelFolder) -> Tokenizer:
    """The model's own fast tokenizer, a copy that neither truncates nor pads."""
    found = getattr(opened.tokenizer, "backend_tokenizer", opened.tokenizer)
    if not isinstance(found, Tokenizer):
        raise UserError("This model has no tokenizer.json.", model.path, "Save it with a fast tokenizer.")
    copy = Tokenizer.from_str(found.to_str())
    copy.no_truncation()
    copy.no_padding()
    return copy
