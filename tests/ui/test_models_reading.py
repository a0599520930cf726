"""What the page *Models* reads and works out, without a browser: folders of any shape, curves, samples, neighbours."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from indexer.build import build
from indexer.catalog import Catalog
from indexer.drop import drop_collection
from indexer.encode.folder import read_folder
from indexer.encode.models import ModelInfo
from indexer.errors import UserError
from indexer.home import Home
from indexer.opened import OpenVersion
from indexer.settings import BuildSettings
from searchapp.service import SearchService
from tests.corpora import write_jsonl
from ui.nodes import text_of
from ui.screens import models_known
from ui.screens.models_cells import best_of, signed
from ui.screens.models_curves import binned, plot
from ui.screens.models_known import known, names, offered
from ui.screens.models_nearest import Embeddings, Passage, drawn, nearest
from ui.screens.models_reading import folder_at, number
from ui.screens.models_reports import Place, Value, read_report, told_apart
from ui.screens.models_runs import Curve, Point, read_run


@pytest.mark.parametrize("given", ["/no/such/folder", "", "\x00", "~nobody-of-this-name/x", "a" * 5000, "../" * 2000])
def test_a_path_that_leads_nowhere_is_refused_in_three_parts(given: str) -> None:
    if not given:
        given = "/dev/null/x"
    with pytest.raises(UserError) as refused:
        folder_at(given, "give another")
    assert refused.value.what == "there is no such folder on this machine"
    assert len(str(refused.value)) < 600


def test_of_a_file_its_folder_is_meant(tmp_path: Path) -> None:
    (tmp_path / "evaluation.json").write_text("{}")
    assert folder_at(f"  {tmp_path}/evaluation.json ", "") == tmp_path


@pytest.mark.parametrize("value", [True, "1", None, float("nan"), float("inf"), [1]])
def test_what_is_no_finite_number_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="no number"):
        number(value)


BROKEN = ["", "[", "[]", "{}", "null", '{"models": 3}', "[" * 100_000, '{"models": [], "figures": []}', '{"models": [{"model": "a"}], "figures": [{"model": "b"}]}',
          '{"models": [{"model": "a"}], "figures": [{"model": "a", "set": "s", "metric": "m", "value": NaN, "low": 0, "high": 1, "n": 2}]}']  # fmt: skip


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_an_evaluation_of_another_shape_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "evaluation.json").write_text(content)
    with pytest.raises(UserError) as refused:
        read_report(str(tmp_path))
    assert refused.value.what == "this is not an evaluation"


@pytest.mark.parametrize("content", BROKEN, ids=range(len(BROKEN)))
def test_a_card_of_another_shape_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "card.json").write_text(content)
    with pytest.raises(UserError) as refused:
        read_run(str(tmp_path))
    assert refused.value.what == "this is not the card of a training"


def test_a_training_under_way_is_read_from_its_log_so_far(tmp_path: Path) -> None:
    (tmp_path / ".work" / "own").mkdir(parents=True)
    lines = [
        {"done": n, "loss": 1 / n, "phase": "pairs" if n < 4 else "triplets", "branch": "model"} for n in range(1, 7)
    ]
    lines += [{"done": 7, "loss": float("nan")}]
    text = "\n".join(json.dumps(line | {"objective": "pairs"}) for line in lines) + '\n{"done": 8, "lo'
    (tmp_path / ".work" / "own" / "log.jsonl").write_text(text)
    run = read_run(str(tmp_path))
    assert (run.card, run.torn, len(run.losses)) == (None, 2, 1)
    assert [point.step for point in run.losses[0].points] == [1, 2, 3, 4, 5, 6]
    assert {point.part for point in run.losses[0].points} == {"pairs", "triplets"}


def test_a_folder_without_a_training_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no training lies in this folder"):
        read_run(str(tmp_path))


def test_a_curve_keeps_its_mean_its_phases_and_its_order() -> None:
    points = [Point(n, float(n % 7), "first" if n <= 300 else "second") for n in range(1, 501)]
    few = binned(points, 50)
    assert len(few) <= 52
    assert [point.step for point in few] == sorted(point.step for point in few)
    assert {p.part for p in few if p.step <= 300} == {"first"}
    assert few[0].value == np.mean([n % 7 for n in range(1, 11)])
    assert binned(points[:20], 50) == points[:20]


def test_a_plot_tells_its_story_and_holds_its_numbers() -> None:
    told = text_of(
        plot(Curve("pairs loss", (Point(1, 2.0, "one"), Point(5, 0.5, "one"), Point(9, 1.0, "two"))), from_zero=True)
    )
    for part in ("2.0000 → 1.0000", "one steps 1–5", "two steps 9–9", "0.5000"):
        assert part in told


def test_one_point_alone_and_a_flat_line_can_be_drawn() -> None:
    for points in ((Point(0, 0.0),), (Point(0, 3.0), Point(1, 3.0)), (Point(0, -1.0), Point(1, -1.0))):
        assert text_of(plot(Curve("x", points), from_zero=True))


def test_the_best_is_marked_only_where_it_can_be_told() -> None:
    def of(value: float, n: int = 10) -> Value:
        return Value(value, value - 0.1, value + 0.1, n)

    more, less = Place("s", "spearman"), Place("s", "negation error")
    low, high = of(0.2), of(0.4)
    assert best_of(more, [low, high]) is high
    assert best_of(less, [low, high]) is low
    assert best_of(more, [low, None, high]) is high
    for values in ([low], [low, None], [of(0.2), of(0.2)], [low, of(0.4, n=11)], [of(0.4), of(0.4), low]):
        assert best_of(more, values) is None
    assert (signed(-0.25), signed(0.25)) == ("−0.2500", "+0.2500")


def test_reports_in_folders_of_one_name_are_told_apart(tmp_path: Path) -> None:
    figure = {"set": "s", "metric": "AP", "value": 0.5, "low": 0.4, "high": 0.6, "n": 9}
    for place in ("a/out", "b/out", "c/other"):
        (tmp_path / place).mkdir(parents=True)
        told = {"models": [{"model": "m"}], "figures": [figure | {"model": "m"}], "differences": []}
        (tmp_path / place / "evaluation.json").write_text(json.dumps(told))
    found = told_apart(read_report(str(tmp_path / place)) for place in ("a/out", "b/out", "c/other"))
    keys = [report.models[0].key for report in found]
    assert len(set(keys)) == 3
    assert keys[2] == "other:m"


def test_nearest_texts_are_the_nearest_and_know_their_place_in_the_other_list() -> None:
    draw = np.random.default_rng(0)
    vectors = draw.normal(size=(200, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    passages = [Passage(str(place), "", f"text {place}") for place in range(200)]
    sides = np.stack([vectors[3], (vectors[3] + vectors[4]) / np.linalg.norm(vectors[3] + vectors[4])])
    lists = nearest(vectors, passages, sides, k=20)
    for side in (0, 1):
        exact = np.argsort(-(vectors @ sides[side]), kind="stable")[:20]
        assert [near.passage.id for near in lists[side]] == [str(place) for place in exact]
    other = {near.passage.id: rank for rank, near in enumerate(lists[1], 1)}
    assert [near.other for near in lists[0]] == [other.get(near.passage.id) for near in lists[0]]
    assert 0 < sum(near.other is not None for near in lists[0]) < 20


def test_a_broken_model_is_told_and_hides_no_other(tmp_path: Path, tiny_model: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "good" / "1")
    for name, broken in (
        ("list", "{}"),
        ("json", "["),
        ("code", '[{"type": "evil.Module", "path": ""}]'),
        ("bare", "[]"),
    ):
        (tmp_path / name / "1").mkdir(parents=True)
        (tmp_path / name / "1" / "modules.json").write_text(broken)
    assert names(tmp_path) == ["minilm", "default", "bare/1", "code/1", "good/1", "json/1", "list/1"]
    assert known("good/1", tmp_path).problem is None
    for name in ("bare/1", "code/1", "json/1", "list/1"):
        assert isinstance(known(name, tmp_path).problem, UserError)


def test_models_are_opened_once_for_each_change_of_their_files(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    monkeypatch.setattr(models_known, "read_folder", lambda folder: opened.append(folder) or read_folder(folder))
    first, second = tmp_path / "one" / "1", tmp_path / "two" / "1"
    shutil.copytree(tiny_model, first)
    assert offered(tmp_path) == ["default", "minilm", "one/1"]
    opened.clear()
    assert offered(tmp_path) == ["default", "minilm", "one/1"]
    assert opened == []
    shutil.copytree(tiny_model, second)
    assert offered(tmp_path) == ["default", "minilm", "one/1", "two/1"]
    assert opened == [second]
    weights, time = second / "model.safetensors", (second / "model.safetensors").stat().st_mtime_ns
    weights.write_bytes(weights.read_bytes()[:-1])
    os.utime(weights, ns=(time, time))  # as a copy that was cut short and kept its time
    assert offered(tmp_path) == ["default", "minilm", "one/1"]
    shutil.rmtree(second)
    assert offered(tmp_path) == ["default", "minilm", "one/1"]


def test_a_card_is_believed_only_when_it_names_this_model(tmp_path: Path, tiny_model: Path) -> None:
    folder = tmp_path / "tiny" / "1"
    shutil.copytree(tiny_model, folder)
    info = known("tiny/1", tmp_path).info
    assert info is not None
    for told, card, stranger in (
        ({"fingerprint": info.fingerprint, "licence": "CC0"}, True, False),
        ({"models": {"model": {"fingerprint": info.fingerprint}}}, True, False),
        ({"models": {"model": {"fingerprint": "another"}}}, False, True),
        ([], False, True),
    ):
        (folder / "card.json").write_text(json.dumps(told))
        found = known("tiny/1", tmp_path)
        assert (found.card is not None, found.stranger) == (card, stranger)
    (folder / "card.json").unlink()
    (folder / "README.md").write_text("---\nlicense: mit\ndatasets:\n- one\n  - two\ntags:\n- three\n---\ntext")
    assert (known("tiny/1", tmp_path).licence, known("tiny/1", tmp_path).datasets) == ("mit", ("one", "two"))


@pytest.mark.slow
def test_passages_are_drawn_evenly_over_all_that_are_there(tmp_path: Path, tiny_model: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(tiny_model, home.models / "tiny" / "1")
    source = tmp_path / "texts.jsonl"
    rows = [
        {
            "id": str(n),
            "title": f"title {n}",
            "text": f"The dog can read. {' '.join(f'It is {years} years old.' for years in range(n % 30))}",
        }
        for n in range(90)
    ]
    write_jsonl(source, rows)
    build(BuildSettings(source=source, name="texts", model="tiny/1"), home)
    version = SearchService(home).opened("texts").version
    whole = drawn(version)
    spans = [(str(version.record(row).id), span) for row in range(version.rows) for span in version.spans(row)]
    assert len(whole) == len(spans) > 120
    texts = {str(row["id"]): str(row["text"]) for row in rows}
    assert [(p.id, p.text) for p in whole] == [(id, texts[id][span.start : span.end]) for id, span in spans]
    some = drawn(version, 40)
    places = [whole.index(passage) for passage in some]
    assert len(some) == 40
    assert (places[0], places[-1]) == (0, len(whole) - 1)
    steps = np.diff(places)
    assert steps.max() - steps.min() <= 1


@pytest.mark.slow
def test_passages_are_encoded_once_and_what_failed_is_told_once(tmp_path: Path, tiny_model: Path) -> None:
    shutil.copytree(tiny_model, tmp_path / "models" / "tiny" / "1")
    info = known("tiny/1", tmp_path / "models").info
    assert info is not None
    source, home = tmp_path / "texts.jsonl", Home(tmp_path)
    source.write_text("".join(json.dumps({"id": str(n), "text": f"animal number {n}"}) + "\n" for n in range(150)))
    build(BuildSettings(source=source, name="texts", model="tiny/1"), home)
    version = SearchService(home).opened("texts").version
    passages, held = drawn(version), Embeddings()
    assert held.vectors(info, version, passages) is None
    _ended(held, info, version)
    found = held.vectors(info, version, passages)
    assert found is not None
    exact = held.encoder(info).encode_document([passage.text for passage in passages])
    np.testing.assert_allclose(found, exact, atol=0.01)  # bf16 where the processor has it
    assert held.vectors(info, version, passages) is found
    gone = replace(info, folder=tmp_path / "gone", fingerprint="gone")
    for _ in range(2):
        assert held.vectors(gone, version, passages) is None
        _ended(held, gone, version)
        with pytest.raises(UserError, match="not a sentence-transformers folder"):
            held.vectors(gone, version, passages)


@pytest.mark.slow
def test_a_collection_built_anew_is_encoded_anew(tmp_path: Path, tiny_model: Path) -> None:
    """It begins at version 1 again; the same content is the same vectors."""
    shutil.copytree(tiny_model, tmp_path / "models" / "tiny" / "1")
    info = known("tiny/1", tmp_path / "models").info
    assert info is not None
    home, held, before = Home(tmp_path), Embeddings(), 0
    for count in (30, 20, 20):
        if before:
            drop_collection(Catalog.open(home), home, "texts")
        source = tmp_path / "texts.jsonl"
        write_jsonl(source, [{"id": str(n), "text": f"animal number {n} of {count}"} for n in range(count)])
        build(BuildSettings(source=source, name="texts", model="tiny/1"), home)
        version = SearchService(home).opened("texts").version
        assert version.number == 1
        passages = drawn(version)
        assert (held.vectors(info, version, passages) is not None) == (count == before)
        _ended(held, info, version)
        found = held.vectors(info, version, passages)
        assert found is not None
        assert len(found) == len(passages) == count
        before = count


def _ended(held: Embeddings, info: ModelInfo, version: OpenVersion) -> None:
    work = held.work(info, version)
    if work is not None and work.thread is not None:
        work.thread.join(60)
