"""`trainer prepare` as a whole: what it writes, that nothing is lost, and that kills and orders leave no trace."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import trainer.prepare_read as reading
from indexer.errors import UserError
from indexer.files import sha256
from tests.trials import trials
from trainer.batches import Workers
from trainer.prepare import Report, check, identities, only_filters, prepare
from trainer.recipe import Recipe, load_recipe

FILES = ("pairs.parquet", "triplets.parquet", "dropped.parquet")
RECIPE = """
seed = 5
batch_budget = 100
[[source]]
name = "one"
path = {paths}
weight = 2.0
licence = "CC0"
[[source]]
name = "two"
path = "two.tsv"
task = "text-matching"
[[holdout]]
name = "held"
path = "held.jsonl"
[[filters]]
name = "empty"
[[filters]]
name = "identical"
[[filters]]
name = "exact"
[[filters]]
name = "near"
[[filters]]
name = "leakage"
"""


def corpus(folder: Path, rows: int = 400, paths: str = '["a.jsonl", "b.jsonl"]') -> Path:
    """Two sources that share rows, with copies, blanks, broken lines, triplets and a leaked query; and their recipe."""
    draw = random.Random(1)
    folder.mkdir(parents=True, exist_ok=True)
    words = [f"w{number}" for number in range(300)]

    def text() -> str:
        return " ".join(draw.choices(words, k=draw.randrange(4, 12)))

    lines = [
        json.dumps({"query": text(), "positive": text()} | ({"negative": text()} if n % 5 == 0 else {}))
        for n in range(rows)
    ]
    lines += [
        line.upper()
        .replace('"QUERY"', '"query"')
        .replace('"POSITIVE"', '"positive"')
        .replace('"NEGATIVE"', '"negative"')
        for line in lines[:30]
    ]
    lines += ['{"query": "q", "positive": " "}', '{"query": "same", "positive": "Same"}', "{broken", '{"query": 1}']
    lines += ['{"query": "the held out question is this", "positive": "leaked"}']
    half = len(lines) // 2
    (folder / "a.jsonl").write_text("\n".join(lines[:half]) + "\n")
    (folder / "b.jsonl").write_text("\n".join(lines[half:]) + "\n")
    shared = [json.loads(line) for line in lines[1:20] if "negative" not in line]
    (folder / "two.tsv").write_text(
        "query\tpositive\n" + "".join(f"{row['query']} !\t{row['positive']}\n" for row in shared)
    )
    (folder / "held.jsonl").write_text('{"query": "the held out question is this", "positive": "it is"}\n')
    (folder / "recipe.toml").write_text(RECIPE.format(paths=paths))
    return folder / "recipe.toml"


def digests(out: Path) -> list[str]:
    return [sha256(out / name) for name in FILES] + [json.loads((out / "card.json").read_text())["digest"]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recipe, Report]:
    folder = tmp_path_factory.mktemp("made")
    recipe = load_recipe(corpus(folder))
    return recipe, prepare(recipe, folder / "out")


def test_every_row_is_kept_or_dropped_with_its_reason(made: tuple[Recipe, Report]) -> None:
    _, report = made
    assert report.kept == {"pairs": 320, "triplets": 80}
    assert report.dropped["read"] == {"broken line": 1, "wrong type": 1}
    assert report.dropped["empty"] == {"blank": 1}
    assert report.dropped["identical"] == {"identical sides": 1}
    assert report.dropped["exact"] == {"exact duplicate": 30}
    assert report.dropped["leakage"] == {"hold-out query": 1}
    near = report.dropped["near"]["near duplicate"]
    assert near == len((Path(report.out).parent / "two.tsv").read_text().splitlines()) - 1
    tables = {name: pq.read_table(report.out / name) for name in FILES}
    assert [tables[name].num_rows for name in FILES[:2]] == [report.kept["pairs"], report.kept["triplets"]]
    assert tables["dropped.parquet"].num_rows == sum(sum(reasons.values()) for reasons in report.dropped.values())


def test_rows_keep_their_provenance_and_evidence(made: tuple[Recipe, Report]) -> None:
    _, report = made
    folder = report.out.parent
    lines = {
        sha256(folder / name)[:16]: (folder / name).read_text().splitlines()
        for name in ("a.jsonl", "b.jsonl", "two.tsv")
    }
    for row in pq.read_table(report.out / "pairs.parquet").slice(0, 50).to_pylist():
        assert json.loads(lines[row["file"]][row["line"] - 1])["query"] == row["anchor"]
        assert (row["source"], row["licence"], row["task"]) == ("one", "CC0", "retrieval")
    dropped = pq.read_table(report.out / "dropped.parquet").to_pylist()
    kept = {
        (row["source"], row["file"], row["line"])
        for name in FILES[:2]
        for row in pq.read_table(report.out / name).to_pylist()
    }
    for row in dropped:
        if row["filter"] in ("exact", "near"):
            told = json.loads(row["evidence"])
            assert (told["kept_source"], told["kept_file"], told["kept_line"]) in kept
    broken = next(row for row in dropped if row["reason"] == "broken line")
    assert broken["anchor"] == "{broken"


def test_the_card_counts_by_source_and_tells_epochs(made: tuple[Recipe, Report]) -> None:
    card = json.loads((made[1].out / "card.json").read_text())
    one, two = card["sources"]["one"], card["sources"]["two"]
    assert one["rows"] == sum(one["kept"].values()) + sum(
        sum(r.values()) for f, r in one["dropped"].items() if f != "read"
    )
    assert one["epochs"] == round(100 * 2 / (2 * sum(one["kept"].values())), 6)
    assert two["epochs"] is None
    assert two["kept"] == {"pairs": 0, "triplets": 0}
    assert set(card["timing"]) == {"read one", "read two", "empty", "identical", "exact", "near", "leakage"}


def test_running_again_changes_nothing(made: tuple[Recipe, Report]) -> None:
    recipe, report = made
    before = digests(report.out)
    again = prepare(recipe, report.out)
    assert again.unchanged
    assert again.kept == report.kept
    assert digests(report.out) == before


def test_files_in_another_order_and_other_batches_give_the_same_bytes(
    made: tuple[Recipe, Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe(corpus(tmp_path, paths='["b.jsonl", "a.jsonl"]'))
    monkeypatch.setattr(reading, "BATCH", 37)
    monkeypatch.setattr(reading, "PART_BYTES", 5_000)
    assert digests(prepare(recipe, tmp_path / "out").out) == digests(made[1].out)


@pytest.mark.slow
def test_two_workers_give_the_same_bytes(
    made: tuple[Recipe, Report], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BATCH", 37)
    report = prepare(made[0], tmp_path / "out", workers=2)
    assert digests(report.out) == digests(made[1].out)


@pytest.mark.slow
def test_what_a_worker_refuses_is_said_and_a_dead_worker_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH", 37)
    recipe = load_recipe(corpus(tmp_path))
    with pytest.raises(UserError, match="cannot be used"), Workers(2) as workers:
        list(workers.ordered(_refuse, range(9), 9))
    monkeypatch.setattr("trainer.prepare_stages.judge_batch", _die)
    with pytest.raises(UserError, match="--workers 1"):
        prepare(recipe, tmp_path / "out", workers=2)


def _refuse(_: object) -> None:
    raise UserError("It cannot be used.", 1, "give another")


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_changed_filter_runs_only_itself_and_what_follows(tmp_path: Path) -> None:
    path = corpus(tmp_path)
    prepare(load_recipe(path), tmp_path / "out")
    path.write_text(path.read_text().replace('name = "near"', 'name = "near"\nthreshold = 0.5'))
    seen: list[str] = []
    prepare(load_recipe(path), tmp_path / "out", lambda phase, done, total: seen.append(phase))
    assert {phase.split(":")[0] for phase in seen} == {"near", "leakage", "writing"}


def test_a_new_weight_makes_a_new_card_and_no_stage_anew(tmp_path: Path) -> None:
    path = corpus(tmp_path)
    prepare(load_recipe(path), tmp_path / "out")
    path.write_text(path.read_text().replace("weight = 2.0", "weight = 3.0"))
    seen: list[str] = []
    again = prepare(load_recipe(path), tmp_path / "out", lambda phase, done, total: seen.append(phase))
    assert (again.card["sources"]["one"]["weight"], set(seen)) == (3.0, {"writing"})


def test_a_fold_or_the_format_of_a_hold_out_makes_other_stages(tmp_path: Path) -> None:
    path = corpus(tmp_path, 60)
    whole = load_recipe(path)
    first = whole.sources[0]
    folded = replace(whole, sources=(replace(first, fold="train"), *whole.sources[1:]))
    held = replace(whole, holdouts=tuple(replace(one, format="pairs") for one in whole.holdouts))
    names = [identities(check(recipe)) for recipe in (whole, folded, held)]
    assert names[1][0] != names[0][0]
    assert names[1][1 : len(whole.sources)] == names[0][1 : len(whole.sources)]
    assert names[2][-1] != names[0][-1]


def test_a_recipe_without_filters_keeps_all_that_is_readable(tmp_path: Path) -> None:
    recipe = only_filters(load_recipe(corpus(tmp_path)), [])
    report = prepare(recipe, tmp_path / "out")
    assert sum(report.kept.values()) == sum(entry["rows"] for entry in report.card["sources"].values())


def test_check_reads_no_rows_and_finds_what_is_missing(tmp_path: Path) -> None:
    path = corpus(tmp_path)
    (tmp_path / "two.tsv").unlink()
    with pytest.raises(UserError, match="Nothing to read for 'two'"):
        check(load_recipe(path))


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    recipe = load_recipe(corpus(tmp_path / "in"))
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="other files"):
        prepare(recipe, tmp_path)


CHILD = """
import sys
from pathlib import Path
import trainer.prepare_read as reading
from trainer.prepare import prepare
from trainer.recipe import load_recipe
reading.BATCH = 500
prepare(load_recipe(Path(sys.argv[1])), Path(sys.argv[2]), workers=2)
"""


@pytest.mark.slow
def test_killed_at_any_moment_and_run_again_gives_the_same_bytes(tmp_path: Path) -> None:
    path = corpus(tmp_path / "in", rows=3000)
    began = time.monotonic()
    _child(path, tmp_path / "whole").wait()
    whole, expected = time.monotonic() - began, digests(tmp_path / "whole")
    draw = random.Random(9)
    for attempt in range(trials(4, 20)):
        out = tmp_path / f"killed{attempt}"
        child = _child(path, out)
        time.sleep(whole * draw.uniform(0.3, 1.0))
        child.send_signal(signal.SIGKILL)
        child.wait()
        assert _child(path, out).wait() == 0
        assert digests(out) == expected


def _child(path: Path, out: Path) -> subprocess.Popen[Any]:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen([sys.executable, "-c", CHILD, str(path), str(out)], env=environment)


@pytest.mark.data
def test_the_example_recipe_runs_on_the_public_data(shared_data: Path, tmp_path: Path) -> None:
    recipe = load_recipe(Path(__file__).parents[2] / "recipes" / "example.toml")
    report = prepare(recipe, tmp_path / "out")
    assert report.kept["pairs"] > 25_000
    assert report.dropped["leakage"]
