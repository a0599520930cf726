"""Tensors of a safetensors file (or of its shards), read through a memory map without torch.

A safetensors file is eight bytes of header length, a JSON header (name → dtype, shape, byte range) and the bytes.
Reading it here costs no import of torch, keeps memory bounded whatever the model's size, and handles bf16, which NumPy
has no type for. Format: huggingface/safetensors, README "Format".
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from indexer.errors import UserError

if TYPE_CHECKING:
    import torch

_LARGEST_HEADER = 100_000_000  # the format's own limit
_CHUNK = 1 << 22  # bytes looked at in one go
# Exponent all ones means NaN or infinity: the type to view the bytes as, and the exponent's mask.
_EXPONENTS = {
    "F64": (np.uint64, 0x7FF0_0000_0000_0000),
    "F32": (np.uint32, 0x7F80_0000),
    "F16": (np.uint16, 0x7C00),
    "BF16": (np.uint16, 0x7F80),
}


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: where its bytes are and how to read them."""

    name: str
    dtype: str  # safetensors' spelling: F32, BF16, I64 …
    shape: tuple[int, ...]
    file: Path
    start: int  # bytes from the beginning of the file
    end: int

    def chunks(self) -> Iterator[memoryview]:
        """The tensor's bytes in order, a few MB at a time."""
        if self.end == self.start:
            return
        with (
            self.file.open("rb") as stream,
            mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
            memoryview(mapped) as view,
        ):
            for at in range(self.start, self.end, _CHUNK):
                with view[at : min(at + _CHUNK, self.end)] as chunk:
                    yield chunk

    def is_finite(self) -> bool:
        if self.dtype not in _EXPONENTS:
            return True
        unsigned, exponent = _EXPONENTS[self.dtype]
        return not any(_any_ones(np.frombuffer(chunk, unsigned), exponent) for chunk in self.chunks())


@dataclass(frozen=True, slots=True)
class Weights:
    """All tensors of one module's folder, sorted by name."""

    tensors: tuple[Tensor, ...]

    @classmethod
    def of(cls, folder: Path) -> Weights:
        """Tensors of every `*.safetensors` directly in `folder`: the single file, or its shards."""
        single = folder / "model.safetensors"
        files = [single] if single.is_file() else sorted(folder.glob("model-*-of-*.safetensors"))
        tensors = [tensor for file in files for tensor in _header(file)]
        return cls(tuple(sorted(tensors, key=lambda tensor: tensor.name)))

    @property
    def files(self) -> list[Path]:
        return sorted({tensor.file for tensor in self.tensors})

    def refuse_not_finite(self) -> None:
        for tensor in self.tensors:
            if not tensor.is_finite():
                raise UserError(
                    f"The weights hold NaN or infinity, in tensor {tensor.name!r}.",
                    tensor.file,
                    "The training went wrong or the file is damaged: use another copy of the model.",
                )


def read_tensors(weights: Weights, config: Mapping[str, object]) -> Iterator[tuple[str, torch.Tensor]]:
    """Canonical name and torch tensor of each weight, in order of file and name."""
    from safetensors import safe_open

    for file in weights.files:
        with safe_open(file, framework="pt") as opened:
            for name in sorted(opened.keys()):
                yield canonical_name(name, config), opened.get_tensor(name)


def canonical_name(name: str, config: Mapping[str, object]) -> str:
    """The name as a re-saved model writes it: without the `bert.` of a checkpoint saved with a head, and with the
    layer norms of the oldest checkpoints (`gamma`, `beta`) renamed."""
    name = name.removeprefix(f"{config.get('model_type')}.")
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias")


def _any_ones(bits: NDArray[np.unsignedinteger], exponent: int) -> bool:
    mask = bits.dtype.type(exponent)
    return bool(((bits & mask) == mask).any())


def _header(file: Path) -> list[Tensor]:
    size = file.stat().st_size
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        if size < 8 or length > min(size - 8, _LARGEST_HEADER):
            raise _damaged(file, "its header is longer than the file")
        try:
            header = json.loads(stream.read(length))
            header.pop("__metadata__", None)
            return [_tensor(file, name, entry, 8 + length, size) for name, entry in header.items()]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _damaged(file, str(error)) from error


def _tensor(file: Path, name: str, entry: dict[str, list[int]], offset: int, size: int) -> Tensor:
    start, end = entry["data_offsets"]
    if not 0 <= start <= end <= size - offset:
        raise _damaged(file, f"tensor {name!r} lies outside the file")
    return Tensor(name, str(entry["dtype"]), tuple(entry["shape"]), file, offset + start, offset + end)


def _damaged(file: Path, why: str) -> UserError:
    return UserError(f"The weights cannot be read: {why}.", file, "Copy or download the model again.")
