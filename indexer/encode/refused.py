"""What a model's folder may not hold, whoever supplied it: code, links that leave it, names of things to fetch.

Everything is decided by looking at names and at JSON, before any library that could act on them is imported. A pickle
beside safetensors is let be, since many folders carry one and nothing here ever opens it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from indexer.encode.json_file import read_json, settings_in
from indexer.errors import UserError

_PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt", "*.h5", "*.joblib")
# The classes that sentence-transformers ships for embedding texts. Its loader would import any path below its package.
_KINDS = (
    "Transformer|Pooling|Normalize|Dense|Router|Asym|BoW|CLIPModel|CNN|Dropout|LayerNorm|LSTM|StaticEmbedding|"
    "WeightedLayerPooling|WordEmbeddings|WordWeights"
)
_MODULE = re.compile(rf"sentence_transformers(\.[a-z_]+)+\.({_KINDS})")
_ACTIVATION = re.compile(r"torch\.nn\.(modules\.[a-z]+\.)?[A-Z]\w*")
# Keys that make a loader import code, or read weights or a tokenizer that are not the ones checked here.
_ELSEWHERE = (
    "auto_map",
    "base_model_name_or_path",
    "gguf_file",
    "tokenizer_name_or_path",
    "transformers_weights",
)
# What a folder may ask of the loaders of model, settings and tokenizer; all else they take could lead elsewhere.
LOADERS = tuple(
    f"{part}_{kind}" for part in ("model", "config", "tokenizer", "processor") for kind in ("args", "kwargs")
)
_HARMLESS = (
    *("add_pooling_layer", "attn_implementation", "clean_up_tokenization_spaces", "dtype", "max_length"),
    *("model_max_length", "padding_side", "torch_dtype", "truncation_side", "use_fast", "use_safetensors"),
)
# No encoder comes near; a loader that believes such a number takes all memory, or never ends.
_SIZES = {
    "hidden_size": 1 << 16,
    "d_model": 1 << 16,
    "intermediate_size": 1 << 18,
    "d_ff": 1 << 18,
    "num_attention_heads": 1 << 10,
    "num_heads": 1 << 10,
    "num_hidden_layers": 1 << 10,
    "num_layers": 1 << 10,
    "max_position_embeddings": 1 << 22,
    "max_seq_length": 1 << 22,
    "type_vocab_size": 1 << 16,
    "vocab_size": 1 << 23,
}
_ANOTHER = "Use a model that needs no code of its own; merge adapters into the model before saving it."


def refuse_strange_files(folder: Path) -> None:
    """Links out of the folder, and what is neither a file nor a folder: to read a pipe is to wait for ever."""
    inside = folder.resolve()
    for file in sorted(folder.rglob("*")):
        if file.is_symlink() and not file.resolve().is_relative_to(inside):
            raise UserError(
                "A link leads out of the model's folder.", file, "Copy the folder with its links followed: cp -rL."
            )
        if not file.is_file() and not file.is_dir():
            raise UserError(
                "The model's folder holds something that is no file.", file, "Remove it, or use another copy."
            )


def refuse_pickles(path: Path, *, sharded: bool) -> None:
    """Pickled weights run code when opened. They may lie beside safetensors, which then are what is read; beside shards
    only where `sharded`, in a transformer's folder: other modules do not know of shards, and would open the pickle."""
    if (path / "model.safetensors").is_file() or (sharded and any(path.glob("model-*-of-*.safetensors"))):
        return
    for pattern in _PICKLES:
        for file in sorted(path.glob(pattern)):
            raise UserError(
                "These weights are pickled, and opening a pickle can run code.",
                file,
                "Save the model again as safetensors: SentenceTransformer.save_pretrained(folder).",
            )


def refuse_adapter(path: Path) -> None:
    """transformers would put an adapter that lies beside the weights on top of them."""
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        if (path / name).exists():
            raise UserError("An adapter lies beside the weights, and would change them unseen.", path / name, _ANOTHER)


def refuse_module(kind: str, source: Path) -> None:
    """A class that is not one of sentence-transformers' own modules."""
    if not _MODULE.fullmatch(kind):
        raise UserError(
            f"A module of this model is code of its own, which is never run: {_short(kind)}.",
            source,
            "Use a model whose modules all come from sentence-transformers.",
        )


def refuse_code(file: Path) -> None:
    """Settings that make a loader import code, fetch something, or believe an absurd size."""
    if file.name in ("tokenizer.json", "vocab.json"):
        return
    for key, value in settings_in(read_json(file)):
        why = _why_not(key, value, file.name)
        if why:
            raise UserError(why, file, _ANOTHER)


def _why_not(key: str, value: object, name: str) -> str | None:
    if key in _ELSEWHERE and value:
        return f"{name} sets {key!r}: code or weights from outside the folder."
    if key.endswith("_implementation") and "/" in str(value):
        return f"{name} sets {key!r} to code that would be fetched: {_short(value)}."
    if key == "activation_function" and isinstance(value, str) and "." in value and not _ACTIVATION.fullmatch(value):
        return f"The activation {_short(value)} is not one of torch.nn."
    if key == "types" and isinstance(value, dict) and not all(_MODULE.fullmatch(str(kind)) for kind in value.values()):
        return "A routed module of this model is code of its own."
    if key in LOADERS and isinstance(value, Mapping):
        strange = sorted(set(value) - set(_HARMLESS))
        return (
            f"{name} sets {key!r} for its loader, which is not known here: {_short(strange[0])}." if strange else None
        )
    if key in _SIZES and isinstance(value, int | float) and not 0 <= value <= _SIZES[key]:
        return f"{name} sets {key!r} to a size that no model has: {_short(value)}."
    return None


def _short(value: object) -> str:
    shown = repr(value) if not isinstance(value, str) else repr(value[:200])
    return shown if len(shown) <= 80 else f"{shown[:80]}…"
