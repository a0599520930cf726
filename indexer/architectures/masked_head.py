"""What guesses masked words: a layer over an encoder's token vectors, scored against its own word embeddings.

The same for every encoder, BERT's own form of it (Devlin et al. 2018, arXiv 1810.04805): dense, GELU, layer norm, then the
product with each word's embedding and a bias per word. It is trained beside the encoder and thrown away after.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu


class MaskedHead(nn.Module):
    """Token vectors [n, width] → a score per word [n, vocabulary]."""

    def __init__(self, width: int, vocabulary: int, eps: float = 1e-12) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=eps)
        self.decoder = nn.Linear(width, vocabulary)

    def tie(self, words: nn.Embedding) -> MaskedHead:
        """Score against these embeddings, which then are learnt by both; the first scores spread by one at most.

        (T5's embeddings are fifty times those of BERT when fresh: without that its first losses are in the hundreds.)"""
        self.decoder.weight = words.weight
        spread = float(words.weight.detach().std()) * words.embedding_dim**0.5
        torch.nn.init.constant_(self.norm.weight, 1 / max(1.0, spread))
        torch.nn.init.zeros_(self.decoder.bias)
        return self

    def forward(self, states: Tensor) -> Tensor:
        """Scores before the softmax."""
        scores: Tensor = self.decoder(self.norm(gelu(self.dense(states))))
        return scores
