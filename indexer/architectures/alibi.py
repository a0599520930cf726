"""Attention that forgets with distance: head h subtracts m_h · |i − j| from the score of token i for token j.

Nothing about positions is learnt, so a model trained at 512 tokens reads 8192. The slopes m are those of Press, Smith
and Lewis 2021 (arXiv 2108.12409); the mirrored form, for encoders that look both ways, is that of JinaBERT (Günther et
al. 2023, arXiv 2310.19923).

Cost: the penalty of a whole text is heads × n² numbers, 2.1 GB at 8 heads and 8192 tokens in float32. So it is built for
a block of query rows at a time, at most `LARGEST` numbers (128 MB in float32, 64 MB in bf16), without a batch axis where
no row is padded. Up to about 2000 tokens (8 heads, nothing padded) one block is enough, and all layers share it. A
backward pass keeps the blocks of every layer: to train at lengths where there are several, turn on gradient
checkpointing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

LARGEST = 1 << 25  # numbers in one block of penalties


def slopes(heads: int) -> list[float]:
    """The slope of each head, steepest first where `heads` is a power of two: 2^(−8/h), 2^(−16/h), … 2^−8.

    For other counts, as in the paper: those of the next smaller power of two, then every second one of the next larger.
    """
    power = 2 ** math.floor(math.log2(heads))
    found = [2.0 ** (-8 * (place + 1) / power) for place in range(power)]
    return found + slopes(2 * power)[::2][: heads - power] if heads > power else found


@dataclass(frozen=True)
class Penalty:
    """What is added to the scores of a batch of texts of `length` tokens, padding included."""

    slopes: Tensor  # [heads]
    length: int
    hidden: Tensor | None  # bool [batch, length], True where padding is; None: nothing is padded
    dtype: torch.dtype

    @classmethod
    def of(cls, states: Tensor, mask: Tensor | None, heads: int) -> Penalty:
        """For token states [batch, n, width] and a mask [batch, n] that is 0 at padding."""
        hidden = None if mask is None or bool(mask.all()) else ~mask.bool()
        exact = torch.promote_types(states.dtype, torch.float32)
        steep = torch.tensor(slopes(heads), dtype=exact, device=states.device)
        kind = states.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else states.dtype
        return cls(steep, states.shape[1], hidden, dtype)

    @cached_property
    def blocks(self) -> list[tuple[int, int]]:
        """Query rows from … to, so many at once that a block is not larger than `LARGEST`."""
        wide = len(self.slopes) * self.length * (1 if self.hidden is None else len(self.hidden))
        rows = min(self.length, max(1, LARGEST // wide))
        return [(start, min(start + rows, self.length)) for start in range(0, self.length, rows)]

    def block(self, start: int, stop: int) -> Tensor:
        """[1 or batch, heads, stop − start, length]: −m · |i − j|, and the lowest number at padding."""
        return self._whole if len(self.blocks) == 1 else self._built(start, stop)

    @cached_property
    def _whole(self) -> Tensor:
        return self._built(0, self.length)

    def _built(self, start: int, stop: int) -> Tensor:
        place = torch.arange(self.length, device=self.slopes.device)
        distance = (place[start:stop, None] - place).abs()
        penalty = (-self.slopes[:, None, None] * distance).to(self.dtype)[None]
        if self.hidden is None:
            return penalty
        return penalty.masked_fill(self.hidden[:, None, None, :], torch.finfo(self.dtype).min)


def attend(query: Tensor, key: Tensor, value: Tensor, penalty: Penalty) -> Tensor:
    """softmax(q·k / √width − m·|i − j|) · v.  All [batch, heads, n, width], the result too."""
    parts = [
        scaled_dot_product_attention(query[:, :, start:stop], key, value, attn_mask=penalty.block(start, stop))
        for start, stop in penalty.blocks
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=2)
