"""Negation triplets come with counterweights in equal number, drawn by text; probes are disjoint from the training rows."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

import trainer.prepare_read as reading
from indexer.errors import UserError
from tests.corpora import write_jsonl
from tests.trainer.test_prepare import digests
from trainer.negation_copies import double_flips, near_copies
from trainer.negation_data import made_of, sentence_hash, shared_words, split_of
from trainer.negation_stage import number_of, on_test_side, smallest
from trainer.prepare import Report, prepare
from trainer.recipe import load_recipe

WHO = [
    "man",
    "woman",
    "child",
    "farmer",
    "driver",
    "nurse",
    "painter",
    "judge",
    "pilot",
    "baker",
    "teacher",
    "singer",
    "dancer",
    "doctor",
    "writer",
    "sailor",
]
DOING = [
    "holding",
    "carrying",
    "cleaning",
    "repairing",
    "painting",
    "watching",
    "buying",
    "selling",
    "washing",
    "moving",
    "lifting",
    "opening",
]
WHAT = [
    "lamp",
    "table",
    "bicycle",
    "window",
    "door",
    "car",
    "boat",
    "piano",
    "chair",
    "box",
    "camera",
    "ladder",
    "basket",
    "bottle",
    "letter",
    "map",
]
RECIPE = """
seed = 3
[[source]]
name = "nli"
path = {paths}
task = "text-matching"
licence = "CC0-1.0"
[[source]]
name = "web"
path = "web.jsonl"
[[holdout]]
name = "held"
path = "held.jsonl"
[[filters]]
name = "exact"
[[filters]]
name = "leakage"
near = false
{filters}
[negation]
sources = ["nli"]
probes = 12
{more}
"""


def corpus(folder: Path, paths: str = '["a.jsonl", "b.jsonl"]', more: str = "", filters: str = "") -> Path:
    """NLI rows about people who do things to things; one entailment is a query of the hold-out set."""
    draw = random.Random(4)
    rows: list[dict[str, str]] = []
    for _ in range(500):
        who, doing, what = draw.choice(WHO), draw.choice(DOING), draw.choice(WHAT)
        premise = f"An old {who} in a red coat is {doing} a {what} near the river."
        rows.append({"premise": premise, "hypothesis": f"A {who} is {doing} a {what}.", "label": "entailment"})
        other = f"Two {draw.choice(WHO)}s sleep." if draw.random() < 0.5 else f"A {who} is eating a {what}."
        rows.append({"premise": premise, "hypothesis": other, "label": "contradiction"})
    half = len(rows) // 2
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("a", rows[:half]), ("b", rows[half:])):
        write_jsonl(folder / f"{name}.jsonl", part)
    web = [{"query": f"q{n}", "positive": rows[2 * n]["hypothesis"].upper()} for n in range(200)]
    write_jsonl(folder / "web.jsonl", web)
    held = [{"query": row["hypothesis"].replace(" is ", " isn't "), "positive": "x"} for row in rows[:400:2]]
    write_jsonl(folder / "held.jsonl", held)
    (folder / "recipe.toml").write_text(RECIPE.format(paths=paths, more=more, filters=filters))
    return folder / "recipe.toml"


def rows_of(out: Path, name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(out / f"{name}.parquet").to_pylist()
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = tmp_path_factory.mktemp("negation")
    return prepare(load_recipe(corpus(folder)), folder / "out")


def test_every_triplet_has_one_counterweight_and_the_negation_is_marked(made: Report) -> None:
    triplets = [row for row in rows_of(made.out, "triplets") if row["source"] == "nli/negation"]
    copies = [row for row in rows_of(made.out, "pairs") if row["source"] == "nli/same"]
    assert len(triplets) == len(copies) > 50
    of = [json.loads(row["scores"])["negation"]["of"] for row in triplets]
    assert sorted(of) == sorted(json.loads(row["scores"])["negation"]["of"] for row in copies)
    assert sorted(row["positive"] for row in triplets) == sorted(row["anchor"] for row in copies)
    assert len({row["positive"] for row in triplets}) == len(triplets)
    for row in triplets:
        assert row["negation"]
        assert row["negatives"][0] != row["positive"]
        assert (row["licence"], row["task"]) == ("CC0-1.0", "text-matching")
    assert not any(row["negation"] for row in rows_of(made.out, "triplets") if row["source"] == "nli")


def test_no_training_row_of_any_source_holds_a_sentence_of_a_test_probe(made: Report) -> None:
    probes = rows_of(made.out, "probes")
    assert {row["split"] for row in probes} == {"train", "test"}
    assert sum(row["split"] == "test" for row in probes) == 12
    held = {
        sentence_hash(row[side])
        for row in probes
        if row["split"] == "test"
        for side in ("anchor", "positive", "negative")
    }
    kept = [*rows_of(made.out, "pairs"), *rows_of(made.out, "triplets")]
    texts = [text for row in kept for text in (row["anchor"], row["positive"], *row["negatives"])]
    assert not held & {sentence_hash(text) for text in texts}
    dropped = [row for row in rows_of(made.out, "dropped") if row["filter"] == "negation"]
    assert {row["source"] for row in dropped} >= {"nli", "web"}
    for row in dropped:
        assert held & {sentence_hash(text) for text in (row["anchor"], row["positive"], *row["negatives"])}
    assert all(split_of(row["anchor"]) == split_of(row["positive"]) == row["split"] for row in probes)


def test_what_is_made_is_held_against_the_hold_out_sets(made: Report) -> None:
    summary = json.loads((made.out / "card.json").read_text())["negation"]
    assert summary["leaked"] > 0
    held = {json.loads(line)["query"] for line in (made.out.parent / "held.jsonl").read_text().splitlines()}
    assert not held & {row["negatives"][0] for row in rows_of(made.out, "triplets") if row["negation"]}


def test_the_card_tells_what_was_made_and_why_not_more(made: Report) -> None:
    card = json.loads((made.out / "card.json").read_text())
    told, sources = card["negation"], card["sources"]
    assert told["triplets"] == told["counterweights"] == sources["nli/negation"]["kept"]["triplets"]
    assert sum(told["rules"].values()) == sum(told["kinds"].values()) == told["triplets"]
    assert sources["nli/same"]["licence"] == "CC0-1.0"
    far = [row for row in rows_of(made.out, "triplets") if "far" in (row["scores"] or "")]
    assert len(far) == told["far_contradictions"]["nli"] > 20
    assert all(shared_words(row["positive"], row["negatives"][0]) <= 0.25 for row in far)
    assert card["kept"]["pairs"] == len(rows_of(made.out, "pairs"))


@pytest.mark.slow
def test_files_in_another_order_and_two_workers_make_the_same(
    made: Report, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(corpus(tmp_path, paths='["b.jsonl", "a.jsonl"]'))
    monkeypatch.setattr(reading, "BATCH", 61)
    report = prepare(recipe, tmp_path / "out", workers=2)
    assert digests(report.out) == digests(made.out)
    assert (report.out / "probes.parquet").read_bytes() == (made.out / "probes.parquet").read_bytes()


def test_a_bound_takes_the_smallest_draws_and_a_recipe_without_negation_leaves_no_probes(tmp_path: Path) -> None:
    report = prepare(load_recipe(corpus(tmp_path, more="most = 7")), tmp_path / "out")
    assert report.card["negation"]["triplets"] + report.card["negation"]["leaked"] == 7
    text = (tmp_path / "recipe.toml").read_text().partition("[negation]")[0]
    (tmp_path / "recipe.toml").write_text(text)
    assert prepare(load_recipe(tmp_path / "recipe.toml"), tmp_path / "out").card["negation"] is None
    assert not (tmp_path / "out" / "probes.parquet").exists()


@pytest.mark.parametrize(
    ("more", "part"),
    [("most = -1", "below zero"), ("probe = 3", "did you mean 'probes'"), ('[negation.llm]\nurl = "x"', "model")],
)
def test_a_negation_table_that_cannot_be_used_is_refused(tmp_path: Path, more: str, part: str) -> None:
    with pytest.raises(UserError, match=part):
        load_recipe(corpus(tmp_path, more=more))


def test_the_split_by_numbers_is_the_split_by_text() -> None:
    texts = [f"{who} {what}" for who in WHO for what in WHAT]
    by_number = on_test_side(np.array([number_of(text) for text in texts], np.uint64))
    assert [split_of(text) == "test" for text in texts] == by_number.tolist()
    assert 0.1 < by_number.mean() < 0.3


def test_one_per_positive_with_the_smallest_draws() -> None:
    positives, draw = np.array([1, 1, 2, 3, 3]), np.array([5, 4, 9, 1, 2])
    assert smallest(np.ones(5, bool), positives, draw, 2).tolist() == [False, True, False, True, False]
    assert smallest(np.array([True, False, True, False, True]), positives, draw, None).tolist() == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_what_is_made_depends_on_the_text_alone() -> None:
    assert made_of("The door is open.") == made_of("The door is open.")
    assert made_of("The Art of War").why == "no finite verb"


def test_double_flips_keep_the_meaning() -> None:
    assert ("double flip", "The door is not closed.") in double_flips("The door is open.")
    assert ("double flip", "The answer is not incorrect.") in double_flips("The answer is correct.")
    assert double_flips("The monks are dressed in white.") == []


@pytest.mark.parametrize(
    ("text", "copy"),
    [
        ("The shop isn't open today.", ("expansion", "The shop is not open today.")),
        ("She left yesterday.", ("time moved", "Yesterday she left.")),
        ("It helps against frost and hail.", ("order", "It helps against hail and frost.")),
        ("A man is sleeping on a bench.", ("tense", "A man sleeps on a bench.")),
        ("The girls were running.", ("tense", "The girls ran.")),
        ("Two dogs are in the garden.", ("there is", "There are two dogs in the garden.")),
    ],
)
def test_near_copies(text: str, copy: tuple[str, str]) -> None:
    assert copy in near_copies(text)


@pytest.mark.parametrize(
    "text", ["Is a man sleeping?", "It is going to rain.", "The news is interesting.", "There is a man waiting."]
)
def test_no_other_tense_where_it_would_change_the_meaning(text: str) -> None:
    assert "tense" not in {kind for kind, _ in near_copies(text)}
