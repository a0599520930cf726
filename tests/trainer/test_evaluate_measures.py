"""Every metric against a few lines of exact NumPy, or against the library the field uses; intervals and pairs of models."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import ir_measures
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, f1_score

from indexer.errors import UserError
from trainer.evaluate.bootstrap import F1, AveragePrecision, BestF1, Mean, Spearman, draws_of, interval, value_of
from trainer.evaluate.evaluators import EVALUATORS, SPREAD_PAIRS
from trainer.evaluate.pairs import PairPrecision
from trainer.evaluate.ranking import best_first, ndcg, recall
from trainer.evaluate.reading import Rows
from trainer.evaluate.suite import METRICS, ROLES

SCORES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3)), min_size=4, max_size=30)
VECTORS = {
    word: np.random.default_rng(place).normal(size=8).astype(np.float32) for place, word in enumerate("abcdefgh")
}


def embed(texts: Sequence[str], side: str | None = None, /) -> NDArray[np.float32]:
    """Texts are one letter each; every letter has a direction of its own."""
    found = np.stack([VECTORS[text] for text in texts])
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def measured(kind: str, rows: list[dict[str, object]], **more: object) -> dict[str, float]:
    found = EVALUATORS[kind](Rows(rows, "", **more), embed)  # type: ignore[arg-type]
    assert list(found) == [*METRICS[kind], *(["F1"] if "dev" in more else [])]
    return {metric: value_of(statistic) for metric, statistic in found.items()}


def cosine(one: str, other: str) -> float:
    a, b = VECTORS[one].astype(float), VECTORS[other].astype(float)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


def copied(values: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """The resample that counts stand for, written out."""
    return np.repeat(values, counts.astype(int))


@given(SCORES)
def test_spearman_of_a_resample_is_that_of_the_rows_written_out(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, float).T
    counts = np.random.default_rng(len(pairs)).integers(0, 4, (3, len(pairs))).astype(float)
    for row, found in zip(counts, Spearman(x, y)(counts), strict=True):
        one, other = copied(x, row), copied(y, row)
        if len(set(one)) < 2 or len(set(other)) < 2:
            assert np.isnan(found)
        else:
            assert found == pytest.approx(spearmanr(one, other).statistic, abs=1e-12)


@given(SCORES)
def test_average_precision_and_f1_of_a_resample_are_those_of_the_rows_written_out(pairs: list[tuple[int, int]]) -> None:
    scores, same = np.array(pairs, float).T[0], np.array(pairs).T[1] > 1
    counts = np.random.default_rng(len(pairs)).integers(0, 4, (3, len(pairs))).astype(float)
    guessed = scores > 2
    for row, ap, best, fixed in zip(
        counts,
        AveragePrecision(scores, same)(counts),
        BestF1(scores, same)(counts),
        F1(guessed, same)(counts),
        strict=True,
    ):
        of, labels = copied(scores, row), copied(same, row).astype(int)
        if not labels.sum():
            assert np.isnan(ap)
            assert best == fixed == 0
            continue
        assert ap == pytest.approx(average_precision_score(labels, of), abs=1e-12)
        assert best == pytest.approx(max(f1_score(labels, of >= cut) for cut in {*of}), abs=1e-12)
        assert fixed == pytest.approx(f1_score(labels, of > 2), abs=1e-12)


def test_the_threshold_stands_between_two_scores_and_gives_the_best_f1() -> None:
    scores, same = np.array([0.9, 0.8, 0.4, 0.3]), np.array([True, True, False, True])
    chosen = BestF1(scores, same)
    assert chosen.threshold() == pytest.approx(0.3)  # all four: 6/7, better than the first two: 4/5
    assert value_of(chosen) == pytest.approx(6 / 7)
    chosen = BestF1(scores, np.array([True, True, False, False]))
    assert chosen.threshold() == pytest.approx(0.6)
    assert value_of(F1(scores > chosen.threshold(), np.array([True, True, False, False]))) == 1


def test_a_label_that_all_scores_tie_on_is_worth_its_share() -> None:
    same = np.array([True, False, False, False])
    assert value_of(AveragePrecision(np.zeros(4), same)) == 0.25


@pytest.mark.parametrize("seed", range(3))
def test_ranking_metrics_equal_the_fields_own_library(seed: int) -> None:
    chance = np.random.default_rng(seed)
    docs = [f"d{number:03}" for number in range(150)]
    run, qrels, ranked = {}, {}, {}
    for number in range(12):
        scores = chance.permutation(len(docs)).astype(float)
        run[f"q{number}"] = dict(zip(docs, scores, strict=True))
        judged = chance.choice(docs, 20, replace=False)
        qrels[f"q{number}"] = {
            doc: int(grade) for doc, grade in zip(judged, [1, *chance.integers(-1, 4, 19)], strict=True)
        }
        ranked[f"q{number}"] = [docs[place] for place in np.argsort(-scores)]
    measures = [ir_measures.nDCG @ 10, ir_measures.R @ 100]
    for found in ir_measures.iter_calc(measures, qrels, run):
        ours = ndcg if found.measure == measures[0] else recall
        depth = 10 if found.measure == measures[0] else 100
        assert ours(ranked[found.query_id], qrels[found.query_id], depth) == pytest.approx(found.value, abs=1e-9)


def test_ndcg_by_hand() -> None:
    grades = {"x": 2.0, "y": 1.0, "z": 0.0}
    assert ndcg(["x", "y"], grades, 10) == 1
    assert ndcg(["z", "y", "x"], grades, 10) == pytest.approx((1 / np.log2(3) + 2 / 2) / (2 + 1 / np.log2(3)))
    assert ndcg(["z"], grades, 10) == recall(["z"], grades, 10) == 0
    assert recall(["x", "z"], grades, 1) == 0.5


def test_best_first_is_a_full_sort_and_equal_texts_keep_their_order() -> None:
    texts = list("abcabcdefgh")
    queries = embed(["a", "h"])
    found = best_first(queries, embed, texts, 6)
    for query, places in zip(queries, found, strict=True):
        scores = np.round(embed(texts) @ query, 6)
        assert places.tolist() == np.argsort(-scores, kind="stable")[:6].tolist()
    assert found[0][:2].tolist() == [0, 3]


def test_retrieval_leaves_nothing_out_and_grades_are_gains() -> None:
    corpus = dict(zip(("d1", "d2", "d3"), "abc", strict=True))
    rows = [
        {"id": "1", "query": "a", "judged": {"d1": 2.0, "d2": 1.0}},
        {"id": "2", "query": "b", "judged": {"d1": 1.0}},
    ]
    order = {q: sorted(corpus, key=lambda doc: -cosine(q, corpus[doc])) for q in "ab"}
    expected = [ndcg(order[row["query"]], row["judged"], 10) for row in rows]  # type: ignore[index, arg-type]
    found = measured("retrieval", rows, corpus=corpus)  # type: ignore[arg-type]
    assert found == {"nDCG@10": pytest.approx(np.mean(expected)), "recall@100": 1.0}


def test_negation_metrics_are_shares_of_rows_and_ties_are_errors() -> None:
    rows = [{"anchor": a, "positive": p, "negative": n} for a, p, n in itertools.permutations("abcde", 3)]
    rows.append({"anchor": "a", "positive": "b", "negative": "b"})  # s(a, p) = s(a, n), and s(p, n) = 1
    easy = [cosine(r["anchor"], r["positive"]) > cosine(r["anchor"], r["negative"]) for r in rows]
    hard = [cosine(r["anchor"], r["positive"]) > cosine(r["positive"], r["negative"]) for r in rows]
    found = measured("negation", rows)  # type: ignore[arg-type]
    assert found["EasyNegation"] == np.mean(easy)
    assert found["HardNegation"] == np.mean(hard)
    assert found["negation error"] == pytest.approx(1 - np.mean(easy))
    assert measured("triplets", rows) == {"triplet accuracy": np.mean(easy)}  # type: ignore[arg-type]
    renamed = [{"sentence": r["anchor"], "copy": r["positive"], "negated": r["negative"]} for r in rows]
    assert measured("copies", renamed) == {"same kept": np.mean(easy)}  # type: ignore[arg-type]


def test_reranking_is_the_mean_average_precision_of_each_querys_candidates() -> None:
    rows = [
        {"query": "a", "candidates": list("bcdb"), "labels": [0.0, 1.0, 0.0, 0.0]},
        {"query": "b", "candidates": list("ac"), "labels": [1.0, 0.0]},
    ]
    expected = [
        average_precision_score(row["labels"], [cosine(str(row["query"]), text) for text in row["candidates"]])  # type: ignore[attr-defined]
        for row in rows
    ]
    assert measured("reranking", rows) == {"mAP": pytest.approx(np.mean(expected))}  # type: ignore[arg-type]


def test_duplicates_take_their_threshold_from_the_other_rows() -> None:
    pairs = list(itertools.combinations("abcdefgh", 2))
    rows = [{"text1": a, "text2": b, "label": float(number % 3 == 0)} for number, (a, b) in enumerate(pairs)]
    half, dev = rows[::2], rows[1::2]
    scores, labels = ([cosine(r["text1"], r["text2"]) for r in part] for part in (half, dev))  # type: ignore[arg-type]
    found = measured("duplicates", half, dev=dev)  # type: ignore[arg-type]
    threshold = BestF1(np.array(labels), np.array([r["label"] for r in dev]) == 1).threshold()
    predicted = np.array(scores) > threshold
    assert found["F1"] == pytest.approx(f1_score([r["label"] for r in half], predicted))
    assert found["AP"] == pytest.approx(average_precision_score([r["label"] for r in half], scores))
    assert found["best F1"] >= found["F1"]
    assert "F1" not in measured("duplicates", half)  # type: ignore[arg-type]


def test_label_precision_runs_over_all_pairs_and_resamples_texts() -> None:
    texts, classes = list("abcdefga"), np.array([0, 0, 1, 1, 2, 2, 0, 1])
    statistic = PairPrecision(embed(texts), classes)
    counts = np.random.default_rng(0).integers(0, 3, (4, len(texts))).astype(float)
    pairs = list(itertools.combinations(range(len(texts)), 2))
    scores = np.array([np.float32(cosine(texts[i], texts[j])) for i, j in pairs])
    same = [classes[i] == classes[j] for i, j in pairs]
    for row, found in zip(counts, statistic(counts), strict=True):
        weights = [row[i] * row[j] for i, j in pairs]
        assert found == pytest.approx(average_precision_score(same, scores, sample_weight=weights), abs=1e-7)
    rows = [{"text": text, "label": str(label)} for text, label in zip(texts, classes, strict=True)]
    assert measured("labels", rows)["AP"] == pytest.approx(average_precision_score(same, scores), abs=1e-7)  # type: ignore[arg-type]


def test_spread_is_the_average_cosine_of_different_texts() -> None:
    rows = [{"text": letter} for letter in "abcdefgh"]
    exact = np.mean([cosine(a, b) for a, b in itertools.permutations("abcdefgh", 2)])
    statistic = EVALUATORS["spread"](Rows(rows, ""), embed)["spread"]
    assert len(statistic) == SPREAD_PAIRS
    assert value_of(statistic) == pytest.approx(exact, abs=0.02)
    with pytest.raises(UserError, match="two different texts"):
        EVALUATORS["spread"](Rows([{"text": "a"}, {"text": "a"}], ""), embed)


def test_what_has_no_figure_is_refused() -> None:
    alike = [{"sentence1": "a", "sentence2": "b", "score": 1.0}] * 3
    with pytest.raises(UserError, match="the same similarity"):
        measured("sts", alike)  # type: ignore[arg-type]
    with pytest.raises(UserError, match="both labels"):
        measured("duplicates", [{"text1": "a", "text2": "b", "label": 1.0}] * 3)
    with pytest.raises(UserError, match="two of different ones"):
        measured("labels", [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}])


def test_a_threshold_that_takes_every_pair_takes_every_pair() -> None:
    scores, labels = np.array([0.4, 0.5, 0.6, 0.7]), np.array([True, False, True, True])
    best = BestF1(scores, labels)
    assert value_of(F1(scores > best.threshold(), labels)) == value_of(best) == pytest.approx(6 / 7)


def test_every_kind_has_its_rows_told() -> None:
    assert list(EVALUATORS) == list(ROLES) == list(METRICS)
    assert all(function.__doc__ for function in EVALUATORS.values())


def test_intervals_are_those_of_theory_and_narrow_with_rows() -> None:
    values = np.random.default_rng(3).normal(0.5, 0.2, 2_000)
    low, high = interval(draws_of(Mean(values), [0]))
    error = 1.96 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + error, abs=0.15 * error)
    few = interval(draws_of(Mean(values[:50]), [0]))
    assert few[1] - few[0] > 4 * (high - low)
    assert interval(draws_of(Mean(np.ones(10)), [0])) == (1.0, 1.0)


def test_resamples_are_the_same_for_the_same_seed_alone() -> None:
    values = Mean(np.arange(10.0))
    assert np.array_equal(draws_of(values, [1]), draws_of(values, [1]))
    assert not np.array_equal(draws_of(values, [1]), draws_of(values, [2]))
