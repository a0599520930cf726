"""Models to start from: from scratch in the papers' shapes, T5 folders of transformers, anything unsafe refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")

from transformers import PreTrainedTokenizerFast, T5Config, T5EncoderModel, T5ForConditionalGeneration  # noqa: E402

from indexer.architectures import AlibiBertConfig, AlibiBertModel  # noqa: E402
from indexer.encode import load_encoder  # noqa: E402
from indexer.encode.fingerprint import fingerprint  # noqa: E402
from indexer.errors import UserError  # noqa: E402
from tests.models import tiny_bert, tiny_tokenizer  # noqa: E402
from trainer.backbones import BACKBONES, SHAPES, start  # noqa: E402

Array = NDArray[np.float64]
TEXTS = ["the sun", "how far is it from the earth to the sun and from there to every other star we know", "a red boat"]


def tokenizer() -> PreTrainedTokenizerFast:
    special = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    return PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer(), **special)


@pytest.fixture(scope="module", params=["encoder alone", "whole T5", "gated T5 (v1.1)"])
def t5_folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that transformers saved."""
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}
    gate = "gated-gelu" if "gated" in request.param else "relu"
    config = T5Config(vocab_size=600, feed_forward_proj=gate, relative_attention_max_distance=16, **sizes)
    torch.manual_seed(5)
    folder = tmp_path_factory.mktemp("t5")
    (T5EncoderModel if "alone" in request.param else T5ForConditionalGeneration)(config).save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def by_hand(folder: Path, texts: list[str]) -> NDArray[np.float32]:
    """T5EncoderModel one text at a time, and the mean over its tokens."""
    model = T5EncoderModel.from_pretrained(folder).eval()
    ids = [torch.tensor([tiny_tokenizer().encode(text).ids]) for text in texts]
    with torch.no_grad():
        return np.stack([model(input_ids=row).last_hidden_state[0].mean(0).numpy() for row in ids])


def test_a_t5_folder_opens_as_its_encoder_with_mean_pooling(t5_folder: Path, tmp_path: Path) -> None:
    model = start(t5_folder)
    assert type(model[0].model) is T5EncoderModel
    assert (model[1].pooling_mode, model.max_seq_length) == ("mean", 512)
    vectors = model.encode(TEXTS)  # padded to the longest
    np.testing.assert_allclose(vectors, by_hand(t5_folder, TEXTS), atol=1e-5)
    model.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    assert not [name for name in load_file(tmp_path / "saved" / "model.safetensors") if name.startswith("decoder")]
    again = start(tmp_path / "saved")
    assert np.array_equal(again.encode(TEXTS), vectors)
    again.save_pretrained(str(tmp_path / "twice"), create_model_card=False)
    assert fingerprint(tmp_path / "twice") == fingerprint(tmp_path / "saved")
    encoder = load_encoder(tmp_path / "saved", precision="fp32")
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.encode_document(TEXTS), unit, atol=1e-6)


def test_t5_equals_the_oracle(t5_folder: Path) -> None:
    model = T5EncoderModel.from_pretrained(t5_folder).eval().double()
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    ids = np.random.default_rng(0).integers(5, 600, 40)  # beyond the largest distance that has a bucket of its own
    padded = torch.from_numpy(np.concatenate([ids, [0] * 7])[None])
    mask = torch.tensor([[1] * 40 + [0] * 7])
    with torch.no_grad():
        found = model(input_ids=padded, attention_mask=mask).last_hidden_state[0, :40].numpy()
    expected = t5_oracle(tensors, ids, model.config)
    np.testing.assert_allclose(found, expected, atol=2e-6)  # its norms take the mean square in float32


def t5_oracle(tensors: dict[str, Array], ids: NDArray[np.int64], config: T5Config) -> Array:
    states = tensors["shared.weight"][ids]
    table = tensors["encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"]
    bias = np.array([[table[bucket(key - query, config)] for key in range(len(ids))] for query in range(len(ids))])
    for number in range(config.num_layers):
        layer = f"encoder.block.{number}.layer"
        own = rms_normed(tensors[f"{layer}.0.layer_norm.weight"], states, config)
        query, key, value = (own @ tensors[f"{layer}.0.SelfAttention.{name}.weight"].T for name in "qkv")
        mixed = np.empty_like(query)
        for head in range(config.num_heads):
            part = slice(head * config.d_kv, (head + 1) * config.d_kv)
            scores = np.exp(query[:, part] @ key[:, part].T + bias[:, :, head])
            mixed[:, part] = scores / scores.sum(1, keepdims=True) @ value[:, part]
        states = states + mixed @ tensors[f"{layer}.0.SelfAttention.o.weight"].T
        own = rms_normed(tensors[f"{layer}.1.layer_norm.weight"], states, config)
        states = (
            states + inner(tensors, f"{layer}.1.DenseReluDense", own) @ tensors[f"{layer}.1.DenseReluDense.wo.weight"].T
        )
    return rms_normed(tensors["encoder.final_layer_norm.weight"], states, config)


def bucket(distance: int, config: T5Config) -> int:
    """Half the buckets for what lies ahead; in each half the near distances one by one, the far ones by logarithm."""
    half = config.relative_attention_num_buckets // 2
    near, far = half // 2, abs(distance)
    if far >= near:
        share = math.log(far / near) / math.log(config.relative_attention_max_distance / near)
        far = min(half - 1, near + int(share * (half - near) + 1e-9))
    return far + (half if distance > 0 else 0)


def rms_normed(weight: Array, states: Array, config: T5Config) -> Array:
    return weight * states / np.sqrt((states**2).mean(-1, keepdims=True) + config.layer_norm_epsilon)


def inner(tensors: dict[str, Array], name: str, states: Array) -> Array:
    if f"{name}.wi.weight" in tensors:
        return np.maximum(0, states @ tensors[f"{name}.wi.weight"].T)
    gate = states @ tensors[f"{name}.wi_0.weight"].T
    gelu = 0.5 * gate * (1 + np.tanh(math.sqrt(2 / math.pi) * (gate + 0.044715 * gate**3)))
    return gelu * (states @ tensors[f"{name}.wi_1.weight"].T)


@pytest.mark.parametrize("name", BACKBONES)
def test_from_scratch_follows_from_the_seed(name: str, tiny_model: Path) -> None:
    state = torch.get_rng_state()
    one, same, other = (BACKBONES[name]("tiny", tiny_model, 100, seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert (one.max_seq_length, one[1].pooling_mode) == (100, "mean")
    assert np.array_equal(one.encode(TEXTS), same.encode(TEXTS))
    assert not np.array_equal(one.encode(TEXTS), other.encode(TEXTS))


@pytest.mark.parametrize("name", BACKBONES)
def test_from_scratch_is_saved_and_opened_by_everything(name: str, tiny_model: Path, tmp_path: Path) -> None:
    model = BACKBONES[name]("tiny", tiny_model, 64, 0)
    model.save_pretrained(str(tmp_path / "one"), create_model_card=False)
    vectors, again = model.encode(TEXTS), start(tmp_path / "one")
    assert np.array_equal(again.encode(TEXTS), vectors)
    again.save_pretrained(str(tmp_path / "two"), create_model_card=False)
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")
    alone = np.concatenate([model.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, vectors, atol=2e-6)  # padding changes nothing
    encoder = load_encoder(tmp_path / "one", precision="fp32")
    assert encoder.max_tokens == 64
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(encoder.encode_document(TEXTS), unit, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "shape", "millions"),
    [
        ("t5-encoder", "small", 35),
        ("t5-encoder", "base", 110),
        ("t5-encoder", "large", 335),
        ("alibi-bert", "small", 33),
        ("alibi-bert", "base", 137),
        ("alibi-bert", "large", 435),
    ],
)
def test_shapes_have_the_papers_sizes(name: str, shape: str, millions: int) -> None:
    from trainer.backbones.scratch import alibi_config, t5_config

    vocabulary = {"t5-encoder": 32128, "alibi-bert": 30522}[name]
    with torch.device("meta"):
        if name == "t5-encoder":
            model = T5EncoderModel(t5_config(shape, vocabulary, 0, 1))
        else:
            config = alibi_config(shape, vocabulary, 0)
            assert config.hidden_act == ("relu" if shape == "large" else "gelu")
            assert config.hidden_size == 64 * config.num_attention_heads
            model = AlibiBertModel(config)
    assert sum(one.numel() for one in model.parameters()) == pytest.approx(millions * 1e6, rel=0.02)


def test_an_unknown_shape_is_answered_with_the_nearest(tiny_model: Path) -> None:
    for name in BACKBONES:
        assert set(SHAPES[name]) == {"tiny", "small", "base", "large"}
        with pytest.raises(UserError, match="smal") as error:
            BACKBONES[name]("smal", tiny_model, 64, 0)
        assert "did you mean 'small'" in error.value.todo


def test_a_sentence_transformers_folder_and_a_name_open_too(tmp_path: Path) -> None:
    model = start(tiny_bert(tmp_path / "bert", max_tokens=32))
    assert model.max_seq_length == 32
    assert start(tmp_path / "bert", max_tokens=50).max_seq_length == 50
    minilm = start("minilm")
    assert (minilm.get_embedding_dimension(), minilm.max_seq_length) == (384, 256)
    with pytest.raises(UserError, match="from 3 to 128 tokens"):
        start(tmp_path / "bert", max_tokens=129)


def test_a_plain_folder_keeps_its_limit(tmp_path: Path) -> None:
    AlibiBertModel(AlibiBertConfig(vocab_size=600, hidden_size=32, num_attention_heads=2)).save_pretrained(tmp_path)
    words = tokenizer()
    words.model_max_length = 8192
    words.save_pretrained(tmp_path)
    assert start(tmp_path).max_seq_length == 8192
    assert start(tmp_path, max_tokens=100_000).max_seq_length == 100_000


def edited(name: str, **change: object) -> Callable[[Path], object]:
    def edit(folder: Path) -> None:
        file = folder / name
        file.write_text(json.dumps(json.loads(file.read_text()) | change))

    return edit


def with_nan(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    next(iter(tensors.values()))[0] = np.nan
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def without_a_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors["encoder.block.0.layer.1.DenseReluDense.wo.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def link_outside(folder: Path) -> None:
    (folder.parent / "elsewhere.json").write_text("{}")
    (folder / "more.json").symlink_to(folder.parent / "elsewhere.json")


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "pickled weights": (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "pickled"),
    "code of its own": (edited("config.json", auto_map={"AutoModel": "model.Model"}), "auto_map"),
    "a tokenizer's code": (edited("tokenizer_config.json", auto_map={"AutoTokenizer": ["t.T", None]}), "auto_map"),
    "NaN in the weights": (with_nan, "NaN or infinity"),
    "a tensor is missing": (without_a_tensor, "lacks weights"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no weights"),
    "no config.json": (lambda f: (f / "config.json").unlink(), "no config.json"),
    "no tokenizer.json": (lambda f: (f / "tokenizer.json").unlink(), "no tokenizer.json"),
    "a link that leads out": (link_outside, "leads out"),
    "damaged weights": (lambda f: (f / "model.safetensors").write_bytes(b"\xff" * 99), "cannot be read"),
    "an unknown architecture": (edited("config.json", model_type="mind_reader"), "cannot be opened"),
    "broken settings": (lambda f: (f / "config.json").write_text("{"), "cannot be read"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_an_unsafe_or_broken_folder_is_refused(damage: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    T5EncoderModel(T5Config(vocab_size=600, d_model=8, d_kv=4, d_ff=8, num_layers=1, num_heads=2)).save_pretrained(
        folder
    )
    tokenizer().save_pretrained(folder)
    start(folder)
    break_it, what = DAMAGE[damage]
    break_it(folder)
    with pytest.raises(UserError, match=what) as error:
        start(folder)
    assert str(folder) in str(error.value.given)
    assert error.value.todo


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such model"):
        start(tmp_path / "nothing")
    with pytest.raises(UserError, match=r"no tokenizer\.json"):
        BACKBONES["alibi-bert"]("tiny", tmp_path, 64, 0)
    with pytest.raises(UserError, match="three tokens"):
        BACKBONES["alibi-bert"]("tiny", tiny_bert(tmp_path / "bert"), 2, 0)
