"""What a training leaves behind: plain sentence-transformers folders, and beside them how they came to be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors.torch import save

from indexer.files import canonical_json, publish_folder, remove_folder, write_bytes
from trainer.train.recipe import Lora
from trainer.train.weights import Tensors

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


def save_model(plain: SentenceTransformer, tensors: Tensors, prompts: Mapping[str, str], folder: Path) -> None:
    """Write `plain` with these weights as a folder, replacing what is there."""
    plain.load_state_dict(tensors)
    plain.prompts = {**plain.prompts, **prompts}
    remove_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    plain.save_pretrained(str(folder), create_model_card=False)


def save_adapter(adapter: Tensors, lora: Lora, folder: Path) -> None:
    """LoRA's matrices in PEFT's spelling. Which base they belong to stands in the card, by its fingerprint."""
    remove_folder(folder)
    named = {_plain(name): tensor.contiguous() for name, tensor in adapter.items()}
    settings = {
        "peft_type": "LORA",
        "task_type": "FEATURE_EXTRACTION",
        "r": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "target_modules": sorted({name.split(".lora_")[0].rsplit(".", 1)[-1] for name in named}),
        "bias": "none",
        "inference_mode": True,
        "base_model_name_or_path": None,
    }
    write_bytes(folder / "adapter_model.safetensors", save(named))
    write_bytes(folder / "adapter_config.json", canonical_json(settings))


def _plain(name: str) -> str:
    return "base_model.model." + name.partition(".model.")[2].replace(".default.weight", ".weight")


def move_in(ready: Path, out: Path, name: str) -> None:
    """Give a finished folder or file its final name."""
    if (ready / name).is_dir():
        remove_folder(out / name)
        publish_folder(ready / name, out / name)
    else:
        (ready / name).replace(out / name)
