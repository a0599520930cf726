"""The consistency filter against a NumPy oracle: ties, copies, small samples, order, batch borders, kills."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from indexer.errors import UserError
from indexer.progress import unwatched
from tests.models import WORDS
from trainer.examples import examples_schema
from trainer.filters import consistency_corpus, consistency_texts
from trainer.filters.consistency import Consistency
from trainer.filters.consistency_ranks import exact_scores, rank
from trainer.filters.consistency_strangers import Opening, Strangers, load, opening, openings, save
from trainer.filters.consistency_texts import collect

pytestmark = pytest.mark.slow

Row = tuple[str, str, str]  # anchor, positive, source


def batch_of(
    rows: Sequence[Row], negatives: Sequence[list[str]] | None = None, negation: Sequence[bool] | None = None
) -> pa.RecordBatch:
    count = len(rows)
    columns: dict[str, Any] = {
        "anchor": [row[0] for row in rows],
        "positive": [row[1] for row in rows],
        "negatives": negatives or [[]] * count,
        "score": [None] * count,
        "negation": negation or [False] * count,
        "source": [row[2] for row in rows],
        "file": ["0" * 16] * count,
        "line": list(range(1, count + 1)),
        "licence": ["CC0"] * count,
        "task": ["retrieval"] * count,
        "content": [number.to_bytes(16, "big") for number in range(count)],
    }
    return pa.RecordBatch.from_pydict(columns, schema=examples_schema())


def random_rows(count: int, seed: int = 0) -> list[Row]:
    """Pairs that share a few words, in two sources, some anchors and passages several times and in other spellings."""
    dice = np.random.default_rng(seed)
    rows: list[Row] = []
    for number in range(count):
        words = dice.choice(WORDS, 8).tolist()
        rows.append((" ".join(words[:4]), " ".join(words[2:]), "ab"[number % 2]))
    copies = [(anchor.upper(), f"  {positive} ", source) for anchor, positive, source in rows[: count // 4]]
    others = [(rows[n][0], rows[-n - 1][1], rows[n][2]) for n in range(count // 4)]
    return rows + copies + others


def oracle(rows: Sequence[Row], folder: Path, sample: int | None, tolerance: float = 1e-4, seed: int = 0) -> list[int]:
    """Ranks by the definition: distinct other passages of the sample that are nearer by more than the tolerance."""
    from hashlib import blake2b

    from indexer.encode import load_encoder

    def normal(text: str) -> str:
        return " ".join(text.lower().split())

    passages = sorted(
        {normal(row[1]) for row in rows},
        key=lambda text: blake2b(text.encode(), digest_size=16, salt=seed.to_bytes(8, "big")).digest(),
    )
    encoder = load_encoder(folder)
    known = {text: encoder.encode_document([text])[0].astype(np.float64) for text in passages}
    ranks = []
    for anchor, positive, _ in rows:
        query, own = encoder.encode_query([normal(anchor)])[0].astype(np.float64), normal(positive)
        bar = query @ known[own] + tolerance
        ranks.append(1 + sum(query @ known[text] > bar for text in passages[:sample] if text != own))
    return ranks


def judged(
    found: Consistency, rows: Sequence[Row], workdir: Path, size: int = 10**6
) -> tuple[list[int], list[str | None], list[Any]]:
    """Ranks, reasons and whole evidence of all rows, prepared and judged in batches of `size`."""
    batches = [batch_of(rows[first : first + size]) for first in range(0, len(rows), size)]
    found.prepare(iter(batches), workdir, unwatched)
    verdicts = [found.judge(batch, workdir) for batch in batches]
    evidence = [
        dict(zip(verdict.evidence, values, strict=True))
        for verdict in verdicts
        for values in zip(*(column.to_pylist() for column in verdict.evidence.values()), strict=True)
    ]
    return [row["rank"] for row in evidence], [reason for verdict in verdicts for reason in verdict.reasons], evidence


@pytest.mark.parametrize("sample", [1, 7, 40, 10**6])
def test_ranks_are_those_of_the_oracle(tiny_model: Path, tmp_path: Path, sample: int) -> None:
    rows = random_rows(120)
    found = Consistency(model=str(tiny_model), sample=sample, top_k=2)
    ranks, reasons, evidence = judged(found, rows, tmp_path / "w")
    assert ranks == oracle(rows, tiny_model, sample)
    assert reasons == ["outranked" if rank > 2 else None for rank in ranks]
    for row in evidence:
        assert (row["neighbour"] is not None) == (row["rank"] > 1)
        assert row["rank"] == 1 or row["neighbour_score"] > row["score"]


def test_order_and_batches_change_nothing(tiny_model: Path, tmp_path: Path) -> None:
    rows = random_rows(150)
    found = Consistency(model=str(tiny_model), sample=60, top_k=2)
    expected = dict(zip(rows, judged(found, rows, tmp_path / "a")[2], strict=True))
    turned = [rows[n] for n in np.random.default_rng(1).permutation(len(rows))]
    for name, size in (("b", 1), ("c", 7), ("d", 64)):
        again = judged(found, turned, tmp_path / name, size)[2]
        assert dict(zip(turned, again, strict=True)) == expected
        for file in ("anchor.f4", "positive.f4", "summary.json", "texts/positive.keys", "texts/strangers.json"):
            assert (tmp_path / name / file).read_bytes() == (tmp_path / "a" / file).read_bytes()


def test_copies_of_the_passage_do_not_outrank_it(tiny_model: Path, tmp_path: Path) -> None:
    copies = [
        ("where is the river", text, "a") for text in ("river boat", "River  Boat", " RIVER BOAT ", "river\nboat")
    ]
    rows = [*copies, ("mountain rain", "mountain rain horse", "a")]
    ranks, reasons, _ = judged(Consistency(model=str(tiny_model), top_k=1), rows, tmp_path / "w")
    assert ranks == oracle(rows, tiny_model, None)
    assert len({*ranks[:4]}) == 1
    assert reasons[4] is None


def test_ties_within_the_tolerance_do_not_outrank() -> None:
    anchors = np.array([[1, 0, 0]], np.float32)
    angle = np.array([0.9, 0.9 + 5e-5, 0.9 + 2e-4, 0.9, 0.2])
    passages = np.stack([angle, np.sqrt(1 - angle**2), 0 * angle], 1).astype(np.float32)
    own = np.array([0])
    scores = exact_scores(anchors, passages, np.array([0]), own)
    found = rank(anchors, np.array([0]), own, scores, passages, 1e-4)
    assert found.ranks.tolist() == [2]
    assert found.neighbours.tolist() == [2]
    assert rank(anchors, np.array([0]), own, scores, passages, 1e-3).ranks.tolist() == [1]
    assert rank(anchors, np.array([0]), own, scores, passages, 0.0).ranks.tolist() == [3]


def test_equal_neighbours_the_smallest_row_is_shown() -> None:
    vectors = np.tile(np.array([[1, 0]], np.float32), (20_000, 1))
    vectors[5] = (0, 1)
    found = rank(vectors, np.array([0]), np.array([5]), np.array([0.0]), vectors, 1e-4)
    assert found.ranks.tolist() == [20_000]
    assert found.neighbours.tolist() == [0]


def test_blocks_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer.filters import consistency_ranks

    dice = np.random.default_rng(2)
    vectors = dice.normal(size=(300, 16)).round(1).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[100:200] = vectors[:100]  # ties everywhere
    rows, own = np.arange(250), dice.permutation(300)[:250]
    scores = exact_scores(vectors, vectors, rows, own)
    expected = rank(vectors, rows, own, scores, vectors[:280], 1e-4)
    products = vectors[rows].astype(np.float64) @ vectors[:280].T.astype(np.float64)
    inside = own < 280
    products[np.flatnonzero(inside), own[inside]] = -2
    assert expected.ranks.tolist() == (1 + (products > scores[:, None] + 1e-4).sum(1)).tolist()
    for anchors, passages, gathered in ((1, 1, 1), (7, 13, 5), (250, 280, 10**6)):
        monkeypatch.setattr(consistency_ranks, "_ANCHORS", anchors)
        monkeypatch.setattr(consistency_ranks, "_PASSAGES", passages)
        monkeypatch.setattr(consistency_ranks, "_GATHERED", gathered)
        found = rank(vectors, rows, own, scores, vectors[:280], 1e-4)
        assert found.ranks.tolist() == expected.ranks.tolist()
        assert found.neighbours.tolist() == expected.neighbours.tolist()
        assert found.neighbour_scores.tolist() == expected.neighbour_scores.tolist()


def test_a_killed_run_goes_on_to_the_same_bytes(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consistency_texts, "BLOCK", 16)
    monkeypatch.setattr(consistency_corpus, "BLOCK", 16)
    rows = random_rows(100)
    found = Consistency(model=str(tiny_model))
    expected = judged(found, rows, tmp_path / "whole")

    class KilledError(Exception): ...

    for kills in range(3, 9, 2):
        left = [kills]

        def dying(phase: str, done: int, total: int | None, left: list[int] = left) -> None:
            left[0] -= 1
            if not left[0]:
                raise KilledError

        workdir = tmp_path / f"killed{kills}"
        with pytest.raises(KilledError):
            found.prepare(iter([batch_of(rows)]), workdir, dying)
        partial = next(iter(workdir.glob("*.partial")), None)
        if partial:  # a torn block, and one whose bytes are not what was written
            partial.write_bytes(partial.read_bytes()[:-7] + b"torn block")
        assert judged(found, rows, workdir) == expected
        for file in ("anchor.f4", "positive.f4"):
            assert (workdir / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()


def test_a_prepared_corpus_is_not_read_again(tiny_model: Path, tmp_path: Path) -> None:
    rows = random_rows(20)
    found = Consistency(model=str(tiny_model))
    expected = judged(found, rows, tmp_path / "w")

    def broken() -> Any:
        raise AssertionError("read again")
        yield

    found.prepare(broken(), tmp_path / "w", unwatched)
    assert judged(found, rows, tmp_path / "w") == expected


def test_triplets_pass_unjudged_and_stay_out_of_the_sample(tiny_model: Path, tmp_path: Path) -> None:
    rows = [("river boat", "river boat rain", "a"), ("river boat", "horse", "a"), ("song", "music song", "a")]
    found = Consistency(model=str(tiny_model), top_k=1)
    batch = batch_of(rows, [[], ["a negative"], []])
    found.prepare([batch], tmp_path / "w", unwatched)
    verdicts = found.judge(batch, tmp_path / "w")
    assert verdicts.evidence["rank"].to_pylist()[1] is None
    assert verdicts.reasons[1] is None
    assert [len(column) for column in verdicts.evidence.values()] == [3] * 5
    assert len((tmp_path / "w" / "texts" / "positive.keys").read_bytes()) == 2 * 16


@pytest.mark.parametrize(
    "rows", [[], [("a", "b", "s")], [("a", "b", "s"), ("A", " b", "s")]], ids=["none", "one", "copies"]
)
def test_tiny_corpora(tiny_model: Path, tmp_path: Path, rows: list[Row]) -> None:
    ranks, reasons, _ = judged(Consistency(model=str(tiny_model)), rows, tmp_path / "w")
    assert ranks == [1] * len(rows)
    assert reasons == [None] * len(rows)


def test_strangers_are_never_partners(tmp_path: Path) -> None:
    rows = random_rows(400, 3) + [(f"city {word}", f"city {word}", "same") for word in WORDS]
    collect([batch_of(rows)], tmp_path / "t", 0)
    own, met = load(tmp_path / "t" / "strangers.json")
    keys = dict.fromkeys("ab", None)
    partners = {
        (bytes(a), bytes(p))
        for a, p in zip(
            *(consistency_texts.keys_of(pa.array([row[n] for row in rows]), 0) for n in (0, 1)), strict=True
        )
    }
    assert set(met) == {*keys, "same"}
    for pairs in met.values():
        assert len(pairs) > 150
        assert not partners.intersection((a.rstrip(b"\0"), p.rstrip(b"\0")) for a, p in pairs)
    assert {(a.rstrip(b"\0"), p.rstrip(b"\0")) for pairs in own.values() for a, p in pairs} <= partners


def test_strangers_do_not_depend_on_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from trainer.filters import consistency_strangers

    monkeypatch.setattr(consistency_strangers, "DRAWN", 20)
    dice = np.random.default_rng(4)
    rows = [(dice.bytes(16) if n % 3 else b"x" * 16, dice.bytes(16)) for n in range(300)]
    whole, parts = Strangers(), Strangers()
    whole.add(["s"] * 300, [a for a, _ in rows], [p for _, p in rows])
    for n in reversed(range(300)):
        parts.add(["s"], [rows[n][0]], [rows[n][1]])
    assert whole.pairs() == parts.pairs()
    save(tmp_path / "s.json", whole)
    assert load(tmp_path / "s.json") == (whole.own(), whole.pairs())


@pytest.mark.parametrize("mismatched", [0.02, 0.1, 0.4])
def test_an_opening_finds_the_share_of_mismatched_pairs_and_keeps_the_kept_pure(mismatched: float) -> None:
    dice = np.random.default_rng(7)
    wrong = dice.random(4000) < mismatched
    own = np.where(wrong, dice.integers(1, 2001, 4000), dice.geometric(0.1, 4000))
    found = opening(own.tolist(), dice.integers(1, 2001, 4000).tolist(), 0.01)
    assert found.mismatched == pytest.approx(mismatched, abs=0.03)
    kept = own <= found.last
    assert wrong[kept].mean() < 0.015
    assert kept[~wrong].mean() > 0.85


def test_a_clean_source_is_opened_wider_than_a_dirty_one() -> None:
    strangers = list(range(1, 1001))
    clean, dirty = [1] * 990 + [30] * 10, [1] * 600 + list(range(1, 401))
    assert opening(clean, strangers, 0.01).last > 100 > opening(dirty * 2 + strangers, strangers, 0.01).last


def test_a_small_source_is_measured_by_all() -> None:
    own = {"small": [1] * 50, "large": [1] * 900 + list(range(1, 1001, 10))}
    found = openings(own, {"small": [1, 1, 1], "large": list(range(1, 1001))}, 0.02)
    assert found["small"].mismatched == 0.04  # none seen far out, of 50
    assert found["small"].last > 100
    assert openings({"empty": []}, {"empty": []}, 0.02) == {"empty": Opening(1, 1.0)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"top_k": 0},
        {"impurity": 0.0},
        {"impurity": 1.0},
        {"sample": 0},
        {"tolerance": -1.0},
        {"model": "no-such-model"},
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        Consistency(**wrong)


def test_settings_say_what_decides(tiny_model: Path) -> None:
    settings = Consistency(model=str(tiny_model), top_k=2).settings()
    assert re.fullmatch("[0-9a-f]{64}", settings["model"])
    assert settings["impurity"] is None
    assert settings["precision"] in ("fp32", "bf16")
    assert Consistency(model=str(tiny_model), threads=1).settings() == Consistency(model=str(tiny_model)).settings()
