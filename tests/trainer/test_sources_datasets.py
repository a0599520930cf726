"""Hugging Face data sets: what the library itself saved or cached is read back by value, without the network."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import datasets
import pytest

from indexer.errors import UserError
from tests.trainer.reading import found
from trainer.recipe import Holdout, Source, parse_recipe
from trainer.sources import digests_of, read_source, size_of
from trainer.sources_shapes import Example

PAIRS = {"query": ["a", "b"], "positive": ["c", "d"]}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, no network, no progress bars."""
    datasets.disable_progress_bars()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


def saved(folder: Path, columns: dict[str, list[Any]] = PAIRS, **classes: list[str]) -> Path:
    made = datasets.Dataset.from_dict(columns)
    for column, names in classes.items():
        made = made.cast_column(column, datasets.ClassLabel(names=names))
    made.save_to_disk(str(folder))
    return folder


@pytest.mark.parametrize("format", ["auto", "datasets"])
def test_a_saved_data_set(tmp_path: Path, format: Any) -> None:
    source = Source("s", (saved(tmp_path / "set"),), format)
    assert found(source) == ([Example(1, "a", "c"), Example(2, "b", "d")], [])
    assert 0 < size_of(source) < 10_000


def test_a_split_of_a_saved_dictionary(tmp_path: Path) -> None:
    made = datasets.Dataset.from_dict(PAIRS)
    datasets.DatasetDict({"train": made, "dev": made.select([1])}).save_to_disk(str(tmp_path / "set"))
    good, _ = found(Source("s", (tmp_path / "set",), split="dev"))
    assert good == [Example(1, "b", "d")]
    assert list(digests_of(Holdout("h", (tmp_path / "set",), split="dev")).values()) == ["set/dev"]
    with pytest.raises(UserError, match="splits that are there: train, dev"):
        found(Source("s", (tmp_path / "set",), split="test"))


def test_classes_are_read_by_name(tmp_path: Path) -> None:
    """In this set 0 means contradiction and -1 that nobody judged; as bare numbers they would mean something else."""
    rows = {"premise": ["P", "P", "P"], "hypothesis": ["no", "yes", "?"], "label": [0, 1, -1]}
    folder = saved(tmp_path / "set", rows, label=["contradiction", "entailment"])
    good, bad = found(Source("s", (folder,)))
    assert good == [Example(2, "P", "yes"), Example(2, "P", "yes", ("no",))]
    assert [(entry.line, entry.reason) for entry in bad] == [(3, "missing field")]
    datasets.load_from_disk(str(folder)).to_parquet(str(tmp_path / "a.parquet"))
    assert found(Source("s", (tmp_path / "a.parquet",)))[0] == good


def test_labels_and_duplicates(tmp_path: Path) -> None:
    rows: dict[str, list[Any]] = {"text": ["a", "b", "c"], "label": [0, 0, 1]}
    good, bad = found(Source("s", (saved(tmp_path / "labels", rows, label=["one", "two"]),), partners=1))
    assert {(e.anchor, e.positive) for e in good} == {("a", "b"), ("b", "a")}
    assert [entry.reason for entry in bad] == ["alone with its label"]
    rows = {"text1": ["a", "a"], "text2": ["b", "c"], "label": [1, 0]}
    judged = saved(tmp_path / "judged", rows, label=["different", "same"])
    assert found(Source("s", (judged,)))[0] == [Example(1, "a", "b"), Example(2, "a", "b", ("c",))]


def test_the_digest_follows_the_content_not_the_folder(tmp_path: Path) -> None:
    first, again = (list(digests_of(Source("s", (saved(tmp_path / name),)))) for name in ("a", "b"))
    other = list(digests_of(Source("s", (saved(tmp_path / "c", {"query": ["a"], "positive": ["c"]}),))))
    assert first == again
    assert first != other
    rows = {"text": ["a", "b"], "label": [0, 1]}
    names = (["x", "y"], ["y", "x"])
    named = [list(digests_of(Source("s", (saved(tmp_path / n[0], rows, label=n),)))) for n in names]
    assert named[0] != named[1]
    about = tmp_path / "x" / "dataset_info.json"
    about.write_text(about.read_text().replace('"x"', '"z"'))  # the Arrow file stays as it is
    assert list(digests_of(Source("s", (tmp_path / "x",)))) != named[0]


def test_columns_hidden_by_a_format_are_read_all_the_same(tmp_path: Path) -> None:
    made = datasets.Dataset.from_dict(PAIRS).with_format("numpy", columns=["query"])
    made.save_to_disk(str(tmp_path / "set"))
    assert found(Source("s", (tmp_path / "set",)))[0][0] == Example(1, "a", "c")


def test_what_changes_after_the_check_is_refused(tmp_path: Path) -> None:
    source = Source("s", (saved(tmp_path / "set"),))
    inputs = digests_of(source)
    shutil.rmtree(tmp_path / "set")
    saved(tmp_path / "set", {"query": ["x"], "positive": ["y"]})
    with pytest.raises(UserError, match="changed after it was checked"):
        list(read_source(source, inputs=inputs))


def test_a_torn_folder_is_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path / "set")
    (file,) = folder.glob("*.arrow")
    whole = file.read_bytes()
    for size in range(0, len(whole), 50):
        file.write_bytes(whole[:size])
        with pytest.raises(UserError, match="to its end"):
            found(Source("s", (folder,)))
    file.unlink()
    with pytest.raises(UserError, match="to its end"):
        found(Source("s", (folder,)))
    with pytest.raises(UserError, match="no data set that was saved"):
        found(Source("s", (tmp_path,), "datasets"))


class Things(datasets.GeneratorBasedBuilder):
    """Fills a cache as a download of some/things would."""

    VERSION = datasets.Version("1.0.0")

    def _info(self) -> Any:
        return datasets.DatasetInfo(features=datasets.Features({name: datasets.Value("string") for name in PAIRS}))

    def _split_generators(self, manager: Any) -> list[Any]:
        return [datasets.SplitGenerator("train", gen_kwargs={"rows": 5})]

    def _generate_examples(self, rows: int) -> Any:
        yield from ((number, {"query": f"q{number}", "positive": f"p{number}"}) for number in range(rows))


@pytest.mark.parametrize("fetch", [False, True])
def test_a_name_is_served_from_the_cache(fetch: bool) -> None:
    Things(dataset_name="things", repo_id="some/things", hash="abc").download_and_prepare()
    source = Source("s", dataset="some/things", fetch=fetch)
    good, bad = found(source)
    assert good == [Example(number + 1, f"q{number}", f"p{number}") for number in range(5)]
    assert not bad
    assert list(digests_of(source).values()) == ["some/things train"]
    parts = [Source("s", dataset="some/things", split=split, config="default") for split in ("train[:2]", "train[2:4]")]
    assert [example.line for part in parts for example in found(part)[0]] == [1, 2, 1, 2]
    assert len({next(iter(digests_of(each))) for each in (source, *parts)}) == 3
    for wrong, told in ({"split": "tset"}, "train"), ({"config": "xx"}, "default"):
        with pytest.raises(UserError, match=told):
            found(Source("s", dataset="some/things", **wrong))


def test_nothing_is_fetched_unless_the_recipe_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    with monkeypatch.context() as watched:
        watched.setattr(datasets, "load_dataset", lambda name, *_, **__: asked.append(name))
        with pytest.raises(UserError, match="not on this machine") as refused:
            found(Source("s", dataset="some/things"))
    assert "fetch = true" in str(refused.value)
    assert not asked
    with pytest.raises(UserError, match="could not be fetched"):
        found(Source("s", dataset="some/things", fetch=True))


@pytest.mark.parametrize("script", [False, True])
def test_a_folder_or_script_of_that_name_is_not_taken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: bool
) -> None:
    folder = tmp_path / "some" / "things"
    folder.mkdir(parents=True)
    if script:
        (folder / "things.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    (folder / "train.jsonl").write_text('{"query": "q", "positive": "p"}\n')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="could not be fetched"):
        found(Source("s", dataset="some/things", fetch=True))
    assert not (tmp_path / "ran").exists()


def test_through_a_recipe(tmp_path: Path) -> None:
    saved(tmp_path / "set")
    made = parse_recipe({"source": [{"name": "s", "path": "set", "format": "datasets"}]}, tmp_path)
    assert len(found(made.sources[0])[0]) == 2
