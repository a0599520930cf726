"""Which texts of a batch are not negatives, although they stand in another row.

In-batch training takes every other row's text for a negative. Two things make that false: the same text stands in two
rows (many questions share one answer), or the other text answers the anchor just as well. The first is seen by comparing
tokens, the second by asking a guide model. What is excluded leaves the sum under the fraction; nothing else changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import torch
from torch import Tensor

from trainer.losses.cosine import cosine, cosines


@dataclass(frozen=True, slots=True)
class Excluded:
    """True: does not count as a negative. Columns of `candidates`: the positives, then each column of negatives."""

    candidates: Tensor  # bool [b, b·(1+m)]: of each anchor
    anchors: Tensor  # bool [b, b]: of each positive

    def __or__(self, other: Excluded) -> Excluded:
        return Excluded(self.candidates | other.candidates, self.anchors | other.anchors)


def same_texts(numbers: Sequence[Tensor]) -> Excluded:
    """Excludes copies. `numbers`: int64 [b] per column (anchor, positive, negatives), equal where texts are equal.

    Rows that share the anchor or the positive belong to each other in both directions; a negative with the text of
    row i's positive is no negative for row i.
    """
    anchors, positives, *negatives = numbers
    partners = _equal(anchors, anchors) | _equal(positives, positives)
    partners.fill_diagonal_(False)
    return Excluded(torch.cat([partners, *(_equal(positives, column) for column in negatives)], 1), partners)


def above_positive(vectors: Sequence[Tensor], margin: float = 0.0) -> Excluded:
    """Excludes what a guide model scores above the row's positive minus `margin`. `vectors`: the guide's, [b, d] each.

    Source: GISTEmbed (Solatorio 2024, arXiv 2402.16829), the section on guided in-sample selection. Two differences are
    ours: candidates of the other direction are judged by the same limit, and a row's own negatives always stay, because
    someone chose them (a guide that cannot hear a "not" would throw out the very negatives that teach it).
    """
    anchors, positives, *negatives = vectors
    limit = (cosine(anchors, positives) - margin)[:, None]
    blocks = [cosines(anchors, column) > limit for column in (positives, *negatives)]
    reverse = cosines(positives, anchors) > limit
    for block in (*blocks, reverse):
        block.fill_diagonal_(False)
    return Excluded(torch.cat(blocks, 1), reverse)


def text_numbers(features: Mapping[str, Any]) -> Tensor | None:
    """int64 [b]: a hash of each row's tokens, the same in every process; None where there are no padded tokens."""
    tokens, mask = features.get("input_ids"), features.get("attention_mask")
    if tokens is None or mask is None or tokens.shape != mask.shape:
        return None
    rows, kept = tokens.cpu().numpy(), mask.cpu().numpy().astype(bool)
    numbers = [blake2b(row[keep].tobytes(), digest_size=8).digest() for row, keep in zip(rows, kept, strict=True)]
    return torch.tensor([int.from_bytes(number, "little", signed=True) for number in numbers], device=tokens.device)


def _equal(left: Tensor, right: Tensor) -> Tensor:
    return left[:, None] == right[None, :]
