"""What a sentence-transformers folder says about itself, read without sentence-transformers.

`read_folder` refuses, naming the file, whatever could run code or reach outside the folder (`refused`). What is left is data:
the chain of modules, the pooling, the prompts and the longest input, in one form whichever release wrote the folder
(releases before 5.5 keep `max_seq_length` in sentence_bert_config.json, later ones `model_max_length` in
tokenizer_config.json).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from indexer.encode.json_file import Json, read_list, read_object
from indexer.encode.refused import refuse_adapter, refuse_code, refuse_module, refuse_pickles, refuse_strange_files
from indexer.encode.weights import Weights
from indexer.errors import UserError

_PLACE = re.compile(r"[\w./-]{0,200}")  # where a module lies in the folder
_OLD_POOLING = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}


@dataclass(frozen=True, slots=True)
class Module:
    """One link of the chain: `kind` is the class name, whatever package path the release wrote before it."""

    kind: str
    path: Path
    config: Json


@dataclass(frozen=True)
class ModelFolder:
    """A sentence-transformers folder that passed the checks; everything here is plain data."""

    path: Path
    modules: tuple[Module, ...]
    config: Json  # config.json of the transformer
    prompts: Mapping[str, str]
    default_prompt: str | None
    truncate_dim: object = None  # a length that vectors are cut to

    @property
    def pooling(self) -> tuple[str, ...]:
        """Pooling modes, e.g. `("mean",)`; empty where the chain has no Pooling."""
        return next((pooling_modes(module.config) for module in self.modules if module.kind == "Pooling"), ())

    @property
    def query_prompt(self) -> str:
        """What sentence-transformers puts before a query. Without a `query` prompt it puts nothing, whatever
        `default_prompt_name` says: its `encode_query` does not fall back to the default."""
        return self.prompts.get("query", "")

    @property
    def document_prompt(self) -> str:
        """What it puts before a document. An absent `document` prompt counts as an empty one there, so that `passage`
        and `corpus` prompts are never reached."""
        return self.prompts.get("document", "")

    @property
    def dim(self) -> int:
        """Length of a vector: what the last module that names one gives out."""
        widths = ("out_features", "embedding_dimension", "word_embedding_dimension")
        named = [module.config.get(key) for module in self.modules for key in widths]
        modes = len(self.pooling) if not any(module.config.get("out_features") for module in self.modules) else 1
        found = [width for width in [self.config.get("hidden_size"), *named] if isinstance(width, int) and width > 0]
        if not found:
            raise UserError("The model does not say how long its vectors are.", self.path, "Save the model again.")
        return modes * found[-1]

    @property
    def tokenizer_file(self) -> Path:
        return self.modules[0].path / "tokenizer.json"

    @cached_property
    def max_tokens(self) -> int | None:
        """Tokens of the longest input, special tokens included; None where the folder sets no limit."""
        positions = self.config.get("max_position_embeddings")
        tokenizer = read_object(self.modules[0].path / "tokenizer_config.json")
        named = self.modules[0].config.get("max_seq_length") or tokenizer.get("model_max_length")
        limits = [int(n) for n in (named, positions) if isinstance(n, int | float) and 0 < n < 10**9]
        return min(limits, default=None)

    @cached_property
    def weights(self) -> tuple[Weights, ...]:
        """Tensors per module, in the order of the chain; a module without weights has none."""
        return tuple(Weights.of(module.path) for module in self.modules)

    def refuse_broken_weights(self) -> None:
        """Read every tensor once; NaN and infinity are errors here, not silent answers later."""
        if not any(weights.tensors for weights in self.weights):
            raise UserError(
                "The model has no weights: there is no *.safetensors file.",
                self.path,
                "Save the model again as safetensors: SentenceTransformer.save_pretrained(folder).",
            )
        for weights in self.weights:
            weights.refuse_not_finite()


def read_folder(folder: Path) -> ModelFolder:
    """The model in `folder`. Raises `UserError` for anything but a safe sentence-transformers folder."""
    modules_file = folder / "modules.json"
    if not modules_file.is_file():
        raise UserError(
            "This is not a sentence-transformers folder: it has no modules.json.",
            folder,
            "Give a folder written by SentenceTransformer.save_pretrained, or the name `minilm`.",
        )
    refuse_strange_files(folder)
    modules = _chain(folder, modules_file)
    for file in sorted(folder.rglob("*.json")):
        refuse_code(file)
    for module in modules:
        refuse_adapter(module.path)
    settings = read_object(folder / "config_sentence_transformers.json")
    return ModelFolder(
        path=folder,
        modules=modules,
        config=read_object(modules[0].path / "config.json"),
        prompts=_prompts(settings),
        default_prompt=_text_or_none(settings.get("default_prompt_name")),
        truncate_dim=settings.get("truncate_dim"),
    )


def read_transformer(folder: Path) -> ModelFolder:
    """A plain Hugging Face folder (config.json, tokenizer.json, safetensors), which becomes a sentence model by the mean
    over its tokens. The checks are those of `read_folder`; raises `UserError` likewise."""
    for name in ("config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            todo = "Save model and tokenizer with save_pretrained(folder), or give the name `minilm`."
            raise UserError(f"This is not a Hugging Face model's folder: it has no {name}.", folder, todo)
    refuse_strange_files(folder)
    refuse_pickles(folder, sharded=True)
    for file in sorted(folder.rglob("*.json")):
        refuse_code(file)
    refuse_adapter(folder)
    modules = (Module("Transformer", folder, {}), Module("Pooling", folder / "1_Pooling", {"pooling_mode": "mean"}))
    return ModelFolder(folder, modules, read_object(folder / "config.json"), prompts={}, default_prompt=None)


def pooling_modes(config: Json) -> tuple[str, ...]:
    """Pooling modes in either spelling: `pooling_mode` (release 5.2 on) or one boolean per mode."""
    named = config.get("pooling_mode")
    if isinstance(named, str):
        return (named,)
    if isinstance(named, list):
        return tuple(str(mode) for mode in named)
    return tuple(mode for key, mode in _OLD_POOLING.items() if config.get(key)) or ("mean",)


def _chain(folder: Path, source: Path) -> tuple[Module, ...]:
    entries = read_list(source)
    if not entries:
        raise UserError("The model's chain of modules is empty.", source, "Save the model again.")
    names = [str(entry.get("name")) for entry in entries if isinstance(entry, dict)]
    if len(set(names)) < len(entries):  # sentence-transformers would keep the last of them only
        raise UserError("Two modules of this model have one name.", source, "Save the model again.")
    return tuple(_module(folder, entry, source) for entry in entries)


def _module(folder: Path, entry: object, source: Path) -> Module:
    given = entry if isinstance(entry, dict) else {}
    kind, inside = str(given.get("type", "")), str(given.get("path", ""))
    refuse_module(kind, source)
    path = folder / inside
    if not _PLACE.fullmatch(inside) or not path.resolve().is_relative_to(folder.resolve()):
        raise UserError(f"A module lies outside the model's folder: {inside!r}.", source, "Copy it into the folder.")
    for place in [path] if path == folder else [path, *path.rglob("*/")]:  # a Router keeps its modules in folders below
        refuse_pickles(place, sharded=place == path and kind.endswith(".Transformer"))
    config_name = "sentence_bert_config.json" if kind.endswith(".Transformer") else "config.json"
    return Module(kind.rsplit(".", 1)[-1], path, read_object(path / config_name))


def _prompts(settings: Json) -> dict[str, str]:
    prompts = settings.get("prompts")
    return {str(name): str(text or "") for name, text in prompts.items()} if isinstance(prompts, dict) else {}


def _text_or_none(value: object) -> str | None:
    return value if isinstance(value, str) else None
