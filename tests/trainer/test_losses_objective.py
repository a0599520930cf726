"""A loss behind a real, tiny model: cached gradients, masks, and sentence-transformers' own trainer."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from indexer.errors import UserError  # noqa: E402
from tests.models import WORDS, tiny_bert  # noqa: E402
from trainer.losses import LOSSES, Objective, Settings  # noqa: E402
from trainer.losses.cached import small_batches  # noqa: E402
from trainer.losses.excluded import above_positive, same_texts, text_numbers  # noqa: E402

pytestmark = pytest.mark.slow
CASES = [("pairs", 2), ("triplets", 4), ("negatives", 3), ("cosent", 2), ("distil", 1)]
ROWS = 10


@pytest.fixture
def model(tiny_model: Path) -> Any:
    """In float64, so that equal means equal; in training mode, dropout 0.1 active."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(tiny_model), device="cpu").double().train()


def texts(seed: int, rows: int = ROWS) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(1, 12))) for _ in range(rows)]


def batch(model: Any, name: str, count: int) -> tuple[list[Any], Any]:
    columns = [model.preprocess(texts(seed)) for seed in range(count)]
    noise = torch.Generator().manual_seed(1)
    labels = {
        "cosent": torch.arange(ROWS) % 4,
        "distil": torch.randn(ROWS, 32, generator=noise, dtype=torch.float64),
    }
    return columns, labels.get(name)


def gradients(model: Any, loss: Any) -> dict[str, Any]:
    model.zero_grad()
    loss.backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


def same(one: dict[str, Any], two: dict[str, Any], **tolerance: float) -> None:
    assert one.keys() == two.keys()
    assert any(grad.abs().max() > 1e-4 for grad in one.values()), "gradients that say nothing"
    for name in one:
        torch.testing.assert_close(one[name], two[name], **tolerance, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize("size", [1, 3, 64])
@pytest.mark.parametrize("dims", [(), (32, 8)], ids=["whole", "matryoshka"])
@pytest.mark.parametrize(("name", "count"), CASES)
def test_cached_gives_the_loss_and_gradients_of_the_whole_batch(
    model: Any, name: str, count: int, dims: tuple[int, ...], size: int
) -> None:
    model.eval()  # no dropout
    columns, labels = batch(model, name, count)
    whole = Objective(model, name, matryoshka=dims)(columns, labels)
    cached = Objective(model, name, matryoshka=dims, cached=size)(columns, labels)
    assert cached.item() == pytest.approx(whole.item(), abs=1e-9)
    same(gradients(model, whole), gradients(model, cached), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("name", "count"), CASES)
def test_dropout_falls_in_the_second_pass_as_in_the_first(model: Any, name: str, count: int) -> None:
    columns, labels = batch(model, name, count)
    torch.manual_seed(5)
    whole = Objective(model, name)(columns, labels)
    torch.manual_seed(5)
    cached = Objective(model, name, cached=ROWS)(columns, labels)
    assert cached.item() == pytest.approx(whole.item(), abs=1e-9)
    same(gradients(model, whole), gradients(model, cached), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("between", [0, 7], ids=["straight", "randomness used between the passes"])
@pytest.mark.parametrize(("name", "count"), CASES)
def test_each_small_batch_has_its_own_dropout(model: Any, name: str, count: int, between: int) -> None:
    columns, labels = batch(model, name, count)
    torch.manual_seed(5)
    vectors = []
    for column in columns:  # the small batches one after the other, all their activations kept
        parts = small_batches(column, 4)
        found = torch.cat([model(dict(part.features))["sentence_embedding"] for part in parts])
        vectors.append(found[torch.cat([part.rows for part in parts]).argsort()])
    whole = LOSSES[name](vectors, labels, Settings())
    torch.manual_seed(5)
    cached = Objective(model, name, cached=4)(columns, labels)
    torch.rand(between)
    before = torch.get_rng_state()
    assert cached.item() == pytest.approx(whole.item(), abs=1e-9)
    same(gradients(model, whole), gradients(model, cached), rtol=1e-7, atol=1e-9)
    assert torch.equal(before, torch.get_rng_state()), "the second pass leaves the random state alone"


def test_no_forward_pass_holds_more_than_the_small_batch(model: Any) -> None:
    seen: list[tuple[int, int, bool]] = []
    model[0].register_forward_pre_hook(
        lambda _, given: seen.append((*given[0]["input_ids"].shape, torch.is_grad_enabled()))
    )
    columns, _ = batch(model, "pairs", 2)
    loss = Objective(model, "pairs", cached=4)(columns)
    assert [grad for *_, grad in seen] == [False] * 6
    loss.backward()
    assert [grad for *_, grad in seen[6:]] == [True] * 6
    assert max(rows for rows, *_ in seen) == 4
    widths = [width for _, width, _ in seen[:3]]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < widths[0], "the padding of short texts is cut"


def test_a_model_that_writes_into_its_features_is_read_alike_in_both_passes(model: Any) -> None:
    """As when a prompt is taken out of the mean by clearing its place in the mask."""

    def clear_first_token(_module: Any, given: Any, _found: Any) -> None:
        given[0]["attention_mask"][:, :2] = 0

    model.eval()
    model[0].register_forward_hook(clear_first_token)
    columns = [model.preprocess([f"the {text}" for text in texts(seed)]) for seed in range(2)]
    before = columns[0]["attention_mask"].clone()
    cached = gradients(model, Objective(model, "pairs", cached=4)(columns))
    assert torch.equal(before, columns[0]["attention_mask"])
    same(gradients(model, Objective(model, "pairs")(columns)), cached, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("cached", [None, 3])
def test_accumulated_and_scaled_gradients_add_up(model: Any, cached: int | None) -> None:
    model.eval()
    first, second = (batch(model, "pairs", count)[0][-2:] for count in (2, 4))
    reference = Objective(model, "pairs")
    expected = gradients(model, (reference(first) + reference(second)) * 8 / 2)
    objective = Objective(model, "pairs", cached=cached)
    one, two = objective(first), objective(second)  # both forward passes before either backward pass
    model.zero_grad()
    (two * 8 / 2).backward()
    (one * 8 / 2).backward()
    found = {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}
    same(expected, found, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(("name", "count"), CASES)
def test_without_gradients_the_value_is_the_same(model: Any, name: str, count: int) -> None:
    model.eval()
    columns, labels = batch(model, name, count)
    with torch.no_grad():
        whole = Objective(model, name)(columns, labels)
        cached = Objective(model, name, cached=3)(columns, labels)
    assert not cached.requires_grad
    assert cached.item() == pytest.approx(whole.item(), abs=1e-9)


@pytest.mark.parametrize("backward_inside", [False, True], ids=["trainer", "all in autocast"])
@pytest.mark.parametrize(("name", "count"), CASES)
def test_bf16_runs_and_agrees(model: Any, name: str, count: int, backward_inside: bool) -> None:
    model.float().eval()
    columns, labels = batch(model, name, count)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cached = Objective(model, name, cached=ROWS)(columns, labels)
        if backward_inside:
            found = gradients(model, cached)
        whole = Objective(model, name)(columns, labels)
    found = found if backward_inside else gradients(model, cached)
    assert cached.item() == pytest.approx(whole.item(), rel=1e-3, abs=1e-5)
    same(gradients(model, whole), found, rtol=0.02, atol=0.02)


def test_a_model_in_bf16_trains(model: Any) -> None:
    model.bfloat16()
    columns, _ = batch(model, "triplets", 3)
    for cached in (None, 4):
        loss = Objective(model, "triplets", cached=cached)(columns)
        assert loss.dtype == torch.float32
        assert all(grad.isfinite().all() for grad in gradients(model, loss).values())


def test_a_frozen_model_costs_no_second_pass(model: Any) -> None:
    columns, _ = batch(model, "pairs", 2)
    model.requires_grad_(False)
    Objective(model, "pairs", cached=4)(columns).backward()
    assert all(weight.grad is None for weight in model.parameters())


def test_texts_packed_into_one_row_are_refused(model: Any) -> None:
    packed = {"input_ids": torch.ones(1, 9, dtype=torch.long), "cu_seq_lens_q": torch.tensor([0, 4, 9])}
    with pytest.raises(UserError, match="one row per text"):
        Objective(model, "pairs", cached=4)([packed, packed])


def vectors_of(model: Any, columns: list[Any]) -> list[Any]:
    return [model(dict(column))["sentence_embedding"] for column in columns]


@pytest.mark.parametrize("cached", [None, 3])
def test_copies_in_a_batch_are_no_negatives(model: Any, cached: int | None) -> None:
    model.eval()
    anchors, positives = texts(0), texts(1)
    positives[4] = positives[1]
    columns = [model.preprocess(column) for column in (anchors, positives)]
    numbers = [torch.tensor([column.index(text) for text in column]) for column in (anchors, positives)]
    excluded = same_texts(numbers)
    assert excluded.candidates.sum() == 2
    by_hand = LOSSES["pairs"](vectors_of(model, columns), None, Settings(), excluded).item()
    plain = LOSSES["pairs"](vectors_of(model, columns), None, Settings()).item()
    assert Objective(model, "pairs", cached=cached)(columns).item() == pytest.approx(by_hand, abs=1e-9)
    assert Objective(model, "pairs", cached=cached, skip_copies=False)(columns).item() == pytest.approx(plain, abs=1e-9)
    assert by_hand < plain


def test_text_numbers_know_texts_whatever_the_padding(model: Any) -> None:
    narrow, wide = model.preprocess(["a", "the of"]), model.preprocess(["a", "the of", "and to in is it"])
    assert text_numbers(narrow).tolist() == text_numbers(wide).tolist()[:2]
    assert len(set(text_numbers(wide).tolist())) == 3


@pytest.mark.parametrize("cached", [None, 3])
@pytest.mark.parametrize("tokens", [64, 8], ids=["same tokens", "reads the text again"])
def test_a_guide_says_who_is_no_negative(model: Any, tmp_path: Path, tokens: int, cached: int | None) -> None:
    from sentence_transformers import SentenceTransformer

    guide = SentenceTransformer(str(tiny_bert(tmp_path / "guide", seed=3, max_tokens=tokens)), device="cpu").double()
    model.eval()
    columns, _ = batch(model, "triplets", 3)
    with torch.no_grad():
        judged = [guide(guide.preprocess(texts(seed)))["sentence_embedding"] for seed in range(3)]
    excluded = above_positive(judged, 0.02)
    assert excluded.candidates.any()
    by_hand = LOSSES["triplets"](vectors_of(model, columns), None, Settings(), excluded)
    objective = Objective(model, "triplets", cached=cached, guide=guide, guide_margin=0.02)
    found = objective(columns)
    assert found.item() == pytest.approx(by_hand.item(), abs=1e-9)
    same(gradients(model, by_hand), gradients(model, found), rtol=1e-7, atol=1e-9)
    trained = {name for name, weight in objective.named_parameters() if weight.requires_grad}
    assert trained
    assert not any(name.startswith("guide.") for name in trained)


@pytest.mark.parametrize(
    ("name", "settings", "what", "todo"),
    [
        ("pair", {}, "'pair'", "did you mean 'pairs'?"),
        ("tripelts", {}, "'tripelts'", "did you mean 'triplets'?"),
        ("pairs", {"matryoshka": (64, 32)}, "larger than the model's", "give 32 or less"),
        ("pairs", {"matryoshka": (32, 16), "weights": (1.0,)}, "one weight per dimension", "give 2 weights"),
        ("pairs", {"weights": (1.0,)}, "need dimensions", "matryoshka"),
        ("pairs", {"cached": 0}, "rows per forward pass", "give 32"),
        ("pairs", {"temperature": 0.0}, "temperature", "0.05"),
    ],
)
def test_bad_settings_are_refused(model: Any, name: str, settings: dict[str, Any], what: str, todo: str) -> None:
    with pytest.raises(UserError) as caught:
        Objective(model, name, **settings)
    assert what in caught.value.what
    assert todo in caught.value.todo
    assert str(caught.value.given)


@pytest.mark.parametrize(
    ("name", "count", "says"), [("triplets", 2, "mine negatives"), ("cosent", 2, "grades"), ("pairs", 1, "positive")]
)
def test_a_batch_that_lacks_something_is_refused(model: Any, name: str, count: int, says: str) -> None:
    for cached in (None, 4):
        with pytest.raises(UserError) as caught:
            Objective(model, name, cached=cached)(batch(model, "pairs", count)[0])
        assert says in caught.value.todo


@pytest.fixture
def fit(tmp_path: Path) -> Callable[..., Any]:
    """Train a few steps with sentence-transformers' trainer; gives the trainer."""
    from datasets import Dataset
    from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments

    def run(model: Any, loss: Any, data: dict[str, dict[str, Any]], **settings: Any) -> Any:
        rows = {name: Dataset.from_dict(columns) for name, columns in data.items()}
        arguments = SentenceTransformerTrainingArguments(
            output_dir=str(tmp_path / "run"),
            max_steps=4,
            per_device_train_batch_size=6,
            gradient_accumulation_steps=2,
            learning_rate=1e-3,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            dataloader_pin_memory=False,
            **settings,
        )
        trainer = SentenceTransformerTrainer(model, arguments, train_dataset=rows, eval_dataset=rows, loss=loss)
        trainer.train()
        return trainer

    return run


def datasets_of_three() -> dict[str, dict[str, Any]]:
    teacher = torch.randn(24, 32, generator=torch.Generator().manual_seed(0)).tolist()
    columns = [texts(seed, 24) for seed in range(4)]
    return {
        "nli": {"anchor": columns[0], "positive": columns[1], "negative_1": columns[2], "negative_2": columns[3]},
        "sts": {"anchor": columns[2], "positive": columns[3], "score": [row % 5 / 5 for row in range(24)]},
        "general": {"anchor": columns[1], "label": teacher},
    }


def objectives(model: Any, **settings: Any) -> dict[str, Any]:
    names = {"nli": "triplets", "sts": "cosent", "general": "distil"}
    return {key: Objective(model, name, **settings) for key, name in names.items()}


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_sentence_transformers_trainer_learns_the_same_with_cached_gradients(
    tiny_model: Path, fit: Callable[..., Any], precision: str
) -> None:
    from sentence_transformers import SentenceTransformer

    start = SentenceTransformer(str(tiny_model), device="cpu")
    for part in start.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0  # small batches would draw other dropout than the whole batch
    weights, losses = [], []
    for cached in (None, 4):
        model = copy.deepcopy(start)
        made = objectives(model, cached=cached, matryoshka=(32, 16))
        trainer = fit(model, made, datasets_of_three(), bf16=precision == "bf16")
        losses.append([entry["loss"] for entry in trainer.state.log_history if "loss" in entry])
        weights.append(torch.cat([weight.detach().flatten() for weight in model.parameters()]))
        assert all(value == value for value in trainer.evaluate().values())
    tolerance = 1e-4 if precision == "fp32" else 2e-2
    assert losses[0] == pytest.approx(losses[1], rel=tolerance, abs=tolerance)
    moved = (weights[0] - torch.cat([weight.detach().flatten() for weight in start.parameters()])).norm()
    assert (weights[0] - weights[1]).norm() < moved * (0.01 if precision == "fp32" else 0.3)
