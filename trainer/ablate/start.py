"""A model without sentence training, where none is at hand: the lower layers of a trained one, the upper ones begun anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.errors import UserError
from indexer.files import publish_folder, remove_folder
from trainer.ablate.recipe import Start

if TYPE_CHECKING:
    import torch
    from torch import nn


def write_start(start: Start, seed: int, folder: Path) -> Path:
    """Write the model into `folder`, unless it is there; returns it. Raises UserError for more layers than there are."""
    import torch

    from trainer.backbones import start as opened

    if folder.is_dir():
        return folder
    model = opened(start.model)
    words: Any = model[0].model
    layers = stack(words)
    kept = start.layers or len(layers)
    if not start.fresh <= kept <= len(layers):
        given = f"layers {kept}, fresh {start.fresh}; {start.model} has {len(layers)}"
        raise UserError("[start] asks for more layers than there are.", given, "give fewer")
    del layers[kept:]
    words.config.num_hidden_layers = kept
    renewed(layers[kept - start.fresh :], getattr(words.config, "initializer_range", 0.02), seed)
    model.eval()
    working = folder.with_name(f".{folder.name}.making")
    remove_folder(working)
    with torch.inference_mode():
        model.save(str(working), create_model_card=False)
    publish_folder(working, folder)
    return folder


def stack(words: nn.Module) -> nn.ModuleList:
    """The layers of a transformer: the longest list of modules in it."""
    from torch import nn

    lists = [module for module in words.modules() if isinstance(module, nn.ModuleList)]
    if not lists:
        raise UserError("This model has no stack of layers.", type(words).__name__, "name another model in [start]")
    return max(lists, key=len)


def renewed(layers: nn.Module, spread: float, seed: int) -> None:
    """Begin anew, in place: matrices as normal noise of that spread, biases 0, the gains of norms 1; as BERT begins."""
    import torch

    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in layers.parameters():
            _renew(parameter, spread, noise)
        for name, parameter in layers.named_parameters():
            if parameter.ndim < 2 and name.endswith("weight"):
                parameter.fill_(1.0)


def _renew(parameter: torch.Tensor, spread: float, noise: torch.Generator) -> None:
    if parameter.ndim >= 2:
        parameter.normal_(0.0, spread, generator=noise)
    else:
        parameter.zero_()
