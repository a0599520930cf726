"""The losses, each a pure function of the embeddings of a batch.

Every function takes `columns` (embeddings [b, d] of the anchors, the positives, then any columns of negatives; of any
length, normalised here), `labels`, `settings`, and which candidates of other rows are not negatives; it gives one number.
s is the cosine, τ the temperature (sentence-transformers calls 1/τ the scale), q an anchor, p a positive, n a negative.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Protocol

import torch
from torch import Tensor

from indexer.errors import UserError
from trainer.losses.cosine import cosine, cosines
from trainer.losses.excluded import Excluded


@dataclass(frozen=True, slots=True)
class Settings:
    """Temperature and margin of the contrastive losses; the weights of the two parts of `distil`."""

    temperature: float = 0.05
    margin: float = 0.05
    cosine: float = 1.0
    structure: float = 1.0

    def __post_init__(self) -> None:
        if not (isfinite(self.temperature) and self.temperature > 0):
            raise UserError("The temperature must be above zero.", self.temperature, "give 0.05")
        if not (isfinite(self.margin) and self.margin >= 0):
            raise UserError("The margin must be zero or more.", self.margin, "give 0.05")
        weights = (self.cosine, self.structure)
        if not all(isfinite(weight) and weight >= 0 for weight in weights) or not any(weights):
            raise UserError(
                "The weights of distil must be zero or more, one of them above.", weights, "give 1.0 and 1.0"
            )


class LossFunction(Protocol):
    """Embeddings of a batch in, one number out."""

    def __call__(
        self, columns: Sequence[Tensor], labels: Tensor | None, settings: Settings, excluded: Excluded | None = None
    ) -> Tensor: ...


def pairs(
    columns: Sequence[Tensor], labels: Tensor | None, settings: Settings, excluded: Excluded | None = None
) -> Tensor:
    """InfoNCE in both directions: each anchor finds its positive in the batch, each positive its anchor.

    E[−ln e^{s(q,p)/τ} / Σ_i e^{s(q,p_i)/τ}] + E[−ln e^{s(p,q)/τ} / Σ_i e^{s(p,q_i)/τ}]

    Source: Jina Embeddings v1 (Günther et al. 2023, arXiv 2307.11224), training on pairs; the two directions are added.
    """
    _check_columns("pairs", columns, 2, 2)
    return _forward(columns, settings, excluded) + _reverse(columns, settings, excluded)


def triplets(
    columns: Sequence[Tensor], labels: Tensor | None, settings: Settings, excluded: Excluded | None = None
) -> Tensor:
    """NCE+ against all positives and negatives of the batch, reverse NCE, and a margin; the plain sum of the three.

    E[−ln e^{s(q,p)/τ} / Σ_i (e^{s(q,p_i)/τ} + Σ_j e^{s(q,n_ij)/τ})] + E[−ln e^{s(p,q)/τ} / Σ_i e^{s(p,q_i)/τ}]
    + E[ReLU(s(q,n) − s(q,p) + ε)]

    Source: Jina Embeddings v1 (Günther et al. 2023, arXiv 2307.11224), training on triplets, written there for one
    negative per row. Of several, NCE+ sums all as v2 does and the margin takes their mean (the mean is ours).
    """
    _check_columns("triplets", columns, 3)
    return negatives(columns, labels, settings, excluded) + _margin(columns, settings)


def negatives(
    columns: Sequence[Tensor], labels: Tensor | None, settings: Settings, excluded: Excluded | None = None
) -> Tensor:
    """NCE+ against all positives and negatives of the batch, and reverse NCE.

    E[−ln e^{s(q,p)/τ} / Σ_i (e^{s(q,p_i)/τ} + Σ_j e^{s(q,n_ij)/τ})] + E[−ln e^{s(p,q)/τ} / Σ_i e^{s(p,q_i)/τ}]

    Source: Jina Embeddings v2 (Günther et al. 2023, arXiv 2310.19923), fine-tuning with hard negatives (15 per row).
    """
    _check_columns("negatives", columns, 3)
    return _forward(columns, settings, excluded) + _reverse(columns, settings, excluded)


def cosent(
    columns: Sequence[Tensor], labels: Tensor | None, settings: Settings, excluded: Excluded | None = None
) -> Tensor:
    """Graded pairs: of two pairs of texts, the one with the higher grade shall have the higher cosine.

    ln[1 + Σ exp((s(q2,p2) − s(q1,p1)) / τ)] over all pairs of rows with grade(1) > grade(2); labels: the grades, [b].

    Source: CoSENT (Su 2022, a blog post without sections), as used for graded similarity in Jina Embeddings v3
    (Sturua et al. 2024, arXiv 2409.10173), text-matching adapter.
    """
    _check_columns("cosent", columns, 2, 2)
    grades = _labels("cosent", labels, columns, 1, "a column of grades named score")
    s = cosine(columns[0], columns[1])
    gaps = (s[None, :] - s[:, None]) / settings.temperature  # [i, j]: how far row j stands above row i
    higher = grades[:, None] > grades[None, :]
    wrong = gaps.masked_fill(~higher, -torch.inf).flatten()
    return torch.cat([wrong.new_zeros(1), wrong]).logsumexp(0)  # the zero is the 1 of ln[1 + …]


def distil(
    columns: Sequence[Tensor], labels: Tensor | None, settings: Settings, excluded: Excluded | None = None
) -> Tensor:
    """Keeps one column of texts where a teacher has it: its vectors, and their similarities to each other.

    w1 · E[1 − s(x, t)] + w2 · mean over all i, j of (s(x_i, x_j) − s(t_i, t_j))²; labels: the teacher's vectors t, [b, d0].
    Where d0 differs from d (another teacher, or a dimension cut by Matryoshka), only the second part can be asked for.

    Source: Jasper and Stella (Zhang et al. 2024, arXiv 2412.19048), their cosine and similarity losses; the second is
    Similarity-Preserving Knowledge Distillation (Tung & Mori 2019, arXiv 1907.09682, section 3) with cosines.
    """
    _check_columns("distil", columns, 1, 1)
    teacher = _labels("distil", labels, columns, 2, "a column named label that holds the teacher's vectors")
    (student,) = columns
    structure = settings.structure * (cosines(student, student) - cosines(teacher, teacher)).square().mean()
    if student.shape[1] != teacher.shape[1]:
        return structure
    return settings.cosine * (1 - cosine(student, teacher)).mean() + structure


def _forward(columns: Sequence[Tensor], settings: Settings, excluded: Excluded | None) -> Tensor:
    """Each anchor among all positives and negatives; the first block of candidates holds the right one on its diagonal."""
    anchors, *candidates = columns
    return _nce(anchors, torch.cat(candidates), settings.temperature, excluded.candidates if excluded else None)


def _reverse(columns: Sequence[Tensor], settings: Settings, excluded: Excluded | None) -> Tensor:
    """Each positive among all anchors."""
    return _nce(columns[1], columns[0], settings.temperature, excluded.anchors if excluded else None)


def _nce(anchors: Tensor, candidates: Tensor, temperature: float, excluded: Tensor | None) -> Tensor:
    """Mean over rows i of ln Σ_c e^{s(i,c)/τ} − s(i,i)/τ."""
    scores = cosines(anchors, candidates) / temperature  # [b, candidates]
    if excluded is not None:
        scores = scores.masked_fill(excluded, -torch.inf)
    return (scores.logsumexp(1) - scores.diagonal()).mean()


def _margin(columns: Sequence[Tensor], settings: Settings) -> Tensor:
    anchors, positives, *others = columns
    right = cosine(anchors, positives)
    return torch.stack([torch.relu(cosine(anchors, n) - right + settings.margin) for n in others]).mean()


def _check_columns(name: str, columns: Sequence[Tensor], least: int, most: int | None = None) -> None:
    given = f"{len(columns)} column{'s' * (len(columns) != 1)} of texts"
    if len(columns) < least:
        todo = "choose the loss pairs, or mine negatives" if least == 3 else "give anchor and positive"
        raise UserError(f"The loss {name} needs {least} columns of texts or more.", given, todo)
    if most is not None and len(columns) > most:
        todo = "leave the others out" if most == 1 else "choose the loss triplets or negatives, or leave the others out"
        raise UserError(f"The loss {name} reads {most} column{'s' * (most != 1)} of texts, no more.", given, todo)
    shapes = {tuple(column.shape) for column in columns}
    if len(shapes) > 1 or columns[0].ndim != 2:
        raise UserError("The columns of a batch differ in shape.", sorted(shapes), "give embeddings [rows, dim] each")


def _labels(name: str, labels: Tensor | None, columns: Sequence[Tensor], axes: int, what: str) -> Tensor:
    if labels is None:
        raise UserError(f"The loss {name} needs labels.", "a batch without them", f"give {what}")
    if labels.ndim != axes or len(labels) != len(columns[0]):
        shape = "[rows]" if axes == 1 else "[rows, dim]"
        raise UserError(f"The labels of {name} must be {shape}.", tuple(labels.shape), f"give {what}")
    return labels


CONTRASTIVE = ("pairs", "triplets", "negatives")  # those that take the other rows of the batch for negatives

LOSSES: Mapping[str, LossFunction] = {
    "pairs": pairs,
    "triplets": triplets,
    "negatives": negatives,
    "cosent": cosent,
    "distil": distil,
}
