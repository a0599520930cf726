"""Tiny real models on disk, for every room's tests.

`tiny_bert` writes a sentence-transformers folder as the published models have it: a BERT of 2 layers and 32 dimensions
with a WordPiece vocabulary, its tensors as safetensors. The weights are seeded noise, but the word embeddings outweigh
the layers, so texts that share words come out alike and rankings mean something. It is written with NumPy alone: no
torch, no sentence-transformers, a few milliseconds.
"""

from __future__ import annotations

import json
import string
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import WordPiece

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_COMMON = (
    "the of and to in is it you that he was for on are with as his they be at one have this from or had by hot but "
    "some what there we can out other were all your when up use word how said an each she which do their time if "
    "will way about many then them would write like so these her long make thing see him two has look more day could "
    "go come did my sound no most number who over know water than call first people may down side been now find any "
    "new work part take get place made live where after back little only round man year came show every good me give "
    "our under name very through just form much great think say help low line before turn cause same mean differ move "
    "right boy old too does tell sentence set three want air well also play small end put home read hand port large "
    "spell add even land here must big high such follow act why ask men change went light kind off need house picture "
    "try us again animal point mother world near build self earth father head stand own page should country found "
    "answer school grow study still learn plant cover food sun four thought let keep eye never last door between city "
    "tree cross since hard start might story saw far sea draw left late run press close night real life few stop open "
    "seem together next white children begin got walk example ease paper often always music those both mark book "
    "letter until mile river car feet care second group carry took rain eat room friend began idea fish mountain north "
    "once base hear horse cut sure watch color face wood main enough plain girl usual young ready above ever red list "
    "though feel talk bird soon body dog family direct pose leave song measure state product black short numeral class "
    "wind question happen complete ship area half rock order fire south problem piece told knew pass farm top whole "
    "king size heard best hour better true during hundred am remember step early hold west ground interest reach fast"
)
WORDS = tuple(_COMMON.split())


def tiny_bert(
    folder: Path,
    *,
    seed: int = 0,
    layers: int = 2,
    hidden: int = 32,
    pooling: str = "mean",
    normalize: bool = True,
    max_tokens: int = 64,
    prompts: Mapping[str, str] | None = None,
    default_prompt: str | None = None,
) -> Path:
    """Write the model into `folder` (made if need be) and return it. The same arguments give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = _vocabulary()
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": hidden,
        "intermediate_size": 4 * hidden,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": max(128, max_tokens),
        "num_attention_heads": 4,
        "num_hidden_layers": layers,
        "pad_token_id": 0,
        "type_vocab_size": 2,
        "vocab_size": len(vocabulary),
    }
    _write(folder / "config.json", config)
    save_file(_tensors(config, seed), folder / "model.safetensors", metadata={"format": "pt"})
    _tokenizer(vocabulary).save(str(folder / "tokenizer.json"))
    _write(folder / "tokenizer_config.json", {"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    _write(folder / "sentence_bert_config.json", {"max_seq_length": max_tokens, "do_lower_case": False})
    _modules(folder, hidden, pooling, normalize)
    settings = {"prompts": dict(prompts or {}), "default_prompt_name": default_prompt}
    _write(folder / "config_sentence_transformers.json", settings)
    return folder


def tiny_tokenizer() -> Tokenizer:
    """The models' tokenizer by itself."""
    return _tokenizer(_vocabulary())


def _modules(folder: Path, hidden: int, pooling: str, normalize: bool) -> None:
    kinds = [("Transformer", ""), ("Pooling", "1_Pooling")] + [("Normalize", "2_Normalize")] * normalize
    chain = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (kind, path) in enumerate(kinds)
    ]
    _write(folder / "modules.json", chain)
    modes = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens"}
    switches = {f"pooling_mode_{name}": mode == pooling for mode, name in modes.items()}
    _write(folder / "1_Pooling" / "config.json", {"word_embedding_dimension": hidden} | switches)


def _vocabulary() -> dict[str, int]:
    characters = [c for c in string.printable + "äöüßéèñçøåабвгдежзиклмнопрстуфхцчшя日本語中文" if not c.isspace()]
    characters = sorted({c.lower() for c in characters})
    tokens = [*SPECIAL, *characters, *(f"##{c}" for c in characters), "##ing", "##ed", "##s", "##er", "##ly", *WORDS]
    return {token: number for number, token in enumerate(dict.fromkeys(tokens))}


def _tokenizer(vocabulary: dict[str, int]) -> Tokenizer:
    tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1", ends)
    return tokenizer


def _tensors(config: Mapping[str, object], seed: int) -> dict[str, NDArray[np.float32]]:
    noise = np.random.default_rng(seed)
    hidden, inner = int(str(config["hidden_size"])), int(str(config["intermediate_size"]))
    tensors: dict[str, NDArray[np.float32]] = {}

    def linear(name: str, out: int, into: int) -> None:
        tensors[f"{name}.weight"] = noise.normal(0, 0.1, (out, into)).astype(np.float32)
        tensors[f"{name}.bias"] = noise.normal(0, 0.02, out).astype(np.float32)

    def norm(name: str) -> None:
        tensors[f"{name}.weight"] = noise.normal(1, 0.1, hidden).astype(np.float32)
        tensors[f"{name}.bias"] = noise.normal(0, 0.1, hidden).astype(np.float32)

    for name, rows, spread in (("word", "vocab_size", 1.0), ("position", "max_position_embeddings", 0.1)):
        shape = (int(str(config[rows])), hidden)
        tensors[f"embeddings.{name}_embeddings.weight"] = noise.normal(0, spread, shape).astype(np.float32)
    tensors["embeddings.token_type_embeddings.weight"] = noise.normal(0, 0.1, (2, hidden)).astype(np.float32)
    norm("embeddings.LayerNorm")
    for number in range(int(str(config["num_hidden_layers"]))):
        layer = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            linear(f"{layer}.attention.self.{part}", hidden, hidden)
        linear(f"{layer}.attention.output.dense", hidden, hidden)
        norm(f"{layer}.attention.output.LayerNorm")
        linear(f"{layer}.intermediate.dense", inner, hidden)
        linear(f"{layer}.output.dense", hidden, inner)
        norm(f"{layer}.output.LayerNorm")
    linear("pooler.dense", hidden, hidden)
    return tensors


def _write(file: Path, content: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(content, indent=2) + "\n", "utf-8")
