"""The false-negative guard: a negative as near as the positive goes, by a margin; pairs and negations are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.errors import UserError
from tests.trainer.test_filters_consistency import batch_of
from trainer.filters import guard
from trainer.filters.guard import Guard

pytestmark = pytest.mark.slow

SCORES = {"p": 0.75, "nearer": 0.875, "equal": 0.75, "close": 0.6875, "far": 0.25}


@pytest.mark.parametrize(
    ("margin", "dropped"),
    [(0.0, {"nearer"}), (0.0625, {"nearer", "equal"}), (0.125, {"nearer", "equal", "close"}), (-0.125, set())],
    ids=["none", "small", "larger", "lenient"],
)
def test_a_negative_above_the_positive_less_the_margin_goes(
    monkeypatch: pytest.MonkeyPatch, tiny_model: Path, margin: float, dropped: set[str]
) -> None:
    monkeypatch.setattr(guard, "bi_encoder_scores", lambda *_: lambda asked: [SCORES[text] for _, text in asked])
    names = [name for name in SCORES if name != "p"]
    batch = batch_of([("q", "p", "s")] * len(names), [[name] for name in names])
    reasons = Guard(margin=margin, model=str(tiny_model)).judge(batch, Path()).reasons
    assert {name for name, reason in zip(names, reasons, strict=True) if reason == "false negative"} == dropped


def test_with_a_real_guide(tiny_model: Path) -> None:
    rows = [("river boat rain", "river boat horse", "s")] * 4
    batch = batch_of(rows, [["river boat rain"], ["music song letter"], [], ["music song letter", "river boat rain"]])
    verdicts = Guard(model=str(tiny_model)).judge(batch, Path())
    assert list(verdicts.reasons) == ["false negative", None, None, "false negative"]
    assert verdicts.evidence["bad_negatives"].to_pylist() == [1, 0, None, 1]
    assert verdicts.evidence["negative_score"].to_pylist()[0] == pytest.approx(1, abs=1e-3)


def test_negation_triplets_are_exempt_by_default(tiny_model: Path) -> None:
    batch = batch_of([("river boat rain", "river boat horse", "s")], [["river boat rain"]], [True])
    assert list(Guard(model=str(tiny_model)).judge(batch, Path()).reasons) == [None]
    assert list(Guard(model=str(tiny_model), negation=True).judge(batch, Path()).reasons) == ["false negative"]


def test_wrong_settings_are_refused(tiny_model: Path) -> None:
    with pytest.raises(UserError, match="margin"):
        Guard(margin=3, model=str(tiny_model))
    with pytest.raises(UserError, match="no such model"):
        Guard(model="no-such-model")


def test_settings_say_what_decides(tiny_model: Path) -> None:
    assert Guard(model=str(tiny_model)).settings()["margin"] == 0.0
    assert len(Guard(model=str(tiny_model)).settings()["model"]) == 64
