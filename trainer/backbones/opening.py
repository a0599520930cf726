"""Opening a model to train on: nothing is fetched, no code of the folder runs, only safetensors are read, and no NaN gets in."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexer.encode.folder import ModelFolder, read_folder, read_transformer
from indexer.encode.models import resolve
from indexer.encode.weights import canonical_name
from indexer.errors import UserError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Transformer

LONGEST = 512  # tokens, for a model that names no limit of its own: ours
NAMED_ALIKE = ("alibi_bert", "bert", "t5")  # models whose tensors have the same names on disk and in memory
UNLIMITED = 10**9  # tokenizers write such numbers where they know no limit


def start(name_or_folder: str | Path, *, max_tokens: int | None = None) -> SentenceTransformer:
    """The model to start from, on the CPU in float32: `minilm` and the other known names, a sentence-transformers folder, or
    a plain Hugging Face folder, which gets mean pooling (of a T5 the encoder alone).

    `max_tokens` sets another longest input; a model without position embeddings can read more than it was trained on.
    Raises UserError, naming the file, for a missing or broken model and for all that `read_folder` refuses.
    """
    folder = resolve(str(name_or_folder))
    plain = not (folder / "modules.json").is_file()
    checked = (read_transformer if plain else read_folder)(folder)
    checked.refuse_broken_weights()
    quiet()
    try:
        model = pooled(folder) if plain else _sentence_model(folder)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, TypeError) as error:
        todo = "Check that the model opens in transformers of this version, and save it again as safetensors."
        raise UserError(f"This model cannot be opened: {error}", folder, todo) from error
    _refuse_absent(model, checked)
    if max_tokens is not None:
        model.max_seq_length = _possible(max_tokens, model, folder)
    return model.float()


def pooled(folder: Path) -> SentenceTransformer:
    """A plain Hugging Face folder as a sentence model: the mean over its tokens."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    words = transformer(folder)
    model = SentenceTransformer(modules=[words, Pooling(words.get_embedding_dimension(), "mean")], device="cpu")
    if not 0 < (words.max_seq_length or 0) < UNLIMITED:
        model.max_seq_length = LONGEST
    return model


def transformer(folder: Path) -> Transformer:
    """The first module of a sentence model, from a folder of transformers."""
    from sentence_transformers.sentence_transformer.modules import Transformer

    import indexer.architectures  # noqa: F401 — the ones of our own, by the model_type that a folder names

    local: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    return Transformer(
        str(folder), model_kwargs=local | {"use_safetensors": True}, processor_kwargs=local, config_kwargs=local
    )


def quiet() -> None:
    """stderr belongs to our own progress."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)


def _sentence_model(folder: Path) -> SentenceTransformer:
    from sentence_transformers import SentenceTransformer

    import indexer.architectures  # noqa: F401

    return SentenceTransformer(
        str(folder),
        device="cpu",
        local_files_only=True,
        trust_remote_code=False,
        model_kwargs={"use_safetensors": True},
    )


def _refuse_absent(model: SentenceTransformer, checked: ModelFolder) -> None:
    """transformers fills weights that a folder lacks with noise, and goes on."""
    if checked.config.get("model_type") not in NAMED_ALIKE:
        return
    there = {canonical_name(tensor.name, checked.config) for tensor in checked.weights[0].tensors}
    needed = [name for name, _ in model[0].model.named_parameters() if not name.startswith("pooler.")]
    absent = [name for name in needed if name not in there]
    if absent:
        given = f"{checked.path}: {absent[0]}" + (f" and {len(absent) - 1} more" if absent[1:] else "")
        raise UserError("The folder lacks weights of its own model.", given, "Save or copy the whole model again.")


def _possible(max_tokens: int, model: SentenceTransformer, folder: Path) -> int:
    positions = getattr(model[0].config, "max_position_embeddings", None) or max_tokens
    if not 2 < max_tokens <= positions:
        what = f"This model reads from 3 to {positions} tokens." if max_tokens > positions else "Too few tokens."
        raise UserError(what, f"max_tokens {max_tokens} for {folder}", "Give another number of tokens.")
    return max_tokens
