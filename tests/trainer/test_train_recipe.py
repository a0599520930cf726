"""A recipe of training: what it means, and that everything wrong with it is said before anything is opened."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from indexer.errors import UserError
from tests.models import tiny_bert
from tests.trainer.training import recipe, workshop, write_rows
from trainer.negation_stage import NEGATION, SAME
from trainer.recipe import load_recipe
from trainer.train import load_training
from trainer.train.recipe import RETRIEVAL_PROMPTS, Backbone, Data, parse_training
from trainer.train.run import identity_of

GOOD = """
start = "minilm"
seed = 4
average = 0.5
[lora]
rank = 8
[[phase]]
name = "pairs"
steps = 100
batch = 32
learning_rate = 2e-5
matryoshka = [384, 128]
[[phase.data]]
path = "prepared"
loss = "pairs"
weight = 2
[[adapter]]
task = "retrieval"
[[adapter.phase]]
name = "more"
steps = 10
batch = 32
learning_rate = 1e-4
data = [{path = "prepared", loss = "triplets"}]
"""


def test_a_recipe_is_a_value(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text(GOOD)
    training = load_training(tmp_path / "recipe.toml")
    assert (training.start, training.seed, training.average, training.lora and training.lora.rank) == (
        "minilm",
        4,
        0.5,
        8,
    )
    phase = training.phases[0]
    assert (phase.steps, phase.matryoshka, phase.warmup, phase.schedule) == (100, (384, 128), 0.1, "linear")
    assert phase.data == (Data(tmp_path / "prepared", "pairs", weight=2.0),)
    assert (phase.data[0].kind, training.adapters[0].phases[0].data[0].kind) == ("pairs", "triplets")
    assert training.adapters[0].prompts == RETRIEVAL_PROMPTS


def test_a_model_from_scratch_is_a_table(tmp_path: Path) -> None:
    start = 'start = {backbone = "alibi-bert", shape = "tiny", tokenizer = "words"}'
    (tmp_path / "words").mkdir()
    (tmp_path / "recipe.toml").write_text(GOOD.replace('start = "minilm"', start))
    assert load_training(tmp_path / "recipe.toml").start == Backbone("alibi-bert", tmp_path / "words", "tiny")


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("start", "strat", "did you mean 'start'"),
        ('start = "minilm"', "", "where to start"),
        ("steps = 100", "stepps = 100", "did you mean 'steps'"),
        ("steps = 100", "", "lacks 'steps'"),
        ("steps = 100", "steps = 0", "steps of"),
        ("steps = 100", 'steps = "100"', "wrong type"),
        ("batch = 32", "batch = 1", "batch of"),
        ("learning_rate = 2e-5", "learning_rate = -1.0", "learning_rate of"),
        ("learning_rate = 2e-5", "learning_rate = nan", "learning_rate of"),
        ("rank = 8", "rank = 0", "rank of"),
        ("rank = 8", "ranks = 8", "did you mean 'rank'"),
        ("average = 0.5", "average = 1.5", "average lies between"),
        ('loss = "pairs"', 'loss = "pears"', "did you mean 'pairs'"),
        ('loss = "pairs"', 'loss = "negatives"\nrows = "pairs"', "needs triplets"),
        ("weight = 2", "weight = 0", "weight of"),
        ("matryoshka = [384, 128]", "warmup = 1.0", "warmup"),
        ('task = "retrieval"', 'task = "cooking"', "none of its choices"),
        ("[lora]", "[guard]\nsuite = 's.toml'\nlimits = {}\n[lora]", "names no limit"),
        ("seed = 4", 'prompts = {question = "q: "}', "question"),
        ("[[adapter.phase]]", "[[adapter.fase]]", "did you mean 'phase'"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, what: str) -> None:
    assert old in GOOD
    (tmp_path / "recipe.toml").write_text(GOOD.replace(old, new, 1))
    with pytest.raises(UserError) as caught:
        load_training(tmp_path / "recipe.toml")
    assert what in str(caught.value)
    assert caught.value.given is not None
    assert caught.value.todo


@pytest.mark.parametrize("text", ["", "start = 'minilm'", "[[phase]", "\udcff"])
def test_what_is_no_recipe_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError):
        load_training(tmp_path / "recipe.toml")


def test_a_recipe_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_training(tmp_path / "none.toml")


RECIPES = Path(__file__).resolve().parents[2] / "recipes"
TRAININGS = sorted(file for file in RECIPES.glob("*.toml") if "phase]]" in file.read_text())
MADE = re.compile(r"trainer prepare recipes/(\S+\.toml) --out (prepared\S*)")


def sources_made() -> dict[Path, set[str]]:
    """Folder → sources that our own preparations write into it, by the commands that the recipes name."""
    made: dict[Path, set[str]] = {}
    for data, folder in {found for file in RECIPES.glob("*.toml") for found in MADE.findall(file.read_text())}:
        recipe = load_recipe(RECIPES / data)
        negated = recipe.negation.sources if recipe.negation else ()
        names = {source.name for source in recipe.sources} | {
            f"{name}{end}" for name in negated for end in (NEGATION, SAME)
        }
        made.setdefault((RECIPES / ".." / folder).resolve(), set()).update(names)
    return made


@pytest.mark.parametrize("file", TRAININGS, ids=lambda file: file.stem)
def test_our_own_recipes_name_sources_that_our_own_preparations_make(file: Path) -> None:
    made = sources_made()
    training = load_training(file)
    for phase in (*training.phases, *(one for adapter in training.adapters for one in adapter.phases)):
        for data in phase.data:
            if data.path.name != "@prepared":  # what an ablation puts in its place
                assert set(data.sources) <= made[data.path.resolve()], data.path


def test_what_decides_the_plan_decides_the_identity(tmp_path: Path) -> None:
    """Two folders of one name, the weight of a source, and a guide beside the recipe."""
    for name in ("a", "b"):
        (tmp_path / name / "pairs").mkdir(parents=True)
        write_rows(tmp_path / name / "pairs" / "rows.jsonl", 20, 1 if name == "a" else 2)
    tiny_bert(tmp_path / "start")
    phase = {"name": "p", "steps": 2, "batch": 4, "learning_rate": 1e-3}
    data = [{"path": f"{name}/pairs/rows.jsonl", "loss": "pairs"} for name in ("a", "b")]
    made = parse_training({"start": "start", "phase": [phase | {"data": data}]}, tmp_path)
    before, inputs = identity_of(made)
    assert list(inputs) == ["pairs/rows.jsonl", "pairs/rows.jsonl (2)"]
    write_rows(tmp_path / "a" / "pairs" / "rows.jsonl", 20, 3)
    assert identity_of(made)[0] != before
    guided = parse_training({"start": "start", "phase": [phase | {"data": [data[0] | {"guide": "start"}]}]}, tmp_path)
    assert guided.phases[0].data[0].guide == tmp_path / "start"

    shop = workshop(tmp_path / "shop")
    training = recipe(shop)
    before = identity_of(training)[0]
    card = json.loads((shop / "prepared" / "card.json").read_text())
    card["sources"]["pets"]["weight"] = 9.0
    (shop / "prepared" / "card.json").write_text(json.dumps(card))
    assert identity_of(training)[0] != before
