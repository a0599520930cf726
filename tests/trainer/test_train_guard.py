"""The guard: it looks every so often, stops when a figure fell too far, and what was still good gets published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from indexer.encode import fingerprint
from indexer.errors import UserError
from tests.corpora import write_jsonl
from tests.trainer.training import PHASE, recipe, weights_of, workshop, write_shared_words
from trainer.train import train
from trainer.train.guard import Watchdog, suite_of
from trainer.train.recipe import Guard

pytestmark = pytest.mark.slow
GUARD = """
[guard]
suite = "suite.toml"
every = {every}
limits = {{"words spearman" = {limit}, "average" = 1.0}}
"""
SUITE = """
[[set]]
name = "words"
kind = "sts"
path = "words.jsonl"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite that asks how many words two sentences share: the start knows, and training on translations unlearns it."""
    folder = workshop(tmp_path_factory.mktemp("shop"))
    write_shared_words(folder / "words.jsonl")
    (folder / "suite.toml").write_text(SUITE)
    return folder


def test_a_fall_stops_training_and_the_last_good_state_is_published(shop: Path, tmp_path: Path) -> None:
    fast = PHASE.replace("learning_rate = 1e-3", "learning_rate = 2e-2\nwarmup = 0.9")
    trained = train(recipe(shop, GUARD.format(every=2, limit=0.05), fast, "fall.toml"), tmp_path / "out")
    assert trained.stopped is not None
    assert trained.stopped.startswith("words spearman fell from ")
    assert trained.stopped.endswith(f"stopped at step {trained.steps}")
    card = json.loads((tmp_path / "out" / "card.json").read_text())
    looks = card["models"]["model"]["guard"]
    assert [look["step"] for look in looks] == list(range(0, trained.steps + 1, 2))
    values = [look["figures"]["words spearman"] for look in looks]
    assert values[-1] < values[0] - 0.05 <= min(values[:-1])
    assert (tmp_path / "out" / "guards.png").is_file()
    assert "Stopped early" in (tmp_path / "out" / "README.md").read_text()
    from trainer.evaluate import evaluate, load_suite

    found = evaluate(tmp_path / "out" / "model", load_suite(shop / "suite.toml"))
    assert found.by_name["words spearman"].value == pytest.approx(values[-2], abs=1e-5)


def test_a_first_look_that_is_bad_publishes_the_start(shop: Path, tmp_path: Path) -> None:
    fast = PHASE.replace("learning_rate = 1e-3", "learning_rate = 5e-2")
    trained = train(recipe(shop, GUARD.format(every=50, limit=0.05), fast, "bad.toml"), tmp_path / "out")
    assert trained.steps == 12  # the end of the first phase is a look too
    assert fingerprint(tmp_path / "out" / "model") == fingerprint(shop / "start")


def test_within_its_limits_the_guard_changes_nothing(shop: Path, tmp_path: Path) -> None:
    guarded = train(recipe(shop, GUARD.format(every=5, limit=1.0), name="wide.toml"), tmp_path / "guarded")
    assert guarded.stopped is None
    free = train(recipe(shop, name="free.toml"), tmp_path / "free")
    assert weights_of(guarded.folder) == weights_of(free.folder)


def test_stopped_in_between_and_called_again_it_comes_to_the_same(shop: Path, tmp_path: Path) -> None:
    class StopError(Exception):
        pass

    def stop(phase: str, done: int, total: int | None) -> None:
        if phase == "training pairs" and done >= 8 * 5:
            raise StopError

    fast = PHASE.replace("learning_rate = 1e-3", "learning_rate = 2e-2\nwarmup = 0.9")
    asked = recipe(shop, GUARD.format(every=2, limit=0.05), fast, "fall.toml")
    whole = train(asked, tmp_path / "whole")
    with pytest.raises(StopError):
        train(asked, tmp_path / "out", stop)
    torch.set_num_threads(2)  # what was begun with one thread goes on with one
    again = train(asked, tmp_path / "out")
    assert torch.get_num_threads() == 1
    assert (again.stopped, weights_of(again.folder)) == (whole.stopped, weights_of(whole.folder))


def test_a_limit_on_a_figure_that_is_not_there_is_said(shop: Path, tmp_path: Path) -> None:
    extra = GUARD.format(every=5, limit=1.0).replace("words spearman", "words spearmann")
    with pytest.raises(UserError, match="spearmann") as caught:
        train(recipe(shop, extra, name="typo.toml"), tmp_path / "out")
    assert "did you mean 'words spearman'" in caught.value.todo
    assert not (tmp_path / "out").exists()


def test_a_suite_that_is_not_there_is_said(shop: Path, tmp_path: Path) -> None:
    extra = GUARD.format(every=5, limit=1.0).replace("suite.toml", "none.toml")
    with pytest.raises(UserError, match="no such suite"):
        train(recipe(shop, extra, name="none-suite.toml"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_where_less_is_better_the_guard_stops_what_rises(shop: Path) -> None:
    guard = Guard(shop / "suite.toml", {"not negation error": 0.01, "not HardNegation": 0.01})
    dog = object.__new__(Watchdog)
    dog.guard, dog.start = guard, {"not negation error": 0.3, "not HardNegation": 0.5}
    assert dog.fallen({"not negation error": 0.1, "not HardNegation": 0.9}, 5) is None
    told = dog.fallen({"not negation error": 0.32, "not HardNegation": 0.9}, 5)
    assert told == "not negation error rose from 0.3000 to 0.3200, and may rise by 0.01: stopped at step 5"


def test_a_suite_of_spreads_alone_has_no_average(shop: Path, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "s.jsonl", [{"text": "a"}, {"text": "b"}])
    (tmp_path / "spread.toml").write_text('[[set]]\nname = "s"\nkind = "spread"\npath = "s.jsonl"\n')
    assert suite_of(Guard(tmp_path / "spread.toml", {"s spread": 0.1})).figures == ["s spread"]
    with pytest.raises(UserError, match="average"):
        suite_of(Guard(tmp_path / "spread.toml", {"average": 0.1}))
