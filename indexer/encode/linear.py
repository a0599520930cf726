"""One linear layer, on the matrix product that is fastest on this processor.

torch's own product goes to MKL, which uses AVX2 on many processors that can do AVX-512; oneDNN with weights reordered
once reaches twice that there, and is the only fast way in bf16. On AVX2 alone no clear
difference showed and MKL's needs no reordering, so it is the default. The choice depends on the processor only, never on a timing: a timing would make the
bits of the vectors a matter of luck.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 (the field's own name)
from torch import Tensor

from indexer.errors import UserError

_ROWS_HINT = 1024  # tokens a pack usually has: oneDNN lays the weights out for it


def resolve_precision(precision: str, given: Path) -> str:
    """`fp32` or `bf16`; `auto` takes bf16 where the processor multiplies it in hardware."""
    has_bf16 = "avx512_bf16" in _features()
    if precision == "auto":
        return "bf16" if has_bf16 else "fp32"
    if precision == "fp32" or (precision == "bf16" and has_bf16):
        return precision
    if precision == "bf16":
        raise UserError("This processor does not compute in bf16.", given, "Use precision fp32 or auto.")
    raise UserError("There is no such precision.", precision, "Use auto, fp32 or bf16.")


class Linear:
    """x [tokens, in] -> x @ weight.T + bias [tokens, out], then GELU when `gelu` is `none` (exact) or `tanh`."""

    __slots__ = ("bias", "gelu", "reordered", "weight")

    def __init__(self, weight: Tensor, bias: Tensor, gelu: str | None = None, *, onednn: bool | None = None) -> None:
        self.weight, self.bias, self.gelu = weight.contiguous(), bias.contiguous(), gelu
        wanted = _prefers_onednn() if onednn is None else onednn
        self.reordered = torch.ops.mkldnn._reorder_linear_weight(self.weight, _ROWS_HINT) if wanted else None

    def __call__(self, x: Tensor) -> Tensor:
        if self.reordered is not None:
            kind, algorithm = ("none", "") if self.gelu is None else ("gelu", self.gelu)
            found: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.reordered, self.bias, kind, [], algorithm)
            return found
        found = F.linear(x, self.weight, self.bias)
        return found if self.gelu is None else torch.ops.aten.gelu_(found, approximate=self.gelu)


def _prefers_onednn() -> bool:
    return "avx512" in _features() and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def _features() -> set[str]:
    """What the processor has, by torch's checks; a release without a check counts as a processor without it."""
    checks = {"avx512": "_is_avx512_supported", "avx512_bf16": "_is_avx512_bf16_supported"}
    return {name for name, check in checks.items() if getattr(torch.cpu, check, lambda: False)()}
