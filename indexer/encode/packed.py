"""BERT-type encoders without padding.

Texts are sorted by length and cut into packs of about a thousand tokens. In a pack all tokens of all texts stand in
one matrix [tokens, hidden], so that the linear layers see no padding; attention runs per group of texts of equal
length, where it needs no mask. Every pack is computed by one thread and there is one thread per core: the cores never
wait for each other inside a layer, and as a pack's bits depend on nothing but its texts, the same call gives the
same bits on any number of threads. Neither transformers nor sentence-transformers is imported: they cost seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (the field's own name)
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from indexer.encode.bert_shape import BertShape
from indexer.encode.fingerprint import fingerprint_of
from indexer.encode.folder import ModelFolder
from indexer.encode.json_file import read_object
from indexer.encode.linear import Linear, resolve_precision
from indexer.encode.sound import try_out
from indexer.encode.threads import usable_cores
from indexer.encode.tokenizer import open_tokenizer
from indexer.encode.weights import read_tensors

_PACK_TOKENS = 1024  # ours: single layers took longer per token from 2 048 on; whole packs were not swept
_WINDOW = 16_384  # texts tokenised and sorted at a time: bounds memory, whatever the call's size
_ACTIVATIONS: dict[str, str] = {"gelu": "none", "gelu_new": "tanh", "gelu_pytorch_tanh": "tanh"}


def runs(model: ModelFolder) -> bool:
    """Whether this engine computes exactly what sentence-transformers would for the model."""
    config, transformer = model.config, model.modules[0].config
    return (
        [module.kind for module in model.modules][:3] in (["Transformer", "Pooling"], _CHAIN)
        and len(model.modules) <= len(_CHAIN)
        and model.pooling in (("mean",), ("cls",))
        and model.modules[1].config.get("include_prompt") is not False
        and config.get("model_type") == "bert"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and str(config.get("hidden_act", "gelu")) in _ACTIVATIONS
        and not config.get("is_decoder")
        and not any(transformer.get(key) for key in _UNUSUAL)
        and transformer.get("transformer_task", "feature-extraction") == "feature-extraction"
        and model.max_tokens is not None
        and model.truncate_dim is None
        and read_object(model.modules[0].path / "tokenizer_config.json").get("truncation_side", "right") == "right"
        and model.tokenizer_file.is_file()
    )


_CHAIN = ["Transformer", "Pooling", "Normalize"]
_UNUSUAL = (
    *("do_lower_case", "processing_kwargs", "query_length", "document_length", "query_expansion"),
    *(f"{part}_{kind}" for part in ("model", "config", "tokenizer", "processor") for kind in ("args", "kwargs")),
)


class PackedEncoder:
    """An `Encoder` over packed tokens. Safe to call from several threads."""

    def __init__(self, model: ModelFolder, *, precision: str = "auto", threads: int | None = None) -> None:
        assert model.max_tokens is not None
        self.precision = resolve_precision(precision, model.path)
        self.max_tokens = model.max_tokens
        self.fingerprint = fingerprint_of(model)
        self.threads = threads or usable_cores()
        self._prompts = (model.query_prompt, model.document_prompt)
        self._bert = Bert.load(model, torch.bfloat16 if self.precision == "bf16" else torch.float32)
        self.tokenizer = open_tokenizer(model.tokenizer_file, len(self._bert.words))
        prompt = self.tokenizer.encode(model.document_prompt, add_special_tokens=False)
        self.document_tokens = self.max_tokens - len(prompt.ids)
        self._truncating = Tokenizer.from_str(self.tokenizer.to_str())
        self._truncating.enable_truncation(self.max_tokens)
        self.dim = try_out(self._encode, model.path)

    def encode_query(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [n, dim] of queries, with the model's query prompt before each."""
        return self._encode(texts, self._prompts[0])

    def encode_document(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors [n, dim] of documents, with the model's document prompt before each."""
        return self._encode(texts, self._prompts[1])

    def _encode(self, texts: Sequence[str], prompt: str) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self._bert.hidden), np.float32)
        for start in range(0, len(texts), _WINDOW):
            window = [prompt + text for text in texts[start : start + _WINDOW]]
            ids = [encoding.ids for encoding in self._truncating.encode_batch_fast(window)]
            self._encode_tokens(ids, vectors[start : start + len(ids)])
        return vectors

    def _encode_tokens(self, ids: list[list[int]], out: NDArray[np.float32]) -> None:
        packs = list(packed([len(row) for row in ids]))

        def compute(pack: list[int]) -> None:
            out[pack] = self._bert([ids[row] for row in pack])

        if len(packs) == 1:
            self._workers.submit(compute, packs[0]).result()
        else:
            list(self._workers.map(compute, packs))

    @cached_property
    def _workers(self) -> ThreadPoolExecutor:
        """One thread per core, each computing alone."""
        return single_threaded_workers(self.threads)


def packed(lengths: Sequence[int], budget: int = _PACK_TOKENS) -> list[list[int]]:
    """Rows sorted by length, longest first (ties in the given order), cut where a pack would exceed `budget` tokens."""
    packs: list[list[int]] = []
    room = 0
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        if not packs or lengths[row] > room:
            packs.append([])
            room = budget
        packs[-1].append(row)
        room -= lengths[row]
    return packs


def single_threaded_workers(count: int) -> ThreadPoolExecutor:
    """Threads in which torch computes without threads of its own. torch keeps that number per thread, so the caller's
    stays as it was; it is set again because threads made later inherit the last one set anywhere."""
    before = torch.get_num_threads()
    workers = ThreadPoolExecutor(count, thread_name_prefix="encode", initializer=_compute_alone)
    workers.submit(int).result()
    torch.set_num_threads(before)
    return workers


def _compute_alone() -> None:
    torch.get_num_threads()  # the first call in a thread takes over the global number, also after a set
    torch.set_num_threads(1)


@dataclass(frozen=True, slots=True)
class Layer:
    """One transformer layer; query, key and value in one product."""

    qkv: Linear  # [3 * hidden, hidden]
    attention_out: Linear
    attention_norm: tuple[Tensor, Tensor]
    up: Linear  # with the activation
    down: Linear
    output_norm: tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True)
class Bert:
    """BERT (Devlin et al. 2018, arXiv 1810.04805) with pooling: token ids in, unit vectors out."""

    words: Tensor  # [vocabulary, hidden]
    positions: Tensor  # [positions, hidden], with the embedding of token type 0 added
    embedding_norm: tuple[Tensor, Tensor]
    layers: tuple[Layer, ...]
    heads: int
    eps: float
    pooling: str  # mean or cls

    @property
    def hidden(self) -> int:
        return self.words.shape[1]

    @classmethod
    def load(cls, model: ModelFolder, dtype: torch.dtype) -> Bert:
        """Read the weights; `dtype` is what the matrix products run in. UserError for weights that are not the config's."""
        tensors = {name: tensor.to(dtype) for name, tensor in read_tensors(model.weights[0], model.config)}
        shape = BertShape.of(model.config, model.path / "config.json")
        shape.refuse_others(tensors, model)
        activation = _ACTIVATIONS[str(model.config.get("hidden_act", "gelu"))]
        return cls(
            words=tensors["embeddings.word_embeddings.weight"],
            positions=tensors["embeddings.position_embeddings.weight"]
            + tensors["embeddings.token_type_embeddings.weight"][0],
            embedding_norm=_norm(tensors, "embeddings.LayerNorm"),
            layers=tuple(_layer(tensors, f"encoder.layer.{n}.", activation) for n in range(shape.layers)),
            heads=shape.heads,
            eps=shape.eps,
            pooling=model.pooling[0],
        )

    @torch.inference_mode()
    def __call__(self, ids: list[list[int]]) -> NDArray[np.float32]:
        """Unit vectors [texts, hidden] of texts sorted by length."""
        lengths = [len(row) for row in ids]
        runs = [(length, len(list(same))) for length, same in groupby(lengths)]
        flat = torch.tensor([token for row in ids for token in row])
        places = torch.cat([torch.arange(length).repeat(texts) for length, texts in runs])
        x = self._norm(self.words[flat] + self.positions[places], self.embedding_norm)
        for layer in self.layers:
            attended = layer.attention_out(self._attention(layer.qkv(x), runs))
            x = self._norm(x + attended, layer.attention_norm)
            x = self._norm(x + layer.down(layer.up(x)), layer.output_norm)
        return F.normalize(self._pool(x.float(), runs), dim=1).numpy()

    def _attention(self, qkv: Tensor, runs: list[tuple[int, int]]) -> Tensor:
        """Attention inside each text: [tokens, 3 * hidden] -> [tokens, hidden]. A run is (length, texts)."""
        attended, start = [], 0
        for length, texts in runs:
            tokens = length * texts
            one = qkv[start : start + tokens].view(texts, length, 3, self.heads, -1)
            q, k, v = one.permute(2, 0, 3, 1, 4).unbind(0)  # each [texts, heads, length, head width]
            found = F.scaled_dot_product_attention(q, k, v)
            attended.append(found.transpose(1, 2).reshape(tokens, self.hidden))
            start += tokens
        return torch.cat(attended)

    def _pool(self, x: Tensor, runs: list[tuple[int, int]]) -> Tensor:
        pooled, start = [], 0
        for length, texts in runs:
            rows = x[start : start + length * texts].view(texts, length, -1)
            pooled.append(rows.mean(1) if self.pooling == "mean" else rows[:, 0])
            start += length * texts
        return torch.cat(pooled)

    def _norm(self, x: Tensor, norm: tuple[Tensor, Tensor]) -> Tensor:
        return F.layer_norm(x, (self.hidden,), norm[0], norm[1], self.eps)


def _layer(tensors: dict[str, Tensor], prefix: str, activation: str) -> Layer:
    def linear(name: str, gelu: str | None = None) -> Linear:
        return Linear(tensors[f"{prefix}{name}.weight"], tensors[f"{prefix}{name}.bias"], gelu)

    def joined(kind: str) -> Tensor:
        return torch.cat([tensors[f"{prefix}attention.self.{part}.{kind}"] for part in ("query", "key", "value")])

    return Layer(
        qkv=Linear(joined("weight"), joined("bias")),
        attention_out=linear("attention.output.dense"),
        attention_norm=_norm(tensors, f"{prefix}attention.output.LayerNorm"),
        up=linear("intermediate.dense", activation),
        down=linear("output.dense"),
        output_norm=_norm(tensors, f"{prefix}output.LayerNorm"),
    )


def _norm(tensors: dict[str, Tensor], name: str) -> tuple[Tensor, Tensor]:
    return tensors[f"{name}.weight"], tensors[f"{name}.bias"]
