"""The triplet margin with a bi-encoder and with a cross-encoder, and which rows it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from indexer.errors import UserError
from tests.trainer.test_filters_consistency import batch_of
from trainer.filters import margin
from trainer.filters.margin import Margin
from trainer.filters.margin_scores import Asked

pytestmark = pytest.mark.slow

ROWS = [("river boat rain", "river boat rain horse", "s")] * 4
NEGATIVES = [["music song letter"], ["river boat rain horse"], [], ["music song letter", "river boat rain"]]


def test_a_bi_encoder_judges_by_cosine(tiny_model: Path) -> None:
    verdicts = Margin(model=str(tiny_model)).judge(batch_of(ROWS, NEGATIVES), Path())
    assert list(verdicts.reasons) == [None, "small margin", None, "small margin"]
    evidence = {name: column.to_pylist() for name, column in verdicts.evidence.items()}
    assert evidence["bad_negatives"] == [0, 1, None, 1]
    assert evidence["all_negatives"] == [1, 1, None, 2]
    assert evidence["hardest_negative"] == ["music song letter", "river boat rain horse", None, "river boat rain"]
    assert evidence["positive_score"][1] == evidence["negative_score"][1]


def test_kappa_itself_is_not_enough(monkeypatch: pytest.MonkeyPatch, tiny_model: Path) -> None:
    """r(q, p) − r(q, n) > κ: an equal difference drops."""
    scores = {"p": 0.75, "equal": 0.5, "more": 0.4999, "less": 0.6}

    def known(folder: Path, precision: str) -> object:
        return lambda asked: [scores[text] for _, text in asked]

    monkeypatch.setattr(margin, "bi_encoder_scores", known)
    batch = batch_of([("q", "p", "s")] * 4, [["equal"], ["more"], ["less"], ["less", "more"]])
    reasons = list(Margin(model=str(tiny_model), kappa=0.25).judge(batch, Path()).reasons)
    assert reasons == ["small margin", None, "small margin", "small margin"]


@pytest.mark.parametrize("negation", [False, True], ids=["exempt", "asked for"])
def test_negation_triplets_are_exempt_by_default(tiny_model: Path, negation: bool) -> None:
    batch = batch_of(ROWS[:2], [["river boat rain horse"]] * 2, [True, False])
    reasons = list(Margin(model=str(tiny_model), negation=negation).judge(batch, Path()).reasons)
    assert reasons == ["small margin" if negation else None, "small margin"]


def test_batches_change_nothing(tiny_model: Path) -> None:
    found = Margin(model=str(tiny_model))
    whole = found.judge(batch_of(ROWS, NEGATIVES), Path())
    for number in range(len(ROWS)):
        single = found.judge(batch_of(ROWS[number : number + 1], NEGATIVES[number : number + 1]), Path())
        assert single.reasons[0] == whole.reasons[number]
        assert [c[0].as_py() for c in single.evidence.values()] == [c[number].as_py() for c in whole.evidence.values()]


def test_a_cross_encoder_judges_by_its_logit(tiny_model: Path, tmp_path: Path) -> None:
    folder = tiny_cross_encoder(tiny_model, tmp_path / "cross")
    found = Margin(model=str(folder), kappa=-0.5)
    verdicts = found.judge(batch_of(ROWS, NEGATIVES), Path())
    assert list(verdicts.reasons) == [None] * 4
    positive = verdicts.evidence["positive_score"].to_pylist()
    assert positive[0] == pytest.approx(expected_relevance(folder, (ROWS[0][0], ROWS[0][1])), abs=1e-4)
    assert found.settings()["kind"] == "cross-encoder"
    assert list(Margin(model=str(folder), kappa=0.5).judge(batch_of(ROWS, NEGATIVES), Path()).reasons) == [
        *("small margin",) * 2,
        None,
        "small margin",
    ]


def test_pickled_weights_are_refused(tiny_model: Path, tmp_path: Path) -> None:
    folder = tiny_cross_encoder(tiny_model, tmp_path / "cross")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match="safetensors"):
        Margin(model=str(folder)).judge(batch_of(ROWS, NEGATIVES), Path())


def test_wrong_settings_are_refused(tiny_model: Path) -> None:
    with pytest.raises(UserError, match="kappa"):
        Margin(model=str(tiny_model), kappa=20)
    with pytest.raises(UserError, match="no such model"):
        Margin(model="no-such-model")


def tiny_cross_encoder(bert: Path, folder: Path) -> Path:
    """A BERT of two layers with one seeded output."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    folder.mkdir()
    config = json.loads((bert / "config.json").read_text())
    BertForSequenceClassification(BertConfig(**config, num_labels=1)).save_pretrained(folder)
    AutoTokenizer.from_pretrained(bert).save_pretrained(folder)
    return folder


def expected_relevance(folder: Path, pair: Asked) -> float:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    with torch.inference_mode():
        logit = model.eval()(**tokenizer(*pair, return_tensors="pt")).logits
    return float(torch.sigmoid(logit))
