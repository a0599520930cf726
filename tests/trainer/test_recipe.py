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
SQL = {"url": "postgresql://user:hush@host/shop", "query": "select 1"}


def recipe(**extra: Any) -> Any:
    return parse_recipe({"source": [SOURCE]} | extra, HERE)


def test_a_small_recipe_has_the_defaults_and_paths_from_its_own_folder() -> None:
    made = recipe(seed=3, filters=[{"name": "near", "threshold": 1}])
    assert made.sources[0].path == (HERE / "a.jsonl",)
    assert (made.sources[0].weight, made.sources[0].task, made.seed) == (1.0, "retrieval", 3)
    assert make_filter(made.filters[0]) == Near(threshold=1.0)


def test_sources_of_every_kind() -> None:
    name = {"name": "b", "dataset": "owner/name", "config": "en", "split": "validation", "fetch": True}
    table = {"name": "c", "url": "sqlite:///shop.db", "query": "select * from t", "format": "sql"}
    made = recipe(source=[SOURCE, name, table])
    assert (made.sources[1].dataset, made.sources[1].split, made.sources[1].path) == ("owner/name", "validation", ())
    assert made.sources[2].url == "sqlite:////somewhere/shop.db"
    rooted = recipe(source=[table | {"url": "sqlite:////elsewhere/shop.db"}])
    assert rooted.sources[0].url == "sqlite:////elsewhere/shop.db"


@pytest.mark.parametrize("given", [SQL["url"], [SQL["url"]], {"is": "postgresql://host/shop?password=hush"}])
def test_a_password_is_never_shown(given: Any) -> None:
    try:
        shown = repr(recipe(source=[{"name": "a", "query": "select 1", "url": given}]))
    except UserError as error:
        shown = str(error)
        assert "***" in shown
    assert "shop" in shown or given == SQL["url"]
    assert "hush" not in shown


def test_a_filter_used_twice_has_two_labels() -> None:
    made = recipe(filters=[{"name": "length"}, {"name": "length", "max_words": 9}])
    assert [step.label for step in made.filters] == ["length", "length 2"]


@pytest.mark.parametrize(
    ("raw", "parts"),
    [
        ({"sorce": []}, ["'sorce'", "did you mean 'source'"]),
        ({"source": []}, ["no source"]),
        ({"source": [SOURCE | {"licens": "x"}]}, ["'licens'", "did you mean 'licence'"]),
        ({"source": [{"path": "a"}]}, ["lacks 'name'"]),
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
        ({"source": [{"name": "a"}]}, ["[[source]] 'a' says not where", "no path, url or dataset", "give one of"]),
        ({"source": [SOURCE | {"path": []}]}, ["says not where"]),
        ({"source": [SOURCE | SQL]}, ["in two places", "path and url"]),
        ({"source": [SOURCE | {"dataset": "o/n"}]}, ["in two places", "path and dataset"]),
        ({"source": [{"name": "a", "url": SQL["url"]}]}, ["needs a query", "url without query"]),
        ({"source": [{"name": "a"} | SQL | {"query": "  "}]}, ["needs a query"]),
        ({"source": [{"name": "a"} | SQL | {"format": "csv"}]}, ["not for a url", "one of: auto", "sql"]),
        ({"source": [SOURCE | {"format": "sql"}]}, ["not for a path"]),
        ({"source": [SOURCE | {"query": "select 1"}]}, ["query belongs to a url", "remove it"]),
        ({"source": [SOURCE | {"fetch": True}]}, ["fetch belongs to a dataset"]),
        ({"source": [{"name": "a"} | SQL | {"config": "c"}]}, ["config belongs to a dataset"]),
        ({"source": [{"name": "a", "dataset": "../folder"}]}, ["no name of a data set", "owner/name"]),
        ({"source": [SOURCE], "holdout": [{"name": "h"}]}, ["[[holdout]] 'h' says not where"]),
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
