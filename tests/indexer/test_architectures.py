"""ALiBi BERT against a float64 oracle in plain NumPy; padding, long texts, saving and opening."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")

from sentence_transformers import SentenceTransformer  # noqa: E402
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer  # noqa: E402
from transformers import AutoModel, AutoModelForMaskedLM, PreTrainedTokenizerFast  # noqa: E402

from indexer.architectures import AlibiBertConfig, AlibiBertForMaskedLM, AlibiBertModel, alibi, slopes  # noqa: E402
from indexer.encode import load_encoder  # noqa: E402
from indexer.encode.fingerprint import fingerprint  # noqa: E402
from indexer.errors import UserError  # noqa: E402
from tests.models import tiny_tokenizer  # noqa: E402

Array = NDArray[np.float64]
TEXTS = ["the sun", "how far is it from the earth to the sun and from there to every other star we know", "a red boat"]


def config(act: str = "gelu", heads: int = 4, **more: Any) -> AlibiBertConfig:
    sizes = {"vocab_size": 600, "hidden_size": 48, "num_hidden_layers": 3, "intermediate_size": 80}
    return AlibiBertConfig(hidden_act=act, num_attention_heads=heads, **(sizes | more))


def model_of(settings: AlibiBertConfig, kind: Any = AlibiBertModel) -> Any:
    """With weights far from their tidy start, so that every term counts."""
    torch.manual_seed(0)
    model = kind(settings).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model


def batch() -> tuple[Any, Any]:
    """Three texts of 5, 11 and 8 tokens, padded on the right, on neither, on the left."""
    ids = torch.from_numpy(np.random.default_rng(1).integers(5, 600, (3, 11)))
    mask = torch.tensor([[1] * 5 + [0] * 6, [1] * 11, [0] * 3 + [1] * 8])
    return ids, mask


# The oracle: one text at a time, without padding, nothing but NumPy.


def oracle(tensors: dict[str, Array], ids: NDArray[np.int64], settings: AlibiBertConfig) -> Array:
    states = normed(tensors, "embeddings.norm", tensors["embeddings.words.weight"][ids], settings)
    for number in range(settings.num_hidden_layers):
        layer = f"layers.{number}"
        states = normed(
            tensors, f"{layer}.attention_norm", states + attention(tensors, layer, states, settings), settings
        )
        inner = linear(tensors, f"{layer}.feed_forward.gate", states)
        gate = inner * (inner > 0) if settings.hidden_act == "relu" else inner * gaussian(inner)
        inner = gate * linear(tensors, f"{layer}.feed_forward.up", states)
        inner = linear(tensors, f"{layer}.feed_forward.dense", inner)
        states = normed(tensors, f"{layer}.feed_forward_norm", states + inner, settings)
    return states


def attention(tensors: dict[str, Array], layer: str, states: Array, settings: AlibiBertConfig) -> Array:
    heads, width = settings.num_attention_heads, settings.hidden_size // settings.num_attention_heads
    query, key, value = (linear(tensors, f"{layer}.attention.{name}", states) for name in ("query", "key", "value"))
    mixed = np.empty_like(query)
    for head, slope in enumerate(slopes(heads)):
        part = slice(head * width, (head + 1) * width)
        for row in range(len(states)):
            distance = np.array([abs(row - other) for other in range(len(states))])
            scores = key[:, part] @ query[row, part] / math.sqrt(width) - slope * distance
            weights = np.exp(scores - scores.max())
            mixed[row, part] = weights / weights.sum() @ value[:, part]
    return linear(tensors, f"{layer}.attention.dense", mixed)


def linear(tensors: dict[str, Array], name: str, states: Array) -> Array:
    return states @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]


def normed(tensors: dict[str, Array], name: str, states: Array, settings: AlibiBertConfig) -> Array:
    centred = states - states.mean(-1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + settings.layer_norm_eps)
    return scaled * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]


def gaussian(values: Array) -> Array:
    """Share of a normal distribution below each value."""
    return np.vectorize(lambda value: 0.5 * (1 + math.erf(value / math.sqrt(2))))(values)


def tensors_of(model: Any) -> dict[str, Array]:
    return {name: tensor.double().numpy() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        (1, [2**-8]),
        (8, [2**-1, 2**-2, 2**-3, 2**-4, 2**-5, 2**-6, 2**-7, 2**-8]),
        (3, [2**-4, 2**-8, 2**-2]),
        (12, [*(2.0**-n for n in range(1, 9)), 2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5]),
        (16, [2 ** (-n / 2) for n in range(1, 17)]),
    ],
)
def test_slopes_are_the_papers(heads: int, expected: list[float]) -> None:
    assert slopes(heads) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(("act", "heads"), [("gelu", 4), ("relu", 4), ("gelu", 3), ("relu", 12)])
def test_the_whole_model_equals_the_oracle(act: str, heads: int) -> None:
    settings = config(act, heads)
    model = model_of(settings).double()
    ids, mask = batch()
    with torch.no_grad():
        found = model(ids, attention_mask=mask).last_hidden_state.numpy()
    for row in range(3):
        seen = mask[row].numpy() == 1
        expected = oracle(tensors_of(model), ids[row].numpy()[seen], settings)
        np.testing.assert_allclose(found[row][seen], expected, atol=1e-11)


def test_hidden_states_are_given_when_asked() -> None:
    model, (ids, _) = model_of(config()), batch()
    found = model(ids, output_hidden_states=True)
    assert len(found.hidden_states) == 4
    assert torch.equal(found.hidden_states[-1], found.last_hidden_state)
    assert torch.equal(model(ids, return_dict=False)[0], found.last_hidden_state)


def test_padding_changes_nothing() -> None:
    model, (ids, mask) = model_of(config()), batch()
    with torch.no_grad():
        together = model(ids, attention_mask=mask).last_hidden_state
        alone = [model(ids[row : row + 1, mask[row] == 1]).last_hidden_state[0] for row in range(3)]
        other = model(torch.where(mask == 1, ids, 7), attention_mask=mask).last_hidden_state
    for row in range(3):
        assert (together[row, mask[row] == 1] - alone[row]).abs().max() < 1e-5
        assert torch.equal(together[row, mask[row] == 1], other[row, mask[row] == 1])


def test_a_text_in_blocks_equals_the_text_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    ids, mask = batch()
    model = model_of(config()).double()
    whole = model(ids, attention_mask=mask).last_hidden_state
    whole.square().sum().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    monkeypatch.setattr(alibi, "LARGEST", 3 * 4 * 11 * 2)  # two rows of three texts at a time
    blocks = model(ids, attention_mask=mask).last_hidden_state
    blocks.square().sum().backward()
    assert (whole - blocks).abs().max() < 1e-12
    for before, parameter in zip(gradients, model.parameters(), strict=True):
        assert (before - parameter.grad).abs().max() < 1e-9


@pytest.mark.parametrize("texts", [1, 2])
def test_no_block_of_penalties_is_larger_than_the_limit(texts: int) -> None:
    mask = torch.ones(texts, 8192)
    mask[1:, 5000:] = 0
    penalty = alibi.Penalty.of(torch.empty(texts, 8192, 1), mask, 12)
    assert sum(stop - start for start, stop in penalty.blocks) == 8192
    start, stop = penalty.blocks[1]
    block = penalty.block(start, stop)
    assert block.numel() <= alibi.LARGEST
    assert block.shape == (texts, 12, stop - start, 8192)
    assert block[0, 0, 1, [start + 1, start + 3, 0]].tolist() == [0, -1, -(start + 1) / 2]
    assert bool((block[1:, :, :, 5000:] == torch.finfo(torch.float32).min).all())


def test_memory_can_be_traded_for_time_in_training() -> None:
    ids, mask = batch()
    model = model_of(config(hidden_dropout_prob=0.0)).double().train()
    model(ids, attention_mask=mask).last_hidden_state.square().sum().backward()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.zero_grad()
    model.activation_checkpointing_enable({"use_reentrant": False})
    model(ids, attention_mask=mask).last_hidden_state.square().sum().backward()
    assert model.layers[0].gradient_checkpointing
    for before, parameter in zip(gradients, model.parameters(), strict=True):
        assert (before - parameter.grad).abs().max() < 1e-9


def test_bf16_stays_near_float32() -> None:
    model, (ids, mask) = model_of(config()), batch()
    with torch.no_grad():
        exact = model(ids, attention_mask=mask).last_hidden_state
        with torch.autocast("cpu", torch.bfloat16):
            mixed = model(ids, attention_mask=mask).last_hidden_state
        rounded = model.bfloat16()(ids, attention_mask=mask).last_hidden_state.float()
    for found in (mixed, rounded):
        assert torch.cosine_similarity(found[mask == 1], exact[mask == 1], dim=-1).min() > 0.99


def test_saved_with_its_head_and_opened_with_and_without(tmp_path: Path) -> None:
    model, (ids, mask) = model_of(config(), AlibiBertForMaskedLM), batch()
    model.save_pretrained(tmp_path)
    again, encoder = AutoModelForMaskedLM.from_pretrained(tmp_path), AutoModel.from_pretrained(tmp_path)
    assert type(again) is AlibiBertForMaskedLM
    assert type(encoder) is AlibiBertModel
    assert again.cls.decoder.weight is again.alibi_bert.embeddings.words.weight
    with torch.no_grad():
        expected = model(ids, attention_mask=mask)
        assert torch.equal(again.eval()(ids, attention_mask=mask).logits, expected.logits)
        states = encoder.eval()(ids, attention_mask=mask).last_hidden_state
        assert torch.equal(model.cls(states), expected.logits)
    labels = torch.where((ids % 3 == 0) & (mask == 1), ids, -100)
    asked = labels != -100
    expected_loss = torch.nn.functional.cross_entropy(expected.logits[asked], ids[asked])
    assert float(model(ids, mask, labels=labels).loss.detach()) == pytest.approx(float(expected_loss), rel=1e-6)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers folder of a tiny ALiBi BERT that reads 8192 tokens."""
    plain, made = tmp_path_factory.mktemp("plain"), tmp_path_factory.mktemp("model") / "alibi"
    special = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    PreTrainedTokenizerFast(tokenizer_object=tiny_tokenizer(), model_max_length=8192, **special).save_pretrained(plain)
    model_of(config(vocab_size=tiny_tokenizer().get_vocab_size())).save_pretrained(plain)
    SentenceTransformer(modules=[Transformer(str(plain)), Pooling(48, "mean")], device="cpu").save_pretrained(
        str(made), create_model_card=False
    )
    return made


def test_the_folder_opens_in_our_encoder_and_in_plain_sentence_transformers(folder: Path, tmp_path: Path) -> None:
    assert "auto_map" not in (folder / "config.json").read_text()
    plain = SentenceTransformer(str(folder), device="cpu", local_files_only=True, trust_remote_code=False)
    assert plain.max_seq_length == 8192
    encoder = load_encoder(folder, precision="fp32")
    assert (encoder.dim, encoder.max_tokens, encoder.fingerprint) == (48, 8192, fingerprint(folder))
    vectors = plain.encode(TEXTS, normalize_embeddings=True)
    np.testing.assert_allclose(encoder.encode_document(TEXTS), vectors, atol=1e-6)
    plain.save_pretrained(str(tmp_path / "again"), create_model_card=False)
    assert fingerprint(tmp_path / "again") == fingerprint(folder)
    assert np.array_equal(
        load_encoder(tmp_path / "again", precision="fp32").encode_document(TEXTS), encoder.encode_document(TEXTS)
    )


def test_a_long_text_is_read_to_its_end(folder: Path) -> None:
    encoder = load_encoder(folder, precision="fp32")
    long = " ".join(["the sea is far"] * 180)  # 720 words
    one, other = encoder.encode_document([long + " boy", long + " girl"])
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("change", [{"hidden_act": "relu"}, {"num_attention_heads": 6}, {"layer_norm_eps": 1e-5}])
def test_a_setting_that_changes_what_is_computed_changes_the_fingerprint(
    folder: Path, tmp_path: Path, change: dict[str, Any]
) -> None:
    changed = shutil.copytree(folder, tmp_path / "changed")
    file = changed / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    assert fingerprint(changed) != fingerprint(folder)
    before, after = (load_encoder(where, precision="fp32").encode_document(TEXTS) for where in (folder, changed))
    assert not np.array_equal(before, after)


@pytest.mark.parametrize(
    ("change", "what"),
    [({"hidden_act": "tanh"}, "has no such gate"), ({"num_attention_heads": 7}, "do not share its width evenly")],
)
def test_settings_that_it_does_not_have_are_refused(
    folder: Path, tmp_path: Path, change: dict[str, Any], what: str
) -> None:
    changed = shutil.copytree(folder, tmp_path / "changed")
    file = changed / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(UserError, match=what) as error:
        load_encoder(changed)
    assert str(next(iter(change.values()))) in str(error.value.given)
    assert error.value.todo
