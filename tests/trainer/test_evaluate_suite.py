"""A suite and its rows: what is read, in which order, and what is refused, each time in three parts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from indexer.errors import UserError
from tests.corpora import write_jsonl
from trainer.evaluate import Set, load_suite
from trainer.evaluate.reading import read_set
from trainer.evaluate.suite import ROLES, parse_suite
from trainer.negation_data import split_of

TRIPLETS = [{"anchor": f"a {n}", "positive": f"p {n}", "negative": f"n {n}"} for n in range(6)]


def suite(folder: Path, *lines: str) -> Path:
    """A suite file in the folder."""
    (folder / "suite.toml").write_text("\n".join(lines))
    return folder / "suite.toml"


def beir(folder: Path, qrels: Sequence[tuple[str, str, float]]) -> Path:
    """A BEIR folder of three documents and three queries."""
    write_jsonl(
        folder / "corpus.jsonl", [{"_id": f"d{n}", "title": f"title {n}", "text": f"text {n}"} for n in range(3)]
    )
    write_jsonl(folder / "queries.jsonl", [{"_id": f"q{n}", "text": f"query {n}"} for n in range(3)])
    (folder / "qrels").mkdir(exist_ok=True)
    rows = "".join(f"{query}\t{doc}\t{grade:g}\n" for query, doc, grade in qrels)
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + rows)
    return folder


SET = ("[[set]]", 'name = "x"', 'kind = "triplets"', 'path = "t.jsonl"')


@pytest.mark.parametrize(
    ("lines", "what", "todo"),
    [
        (('sets = "x"',), "does not know 'sets'", "did you mean 'set'"),
        (("seed = 1",), "has no set", "[[set]]"),
        ((*SET[:2], 'kind = "tripelts"', SET[3]), "'tripelts'", "did you mean 'triplets'"),
        ((*SET[:3], 'pth = "t.jsonl"'), "does not know 'pth'", "did you mean 'path'"),
        (SET[:3], "lacks 'path'", "path ="),
        ((*SET[:3], 'path = "none.jsonl"'), "are not there", "mend `path`"),
        ((*SET[:2], 'kind = "copies"', SET[3]), "needs 'sentence'", "anchor, positive"),
        ((*SET[:3], 'path = "."'), "no file of split 'test'", "t.jsonl"),
        ((*SET[:2], 'kind = "retrieval"', 'path = "."'), "no BEIR folder", "qrels"),
        ((*SET, "rows = 1"), "too small", "2 or more"),
        ((*SET, "lengths = [64, 0]"), "too small", "8 or"),
        ((*SET, 'dev = "d"'), "duplicates sets", "take it out"),
        ((*SET, 'side = "left"'), "choices", "query, document"),
        ((*SET, 'fields = { anker = "a" }'), "does not know 'anker'", "did you mean 'anchor'"),
        (("dims = [0]", *SET), "dims is too small", "1 or"),
        (('dims = "64"', *SET), "wrong type", "list"),
        (("[[set]]", "name ="), "not valid TOML", "mend the line"),
        (SET + SET, "a name of its own", "rename"),
    ],
)
def test_a_broken_suite_is_refused_before_anything_is_read(
    tmp_path: Path, lines: tuple[str, ...], what: str, todo: str
) -> None:
    write_jsonl(tmp_path / "t.jsonl", TRIPLETS)
    with pytest.raises(UserError) as refused:
        load_suite(suite(tmp_path, *lines))
    assert what in refused.value.what
    assert todo in refused.value.todo
    assert str(refused.value.given)


def test_a_split_that_its_file_knows_nothing_of_is_refused(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "t.jsonl", [{"anchor": "a", "positive": "b", "negative": "c"}])
    with pytest.raises(UserError, match="no column `split`"):
        load_suite(suite(tmp_path, *SET, 'split = "tset"'))


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_no_generator_takes_is_refused(tmp_path: Path, seed: int) -> None:
    from trainer.filters.consistency import Consistency
    from trainer.recipe import parse_recipe
    from trainer.train.recipe import parse_training

    phase = {"name": "a", "steps": 1, "batch": 2, "learning_rate": 1e-3, "data": [{"path": "p", "loss": "pairs"}]}
    for refused in (
        lambda: parse_suite({"seed": seed, "set": [{"name": "s", "kind": "spread", "path": "s"}]}, tmp_path),
        lambda: parse_recipe({"seed": seed, "source": [{"name": "s", "path": "s"}]}, tmp_path),
        lambda: parse_training({"seed": seed, "start": "minilm", "phase": [phase]}, tmp_path),
        lambda: Consistency(seed=seed),
    ):
        with pytest.raises(UserError, match="no seed"):
            refused()


def test_a_suite_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_suite(tmp_path / "none.toml")


def test_paths_start_at_the_suites_folder_and_splits_name_files(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_jsonl(tmp_path / "data" / "dev.jsonl", TRIPLETS[:3])
    told = load_suite(suite(tmp_path, "[[set]]", 'name = "x"', 'kind = "triplets"', 'path = "data"', 'split = "dev"'))
    assert len(read_set(told.sets[0]).rows) == 3


def test_the_order_of_rows_changes_nothing_and_the_sample_is_the_same(tmp_path: Path) -> None:
    one, other = write_jsonl(tmp_path / "one.jsonl", TRIPLETS), write_jsonl(tmp_path / "other.jsonl", TRIPLETS[::-1])
    read = [read_set(Set("x", "triplets", path)) for path in (one, other)]
    assert read[0] == read[1]
    few = [read_set(Set("x", "triplets", path), rows=3) for path in (one, other)]
    assert few[0] == few[1]
    assert few[0].rows == read[0].rows[:3]
    assert few[0].digest != read[0].digest
    assert read_set(Set("x", "triplets", one), rows=3, seed=1).rows != few[0].rows
    assert read_set(Set("x", "triplets", one, rows=2), rows=3).rows == few[0].rows[:2]


def test_rows_of_other_splits_and_columns_of_other_names(tmp_path: Path) -> None:
    rows = [{"a": row["anchor"], **row, "split": "test" if n % 2 else "train"} for n, row in enumerate(TRIPLETS)]
    path = write_jsonl(tmp_path / "t.jsonl", [{key: row[key] for key in row if key != "anchor"} for row in rows])
    read = read_set(Set("x", "negation", path, split="test", fields={"anchor": "a"}))
    assert sorted(row["anchor"] for row in read.rows) == ["a 1", "a 3", "a 5"]
    with pytest.raises(UserError, match="no row of its split") as refused:
        read_set(Set("x", "negation", path, split="dev", fields={"anchor": "a"}))
    assert "['test', 'train']" in refused.value.todo


@pytest.mark.parametrize("rows", [[], TRIPLETS[:1]], ids=["empty", "one row"])
def test_too_few_rows_are_refused(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    path = write_jsonl(tmp_path / "t.jsonl", rows)
    with pytest.raises(UserError, match="too few rows") as refused:
        read_set(Set("x", "triplets", path))
    assert refused.value.given == f"{len(rows)} rows in {path}, split None"


@pytest.mark.parametrize(
    ("kind", "row"),
    [
        ("triplets", {"anchor": "a", "positive": "b", "negative": 7}),
        ("triplets", {"anchor": "a", "positive": "b"}),
        ("triplets", {"anchor": "\ud800", "positive": "b", "negative": "c"}),
        ("sts", {"sentence1": "a", "sentence2": "b", "score": "high"}),
        ("sts", {"sentence1": "a", "sentence2": "b", "score": "nan"}),
        ("duplicates", {"text1": "a", "text2": "b", "label": 2}),
        ("reranking", {"query": "a", "candidates": ["b"], "labels": [1, 0]}),
        ("reranking", {"query": "a", "candidates": "bc", "labels": [1, 0]}),
    ],
)
def test_a_broken_row_is_refused_with_its_line(tmp_path: Path, kind: str, row: dict[str, object]) -> None:
    (tmp_path / "t.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(UserError, match="broken row") as refused:
        read_set(Set("x", kind, tmp_path / "t.jsonl"))
    assert "row 1" in str(refused.value.given)


def test_sts_reads_tsv_without_quoting(tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_text('sentence1\tsentence2\tscore\na "b\tc\t2.5\nd\te"\t0\n')
    rows = read_set(Set("x", "sts", tmp_path)).rows
    assert {(row["sentence1"], row["sentence2"], row["score"]) for row in rows} == {
        ('a "b', "c", 2.5),
        ("d", 'e"', 0.0),
    }


def test_queries_without_a_positive_are_left_out(tmp_path: Path) -> None:
    folder = beir(tmp_path, [("q0", "d0", 2), ("q0", "d1", 0), ("q1", "d1", 0), ("q2", "d2", 1)])
    read = read_set(Set("x", "retrieval", folder))
    assert {row["id"]: row["judged"] for row in read.rows} == {"q0": {"d0": 2.0, "d1": 0.0}, "q2": {"d2": 1.0}}
    assert read.corpus == {f"d{n}": f"title {n} text {n}" for n in range(3)}


def test_distractors_keep_the_relevant_documents_and_so_many_others(tmp_path: Path) -> None:
    folder = beir(tmp_path, [("q0", "d0", 1), ("q1", "d0", 1)])
    assert set(read_set(Set("x", "retrieval", folder, distractors=0)).corpus) == {"d0"}
    assert len(read_set(Set("x", "retrieval", folder, distractors=1)).corpus) == 2


def test_of_a_beir_folder_reranking_ranks_what_was_judged(tmp_path: Path) -> None:
    folder = beir(tmp_path, [("q0", "d0", 2), ("q0", "d1", 0), ("q2", "d2", 1), ("q2", "d0", 0), ("q1", "d0", 0)])
    rows = {row["query"]: (row["candidates"], row["labels"]) for row in read_set(Set("x", "reranking", folder)).rows}
    assert rows == {
        "query 0": (["title 0 text 0", "title 1 text 1"], [1.0, 0.0]),
        "query 2": (["title 0 text 0", "title 2 text 2"], [0.0, 1.0]),
    }


def test_a_judged_document_that_is_not_there_is_refused(tmp_path: Path) -> None:
    folder = beir(tmp_path, [("q0", "d9", 1), ("q1", "d0", 1)])
    with pytest.raises(UserError, match="not there") as refused:
        read_set(Set("x", "retrieval", folder))
    assert "d9" in str(refused.value.given)


@pytest.mark.data
@pytest.mark.parametrize("name", ["guards", "dev-guards", "full-suite", "domains-dev", "domains-suite"])
def test_our_own_suites_load_and_keep_to_their_splits(shared_data: Path, tmp_path: Path, name: str) -> None:
    recipes = Path(__file__).resolve().parents[2] / "recipes"
    text = (recipes / f"{name}.toml").read_text().replace("../../shared/data", str(shared_data))
    (tmp_path / "recipes").mkdir()
    write_jsonl(tmp_path / "recipes" / "test.jsonl", TRIPLETS)  # in place of the preparation that the full suite names
    text = text.replace('"../prepared"', '"."').replace("copies.jsonl", str(recipes / "copies.jsonl"))
    told = load_suite(suite(tmp_path / "recipes", text))
    assert len(told.sets) >= 3
    if "dev" in name:
        assert {entry.split for entry in told.sets} <= {"train", "dev", "valid"}
    if name == "full-suite":
        assert {entry.kind for entry in told.sets} == set(ROLES)


def test_copies_are_sentences_of_their_own() -> None:
    read = read_set(Set("copies", "copies", Path(__file__).resolve().parents[2] / "recipes" / "copies.jsonl"))
    texts = [text for row in read.rows for text in row.values()]
    assert len(read.rows) == 50
    assert len({*texts}) == len(texts)


def test_copies_of_a_preparation_are_its_counterweights_beside_their_negations(tmp_path: Path) -> None:
    pairs = {"anchor": ["it fits", "it is new", "plain"], "positive": ["it does fit", "it's new", "other"]}
    pl.DataFrame({**pairs, "source": ["a/same", "b/same", "a"]}).write_parquet(tmp_path / "pairs.parquet")
    triplets = {"anchor": ["does it fit", "is it new", "any"], "positive": ["it fits", "it is new", "plain"]}
    negatives = [["it does not fit"], ["it is not new"], ["not plain"]]
    sources = ["a/negation", "b/negation", "a"]
    made = pl.DataFrame({**triplets, "negatives": negatives, "source": sources})
    made.write_parquet(tmp_path / "triplets.parquet")
    told = load_suite(suite(tmp_path, "[[set]]", 'name = "x"', 'kind = "copies"', 'path = "."'))
    assert sorted(read_set(told.sets[0]).rows, key=str) == [
        {"sentence": "it fits", "copy": "it does fit", "negated": "it does not fit"},
        {"sentence": "it is new", "copy": "it's new", "negated": "it is not new"},
    ]
    with pytest.raises(UserError, match="too few"):
        read_set(replace(told.sets[0], source="b"))


def test_a_fold_measures_one_side_of_the_fixed_split(tmp_path: Path) -> None:
    write_jsonl(
        tmp_path / "t.jsonl", rows := [row | {"anchor": f"{row['anchor']} {n}"} for n in range(8) for row in TRIPLETS]
    )
    folds = [
        read_set(Set("x", "triplets", tmp_path / "t.jsonl", fold=fold)).texts("anchor") for fold in ("train", "test")
    ]
    assert sorted([*folds[0], *folds[1]]) == sorted(row["anchor"] for row in rows)
    assert [{split_of(text) for text in texts} for texts in folds] == [{"train"}, {"test"}]


def test_a_fold_of_a_beir_folder_is_one_of_its_queries(tmp_path: Path) -> None:
    folder = beir(tmp_path, [(f"q{n}", "d0", 1) for n in range(3)])
    write_jsonl(folder / "queries.jsonl", [{"_id": f"q{n}", "text": f"where is {n}"} for n in range(30)])
    judged = "".join(f"q{n}\td0\t1\n" for n in range(30))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    read = read_set(Set("x", "retrieval", folder, fold="test"))
    assert 2 <= len(read.rows) < 15
    assert {split_of(text) for text in read.texts("query")} == {"test"}
    assert len(read.corpus) == 3
