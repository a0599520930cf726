"""`trainer train` as a whole, with tiny real models: what it publishes, and that nothing in between leaves a trace."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.errors import UserError
from tests.trainer.training import PHASE, recipe, weights_of, workshop, write_rows, write_shared_words

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")

from sentence_transformers import SentenceTransformer  # noqa: E402

from indexer.encode import fingerprint, load_encoder  # noqa: E402
from trainer.train import Trained, load_training, train  # noqa: E402


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return workshop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def whole(shop: Path) -> Trained:
    return train(recipe(shop), shop / "whole")


def test_a_training_publishes_a_plain_folder_with_its_story(shop: Path, whole: Trained) -> None:
    names = sorted(path.name for path in whole.folder.iterdir())
    assert names == ["README.md", "card.json", "log.jsonl", "loss.png", "model"]
    card = json.loads((whole.folder / "card.json").read_text())
    assert card["models"]["model"]["fingerprint"] == fingerprint(whole.folder / "model")
    assert card["start"]["fingerprint"] == fingerprint(shop / "start") != fingerprint(whole.folder / "model")
    assert card["data"][0]["sources"]["pets"]["licence"] == "CC0"
    assert card["data"][0]["filters"] == ["identical"]
    phases = card["models"]["model"]["phases"]
    assert sum(told["batches"] for told in phases["pairs"].values()) == 12
    assert sum(told["batches"] for told in phases["triplets"].values()) == 8
    assert (whole.steps, whole.stopped, whole.unchanged) == (20, None, False)
    page = (whole.folder / "README.md").read_text()
    assert "CC-BY-4.0" in page
    assert "20 steps" in page
    assert (whole.folder / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_both_libraries_open_it_and_agree(whole: Trained) -> None:
    said = ["water in the house", "a dog and a bird"]
    theirs = SentenceTransformer(str(whole.folder / "model"), device="cpu").encode(said)
    ours = load_encoder(whole.folder / "model", precision="fp32", threads=1).encode_document(said)
    assert np.abs(theirs - ours).max() < 1e-5
    assert SentenceTransformer(str(whole.folder / "model"), device="cpu").max_seq_length == 64


def test_every_step_is_logged_with_what_it_was(whole: Trained) -> None:
    lines = [json.loads(line) for line in (whole.folder / "log.jsonl").read_text().splitlines()]
    assert [line["done"] for line in lines] == list(range(1, 21))
    assert {line["phase"] for line in lines} == {"pairs", "triplets"}
    keys = {"phase", "step", "source", "objective", "loss", "learning_rate", "pairs_per_second", "seconds"}
    assert all(keys <= set(line) for line in lines)
    rates = [line["learning_rate"] for line in lines if line["phase"] == "triplets"]
    assert rates[0] < rates[1] == pytest.approx(1e-3)  # up during the first tenth, then down
    assert rates[1:] == sorted(rates[1:], reverse=True)


def test_training_learns(shop: Path, tmp_path: Path) -> None:
    longer = PHASE.replace("steps = 12", "steps = 80").replace(
        ', {path = "prepared", loss = "distil", weight = 0.3}', ""
    )
    longer = longer.replace("learning_rate = 1e-3", "learning_rate = 3e-3").split('[[phase]]\nname = "triplets"')[0]
    trained = train(recipe(shop, phases=longer, name="longer.toml"), tmp_path / "out")
    losses = [json.loads(line) for line in (trained.folder / "log.jsonl").read_text().splitlines()]
    pairs = [line["loss"] for line in losses]
    assert np.mean(pairs[-10:]) < 0.5 * np.mean(pairs[:5])


def test_the_same_again_is_unchanged_and_elsewhere_the_same_weights(shop: Path, whole: Trained, tmp_path: Path) -> None:
    assert train(recipe(shop), whole.folder).unchanged
    again = train(recipe(shop), tmp_path / "again")
    assert weights_of(again.folder) == weights_of(whole.folder)
    other = train(recipe(shop, phases=PHASE, extra="[lora]\nrank = 4\n", name="other.toml"), tmp_path / "other")
    assert weights_of(other.folder) != weights_of(whole.folder)


KINDS = {"full": "", "lora": "[lora]\nrank = 4\ndropout = 0.1\n"}
CACHED = PHASE.replace("max_tokens", "cached = 3\nmax_tokens")  # small batches whose dropout is drawn twice


class StopError(Exception):
    """Stands for whatever ends a run."""


@pytest.mark.parametrize("extra", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("at", [(7, "pairs"), (1, "triplets"), (5, "triplets")], ids=str)
def test_stopped_anywhere_and_called_again_gives_the_same_weights(
    shop: Path, tmp_path: Path, extra: str, at: tuple[int, str], untouched: dict[str, str]
) -> None:
    asked = recipe(shop, extra, CACHED, f"resume{len(extra)}.toml")

    def stop(phase: str, done: int, total: int | None) -> None:
        if phase == f"training {at[1]}" and done == 8 * at[0]:
            raise StopError

    with pytest.raises(StopError):
        train(asked, tmp_path / "out", stop)
    assert not (tmp_path / "out" / "model").exists()
    assert weights_of(train(asked, tmp_path / "out").folder) == untouched[extra]


@pytest.fixture(scope="module")
def untouched(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    out = tmp_path_factory.mktemp("untouched")
    return {
        extra: weights_of(train(recipe(shop, extra, CACHED, f"resume{len(extra)}.toml"), out / name).folder)
        for name, extra in KINDS.items()
    }


def test_a_damaged_checkpoint_counts_as_none(shop: Path, whole: Trained, tmp_path: Path) -> None:
    def stop(phase: str, done: int, total: int | None) -> None:
        if phase == "training triplets":
            raise StopError

    with pytest.raises(StopError):
        train(recipe(shop), tmp_path / "out", stop)
    for file in (tmp_path / "out" / ".work" / "own").glob("at-*/weights.safetensors"):
        file.write_bytes(file.read_bytes()[:-1] + b"\x00")
    seen: list[str] = []
    trained = train(recipe(shop), tmp_path / "out", lambda phase, done, total: seen.append(phase))
    assert "training pairs" in seen
    assert weights_of(trained.folder) == weights_of(whole.folder)
    lines = [json.loads(line)["done"] for line in (trained.folder / "log.jsonl").read_text().splitlines()]
    assert lines == list(range(1, 21))


def test_a_folder_with_something_else_is_left_alone(shop: Path, whole: Trained, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="not empty"):
        train(recipe(shop), tmp_path)
    with pytest.raises(UserError, match="not empty"):
        train(recipe(shop, extra="average = 0.5\n", name="half.toml"), whole.folder)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def tensors(out: Path, model: str = "model") -> dict[str, Any]:
    from safetensors.numpy import load_file

    return dict(load_file(out / model / "model.safetensors"))


def test_average_stands_between_start_and_tuned(shop: Path, whole: Trained, tmp_path: Path) -> None:
    half = train(recipe(shop, extra="average = 0.25\n", name="quarter.toml"), tmp_path / "out")
    start, tuned, mean = tensors(shop, "start"), tensors(whole.folder), tensors(half.folder)
    for name, tensor in start.items():
        exact = tensor.astype(np.float64)
        exact = exact + 0.25 * (tuned[name].astype(np.float64) - exact)
        assert np.array_equal(mean[name], exact.astype(np.float32)), name


def test_lora_merged_is_lora_beside(shop: Path) -> None:
    from trainer.backbones import start as opened
    from trainer.train.recipe import Lora
    from trainer.train.weights import add_lora, merged

    model, plain = opened(shop / "start"), opened(shop / "start")
    add_lora(model, Lora(rank=4, alpha=16), seed=1)
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert sum(one.numel() for one in trainable) < sum(one.numel() for one in plain.parameters()) / 2
    with torch.no_grad():
        for parameter in trainable:
            parameter.add_(0.1 * torch.randn_like(parameter))
    plain.load_state_dict(merged(model))
    said = ["water in the house", "a dog and a bird", "one"]
    assert np.abs(model.eval().encode(said) - plain.eval().encode(said)).max() < 1e-5
    assert np.abs(plain.encode(said) - opened(shop / "start").encode(said)).max() > 1e-2


def test_lora_trains_only_its_own_layers(shop: Path, tmp_path: Path) -> None:
    extra = '[lora]\nrank = 4\ntargets = ["query", "value"]\n'
    start, tuned = tensors(shop, "start"), tensors(train(recipe(shop, extra, name="qv.toml"), tmp_path / "out").folder)
    changed = {name for name in start if not np.array_equal(start[name], tuned[name])}
    assert changed
    assert all(name.endswith(("query.weight", "value.weight")) for name in changed)


ADAPTERS = """
[[adapter]]
task = "retrieval"
[[adapter.phase]]
name = "pairs"
steps = 6
batch = 8
learning_rate = 1e-3
max_tokens = 32
data = [{path = "prepared", loss = "pairs"}]
[[adapter]]
task = "text-matching"
[[adapter.phase]]
name = "pairs"
steps = 6
batch = 8
learning_rate = 1e-3
max_tokens = 32
data = [{path = "prepared", loss = "pairs", sources = ["tools"]}]
"""


def test_task_adapters_are_plain_models_each_from_the_same_base(shop: Path, whole: Trained, tmp_path: Path) -> None:
    trained = train(recipe(shop, phases=PHASE + ADAPTERS, name="adapters.toml"), tmp_path / "out")
    assert weights_of(trained.folder) == weights_of(whole.folder)
    both = {task: tensors(trained.folder, f"{task}/model") for task in ("retrieval", "text-matching")}
    base = tensors(trained.folder)
    assert all(not np.array_equal(both[task][QUERY], base[QUERY]) for task in both)
    assert not np.array_equal(both["retrieval"][QUERY], both["text-matching"][QUERY])
    assert all(np.array_equal(both[task][NORM], base[NORM]) for task in both)
    retrieval = SentenceTransformer(str(trained.folder / "retrieval" / "model"), device="cpu")
    assert retrieval.prompts["query"] == "query: "
    assert retrieval.prompts["document"] == "passage: "
    encoder = load_encoder(trained.folder / "retrieval" / "model", precision="fp32", threads=1)
    assert np.abs(retrieval.encode_query(["water"]) - encoder.encode_query(["water"])).max() < 1e-5
    alone = train(recipe(shop, phases=ADAPTERS, name="alone.toml"), tmp_path / "alone")
    assert not (alone.folder / "model").exists()
    assert (alone.folder / "retrieval" / "model" / "modules.json").is_file()


QUERY, NORM = "encoder.layer.0.attention.self.query.weight", "encoder.layer.0.output.LayerNorm.weight"


def test_the_adapter_beside_opens_with_peft_and_gives_the_merged_model(shop: Path, tmp_path: Path) -> None:
    trained = train(recipe(shop, phases=ADAPTERS, name="alone.toml"), tmp_path / "out")
    model = SentenceTransformer(str(shop / "start"), device="cpu")
    model.load_adapter(str(trained.folder / "text-matching" / "adapter"))
    merged = SentenceTransformer(str(trained.folder / "text-matching" / "model"), device="cpu")
    said = ["water in the house", "a dog and a bird"]
    assert np.abs(model.encode(said) - merged.encode(said)).max() < 1e-5


def test_the_adapter_beside_is_as_much_of_it_as_the_model_has(shop: Path, tmp_path: Path) -> None:
    """`average` takes half of what was learnt; and what the guard refused is in neither."""
    write_shared_words(shop / "words.jsonl")
    (shop / "suite.toml").write_text('[[set]]\nname = "words"\nkind = "sts"\npath = "words.jsonl"\n')
    guard = '[guard]\nsuite = "suite.toml"\nevery = 50\nlimits = {"words spearman" = 0.05}\n'
    fast = ADAPTERS.replace("learning_rate = 1e-3", "learning_rate = 5e-1")
    said = ["water in the house", "a dog and a bird"]
    for extra, phases, moved in (("average = 0.5\n", ADAPTERS, True), (guard, fast, False)):
        name = "half" if moved else "guarded"
        trained = train(recipe(shop, extra, phases, f"{name}.toml"), tmp_path / name)
        with_adapter, plain = (SentenceTransformer(str(shop / "start"), device="cpu") for _ in range(2))
        with_adapter.load_adapter(str(trained.folder / "retrieval" / "adapter"))
        model = SentenceTransformer(str(trained.folder / "retrieval" / "model"), device="cpu")
        model.prompts = {}
        found = [one.encode(said) for one in (with_adapter, model, plain)]
        assert np.abs(found[0] - found[1]).max() < 1e-5
        assert (np.abs(found[0] - found[2]).max() > 1e-4) == moved


def test_a_loss_that_is_no_number_names_the_batch_and_publishes_nothing(shop: Path, tmp_path: Path) -> None:
    phases = PHASE.replace("learning_rate = 1e-3", "learning_rate = 1e38\nclip = 1e30", 1)
    with pytest.raises(UserError, match="not a finite number") as caught:
        train(recipe(shop, phases=phases, name="nan.toml"), tmp_path / "out")
    given = str(caught.value.given)
    assert "phase 'pairs', step 2, rows " in given
    places = given.partition("rows ")[2].split(", ")
    assert len(places) == 8
    assert {place.split(":")[0] for place in places} < {"pets", "tools", "not"}
    assert not (tmp_path / "out" / "model").exists()
    assert not (tmp_path / "out" / "card.json").exists()


def test_no_memory_says_what_to_lower(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import trainer.losses

    def full(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes")

    monkeypatch.setattr(trainer.losses.Objective, "forward", full)
    with pytest.raises(UserError, match="memory") as caught:
        train(recipe(shop), tmp_path / "out")
    assert "cached = 2" in caught.value.todo
    assert "batch or max_tokens" in caught.value.todo


def test_bf16_trains_too(shop: Path, tmp_path: Path) -> None:
    from indexer.encode.linear import resolve_precision

    if resolve_precision("auto", tmp_path) != "bf16":
        pytest.skip("this processor does not compute in bf16")
    asked = recipe(shop, name="bf16.toml")
    asked = type(asked)(**{**vars_of(asked), "precision": "bf16"})
    trained = train(asked, tmp_path / "out")
    assert json.loads((trained.folder / "card.json").read_text())["precision"] == "bf16"
    assert all(tensor.dtype == np.float32 for tensor in tensors(trained.folder).values())


def vars_of(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__}


def test_files_of_examples_train_as_well(shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop / "start", tmp_path / "start")
    write_rows(tmp_path / "rows.jsonl", 40, 8, negatives=True)
    phases = PHASE.split("data =")[0] + 'negatives = 2\ndata = [{path = "rows.jsonl", loss = "negatives"}]\n'
    trained = train(recipe(tmp_path, phases=phases), tmp_path / "out")
    assert trained.steps == 12


def test_graded_pairs_train_with_cosent(shop: Path, tmp_path: Path) -> None:
    shutil.copytree(shop / "start", tmp_path / "start")
    rows = [json.loads(line) for line in write_rows(tmp_path / "rows.jsonl", 40, 8).read_text().splitlines()]
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps(row | {"score": number / 40}) + "\n" for number, row in enumerate(rows))
    )
    phases = (
        PHASE.split("data =")[0]
        + 'cached = 4\nmatryoshka = [32, 16]\ndata = [{path = "rows.jsonl", loss = "cosent"}]\n'
    )
    assert train(recipe(tmp_path, phases=phases), tmp_path / "out").steps == 12


def test_frozen_parts_stay_as_they_are(shop: Path, tmp_path: Path) -> None:
    extra = 'freeze = ["embeddings", "layer.0"]\n'
    start, tuned = tensors(shop, "start"), tensors(train(recipe(shop, extra, name="ice.toml"), tmp_path / "out").folder)
    changed = {name for name in start if not np.array_equal(start[name], tuned[name])}
    assert changed
    assert all(name.startswith("encoder.layer.1.") for name in changed)
    for parts in (["nothing of the kind"], ["model"]):
        with pytest.raises(UserError, match="freeze"):
            train(recipe(shop, f"freeze = {parts}\n", name="ice.toml"), tmp_path / parts[0])


def test_turned_data_swaps_the_sides(shop: Path) -> None:
    from trainer.train.data import rows_of
    from trainer.train.recipe import Data, Phase

    straight, turned = (
        rows_of(Phase("one", 1, 8, 1e-3, (Data(shop / "prepared", "triplets", turned=how),)))[0]
        for how in (False, True)
    )
    assert turned.columns["anchor"] == straight.columns["positive"]
    assert turned.columns["positive"] == straight.columns["anchor"]
    assert turned.columns["negative_1"] == straight.columns["negative_1"]


def test_a_phase_has_its_own_dropout_and_leaves_none_behind(shop: Path) -> None:
    from trainer.backbones import start as opened
    from trainer.train.weights import dropout_at

    model = opened(shop / "start")

    def rates() -> set[float]:
        return {part.p for part in model.modules() if isinstance(part, torch.nn.Dropout)}

    assert rates() == {0.1}
    with dropout_at(model, 0.0):
        assert rates() == {0.0}
    with dropout_at(model, None):
        assert rates() == {0.1}
    assert rates() == {0.1}


SCRATCH = """
[start]
backbone = "{backbone}"
shape = "tiny"
tokenizer = "start"
max_tokens = 64
[start.words]
path = "prepared"
sources = ["pets"]
steps = 4
batch = 8
max_tokens = 32
"""


@pytest.mark.parametrize("backbone", ["alibi-bert", "t5-encoder"])
def test_a_model_from_scratch_learns_words_then_pairs(shop: Path, tmp_path: Path, backbone: str) -> None:
    text = 'log_every = 1\nprecision = "fp32"\n' + SCRATCH.format(backbone=backbone) + PHASE
    (shop / "scratch.toml").write_text(text)
    seen: list[str] = []
    asked = load_training(shop / "scratch.toml")
    trained = train(asked, tmp_path / "out", lambda phase, done, total: seen.append(phase))
    assert seen.index("learning words") < seen.index("training pairs")
    assert trained.steps == 20
    encoder = load_encoder(trained.folder / "model", precision="fp32", threads=1)
    theirs = SentenceTransformer(str(trained.folder / "model"), device="cpu").encode_query(["water", "a dog"])
    theirs /= np.linalg.norm(theirs, axis=1, keepdims=True)
    assert np.abs(encoder.encode_query(["water", "a dog"]) - theirs).max() < 1e-5
    assert weights_of(train(asked, tmp_path / "again").folder) == weights_of(trained.folder)
    card = json.loads((trained.folder / "card.json").read_text())
    assert card["start"]["name"] == f"{backbone} tiny, from scratch"
    assert card["settings"]["start"]["words"]["masking"]["share"] == 0.3
