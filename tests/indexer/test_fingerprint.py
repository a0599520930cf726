"""The fingerprint names what decides the vectors: saving again keeps it, any change that matters gives another."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from indexer.encode.fingerprint import fingerprint
from indexer.encode.models import resolve
from tests.models import tiny_bert

PROMPTS = {"query": "query: ", "document": "text: "}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("model"), prompts=PROMPTS)


@pytest.fixture
def copy(model: Path, tmp_path: Path) -> Path:
    return shutil.copytree(model, tmp_path / "copy")


def edited(file: Path, change: Callable[[dict], object]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def with_tensors(folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def flip_one_bit(folder: Path) -> None:
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    begin, _ = header["encoder.layer.1.output.dense.weight"]["data_offsets"]
    content[start + begin] ^= 1  # the lowest bit of a mantissa
    file.write_bytes(content)


CHANGES: dict[str, Callable[[Path], object]] = {
    "one weight bit": flip_one_bit,
    "a tensor's name": lambda f: with_tensors(f, lambda t: t.update(extra=t.pop("encoder.layer.0.output.dense.bias"))),
    "pooling": lambda f: edited(
        f / "1_Pooling/config.json", lambda c: c.update(pooling_mode_cls_token=True, pooling_mode_mean_tokens=False)
    ),
    "longest input": lambda f: edited(f / "sentence_bert_config.json", lambda c: c.update(max_seq_length=32)),
    "query prompt": lambda f: edited(
        f / "config_sentence_transformers.json", lambda c: c["prompts"].update(query="Query: ")
    ),
    "no normalisation": lambda f: (f / "modules.json").write_text(
        json.dumps(json.loads((f / "modules.json").read_text())[:2])
    ),
    "attention heads": lambda f: edited(f / "config.json", lambda c: c.update(num_attention_heads=8)),
    "layer norm": lambda f: edited(f / "config.json", lambda c: c.update(layer_norm_eps=1e-6)),
    "a token's number": lambda f: edited(
        f / "tokenizer.json", lambda c: c["model"]["vocab"].update(water=c["model"]["vocab"]["fire"])
    ),
    "letter case": lambda f: edited(f / "tokenizer.json", lambda c: c["normalizer"].update(lowercase=False)),
}

NO_CHANGES: dict[str, Callable[[Path], object]] = {
    "the README": lambda f: (f / "README.md").write_text("# A model\n"),
    "truncation of the last user": lambda f: edited(
        f / "tokenizer.json",
        lambda c: c.update(truncation={"direction": "Right", "max_length": 9, "strategy": "LongestFirst", "stride": 0}),
    ),
    "defaults written down": lambda f: edited(
        f / "config.json", lambda c: c.update(is_decoder=False, use_cache=True, position_embedding_type="absolute")
    ),
    "releases": lambda f: edited(f / "config.json", lambda c: c.update(transformers_version="9.9")),
    "position buffer": lambda f: with_tensors(
        f, lambda t: t.update({"embeddings.position_ids": np.arange(128, dtype=np.int64)[None]})
    ),
    "the prefix of a checkpoint with a head": lambda f: with_tensors(
        f, lambda t: [t.update({f"bert.{name}": t.pop(name)}) for name in list(t)]
    ),
    "the pooler nobody reads": lambda f: with_tensors(f, lambda t: t.pop("pooler.dense.weight")),
    "an empty prompt": lambda f: edited(
        f / "config_sentence_transformers.json", lambda c: c["prompts"].update(passage="")
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_decides_vectors_changes_it(change: str, model: Path, copy: Path) -> None:
    CHANGES[change](copy)
    assert fingerprint(copy) != fingerprint(model)


@pytest.mark.parametrize("change", NO_CHANGES)
def test_what_decides_nothing_does_not(change: str, model: Path, copy: Path) -> None:
    NO_CHANGES[change](copy)
    assert fingerprint(copy) == fingerprint(model)


def test_it_is_the_same_for_shards(model: Path, copy: Path) -> None:
    tensors = load_file(model / "model.safetensors")
    names = sorted(tensors)
    (copy / "model.safetensors").unlink()
    places = {}
    for shard, part in enumerate((names[::2], names[1::2]), 1):
        file = f"model-{shard:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, copy / file)
        places |= dict.fromkeys(part, file)
    (copy / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
    assert fingerprint(copy) == fingerprint(model)


def test_the_place_of_the_folder_does_not_matter(model: Path, copy: Path) -> None:
    assert fingerprint(copy) == fingerprint(model) == fingerprint(model)
    assert len(fingerprint(model)) == 64


def test_minilm_is_known_and_quick() -> None:
    folder = resolve("minilm")
    started = time.process_time()
    assert fingerprint(folder) == "87ae7c14b31d94d2dbb652e138f2249547b4ba0250b73e8f255a77c71bbe421d"
    assert time.process_time() - started < 3  # processor time: a busy machine must not fail it


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tiny mean", "tiny cls", "minilm"])
def test_saving_again_keeps_it(name: str, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    folder = resolve("minilm")
    if name != "minilm":
        folder = tiny_bert(tmp_path / "model", pooling=name.split()[1], prompts=PROMPTS, default_prompt="query")
    SentenceTransformer(str(folder), device="cpu", local_files_only=True).save_pretrained(str(tmp_path / "again"))
    assert (tmp_path / "again" / "config.json").read_text() != (folder / "config.json").read_text()
    assert fingerprint(tmp_path / "again") == fingerprint(folder)
