"""Matryoshka: the same loss on the first 32, 64, 128 … numbers of every vector, so that a cut vector still works."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from indexer.errors import UserError
from trainer.losses.excluded import Excluded
from trainer.losses.formulas import LossFunction, Settings


def matryoshka(loss: LossFunction, dims: Sequence[int], weights: Sequence[float] = ()) -> LossFunction:
    """Σ_d w_d · loss(vectors cut to d numbers), cut vectors brought to unit length again; weights are 1 unless given.

    Exactly the dimensions given: name the full one too if it shall be trained.
    Source: Matryoshka Representation Learning (Kusupati et al. 2022, arXiv 2205.13147), section 3.
    Raises UserError for dimensions or weights that make no sense.
    """
    weights = tuple(weights) or (1.0,) * len(dims)
    _check(dims, weights)

    def nested(
        columns: Sequence[Tensor], labels: Tensor | None, settings: Settings, excluded: Excluded | None = None
    ) -> Tensor:
        check_fits(dims, columns[0].shape[1])
        parts = [loss([column[:, :dim] for column in columns], labels, settings, excluded) for dim in dims]
        return torch.stack([weight * part for weight, part in zip(weights, parts, strict=True)]).sum()

    return nested


def check_fits(dims: Sequence[int], width: int) -> None:
    """Raise UserError for a dimension above the model's."""
    if max(dims, default=0) > width:
        raise UserError("A Matryoshka dimension is larger than the model's.", max(dims), f"give {width} or less")


def _check(dims: Sequence[int], weights: Sequence[float]) -> None:
    if not dims or min(dims) < 1 or len(set(dims)) != len(dims):
        raise UserError("Matryoshka dimensions must be above zero, each once.", tuple(dims), "give 384, 256, 128, 64")
    if len(weights) != len(dims) or min(weights) < 0 or not any(weights):
        raise UserError(
            "Matryoshka needs one weight per dimension, none below zero.", tuple(weights), f"give {len(dims)} weights"
        )
