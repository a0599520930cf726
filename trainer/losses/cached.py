"""Batches larger than memory: the loss of the whole batch with the activations of one small batch.

First every small batch is embedded without gradients, and the random state before each is kept. The loss of the whole
batch gives the gradient at every embedding. When the trainer then calls `backward` on the loss, each small batch is
embedded a second time, now with gradients and from its kept random state, so that dropout falls as it fell before; the
product of embeddings and kept gradients is differentiated, which adds to the parameters just what the whole batch would.
Costs one more forward pass. A column's rows are sorted by length first, so small batches carry less padding.

Source: GradCache (Gao et al. 2021, arXiv 2101.06983), section 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import get_device_states, set_device_states

from indexer.errors import UserError

Features = Mapping[str, Any]  # what the tokenizer gives for one column: input_ids, attention_mask …
Precision = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, slots=True)
class SmallBatch:
    """Some rows of a column, and the features of just those."""

    rows: Tensor  # int64
    features: Features


def cached_loss(
    model: torch.nn.Module, columns: Sequence[Features], size: int, loss: Callable[[list[Tensor]], Tensor]
) -> Tensor:
    """`loss` of the embeddings of all columns, with the memory of `size` rows; call `backward` on it once.

    `loss` takes one tensor [b, d] per column. Without gradients (in evaluation) there is no second pass.
    Raises UserError for a batch whose texts are packed into one row, which cannot be split.
    """
    parts = [small_batches(features, size) for features in columns]
    precision = _precision_of_now(_device(columns[0]))
    states: list[list[RandomState]] = [[] for _ in columns]
    vectors = [
        _first_pass(model, part, precision, kept).requires_grad_(torch.is_grad_enabled())
        for part, kept in zip(parts, states, strict=True)
    ]
    value = loss(vectors)
    if not torch.is_grad_enabled():
        return value
    gradients = torch.autograd.grad(value, vectors, allow_unused=True)
    work = [
        (batch, state, gradient[batch.rows])
        for part, kept, gradient in zip(parts, states, gradients, strict=True)
        if gradient is not None  # a column the loss did not look at
        for batch, state in zip(part, kept, strict=True)
    ]
    tie = torch.zeros((), requires_grad=True)  # makes autograd call the second pass
    deferred: Tensor = _Deferred.apply(  # type: ignore[no-untyped-call]
        value.detach(), tie, lambda upstream: _second_pass(model, work, precision, upstream)
    )
    return deferred


def embedded(model: torch.nn.Module, features: Features, size: int | None) -> Tensor:
    """[b, d] without gradients, `size` rows at a time."""
    rows = _rows(features)
    return _first_pass(model, small_batches(features, size or rows), nullcontext, None)


def small_batches(features: Features, size: int) -> list[SmallBatch]:
    """The rows of a column in batches of at most `size`, longest texts first, padding on the right cut off.

    A column that fits into one batch stays as it is.
    """
    total, mask = _rows(features), features.get("attention_mask")
    if "cu_seq_lens_q" in features:
        raise UserError("Cached gradients need one row per text.", "a batch packed into one row", "pad the batch")
    if total <= size or mask is None:
        return [_small_batch(features, rows, total) for rows in torch.split(torch.arange(total), size)]
    ends = (
        (mask * torch.arange(1, mask.shape[1] + 1, device=mask.device)).amax(1).cpu()
    )  # tokens up to the last real one
    order = ends.argsort(descending=True, stable=True)
    return [_small_batch(features, rows, total, int(ends[rows[0]])) for rows in torch.split(order, size)]


def _small_batch(features: Features, rows: Tensor, total: int, width: int | None = None) -> SmallBatch:
    mask = features.get("attention_mask")
    rows = rows.to(_device(features))
    chosen = {}
    for key, value in features.items():
        if isinstance(value, Tensor) and value.ndim and len(value) == total:
            padded = mask is not None and value.shape[:2] == mask.shape
            value = value[rows][:, :width] if padded else value[rows]
        chosen[key] = value
    return SmallBatch(rows, chosen)


def _first_pass(
    model: torch.nn.Module, batches: Sequence[SmallBatch], precision: Precision, kept: list[RandomState] | None
) -> Tensor:
    """Embeddings [b, d] in the order of the column, at least float32; the random state before each batch goes to `kept`."""
    found = []
    with torch.no_grad(), precision():
        for batch in batches:
            if kept is not None:
                kept.append(RandomState.of_now(batch.rows))
            found.append(_embed(model, batch))
        order = torch.cat([batch.rows for batch in batches])
        vectors = torch.cat(found)
        return _at_least_single(vectors)[order.argsort()]


def _second_pass(
    model: torch.nn.Module,
    work: Sequence[tuple[SmallBatch, RandomState, Tensor]],
    precision: Precision,
    upstream: Tensor,
) -> None:
    """Adds the gradients of the parameters. `upstream`: what the trainer multiplied the loss with (scaler, accumulation)."""
    for number, (batch, state, gradient) in enumerate(work):
        # Between processes gradients are exchanged once, with the last small batch.
        silent = getattr(model, "no_sync", nullcontext) if number < len(work) - 1 else nullcontext
        with silent(), state.again():
            with precision():
                vectors = _embed(model, batch)
            product = (_at_least_single(vectors) * gradient).sum() * upstream
            if product.requires_grad:
                product.backward()  # type: ignore[no-untyped-call]


class _Deferred(torch.autograd.Function):
    """A number whose backward pass is a function of our own."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, tie: Tensor, second_pass: Callable[[Tensor], None]) -> Tensor:
        ctx.second_pass = second_pass
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[None, None, None]:
        with torch.enable_grad():
            ctx.second_pass(upstream[0])
        return None, None, None


@dataclass(frozen=True, slots=True)
class RandomState:
    """torch's random states, of the CPU and of the device a tensor lives on. Python's and NumPy's are not kept."""

    cpu: Tensor
    kind: str
    devices: list[int]
    states: list[Tensor]

    @classmethod
    def of_now(cls, tensor: Tensor) -> RandomState:
        return cls(torch.get_rng_state(), tensor.device.type, *get_device_states(tensor))

    @contextmanager
    def again(self) -> Iterator[None]:
        """Inside, randomness repeats; outside it goes on as if nothing had happened."""
        with torch.random.fork_rng(self.devices, device_type=self.kind):
            torch.set_rng_state(self.cpu)
            set_device_states(self.devices, self.states, device_type=self.kind)
            yield


def _precision_of_now(device: torch.device) -> Precision:
    """The autocast of this moment, for later: the trainer calls `backward` outside of it.

    Without autocast's cache of cast weights: in older versions of torch, casts made in the first pass know no gradients.
    """
    kind = device.type
    enabled, dtype = torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)
    return lambda: torch.autocast(kind, dtype=dtype, enabled=enabled, cache_enabled=False)


def _embed(model: torch.nn.Module, batch: SmallBatch) -> Tensor:
    # Modules write into the features they are given, so each pass gets a dict and a mask of its own.
    own = {key: value.clone() if isinstance(value, Tensor) else value for key, value in batch.features.items()}
    vectors: Tensor = model(own)["sentence_embedding"]
    return vectors


def _at_least_single(vectors: Tensor) -> Tensor:
    return vectors.float() if vectors.dtype in (torch.float16, torch.bfloat16) else vectors


def _first_tensor(features: Features) -> Tensor:
    return next(value for value in features.values() if isinstance(value, Tensor))


def _rows(features: Features) -> int:
    return len(_first_tensor(features))


def _device(features: Features) -> torch.device:
    return _first_tensor(features).device
