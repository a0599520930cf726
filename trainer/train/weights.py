"""The weights that are published: adapters merged, the mean with the start, all in float64 and rounded once.

Whatever was trained, full or LoRA, the result has the start's own tensors under the start's own names: it is loaded into a
plain copy of the start. Averaging between start and tuned model: Wortsman et al. 2022, arXiv 2109.01903 (WiSE-FT).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

from indexer.errors import UserError
from trainer.train.recipe import Lora

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Tensors = dict[str, torch.Tensor]
LORA_UP = ".lora_B."
OWN = (".lora_A.", LORA_UP)
RATES = ["dropout", "attention_dropout", "hidden_dropout", "dropout_prob"]


def add_lora(model: SentenceTransformer, lora: Lora, seed: int) -> None:
    """Freeze the model and put trainable matrices beside its target layers. Raises UserError if there are none."""
    from peft import LoraConfig

    names = {name.rsplit(".", 1)[-1] for name, part in model.named_modules() if isinstance(part, torch.nn.Linear)}
    targets = [name for name in lora.targets if name in names]
    if not targets:
        raise UserError(
            "The model has none of the layers that [lora] targets.", lora.targets, f"one of: {sorted(names)}"
        )
    torch.manual_seed(seed)
    model.requires_grad_(False)
    model.add_adapter(LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets))


def freeze(model: SentenceTransformer, parts: Sequence[str]) -> None:
    """Leave out of training every tensor whose name holds one of `parts`. Raises UserError for a part that no tensor has."""
    named = list(model.named_parameters())
    for part in parts:
        held = [parameter for name, parameter in named if part in name]
        if not held:
            todo = f"a part of a name such as {named[0][0]!r}"
            raise UserError("The model has no tensor of the name that freeze asks for.", part, todo)
        for parameter in held:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for _, parameter in named):
        raise UserError("freeze leaves nothing to train.", parts, "name fewer parts")


def published(model: SentenceTransformer, start: Tensors, average: float) -> Tensors:
    """start + average × (tuned − start), by the start's names and in its types."""
    tuned = merged(model)
    return {
        name: tuned[name].to(tensor.dtype) if average == 1 else _between(tensor, tuned[name], average)
        for name, tensor in start.items()
    }


def _between(start: torch.Tensor, tuned: torch.Tensor, average: float) -> torch.Tensor:
    if not start.is_floating_point():
        return tuned
    exact = start.double()
    return (exact + average * (tuned.double() - exact)).to(start.dtype)


def merged(model: torch.nn.Module) -> Tensors:
    """Every tensor under its plain name, on the CPU; where LoRA stands beside a layer, W + scale × B A in float64."""
    from peft.tuners.lora import LoraLayer

    own = model.state_dict()
    plain = {
        name.replace(".base_layer", ""): tensor.detach().cpu().clone()  # the model goes on changing its own
        for name, tensor in own.items()
        if not any(part in name for part in OWN)
    }
    layers: list[tuple[str, Any]] = [
        (name, part) for name, part in model.named_modules() if isinstance(part, LoraLayer)
    ]
    for name, part in layers:
        for adapter, scale in part.scaling.items():
            up, down = part.lora_B[adapter].weight, part.lora_A[adapter].weight
            delta = scale * (up.detach().cpu().double() @ down.detach().cpu().double())
            plain[f"{name}.weight"] = plain[f"{name}.weight"].double() + delta
    return plain


def snapshot(model: torch.nn.Module) -> Tensors:
    """A copy of every tensor, on the CPU."""
    return {name: tensor.detach().cpu().clone() for name, tensor in model.state_dict().items()}


@contextmanager
def dropout_at(model: torch.nn.Module, rate: float | None) -> Iterator[None]:
    """Inside, every dropout of the model has this rate; None leaves them as they are."""
    before = [(part, name, getattr(part, name)) for part in model.modules() for name in _rates(part)]
    for part, name, own in before:
        setattr(part, name, own if rate is None else rate)
    try:
        yield
    finally:
        for part, name, own in before:
            setattr(part, name, own)


def _rates(part: torch.nn.Module) -> list[str]:
    """Where a module keeps its rate of dropout: a layer of its own, or a number that attention is given."""
    names = ["p"] if isinstance(part, torch.nn.Dropout) else RATES
    return [name for name in names if isinstance(getattr(part, name, None), float)]
