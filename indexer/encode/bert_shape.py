"""What tensors a BERT of some configuration has, compared with those of a file.

A tensor that is missing, or of another shape, is named before anything computes with it. So is a layer that the
configuration does not count: leaving it out would give vectors, only not this model's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexer.encode.folder import ModelFolder
from indexer.encode.json_file import Json
from indexer.errors import UserError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class BertShape:
    """The sizes of a BERT (Devlin et al. 2018), from its configuration."""

    hidden: int
    inner: int
    layers: int
    heads: int
    eps: float

    @classmethod
    def of(cls, config: Json, file: Path) -> BertShape:
        """The sizes that `config` names; `file` is named in the UserError for one that is absent or makes no sense."""
        hidden, inner, layers, heads = (
            _size(config, key, file)
            for key in ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads")
        )
        eps = config.get("layer_norm_eps", 1e-12)
        if not isinstance(eps, int | float) or not 0 <= eps < 1:
            raise _unfit(file, f"'layer_norm_eps' is {eps!r}")
        if hidden % heads:
            raise _unfit(file, f"{hidden} numbers cannot be shared by {heads} attention heads")
        return cls(hidden, inner, layers, heads, float(eps))

    def refuse_others(self, tensors: Mapping[str, Tensor], model: ModelFolder) -> None:
        """UserError when `tensors` are not those of such a BERT that reads `model.max_tokens` tokens."""
        file = (model.weights[0].files or [model.path])[0]
        for name, shape in self._shapes():
            found = tuple(tensors[name].shape) if name in tensors else None
            if found is None:
                raise _unfit(file, f"there is no tensor {name!r}")
            if (
                0 in found
                or len(found) != len(shape)
                or any(b not in (a, None) for a, b in zip(found, shape, strict=True))
            ):
                raise _unfit(file, f"the tensor {name!r} is {found}, and the configuration makes it {shape}")
        more = next((name for name in tensors if name.startswith(f"encoder.layer.{self.layers}.")), None)
        if more:
            raise _unfit(file, f"there is a tensor {more!r}, and the configuration counts {self.layers} layers")
        positions = len(tensors["embeddings.position_embeddings.weight"])
        if (model.max_tokens or 0) > positions:
            raise _unfit(file, f"the model reads {model.max_tokens} tokens and has positions for {positions}")

    def _shapes(self) -> Iterator[tuple[str, tuple[int | None, ...]]]:
        """Every tensor that is read, with its shape; None for a length that the configuration leaves open."""
        for kind in ("word", "position", "token_type"):
            yield f"embeddings.{kind}_embeddings.weight", (None, self.hidden)
        yield from _both("embeddings.LayerNorm", self.hidden)
        for number in range(self.layers):
            layer = f"encoder.layer.{number}"
            for part in ("self.query", "self.key", "self.value", "output.dense"):
                yield from _both(f"{layer}.attention.{part}", self.hidden, self.hidden)
            yield from _both(f"{layer}.attention.output.LayerNorm", self.hidden)
            yield from _both(f"{layer}.intermediate.dense", self.inner, self.hidden)
            yield from _both(f"{layer}.output.dense", self.hidden, self.inner)
            yield from _both(f"{layer}.output.LayerNorm", self.hidden)


def _both(name: str, out: int, *into: int) -> Iterator[tuple[str, tuple[int | None, ...]]]:
    yield f"{name}.weight", (out, *into)
    yield f"{name}.bias", (out,)


def _size(config: Json, key: str, file: Path) -> int:
    value = config.get(key)
    if type(value) is not int or value < 1:
        raise _unfit(file, f"{key!r} is {value!r}")
    return value


def _unfit(file: Path, why: str) -> UserError:
    return UserError(f"The model's weights and its configuration do not fit: {why}.", file, "Copy the model again.")
