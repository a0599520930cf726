"""Recipes: what is accepted, and how what is not is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from indexer.errors import UserError
from trainer.filters import FILTERS, make_filter
from trainer.filters.near import Near
from trainer.recipe import FilterStep, load_recipe, parse_recipe

HERE = Path("/somewhere")
SOURCE = {"name": "a", "path": "a.jsonl"}


def recipe(**extra: Any) -> Any:
    return parse_recipe({"source": [SOURCE]} | extra, HERE)


def test_a_small_recipe_has_the_defaults_and_paths_from_its_own_folder() -> None:
    made = recipe(seed=3, filters=[{"name": "near", "threshold": 1}])
    assert made.sources[0].path == (HERE / "a.jsonl",)
    assert (made.sources[0].weight, made.sources[0].task, made.seed) == (1.0, "retrieval", 3)
    assert make_filter(made.filters[0]) == Near(threshold=1.0)


def test_a_filter_used_twice_has_two_labels() -> None:
    made = recipe(filters=[{"name": "length"}, {"name": "length", "max_words": 9}])
    assert [step.label for step in made.filters] == ["length", "length 2"]


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        ({"sorce": []}, ["'sorce'", "did you mean 'source'"]),
        ({"source": []}, ["no source"]),
        ({"source": [SOURCE | {"licens": "x"}]}, ["'licens'", "did you mean 'licence'"]),
        ({"source": [{"name": "a"}]}, ["lacks 'path'"]),
        ({"source": [SOURCE, SOURCE]}, ["a name of its own"]),
        ({"source": [SOURCE | {"weight": "much"}]}, ["weight", "a text", "give a number"]),
        ({"source": [SOURCE | {"weight": 0}]}, ["above zero"]),
        ({"source": [SOURCE | {"weight": float("nan")}]}, ["above zero"]),
        ({"source": [SOURCE | {"task": "retreival"}]}, ["did you mean 'retrieval'"]),
        ({"source": [SOURCE | {"fields": {"ancor": "q"}}]}, ["did you mean 'anchor'"]),
        ({"source": [SOURCE | {"fields": {"anchor": 3}}]}, ["anchor of fields", "give a text"]),
        ({"source": [SOURCE], "seed": True}, ["seed", "true or false", "a whole number"]),
        ({"source": [SOURCE], "seed": 1.5}, ["seed", "a whole number"]),
        ({"source": [SOURCE], "filters": [{"name": "exakt"}]}, ["did you mean 'exact'"]),
        ({"source": [SOURCE], "filters": [{}]}, ["lacks its name"]),
        ({"source": [SOURCE], "filters": ["exact"]}, ["wrong type", "give a table"]),
        ({"source": [SOURCE], "filters": [{"name": "leakage"}]}, ["need each other", "[[holdout]]"]),
        ({"source": [SOURCE], "holdout": [{"name": "h", "path": "h"}]}, ["need each other", "leakage"]),
        ({"source": [SOURCE], "batch_budget": 0}, ["above zero"]),
    ],
)
def test_what_is_wrong_is_named_with_what_to_do(raw: dict[str, Any], parts: list[str]) -> None:
    with pytest.raises(UserError) as refused:
        parse_recipe(raw, HERE)
    assert all(part in str(refused.value) for part in parts), str(refused.value)


@pytest.mark.parametrize(
    ("name", "settings", "part"),
    [
        ("near", {"treshold": 0.5}, "did you mean 'threshold'"),
        ("near", {"threshold": "high"}, "wrong type"),
        ("near", {"threshold": 0}, "above 0"),
        ("boilerplate", {"sides": ["left"]}, "one of: anchor, positive"),
        ("length", {"max_words": 0}, "leave no text"),
        ("leakage", {"holdouts": []}, "does not know 'holdouts'"),
    ],
)
def test_settings_of_filters_are_checked(name: str, settings: dict[str, Any], part: str) -> None:
    with pytest.raises(UserError) as refused:
        make_filter(FilterStep(name, name, settings))
    assert part in str(refused.value)


def test_the_cheap_filters_are_where_the_table_says() -> None:
    for name in ("empty", "identical", "length", "boilerplate", "exact", "near", "overlap", "leakage"):
        made = make_filter(FilterStep(name, name, {}))
        assert made.name == name
        assert made.reasons
        assert name in FILTERS


def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_recipe(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("seed = = 3")
    with pytest.raises(UserError, match="not valid TOML"):
        load_recipe(tmp_path / "bad.toml")


def test_the_example_parses() -> None:
    made = load_recipe(Path(__file__).parents[2] / "recipes" / "example.toml")
    assert [source.name for source in made.sources] == ["products", "claims", "nli", "intents"]
