"""One batch over all processes: every process sees the embeddings of all, so in-batch negatives span them.

Each process computes the loss of the whole batch from the same numbers. So the gradient at its own rows is already right
and nothing need be sent back; it is multiplied by the number of processes because DistributedDataParallel then takes the
mean of their parameter gradients. The result is the gradient that one process with the whole batch would have.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from indexer.errors import UserError


def processes() -> int:
    """How many processes train together; 1 where none others do."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def agreed_sizes(rows: int, task: Sequence[object], device: torch.device) -> list[int]:
    """Rows of each process. Raises UserError in every process where `task`, what is computed, is not the same in all.

    Without this, processes with different losses or numbers of columns would wait for each other for ever.
    """
    digest = int.from_bytes(blake2b(repr(task).encode(), digest_size=8).digest(), "little", signed=True)
    mine = torch.tensor([rows, digest], device=device)
    heads = [torch.empty_like(mine) for _ in range(processes())]
    dist.all_gather(heads, mine)
    table = torch.stack(heads).tolist()
    if len({digest for _, digest in table}) > 1:
        raise UserError(
            "The processes hold batches of different losses.",
            f"process {dist.get_rank()}: {task}",
            "draw the source of each step with the same seed in all processes, or turn gather off",
        )
    return [size for size, _ in table]


def gathered(tensor: Tensor, sizes: Sequence[int]) -> Tensor:
    """The rows of all processes, in their order: [b, …] → [Σ sizes, …]."""
    whole: Tensor = _Gathered.apply(tensor, tuple(sizes))  # type: ignore[no-untyped-call]
    return whole


class _Gathered(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, sizes: tuple[int, ...]) -> Tensor:
        ctx.start, ctx.rows = sum(sizes[: dist.get_rank()]), len(tensor)
        padded = tensor.new_zeros(max(sizes), *tensor.shape[1:])  # collectives want one shape
        padded[: len(tensor)] = tensor
        parts = [torch.empty_like(padded) for _ in sizes]
        dist.all_gather(parts, padded)
        return torch.cat([part[:size] for part, size in zip(parts, sizes, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0][ctx.start : ctx.start + ctx.rows] * processes(), None
