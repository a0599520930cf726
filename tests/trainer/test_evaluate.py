"""Evaluating a model, comparing two, and what is told: on small sets, with an encoder of words and with real models."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from indexer.errors import UserError
from tests.corpora import write_jsonl
from tests.models import WORDS, tiny_tokenizer
from trainer.cli import app
from trainer.evaluate import Set, Suite, compare, evaluate, load_suite
from trainer.evaluate.mteb import parse_tasks
from trainer.evaluate.report import json_lines, main_metrics, table, write_report


class Words:
    """An encoder: a text is the sum of its words' directions. Counts what it is asked; vectors are not of unit length."""

    def __init__(self, seed: int = 0, dim: int = 16, noise: float = 0.0) -> None:
        self.seed, self.dim, self.noise, self.asked = seed, dim, noise, list[str]()
        self.tokenizer = tiny_tokenizer()

    def encode_query(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        return self.encode_document(sentences)

    def encode_document(self, sentences: Sequence[str]) -> NDArray[np.float32]:
        self.asked += sentences
        return np.stack([self._vector(text) for text in sentences])

    def _vector(self, text: str) -> NDArray[np.float32]:
        found = sum(self._direction(word) for word in text.split())
        return np.asarray(found + self.noise * self._direction(text), np.float32)

    def _direction(self, word: str) -> NDArray[np.float64]:
        return np.random.default_rng([self.seed, zlib.crc32(word.encode())]).normal(size=self.dim)


def sentence(*places: int) -> str:
    return " ".join(WORDS[place * 37 % len(WORDS)] for place in places)


TRIPLETS = [
    {"anchor": sentence(n, n + 1, n + 2), "positive": sentence(n, n + 1, n + 9), "negative": sentence(n, n + 7, n + 8)}
    for n in range(40)
]


@pytest.fixture
def sets(tmp_path: Path) -> Suite:
    """Triplets, and STS on sentences that share more or fewer words."""
    write_jsonl(tmp_path / "t.jsonl", TRIPLETS)
    grades = [(sentence(n, n + 1, n + 2), sentence(n, *range(n + 3 - n % 3, n + 5 - n % 3)), n % 3) for n in range(60)]
    write_jsonl(
        tmp_path / "s.jsonl", [dict(zip(("sentence1", "sentence2", "score"), row, strict=True)) for row in grades]
    )
    return Suite((Set("nli", "triplets", tmp_path / "t.jsonl", spread=True), Set("sts", "sts", tmp_path / "s.jsonl")))


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_every_figure_has_its_interval_and_its_number_of_items(sets: Suite) -> None:
    found = evaluate(Words(noise=1), sets, name="words")
    assert [(f.set, f.metric, f.n) for f in found.figures] == [
        ("nli", "triplet accuracy", 40),
        ("nli", "spread", 10_000),
        ("sts", "spearman", 60),
    ]
    assert all(f.low <= f.value <= f.high for f in found.figures)
    assert all(f.low < f.high for f in found.figures)
    assert list(found.by_name) == sets.figures
    assert found.by_name["nli triplet accuracy"].value == np.mean(found.measured[0].values)


def test_each_text_is_encoded_once_in_a_run(sets: Suite) -> None:
    model = Words()
    evaluate(model, Suite((*sets.sets, Set("again", "negation", sets.sets[0].path)), dims=(8,)))
    assert len(model.asked) == len(set(model.asked))


def test_a_model_equals_itself_with_an_interval_of_no_width(sets: Suite) -> None:
    one, other = evaluate(Words(noise=1), sets, name="one"), evaluate(Words(noise=1), sets, name="other")
    told = compare(one, other)
    assert [(d.set, d.metric) for d in told][-1] == ("average", "main metrics")
    assert {(d.difference, d.low, d.high) for d in told} == {(0.0, 0.0, 0.0)}
    assert {(d.model, d.other) for d in told} == {("other", "one")}


def test_pairs_tell_more_than_two_intervals_and_the_sign_is_b_minus_a(sets: Suite) -> None:
    good, worse = evaluate(Words(noise=0.5), sets, name="good"), evaluate(Words(noise=1.2), sets, name="worse")
    forth, back = compare(worse, good), compare(good, worse)
    for one, other in zip(forth, back, strict=True):
        assert one.difference == -other.difference
        assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    accuracy = forth[0]
    assert (
        accuracy.difference == good.by_name["nli triplet accuracy"].value - worse.by_name["nli triplet accuracy"].value
    )
    alone = [evaluation.by_name["nli triplet accuracy"] for evaluation in (good, worse)]
    assert accuracy.high - accuracy.low < sum(figure.high - figure.low for figure in alone)
    main = [d.difference for d in forth[:-1] if d.metric != "spread"]
    assert forth[-1].difference == pytest.approx(np.mean(main))


def test_a_spread_is_told_and_is_no_part_of_the_average(sets: Suite) -> None:
    suite = Suite((*sets.sets, Set("space", "spread", sets.sets[0].path, fields={"text": "anchor"})))
    one, other = (evaluate(Words(noise=noise), suite, name=str(noise)) for noise in (0.5, 1.2))
    told = {(d.set, d.metric): d.difference for d in compare(one, other)}
    expected = np.mean([told["nli", "triplet accuracy"], told["sts", "spearman"]])
    assert told["average", "main metrics"] == pytest.approx(expected)
    assert ("space", "spread") in told
    assert main_metrics(one)["space"] == "spread"


def test_the_order_of_rows_changes_no_figure(sets: Suite, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "turned.jsonl", TRIPLETS[::-1])
    turned = Suite((Set("nli", "triplets", tmp_path / "turned.jsonl", spread=True),))
    assert evaluate(Words(noise=1), turned).figures == evaluate(Words(noise=1), sets).figures[:2]


def test_other_rows_cannot_be_compared(sets: Suite) -> None:
    with pytest.raises(UserError, match="different rows"):
        compare(evaluate(Words(), sets), evaluate(Words(), sets, rows=10))


def test_vectors_are_cut_and_made_unit_again(sets: Suite) -> None:
    class Cut(Words):
        def _vector(self, text: str) -> NDArray[np.float32]:
            return super()._vector(text)[:5]

    found = evaluate(Words(noise=1), Suite(sets.sets, dims=(16, 5)))
    by_dim = {(f.set, f.metric, f.dim): f.value for f in found.figures}
    assert {dim for *_, dim in by_dim} == {None, 16, 5}
    for figure in evaluate(Cut(noise=1), sets).figures:
        assert by_dim[figure.set, figure.metric, 5] == pytest.approx(figure.value, abs=1e-6)
        assert by_dim[figure.set, figure.metric, 16] == by_dim[figure.set, figure.metric, None]


def test_inputs_are_cut_at_tokens_of_the_models_own_tokenizer(sets: Suite, tmp_path: Path) -> None:
    short = [{role: " ".join(text.split()[:2]) for role, text in row.items()} for row in TRIPLETS]
    write_jsonl(tmp_path / "short.jsonl", short * 4)
    write_jsonl(
        tmp_path / "long.jsonl",
        [{role: f"{text} {sentence(3, 4, 5, 6, 7, 8)}" for role, text in row.items()} for row in short],
    )
    model = Words()
    suite = Suite((Set("long", "triplets", tmp_path / "long.jsonl", lengths=(8, 4_096)),))
    figures = evaluate(model, suite).figures
    assert [f.tokens for f in figures] == [None, 8, 4_096]
    assert figures[0].value == figures[2].value
    cut = [text for text in model.asked if len(text.split()) == 6]  # 8 tokens with [CLS] and [SEP]
    assert len(cut) == len({text for row in short for text in row.values()})


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (Words(dim=4), "more dimensions than the model has"),
        (type("Broken", (Words,), {"_vector": lambda self, text: np.full(16, np.nan, np.float32)})(), "not numbers"),
    ],
)
def test_a_model_that_cannot_be_measured_is_refused(sets: Suite, model: Words, what: str) -> None:
    with pytest.raises(UserError, match=what):
        evaluate(model, Suite(sets.sets, dims=(8,)))


def test_a_set_without_a_figure_is_named(tmp_path: Path) -> None:
    rows = [{"sentence1": "a", "sentence2": f"b{n}", "score": 1} for n in range(3)]
    write_jsonl(tmp_path / "s.jsonl", rows)
    with pytest.raises(UserError, match="'flat': All rows have the same similarity"):
        evaluate(Words(), Suite((Set("flat", "sts", tmp_path / "s.jsonl"),)))


def test_json_is_an_object_per_figure_with_what_was_cut(sets: Suite) -> None:
    found = evaluate(Words(noise=1), Suite(sets.sets[1:], dims=(8,)), name="words")
    lines = json_lines([found], [])
    assert [set(line) for line in lines] == [
        {"set", "metric", "value", "low", "high", "n"},
        {"set", "metric", "value", "low", "high", "n", "dim"},
    ]
    other = evaluate(Words(1, noise=1), Suite(sets.sets[1:], dims=(8,)), name="other")
    both = json_lines([found, other], compare(other, found))
    assert [line["model"] for line in both] == ["words", "words", "other", "other", "words", "words"]
    assert both[-1].keys() == {"model", "other", "set", "metric", "difference", "low", "high", "n", "dim"}


def test_the_table_shows_models_side_by_side_and_marks_what_is_certain(sets: Suite) -> None:
    found = [evaluate(Words(noise=noise), sets, rows=30, name=name) for name, noise in (("good", 0.2), ("worse", 9))]
    told = table(found, compare(found[1], found[0]))
    assert "A QUICK LOOK: at most 30 rows of each set" in told
    header = next(line for line in told.splitlines() if line.startswith("set"))
    assert header.split() == ["set", "metric", "n", "good", "worse"]
    row = next(line for line in told.splitlines() if "average" in line)
    assert "]*" in row
    assert "good − worse" in row
    assert "spread (less is better)" in told


@pytest.mark.slow
def test_a_report_is_a_page_a_record_and_pictures(sets: Suite, tmp_path: Path) -> None:
    cut = Set("short", "triplets", sets.sets[0].path, lengths=(8, 16))
    suite = Suite((*sets.sets, cut), dims=(16, 8))
    found = [evaluate(Words(seed, noise=1), suite, name=f"words {seed}") for seed in (0, 1)]
    files = write_report(found, compare(found[1], found[0]), tmp_path / "out")
    names = ["evaluation.json", "report.md", "figures.png", "differences.png", "dimensions.png", "lengths.png"]
    assert [file.name for file in files] == names
    assert all(file.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n" for file in files[2:])
    page = (tmp_path / "out" / "report.md").read_text()
    assert all(f"({name})" in page for name in names[2:])
    record = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert len(record["figures"]) == sum(len(one.figures) for one in found)
    again = write_report(found[:1], [], tmp_path / "out")
    assert [file.name for file in again] == [name for name in names if name != "differences.png"]
    assert not (tmp_path / "out" / "differences.png").exists()


@pytest.fixture
def suite_file(tmp_path: Path) -> Path:
    write_jsonl(tmp_path / "t.jsonl", TRIPLETS)
    rows = '[[set]]\nname = "nli"\nkind = "triplets"\npath = "t.jsonl"\nspread = true\n'
    (tmp_path / "suite.toml").write_text(f"dims = [32, 8]\n{rows}")
    return tmp_path / "suite.toml"


@pytest.mark.slow
def test_the_command_measures_compares_and_writes(suite_file: Path, tiny_model: Path, tmp_path: Path) -> None:
    from tests.models import tiny_bert

    other = tiny_bert(tmp_path / "other", seed=1)
    words = ("evaluate", tiny_model, "--suite", suite_file, "--compare", other, "--precision", "fp32")
    lines = [json.loads(line) for line in run(*words, "--out", tmp_path / "out", "--json").stdout.splitlines()]
    assert [line["model"] for line in lines] == 6 * [str(tiny_model)] + 6 * [str(other)] + 6 * [str(tiny_model)]
    assert {line.get("dim") for line in lines} == {None, 32, 8}
    assert (tmp_path / "out" / "report.md").is_file()
    alone = run("evaluate", tiny_model, "--suite", suite_file, "--rows", 20)
    assert alone.exit_code == 0, alone.output
    assert "triplet accuracy" in alone.stdout


@pytest.mark.slow
def test_a_model_in_training_and_the_folder_it_is_saved_in_measure_the_same(suite_file: Path, tiny_model: Path) -> None:
    from sentence_transformers import SentenceTransformer

    opened: Any = SentenceTransformer(str(tiny_model), device="cpu", local_files_only=True)
    suite = load_suite(suite_file)
    ours, theirs = evaluate(tiny_model, suite, precision="fp32"), evaluate(opened, suite)
    for one, other in zip(ours.figures, theirs.figures, strict=True):
        assert (one.value, one.n) == (pytest.approx(other.value, abs=1e-5), other.n)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("minilm",), "nothing to measure on"),
        (("minilm", "other", "--suite", "SUITE"), "Several models were named"),
        (("minilm", "--suite", "SUITE", "--compare", "minilm"), "named twice"),
        (("no-such-model", "--suite", "SUITE"), "no such model"),
        (("minilm", "--suite", "none.toml"), "cannot be read"),
        (("minilm", "--mteb", "SciFact=none"), "The data of task 'SciFact' are not there"),
        (("minilm", "--mteb", " , "), "No task of mteb is named"),
    ],
)
def test_what_cannot_be_measured_is_refused(suite_file: Path, words: tuple[str, ...], what: str) -> None:
    ended = run("evaluate", *(str(suite_file) if word == "SUITE" else word for word in words))
    assert isinstance(ended.exception, UserError)
    assert what in ended.exception.what


def test_more_dimensions_than_any_model_has_are_refused_before_one_is_opened(suite_file: Path) -> None:
    suite_file.write_text(suite_file.read_text().replace("[32, 8]", "[32, 768]"))
    ended = run("evaluate", "minilm", "--suite", suite_file)
    assert isinstance(ended.exception, UserError)
    assert ended.exception.given == 768
    assert "384 or fewer" in ended.exception.todo


def test_tasks_of_mteb_carry_their_folder(tmp_path: Path) -> None:
    told = parse_tasks(f"SciFact={tmp_path}, STS12")
    assert [(task.name, task.folder) for task in told] == [("SciFact", tmp_path), ("STS12", None)]


def test_without_the_mteb_package_its_tasks_are_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mteb", None)  # as if it were not installed
    ended = run("evaluate", "minilm", "--mteb", "STS12")
    assert isinstance(ended.exception, UserError)
    assert "pip install 'searchapp[mteb]'" in ended.exception.todo


@pytest.mark.slow
@pytest.mark.data
def test_the_embedded_model_has_its_published_sts_figure(shared_data: Path) -> None:
    from indexer.encode.models import resolve

    suite = Suite((Set("stsb", "sts", shared_data / "stsb"),))
    figure = evaluate(resolve("minilm"), suite).figures[0]
    assert figure.n == 1379
    assert figure.value == pytest.approx(0.8203, abs=0.002)  # the MTEB leaderboard's STSBenchmark
    assert figure.low < figure.value < figure.high
