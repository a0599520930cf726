"""A loss behind a model: what sentence-transformers' trainer calls with every batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from indexer.errors import UserError
from trainer.losses.cached import Features, cached_loss, embedded
from trainer.losses.excluded import Excluded, above_positive, same_texts, text_numbers
from trainer.losses.formulas import CONTRASTIVE, LOSSES, LossFunction, Settings
from trainer.losses.gathered import agreed_sizes, gathered, processes
from trainer.losses.matryoshka import check_fits, matryoshka
from trainer.recipe import refuse_unknown

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Objective(nn.Module):
    """The loss `name` of `LOSSES` for a model, as `SentenceTransformerTrainer(loss=…)` takes it, alone or in a dict.

    `cached`: rows per forward pass, for batches larger than memory (see `cached`). `gather`: negatives from all processes
    (see `gathered`). `skip_copies`: rows with the same text are not each other's negatives. `guide`: a model
    that says which other rows are no negatives either: what it scores above the positive minus `guide_margin`.
    Raises UserError for an unknown loss and for settings out of range.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        name: str,
        *,
        temperature: float = 0.05,
        margin: float = 0.05,
        cosine: float = 1.0,
        structure: float = 1.0,
        matryoshka: Sequence[int] = (),
        weights: Sequence[float] = (),
        cached: int | None = None,
        gather: bool = False,
        skip_copies: bool = True,
        guide: SentenceTransformer | None = None,
        guide_margin: float = 0.0,
    ) -> None:
        super().__init__()
        self.model: Any = model  # the trainer puts its wrapped model here
        self.name = name
        self.settings = Settings(temperature, margin, cosine, structure)
        self.dims, self.cached, self.gather = tuple(matryoshka), _checked_size(cached), gather
        self.skip_copies, self.guide_margin = skip_copies, guide_margin
        self.guide: Any = guide.requires_grad_(False).eval() if guide is not None else None
        # The guide reads the same tokens where it can, else the text that the tokens spell.
        self._spells = model.tokenizer if guide is not None and not _same_tokens(model, guide) else None
        self._loss = _chosen(name, self.dims, weights, model)

    def forward(self, sentence_features: Iterable[Features], labels: Tensor | None = None) -> Tensor:
        """One number. `sentence_features`: the tokenised columns, anchors first; `labels`: what the loss asks for."""
        columns = list(sentence_features)
        numbers, judged = self._others(columns)

        def loss(vectors: list[Tensor]) -> Tensor:
            return self._value(vectors, labels, numbers, judged)

        if self.cached is not None:
            return cached_loss(self.model, columns, self.cached, loss)
        return loss([self.model(dict(column))["sentence_embedding"] for column in columns])

    def _others(self, columns: Sequence[Features]) -> tuple[list[Tensor], list[Tensor]]:
        """What tells false negatives: hashes of the texts [b] per column, the guide's vectors [b, d] per column."""
        if self.name not in CONTRASTIVE:
            return [], []
        numbers = [text_numbers(column) for column in columns] if self.skip_copies else []
        judged = [] if self.guide is None else [self._judged(column) for column in columns]
        return [n for n in numbers if n is not None] if None not in numbers else [], judged

    def _judged(self, column: Features) -> Tensor:
        if self._spells is not None:
            texts = self._spells.batch_decode(column["input_ids"], skip_special_tokens=True)
            device = column["input_ids"].device
            fresh = self.guide.preprocess(texts)
            column = {key: value.to(device) if isinstance(value, Tensor) else value for key, value in fresh.items()}
        return embedded(self.guide.eval(), column, self.cached)

    def _value(
        self, vectors: list[Tensor], labels: Tensor | None, numbers: list[Tensor], judged: list[Tensor]
    ) -> Tensor:
        if self.gather and processes() > 1:
            task = (self.name, len(vectors), vectors[0].shape[1], self.dims, len(numbers), len(judged), labels is None)
            sizes = agreed_sizes(len(vectors[0]), task, vectors[0].device)
            vectors, numbers, judged = (
                [gathered(part, sizes) for part in parts] for parts in (vectors, numbers, judged)
            )
            labels = labels if labels is None else gathered(labels, sizes)
        return self._loss(vectors, labels, self.settings, self._excluded(numbers, judged))

    def _excluded(self, numbers: list[Tensor], judged: list[Tensor]) -> Excluded | None:
        if len(numbers) < 2 and len(judged) < 2:
            return None  # the loss itself refuses a single column
        copies = same_texts(numbers) if numbers else None
        above = above_positive(judged, self.guide_margin) if judged else None
        return copies | above if copies and above else copies or above


def _chosen(name: str, dims: Sequence[int], weights: Sequence[float], model: SentenceTransformer) -> LossFunction:
    refuse_unknown([name], LOSSES, "The table of losses")
    if not dims and weights:
        raise UserError("Matryoshka weights need dimensions.", tuple(weights), "give matryoshka = [384, 256, 128, 64]")
    if not dims:
        return LOSSES[name]
    check_fits(dims, model.get_embedding_dimension() or max(dims))
    return matryoshka(LOSSES[name], dims, weights)


def _checked_size(cached: int | None) -> int | None:
    if cached is not None and cached < 1:
        raise UserError("cached is the number of rows per forward pass.", cached, "give 32, or leave it out")
    return cached


def _same_tokens(model: SentenceTransformer, guide: SentenceTransformer) -> bool:
    """Whether the guide can read what the model's tokenizer wrote, and as much of it."""
    vocabularies = [one.tokenizer.get_vocab() for one in (model, guide)]
    return vocabularies[0] == vocabularies[1] and (guide.max_seq_length or 0) >= (model.max_seq_length or 0)
