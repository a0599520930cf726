"""Cosine similarity, in float32 at least: with τ = .05 a bfloat16 cosine would be wrong by a tenth in the exponent."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize


def unit(vectors: Tensor) -> Tensor:
    """Rows of unit length; half precision becomes float32, float64 stays."""
    return normalize(vectors.float() if vectors.dtype in (torch.float16, torch.bfloat16) else vectors, dim=-1)


def cosine(left: Tensor, right: Tensor) -> Tensor:
    """[b]: of each row with the same row of the other."""
    return (unit(left) * unit(right)).sum(-1)


def cosines(left: Tensor, right: Tensor) -> Tensor:
    """[b, c]: of each row with every row of the other."""
    with torch.autocast(left.device.type, enabled=False):
        return unit(left) @ unit(right).T
