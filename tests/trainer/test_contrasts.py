"""Triplets around one text: sources of opposites and of running text, frames around statements."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from trainer.negation_data import contrast_of, split_of
from trainer.negation_frames import opposite_frames, same_frames
from trainer.recipe import Source
from trainer.sources import read_source
from trainer.sources_shapes import Example
from trainer.sources_tables import Bad

STATEMENT = "The lamp comes with a bulb."


def read(path: Path, **settings: object) -> tuple[list[Example], list[Bad]]:
    source = Source("x", (path,), **settings)  # type: ignore[arg-type]
    found = [entry for _, entry in read_source(source, seed=3)]
    return [one for one in found if isinstance(one, Example)], [one for one in found if isinstance(one, Bad)]


def written(folder: Path, rows: list[object]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_frames_keep_or_turn_a_statement() -> None:
    same, opposite = dict(same_frames(STATEMENT)), dict(opposite_frames(STATEMENT))
    assert "It is true that the lamp comes with a bulb." in [text for _, text in same_frames(STATEMENT)]
    assert "It is not true that the lamp does not come with a bulb." in [text for _, text in same_frames(STATEMENT)]
    assert "It is not true that the lamp comes with a bulb." in [text for _, text in opposite_frames(STATEMENT)]
    assert set(same) == {"frame", "denied negation"}
    assert set(opposite) == {"denied"}


def test_a_name_keeps_its_capital_inside_a_frame() -> None:
    texts = [text for _, text in same_frames("Ethereum runs on many machines.")]
    assert "In fact, Ethereum runs on many machines." in texts


@pytest.mark.parametrize(
    "text", ["Open the door.", "Is the door open?", "Kettle with lid", "The lamp comes with a bulb"]
)
def test_what_is_no_whole_statement_has_no_frame(text: str) -> None:
    assert same_frames(text) == opposite_frames(text) == []


def test_a_contrast_has_three_different_sides_and_is_drawn_by_the_text() -> None:
    found = contrast_of(STATEMENT, seed=1)
    assert found.same
    assert found.opposite
    assert len({STATEMENT, found.same, found.opposite}) == 3
    assert contrast_of(STATEMENT, seed=1) == found
    assert len({contrast_of(STATEMENT, seed=seed) for seed in range(20)}) > 5


def test_opposites_become_two_triplets_on_their_side_of_the_split(tmp_path: Path) -> None:
    rows = [{"sentence": f"The box holds {n} eggs.", "negated": f"The box doesn't hold {n} eggs."} for n in range(40)]
    path = written(tmp_path, rows)
    sides = {side: read(path, split=side)[0] for side in ("train", "test", "all")}
    assert len(sides["all"]) == 80 == len(sides["train"]) + len(sides["test"])
    assert {split_of(one.anchor) for one in sides["test"][::2]} == {"test"}
    first, second = sides["all"][:2]
    assert (first.anchor, first.negatives) == ("The box holds 0 eggs.", ("The box doesn't hold 0 eggs.",))
    assert (second.anchor, second.negatives) == ("The box doesn't hold 0 eggs.", ("The box holds 0 eggs.",))
    assert first.negation
    assert first.positive not in (first.anchor, *first.negatives)
    assert len(read(path, split="train")[1]) == len(sides["test"]) // 2  # told, not lost


def test_rows_without_a_known_copy_are_told(tmp_path: Path) -> None:
    examples, bad = read(written(tmp_path, [{"sentence": "Kettle", "negated": "No kettle"}]), split="all")
    assert examples == []
    assert {one.reason for one in bad} == {"no copy is known"}


def test_running_text_gives_so_many_sentences_of_each_text(tmp_path: Path) -> None:
    text = "The pump runs at night. It was repaired in March. Who knows? The valve is not open. " * 2
    path = written(tmp_path, [{"text": text}, {"text": "No sentence"}, {"text": 5}])
    examples, bad = read(path, format="sentences", partners=2)
    assert len(examples) == 2
    assert all(one.negation and len(one.negatives) == 1 for one in examples)
    assert [one.reason for one in bad] == ["no sentence can be negated", "wrong type"]
    assert examples == read(path, format="sentences", partners=2)[0]


@pytest.mark.data
def test_negation_pairs_give_triplets_without_a_repeated_side(shared_data: Path, tmp_path: Path) -> None:
    with gzip.open(shared_data / "negation_pairs" / "train.jsonl.gz", "rt") as lines:
        path = written(tmp_path, [json.loads(line) for line in lines][::20])
    examples, bad = read(path)
    held = sum(one.reason == "on the other side of the split" for one in bad)
    assert 0.15 < held / 862 < 0.25
    assert len(examples) > 0.95 * 2 * (862 - held)
    assert all(one.positive != one.anchor for one in examples)
