"""Models from scratch: an architecture, a shape, the tokenizer of another model, a seed.

Shapes are the papers': T5 encoders of Jina Embeddings v1 (arXiv 2307.11224; layers, inner width and heads are those of T5,
arXiv 1910.10683), ALiBi BERTs of v2 (arXiv 2310.19923). `tiny` is ours, for tests and trials.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.encode.models import resolve
from indexer.encode.refused import refuse_code
from indexer.errors import UserError
from trainer.backbones.opening import pooled, quiet
from trainer.recipe import refuse_unknown

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from transformers import PreTrainedModel, PreTrainedTokenizerBase, T5Config

    from indexer.architectures import AlibiBertConfig


@dataclass(frozen=True, slots=True)
class Shape:
    """Layers, width, heads and inner width of an encoder."""

    layers: int
    hidden: int
    heads: int
    inner: int


SHAPES = {
    "t5-encoder": {
        "tiny": Shape(2, 64, 4, 256),
        "small": Shape(6, 512, 8, 2048),
        "base": Shape(12, 768, 12, 3072),
        "large": Shape(24, 1024, 16, 4096),
    },
    "alibi-bert": {
        "tiny": Shape(2, 64, 4, 256),
        "small": Shape(4, 512, 8, 2048),
        "base": Shape(12, 768, 12, 3072),
        "large": Shape(24, 1024, 16, 4096),
    },
}


def t5_encoder(shape: str, tokenizer: str | Path, max_tokens: int = 512, seed: int = 0) -> SentenceTransformer:
    """T5's encoder: relative positions learnt as a bias per bucket of distances, norms before each part, mean pooling.

    `tokenizer`: a model's folder or name. Raises UserError for an unknown shape and a folder without a tokenizer.
    """
    from transformers import T5EncoderModel

    words = _tokenizer(tokenizer, max_tokens)
    config = t5_config(shape, len(words), words.pad_token_id, words.eos_token_id)
    return assembled(lambda: T5EncoderModel(config), words, seed)


def alibi_bert(shape: str, tokenizer: str | Path, max_tokens: int = 8192, seed: int = 0) -> SentenceTransformer:
    """BERT without position embeddings: attention fades with distance, so texts may be longer than in training; mean pooling.

    `max_tokens` is where texts are cut; a phase of training may cut them shorter. Arguments and errors as above.
    """
    from indexer.architectures import AlibiBertModel

    words = _tokenizer(tokenizer, max_tokens)
    config = alibi_config(shape, len(words), words.pad_token_id)
    return assembled(lambda: AlibiBertModel(config), words, seed)


def t5_config(shape: str, vocabulary: int, padding: int | None, end: int | None) -> T5Config:
    """Settings of a T5 encoder; padding and end are token ids."""
    from transformers import T5Config

    size = _shape("t5-encoder", shape)
    return T5Config(
        vocab_size=vocabulary,
        d_model=size.hidden,
        d_kv=size.hidden // size.heads,
        d_ff=size.inner,
        num_layers=size.layers,
        num_heads=size.heads,
        pad_token_id=padding,
        eos_token_id=end,
    )


def alibi_config(shape: str, vocabulary: int, padding: int | None) -> AlibiBertConfig:
    """Settings of an ALiBi BERT: GEGLU, in the large shape ReGLU."""
    from indexer.architectures import AlibiBertConfig

    size = _shape("alibi-bert", shape)
    return AlibiBertConfig(
        vocab_size=vocabulary,
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.inner,
        hidden_act="relu" if shape == "large" else "gelu",
        pad_token_id=padding,
    )


def assembled(
    make: Callable[[], PreTrainedModel], tokenizer: PreTrainedTokenizerBase, seed: int
) -> SentenceTransformer:
    """What `make` makes under a seed, with a tokenizer and mean pooling, as a sentence model."""
    import torch

    quiet()
    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(seed)
        make().save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return pooled(Path(folder))


def _shape(backbone: str, name: str) -> Shape:
    refuse_unknown([name], SHAPES[backbone], f"the shapes of {backbone}")
    return SHAPES[backbone][name]


def _tokenizer(name_or_folder: str | Path, max_tokens: int) -> PreTrainedTokenizerBase:
    from transformers import AutoTokenizer

    folder = resolve(str(name_or_folder))
    if not (folder / "tokenizer.json").is_file():
        raise UserError("There is no tokenizer.json.", folder, "Give the folder of a model with a fast tokenizer.")
    if max_tokens < 3:
        raise UserError("A model must read three tokens at least.", max_tokens, "Give a larger max_tokens.")
    for file in sorted(folder.glob("*.json")):
        refuse_code(file)
    words: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    words.model_max_length = max_tokens
    return words


BACKBONES: dict[str, Callable[[str, str | Path, int, int], SentenceTransformer]] = {
    "t5-encoder": t5_encoder,
    "alibi-bert": alibi_bert,
}
