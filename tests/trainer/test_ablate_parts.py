"""The parts of an ablation that need no model: variants, noise, intervals, tables, and what a recipe may not say."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.errors import UserError
from trainer.ablate.intervals import mean_of, paired
from trainer.ablate.mixing import FOREIGN, MISMATCHED, RIGHT, Mixture, deranged, mix
from trainer.ablate.report import rows_of, tables, text_of
from trainer.ablate.results import Result
from trainer.ablate.variants import variants_of
from trainer.sources_shapes import Example

LABELS = ("empty", "language", "near", "consistency")


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("table", ["none", "language", "near", "consistency", "all"]),
        ("all", ["none", "language", "near", "consistency", "all but language", "all but near", "all but consistency", "all"]),
        ([["consistency", "language"], ["near"], []], ["none", "all but near", "near"]),
    ],
    ids=["table", "all", "listed"],
)  # fmt: skip
def test_variants_keep_the_recipes_order_and_what_always_stands(asked: Any, names: list[str]) -> None:
    found = variants_of(LABELS, ("empty",), asked)
    assert [variant.name for variant in found] == names
    for variant in found:
        assert variant.steps == tuple(label for label in LABELS if label == "empty" or label in variant.filters)


def test_of_two_filters_each_left_out_is_the_other_alone() -> None:
    assert [v.name for v in variants_of(("a", "b"), (), "all")] == ["none", "a", "b", "all"]
    assert [v.name for v in variants_of(("a", "b"), ("a",), "table")] == ["none", "b"]


@pytest.mark.parametrize("asked", ["some", [["langage"]], [["language"], "near"], 3])
def test_variants_that_cannot_be_are_refused(asked: Any) -> None:
    with pytest.raises(UserError):
        variants_of(LABELS, ("empty",), asked)
    with pytest.raises(UserError, match="no filter to ablate"):
        variants_of(("empty",), ("empty",), "table")


@given(st.lists(st.sampled_from("abcdefgh"), max_size=40))
def test_a_derangement_gives_every_place_another_text_where_that_can_be(texts: list[str]) -> None:
    moved = deranged(texts)
    assert sorted(moved) == list(range(len(texts)))
    most = max((texts.count(text) for text in texts), default=0)
    if 2 * most <= len(texts):
        assert all(texts[place] != text for place, text in zip(moved, texts, strict=True))


def examples(count: int, words: str) -> list[Example]:
    return [Example(line, f"{words} question {line}", f"{words} answer {line % 90}") for line in range(count)]


def test_noise_has_the_shares_that_were_asked_for_and_says_which_row_is_what() -> None:
    own, strangers = examples(200, "own"), examples(80, "strange")
    triplet = Example(999, "a", "b", ("c",))
    table, used = mix([*own, triplet], Mixture(0.5, 0.15), strangers, np.random.default_rng(3))
    rows = table.to_pylist()
    counts = {kind: sum(row["noise"] == kind for row in rows) for kind in (RIGHT, MISMATCHED, FOREIGN)}
    assert counts == {MISMATCHED: 100, FOREIGN: 30, RIGHT: 71}
    assert used == 30
    truth = {(one.anchor, one.positive) for one in (*own, triplet)}
    for row in rows:
        assert ((row["anchor"], row["positive"]) in truth) == (row["noise"] == RIGHT)
        assert row["anchor"].startswith("strange") == (row["noise"] == FOREIGN)
    assert rows[200]["negatives"] == ["c"]
    left = [row for row in rows if row["noise"] == MISMATCHED]
    assert sorted(row["positive"] for row in left) == sorted(  # the positives of these rows, each moved
        one.positive for one in own if one.anchor in {row["anchor"] for row in left}
    )
    again, _ = mix([*own, triplet], Mixture(0.5, 0.15), strangers, np.random.default_rng(3))
    other, _ = mix([*own, triplet], Mixture(0.5, 0.15), strangers, np.random.default_rng(4))
    assert again == table != other


def test_too_few_foreign_rows_are_refused() -> None:
    with pytest.raises(UserError, match="not enough foreign rows"):
        mix(examples(100, "own"), Mixture(0.1, 0.2), examples(19, "strange"), np.random.default_rng(0))


def test_intervals_are_students() -> None:
    found = mean_of([0.30, 0.32, 0.37])  # t(2, .975) = 4.302653, s = .0360555
    assert found.mean == pytest.approx(0.33)
    assert found.low is not None
    assert found.mean - found.low == pytest.approx(4.302653 * 0.0360555 / math.sqrt(3), rel=1e-5)
    assert mean_of([0.5]).low is None
    assert not mean_of([0.5]).clear
    assert mean_of([0.5, 0.51, 0.52]).clear


def test_students_interval_holds_the_mean_95_times_of_100() -> None:
    draw = random.Random(1)
    held = 0
    for _ in range(4000):
        found = mean_of([draw.gauss(0.4, 0.1) for _ in range(3)])
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 0.4 <= found.high
    assert abs(held / 4000 - 0.95) < 0.015


def test_pairs_of_seeds_share_what_varies() -> None:
    base = {0: 0.30, 1: 0.50, 2: 0.70, 9: 0.1}
    found = paired({seed: base[seed] + gain for seed, gain in ((0, 0.04), (1, 0.05), (2, 0.06))}, base)
    assert found is not None
    assert found.mean == pytest.approx(0.05)
    assert found.clear
    assert found.n == 3
    assert paired({5: 1.0}, base) is None


def result(level: float | None, variant: str, seed: int, value: float, **given: Any) -> Result:
    filters = () if variant == "none" else (variant,)
    dropped = {name: {"why": 30} for name in filters}
    truth = {"right": {"rows": 20, "kept": 18}, "mismatched": {"rows": 80, "kept": 2 if filters else 80}}
    figures = {"one nDCG@10": value, "one recall@100": 0.9, "two spearman": value / 2}
    seconds = {"filtering": 3.0, "training": 60.0, "evaluating": 5.0}
    main = ("one nDCG@10", "two spearman")
    made = (level, variant, filters, seed, 100, 100 - 30 * len(filters), dropped, truth, figures, main, seconds)
    return Result(*made, 50, 0.1, None, **given)


def test_tables_tell_means_differences_drops_and_cost() -> None:
    found = [
        result(level, variant, seed, 0.3 + 0.1 * (variant != "none") + 0.01 * seed + 0.001 * seed * (variant != "none"))
        for level in (0.5, 0.8)
        for seed in (0, 1)
        for variant in ("none", "consistency")
    ]
    (_, figures), (_, differences), (_, drops) = tables(found)
    assert figures[0] == ["noise", "preparation", "one nDCG@10", "two spearman", "average"]
    assert [row[:2] for row in figures[1:]] == [
        ["50%", "none"], ["50%", "consistency"], ["80%", "none"], ["80%", "consistency"],
    ]  # fmt: skip
    assert figures[1][2] == "0.305 ± 0.064"  # t(1, .975) = 12.706
    assert [row[:3] for row in differences[1:]] == [
        ["50%", "consistency", "+0.101 ± 0.006*"],
        ["80%", "consistency", "+0.101 ± 0.006*"],
    ]
    told = dict(zip(drops[0], drops[2], strict=True))
    assert told["kept"] == "70.0%"
    assert told["by consistency"] == "30.0%"
    assert told["right kept"] == "90.0%"
    assert told["wrong of kept"] == "10.0%"
    assert (told["filtering s"], told["training s"]) == ("3", "60")
    row = rows_of(found)[1]
    assert row.differences["average"].mean == pytest.approx(0.1005 * 0.75)
    assert "Means over 2 seeds" in text_of(found)
    assert "no intervals" in text_of([result(None, "none", 0, 0.3)])


RECIPES = {
    "prepare.toml": '[[source]]\nname = "own"\npath = "own.jsonl"\n[[filters]]\nname = "empty"\n[[filters]]\nname = "language"\n',
    "train.toml": """start = "minilm"
[[phase]]
name = "pairs"
steps = 2
batch = 4
learning_rate = 1e-3
data = [{path = "@prepared", loss = "pairs"}]
""",
    "suite.toml": '[[set]]\nname = "own"\nkind = "spread"\npath = "own.jsonl"\n',
}
ABLATION = 'prepare = "prepare.toml"\ntrain = "train.toml"\nsuite = "suite.toml"\n'


def written(folder: Path, ablation: str, **files: str) -> Path:
    (folder / "own.jsonl").write_text('{"query": "a", "positive": "b", "text": "a"}\n')
    for name, text in RECIPES.items():
        (folder / name).write_text(files.get(name.removesuffix(".toml"), text))
    (folder / "ablation.toml").write_text(ablation)
    return folder / "ablation.toml"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("seed = [1]", "seeds"),
        ("seeds = [1, 1]", "seeds are different"),
        ("rows = 1", "rows is too small"),
        ('always = ["empy"]', "empty"),
        ('always = ["empty", "language"]', "no filter to ablate"),
        ('[noise]\nlevels = [0.9]\nforeign = 0.2\nforeign_path = "own.jsonl"', "levels that cannot be"),
        ("[noise]\nlevels = [0.5]\nforeign = 0.2", "need each other"),
        ("[noise]\nlevels = [0.5]\nends = [0.4]", "0.5"),
        ("[noise]\nlevel = [0.5]", "levels"),
        ('[start]\nmodel = "minilm"\nfresh = 0', "fresh counts layers"),
    ],
)
def test_what_a_recipe_may_not_say(tmp_path: Path, lines: str, said: str) -> None:
    from trainer.ablate import load_ablation

    with pytest.raises(UserError) as caught:
        load_ablation(written(tmp_path, f"{ABLATION}{lines}\n"))
    assert said in f"{caught.value.what} {caught.value.given} {caught.value.todo}"


def test_a_training_must_use_what_is_ablated(tmp_path: Path) -> None:
    from trainer.ablate import load_ablation

    elsewhere = RECIPES["train.toml"].replace("@prepared", "own.jsonl")
    with pytest.raises(UserError, match="does not use the data"):
        load_ablation(written(tmp_path, ABLATION, train=elsewhere))
    assert [v.name for v in load_ablation(written(tmp_path, ABLATION)).variants] == ["none", "language"]
