"""Each loss against its formula written out in plain loops, float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from indexer.errors import UserError  # noqa: E402
from trainer.losses import LOSSES, Excluded, Settings, matryoshka  # noqa: E402
from trainer.losses.excluded import above_positive, same_texts  # noqa: E402

pytestmark = pytest.mark.slow

Floats = NDArray[np.float64]


def s(a: Floats, b: Floats) -> float:
    return (
        sum(x * y for x, y in zip(a, b, strict=True))
        / math.sqrt(sum(x * x for x in a))
        / math.sqrt(sum(y * y for y in b))
    )


def oracle_nce_plus(q: Floats, p: Floats, ns: Sequence[Floats], tau: float) -> float:
    total = 0.0
    for k in range(len(q)):
        below = 0.0
        for i in range(len(q)):
            below += math.exp(s(q[k], p[i]) / tau)
            for n in ns:
                below += math.exp(s(q[k], n[i]) / tau)
        total += -math.log(math.exp(s(q[k], p[k]) / tau) / below)
    return total / len(q)


def oracle_pairs(columns: Sequence[Floats], _: Any, tau: float, margin: float) -> float:
    q, p = columns
    return oracle_nce_plus(q, p, [], tau) + oracle_nce_plus(p, q, [], tau)


def oracle_negatives(columns: Sequence[Floats], _: Any, tau: float, margin: float) -> float:
    q, p, *ns = columns
    return oracle_nce_plus(q, p, ns, tau) + oracle_nce_plus(p, q, [], tau)


def oracle_triplets(columns: Sequence[Floats], _: Any, tau: float, margin: float) -> float:
    q, p, *ns = columns
    lines = [max(0.0, s(q[k], n[k]) - s(q[k], p[k]) + margin) for k in range(len(q)) for n in ns]
    return oracle_negatives(columns, None, tau, margin) + sum(lines) / len(lines)


def oracle_cosent(columns: Sequence[Floats], grades: Floats, tau: float, margin: float) -> float:
    left, right = columns
    total = 1.0
    for one in range(len(left)):
        for two in range(len(left)):
            if grades[one] > grades[two]:
                total += math.exp((s(left[two], right[two]) - s(left[one], right[one])) / tau)
    return math.log(total)


def oracle_distil(columns: Sequence[Floats], teacher: Floats, tau: float, margin: float) -> float:
    (x,) = columns
    b = len(x)
    close = sum(1 - s(x[i], teacher[i]) for i in range(b)) / b
    apart = sum((s(x[i], x[j]) - s(teacher[i], teacher[j])) ** 2 for i in range(b) for j in range(b)) / b**2
    return close + apart


ORACLES: dict[str, Callable[..., float]] = {
    "pairs": oracle_pairs,
    "triplets": oracle_triplets,
    "negatives": oracle_negatives,
    "cosent": oracle_cosent,
    "distil": oracle_distil,
}
CASES = [
    ("pairs", 2),
    ("triplets", 3),
    ("triplets", 5),
    ("negatives", 3),
    ("negatives", 17),
    ("cosent", 2),
    ("distil", 1),
]


def batch(name: str, columns: int, *, rows: int = 6, dim: int = 5, seed: int = 0) -> tuple[list[Floats], Any]:
    noise = np.random.default_rng(seed)
    base = noise.normal(size=(rows, dim))
    made = [base + 0.7 * noise.normal(size=(rows, dim)) for _ in range(columns)]
    labels = {"cosent": noise.integers(0, 4, rows).astype(float), "distil": noise.normal(size=(rows, dim))}
    return made, labels.get(name)


def tensors(columns: Sequence[Floats], labels: Any, *, grad: bool = False) -> tuple[list[Any], Any]:
    made = [torch.tensor(column, dtype=torch.float64, requires_grad=grad) for column in columns]
    return made, None if labels is None else torch.tensor(labels, dtype=torch.float64)


def refusal(call: Callable[[], object]) -> UserError:
    with pytest.raises(UserError) as caught:
        call()
    error = caught.value
    assert error.what, "what is wrong"
    assert str(error.given), "what was given"
    assert error.todo, "what to do"
    return error


def test_every_loss_has_an_oracle_and_a_source() -> None:
    assert set(LOSSES) == set(ORACLES)
    for name, loss in LOSSES.items():
        assert "Source: " in (loss.__doc__ or ""), name


@pytest.mark.parametrize("tau", [0.05, 1.0])
@pytest.mark.parametrize(("name", "count"), CASES)
def test_loss_equals_its_formula(name: str, count: int, tau: float) -> None:
    for seed in range(3):
        columns, labels = batch(name, count, seed=seed)
        given, grades = tensors(columns, labels)
        found = LOSSES[name](given, grades, Settings(temperature=tau, margin=0.3))
        assert found.shape == ()
        assert found.item() == pytest.approx(ORACLES[name](columns, labels, tau, 0.3), abs=1e-6, rel=1e-9)


@pytest.mark.parametrize(("name", "count"), CASES)
def test_gradients_are_those_of_the_formula(name: str, count: int) -> None:
    columns, labels = batch(name, count, rows=4)
    given, grades = tensors(columns, labels, grad=True)
    settings = Settings(temperature=0.3, margin=0.3)
    assert torch.autograd.gradcheck(lambda *those: LOSSES[name](those, grades, settings), tuple(given))


def test_distil_with_a_teacher_of_another_width_asks_for_the_structure_alone() -> None:
    columns, _ = batch("distil", 1)
    teacher = np.random.default_rng(3).normal(size=(6, 9))
    given, target = tensors(columns, teacher, grad=True)
    b, (x,) = 6, columns
    apart = sum((s(x[i], x[j]) - s(teacher[i], teacher[j])) ** 2 for i in range(b) for j in range(b)) / b**2
    settings = Settings(cosine=7.0, structure=3.0)
    assert LOSSES["distil"](given, target, settings).item() == pytest.approx(3 * apart, abs=1e-9)
    assert torch.autograd.gradcheck(lambda one: LOSSES["distil"]([one], target, settings), tuple(given))


def test_distil_weights_both_parts_and_is_zero_for_the_teacher_itself() -> None:
    columns, labels = batch("distil", 1)
    given, target = tensors(columns, labels)
    parts = [LOSSES["distil"](given, target, Settings(cosine=w, structure=1 - w)).item() for w in (1.0, 0.0)]
    both = LOSSES["distil"](given, target, Settings(cosine=2.0, structure=5.0)).item()
    assert both == pytest.approx(2 * parts[0] + 5 * parts[1], abs=1e-9)
    assert LOSSES["distil"]([target], target, Settings()).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("name", "count"), CASES)
def test_matryoshka_is_the_weighted_sum_of_the_loss_on_cut_vectors(name: str, count: int) -> None:
    columns, labels = batch(name, count, dim=8)
    given, grades = tensors(columns, labels)
    dims, weights, settings = (8, 4, 2), (1.0, 0.5, 0.25), Settings()
    alone = [LOSSES[name]([column[:, :dim] for column in given], grades, settings).item() for dim in dims]
    equal = matryoshka(LOSSES[name], dims)(given, grades, settings).item()
    weighted = matryoshka(LOSSES[name], dims, weights)(given, grades, settings).item()
    assert equal == pytest.approx(sum(alone), abs=1e-9)
    assert weighted == pytest.approx(sum(w * one for w, one in zip(weights, alone, strict=True)), abs=1e-9)
    if name != "distil":  # which knows its teacher by its width, so that the oracle differs at the cuts
        by_hand = sum(ORACLES[name]([column[:, :dim] for column in columns], labels, 0.05, 0.05) for dim in dims)
        assert equal == pytest.approx(by_hand, abs=1e-6)


@pytest.mark.parametrize("kind", ["float32", "bfloat16"])
@pytest.mark.parametrize("tau", [0.05, 1e-4])
@pytest.mark.parametrize(("name", "count"), CASES)
def test_extreme_batches_give_finite_losses_and_gradients(name: str, count: int, tau: float, kind: str) -> None:
    rows, dim = 5, 4
    same = torch.ones(rows, dim)
    opposite = torch.cat([same[:2], -same[2:]])
    for vectors in (same, opposite, 1e4 * same, 1e-4 * same):
        given = [vectors.to(getattr(torch, kind)).requires_grad_() for _ in range(count)]
        labels = {"cosent": torch.tensor([0.0, 1, 2, 2, 4]), "distil": torch.ones(rows, dim)}.get(name)
        loss = LOSSES[name](given, labels, Settings(temperature=tau))
        loss.backward()
        assert loss.isfinite()
        assert all(column.grad is not None and column.grad.isfinite().all() for column in given)


def test_identical_vectors_cost_the_logarithm_of_the_candidates() -> None:
    same = torch.ones(8, 4, dtype=torch.float64)
    expected = math.log(8 * 3) + math.log(8)
    assert LOSSES["negatives"]([same] * 4, None, Settings()).item() == pytest.approx(expected)
    assert LOSSES["cosent"]([same] * 2, torch.ones(8), Settings()).item() == pytest.approx(0, abs=1e-12)


def test_excluded_candidates_leave_the_sum() -> None:
    columns, _ = batch("triplets", 3, rows=3)
    q, p, n = columns
    given, _ = tensors(columns, None)
    candidates = torch.zeros(3, 6, dtype=torch.bool)
    anchors = torch.zeros(3, 3, dtype=torch.bool)
    candidates[0, 2] = candidates[1, 3] = anchors[2, 1] = True  # p_2 for row 0, n_0 for row 1; q_1 for row 2
    found = LOSSES["negatives"](given, None, Settings(), Excluded(candidates, anchors)).item()
    expected = 0.0
    for k in range(3):
        below = sum(math.exp(s(q[k], p[i]) / 0.05) for i in range(3) if (k, i) != (0, 2))
        below += sum(math.exp(s(q[k], n[i]) / 0.05) for i in range(3) if (k, i) != (1, 0))
        back = sum(math.exp(s(p[k], q[i]) / 0.05) for i in range(3) if (k, i) != (2, 1))
        expected += (math.log(below) + math.log(back) - 2 * s(q[k], p[k]) / 0.05) / 3
    assert found == pytest.approx(expected, abs=1e-9)


def test_rows_that_share_a_text_are_not_each_others_negatives() -> None:
    anchors, positives, negatives = ([1, 2, 1], [5, 6, 7], [6, 9, 5])
    found = same_texts([torch.tensor(column) for column in (anchors, positives, negatives)])
    # rows 0 and 2 share the anchor; the negative of row 0 is the positive of row 1, that of row 2 the positive of row 0
    assert found.candidates.tolist() == [
        [False, False, True, False, False, True],
        [False, False, False, True, False, False],
        [True, False, False, False, False, False],
    ]
    assert found.anchors.tolist() == [[False, False, True], [False, False, False], [True, False, False]]


def test_a_guide_excludes_what_it_ranks_above_the_positive_but_never_a_rows_own_negative() -> None:
    columns, _ = batch("triplets", 3, rows=5, dim=3, seed=4)
    q, p, n = columns
    given, _ = tensors(columns, None)
    for margin in (0.0, 0.1):
        found = above_positive(given, margin)
        limit = [s(q[i], p[i]) - margin for i in range(5)]
        positives = [[i != j and s(q[i], p[j]) > limit[i] for j in range(5)] for i in range(5)]
        negatives = [[i != j and s(q[i], n[j]) > limit[i] for j in range(5)] for i in range(5)]
        assert found.candidates.tolist() == [a + b for a, b in zip(positives, negatives, strict=True)]
        assert found.anchors.tolist() == [[i != j and s(p[i], q[j]) > limit[i] for j in range(5)] for i in range(5)]
        assert found.candidates.any(), "the example must exclude something"
        assert any(s(q[i], n[i]) > limit[i] for i in range(5)), "and hold a negative of a row's own above its positive"


def test_half_precision_vectors_are_compared_in_single_precision() -> None:
    columns, _ = batch("pairs", 2, rows=32, dim=16)
    given = [torch.tensor(column).bfloat16() for column in columns]
    rounded = [column.double() for column in given]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = LOSSES["pairs"](given, None, Settings())
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(LOSSES["pairs"](rounded, None, Settings()).item(), abs=1e-4)


ONE, GRADES = torch.ones(3, 4), torch.ones(3)


@pytest.mark.parametrize(
    ("name", "columns", "labels", "says"),
    [
        ("pairs", [ONE], None, "needs 2 columns"),
        ("pairs", [ONE] * 3, None, "reads 2 columns of texts, no more"),
        ("triplets", [ONE] * 2, None, "needs 3 columns"),
        ("negatives", [ONE] * 2, None, "needs 3 columns"),
        ("pairs", [ONE, torch.ones(2, 4)], None, "differ in shape"),
        ("cosent", [ONE] * 2, None, "needs labels"),
        ("cosent", [ONE] * 3, GRADES, "reads 2 columns"),
        ("cosent", [ONE] * 2, torch.ones(2), "must be [rows]"),
        ("distil", [ONE], None, "needs labels"),
        ("distil", [ONE], GRADES, "must be [rows, dim]"),
        ("distil", [ONE] * 2, ONE, "reads 1 column of texts"),
    ],
)
def test_a_batch_that_does_not_fit_the_loss_is_refused(name: str, columns: list[Any], labels: Any, says: str) -> None:
    assert says in refusal(lambda: LOSSES[name](columns, labels, Settings())).what


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"temperature": 0}, "The temperature"),
        ({"temperature": -1.0}, "The temperature"),
        ({"temperature": math.nan}, "The temperature"),
        ({"margin": -0.1}, "The margin"),
        ({"cosine": -1.0}, "The weights of distil"),
        ({"cosine": 0.0, "structure": 0.0}, "The weights of distil"),
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], says: str) -> None:
    assert refusal(lambda: Settings(**settings)).what.startswith(says)


@pytest.mark.parametrize(
    ("dims", "weights", "says"),
    [((), (), "above zero"), ((0, 4), (), "above zero"), ((4, 4), (), "each once"), ((4, 2), (1.0,), "one weight")],
    ids=str,
)
def test_matryoshka_settings_out_of_range_are_refused(
    dims: tuple[int, ...], weights: tuple[float, ...], says: str
) -> None:
    assert says in refusal(lambda: matryoshka(LOSSES["pairs"], dims, weights)).what


def test_matryoshka_beyond_the_vectors_is_refused() -> None:
    assert "larger" in refusal(lambda: matryoshka(LOSSES["pairs"], (8,))([ONE, ONE], None, Settings())).what
