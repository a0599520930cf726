"""The model a training starts from: one that is there, or one made from scratch; and which one it was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from indexer.encode.fingerprint import fingerprint
from indexer.encode.models import resolve
from indexer.files import digest, sha256
from indexer.progress import Watcher
from trainer.train.recipe import Backbone, plain

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

WHAT_DECIDES = ("*.safetensors", "*.json", "*.txt", "*.model")  # files of a plain Hugging Face folder


def start_of(start: str | Path | Backbone, seed: int) -> SentenceTransformer:
    """Where the recipe says to start, on the CPU in float32. Raises UserError for a missing, unsafe or broken model."""
    from trainer.backbones import BACKBONES
    from trainer.backbones import start as opened
    from trainer.recipe import refuse_unknown

    if not isinstance(start, Backbone):
        return opened(start)
    refuse_unknown([start.backbone], BACKBONES, "The table of backbones")
    return BACKBONES[start.backbone](start.shape, start.tokenizer, start.max_tokens, seed)


def with_words(
    start: Backbone, model: SentenceTransformer, folder: Path, seed: int, watch: Watcher
) -> SentenceTransformer:
    """The model after it learnt words, where the recipe says so; published in `folder`, or found there."""
    from trainer.backbones import start as opened
    from trainer.backbones.masked import learn_words
    from trainer.train.data import texts_of

    if start.words is None:
        return model
    learn_words(model, texts_of(start.words.data), folder, start.words.masking, seed=seed, watch=watch)
    return opened(folder)


def start_fingerprint(start: str | Path | Backbone, seed: int) -> str:
    """Which model it is; of one from scratch, its settings, seed and tokenizer."""
    if isinstance(start, Backbone):
        tokenizer = resolve(str(start.tokenizer)) / "tokenizer.json"
        settings = plain(start) | {"tokenizer": sha256(tokenizer) if tokenizer.is_file() else None}
        return digest([settings, seed])
    folder = resolve(str(start))
    if (folder / "modules.json").is_file():
        return fingerprint(folder)
    return digest({file.name: sha256(file) for kind in WHAT_DECIDES for file in sorted(folder.glob(kind))})


def start_name(start: str | Path | Backbone) -> str:
    """What a card calls it: no path."""
    if isinstance(start, Backbone):
        return f"{start.backbone} {start.shape}, from scratch"
    return Path(start).name
