"""Tensors of a safetensors file (or of its shards), read through a memory map without torch.

A safetensors file is eight bytes of header length, a JSON header (name → dtype, shape, byte range) and the bytes.
Reading it here costs no import of torch, keeps memory bounded whatever the model's size, and handles bf16, which NumPy
has no type for. Format: huggingface/safetensors, README "Format".
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from indexer.encode.json_file import parse_json, read_object
from indexer.errors import UserError

if TYPE_CHECKING:
    import torch

_LARGEST_HEADER = 100_000_000  # the format's own limit
_CHUNK = 1 << 22  # bytes looked at in one go
_BYTES = {"BOOL": 1, "U8": 1, "I8": 1, "U16": 2, "I16": 2, "U32": 4, "I32": 4, "U64": 8, "I64": 8}
_BYTES |= {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}
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
        if not single.is_file():
            _refuse_other_shards(folder, files)
        tensors = sorted((tensor for file in files for tensor in _header(file)), key=lambda tensor: tensor.name)
        for one, two in pairwise(tensors):
            if one.name == two.name:
                raise _damaged(two.file, f"another file holds the tensor {two.name!r} too")
        return cls(tuple(tensors))

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
            header = parse_json(stream.read(length))
            if not isinstance(header, dict):
                raise ValueError("its header is not a JSON object")
            header.pop("__metadata__", None)
            tensors = [_tensor(file, name, entry, 8 + length) for name, entry in header.items()]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise _damaged(file, f"its header is not sound ({error})") from error
    _refuse_gaps(file, tensors, 8 + length, size)
    return tensors


def _tensor(file: Path, name: str, entry: Any, offset: int) -> Tensor:
    start, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    if not all(type(number) is int and number >= 0 for number in (start, end, *shape)):
        raise ValueError(f"tensor {name!r} has numbers that are none")
    if entry["dtype"] not in _BYTES:
        raise ValueError(f"tensor {name!r} holds numbers of a type that is not known here")
    if end - start != math.prod(shape) * _BYTES[entry["dtype"]]:
        raise ValueError(f"tensor {name!r} does not have the bytes of its shape")
    return Tensor(name, entry["dtype"], shape, file, offset + start, offset + end)


def _refuse_gaps(file: Path, tensors: Sequence[Tensor], first: int, size: int) -> None:
    """Tensors fill the file one after the other: none shares bytes with another, and no byte is nobody's."""
    at = first
    for tensor in sorted(tensors, key=lambda tensor: (tensor.start, tensor.end)):
        if tensor.end > size:
            raise _damaged(file, f"tensor {tensor.name!r} lies outside the file")
        if tensor.start != at:
            raise _damaged(file, f"tensor {tensor.name!r} does not begin where the one before it ends")
        at = tensor.end
    if at != size:
        raise _damaged(file, "it is longer than its tensors")


def _refuse_other_shards(folder: Path, files: Sequence[Path]) -> None:
    """transformers reads the shards that the list names, so it must name those that are checked here."""
    index = folder / "model.safetensors.index.json"
    places = read_object(index).get("weight_map")
    named = {str(place) for place in places.values()} if isinstance(places, dict) else set()
    if index.is_file() and named != {file.name for file in files}:
        raise UserError("The list of weight files does not name those in the folder.", index, "Copy the model again.")


def _damaged(file: Path, why: str) -> UserError:
    return UserError(f"The weights cannot be read: {why}.", file, "Copy or download the model again.")
