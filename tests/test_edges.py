"""Edges at which something that looks sound gave a traceback, another model's vectors, or lost an order: one test each."""

from __future__ import annotations

import json
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import indexer.passages
from indexer.build import build
from indexer.catalog import Catalog, Figure
from indexer.command import run
from indexer.drop import drop_collection
from indexer.embed import open_vectors
from indexer.encode import fingerprint, load_encoder
from indexer.encode.folder import read_folder
from indexer.encode.general import GeneralEncoder
from indexer.encode.models import resolve
from indexer.encode.packed import runs
from indexer.errors import NotFoundError, UserError
from indexer.home import Home
from indexer.opened import OpenVersion
from indexer.readers.beir import read_beir
from indexer.readers.delimited import read_tsv
from indexer.readers.saved import read_saved
from indexer.records import Rejection, Row
from indexer.settings import BuildSettings
from indexer.store import read_version
from searchapp.evaluate import read_qrels, read_queries
from searchapp.service import SearchService
from tests.corpora import write_jsonl, write_products
from tests.models import tiny_bert

pytestmark = pytest.mark.slow


def change(file: Path, **settings: object) -> None:
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))


# --- models -------------------------------------------------------------------------------------------------------------


def test_a_collection_stays_with_its_version_of_a_model(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    source = write_products(tmp_path / "p.jsonl", range(10))
    tiny_bert(home.models / "mine" / "9", seed=1)
    build(BuildSettings(source=source, name="shop", model="mine"), home)
    assert Catalog.open(home).version("shop").model_name == "mine/9"
    tiny_bert(home.models / "mine" / "10", seed=2)
    assert resolve("mine", home.models) == home.models / "mine" / "10"
    assert SearchService(home).search("shop", "lamp").hits
    assert build(BuildSettings(source=source, name="shop"), home).unchanged
    newer = build(BuildSettings(source=source, name="shop", model="mine"), home)
    assert newer.version == 2
    assert newer.embedded > 0


def test_two_paths_of_one_model_are_not_one_anothers_business(tmp_path: Path, tiny_model: Path) -> None:
    home = Home(tmp_path / "home")
    source = write_products(tmp_path / "p.jsonl", range(10))
    for name in ("a", "b"):
        shutil.copytree(tiny_model, tmp_path / name)
        build(BuildSettings(source=source, name=name, model=str(tmp_path / name)), home)
    shutil.rmtree(tmp_path / "b")
    assert SearchService(home).search("a", "lamp").hits
    with pytest.raises(UserError, match="no such model"):
        SearchService(home).search("b", "lamp")


@pytest.mark.parametrize(
    ("file", "settings"),
    [
        ("config_sentence_transformers.json", {"truncate_dim": 8}),
        ("tokenizer_config.json", {"truncation_side": "left"}),
    ],
)
def test_settings_that_the_fast_engine_has_not_go_to_the_other(
    tmp_path: Path, file: str, settings: dict[str, object]
) -> None:
    folder = tiny_bert(tmp_path / "model")
    assert runs(read_folder(folder))
    path = folder / file
    path.write_text(json.dumps((json.loads(path.read_text()) if path.is_file() else {}) | settings))
    encoder = load_encoder(folder, precision="fp32", threads=1)
    assert isinstance(encoder, GeneralEncoder)
    assert encoder.encode_document(["a"]).shape == (1, 8 if "truncate_dim" in settings else 32)


def test_scaled_positions_make_another_model(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "model")
    plain = fingerprint(folder)
    change(folder / "config.json", rope_scaling=None)
    assert fingerprint(folder) == plain
    change(folder / "config.json", rope_scaling={"type": "linear", "factor": 4.0})
    assert fingerprint(folder) != plain


def test_a_pickle_beside_shards_is_refused_where_shards_are_not_read(tmp_path: Path) -> None:
    folder = tiny_bert(tmp_path / "model")
    chain = json.loads((folder / "modules.json").read_text())
    chain.append({"idx": 9, "name": "9", "path": "2_Dense", "type": "sentence_transformers.models.Dense"})
    (folder / "modules.json").write_text(json.dumps(chain))
    (folder / "2_Dense").mkdir()
    (folder / "2_Dense" / "config.json").write_text('{"in_features": 32, "out_features": 8}')
    (folder / "2_Dense" / "model-00001-of-00001.safetensors").write_bytes(b"")
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UserError, match="pickled"):
        read_folder(folder)


@pytest.mark.parametrize("damage", ["short", "activation"])
def test_models_that_cannot_be_used_are_refused(tmp_path: Path, damage: str) -> None:
    folder = tiny_bert(tmp_path / "model")
    if damage == "short":
        change(folder / "sentence_bert_config.json", max_seq_length=10)
    else:
        change(folder / "config.json", hidden_act=["gelu"])
    with pytest.raises(UserError):
        load_encoder(folder, precision="fp32", threads=1)


def test_models_that_no_open_version_uses_are_let_go(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    source = write_products(tmp_path / "p.jsonl", range(10))
    service: SearchService | None = None
    for seed in range(3):
        folder = tiny_bert(tmp_path / f"model{seed}", seed=seed)
        build(BuildSettings(source=source, name="shop", model=str(folder)), home)
        service = service or SearchService(home)
        assert service.search("shop", "lamp").version == seed + 1
        assert len(service._openings._encoders) == 1


def test_a_version_that_is_being_opened_holds_up_no_other_collection(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    for name in ("open", "slow"):
        source = write_products(tmp_path / "p.jsonl", range(5))
        build(BuildSettings(source=source, name=name, model=str(tiny_model)), home)
    service, begun, go_on = SearchService(home), threading.Event(), threading.Event()
    service.search("open", "lamp")
    original = OpenVersion.__init__

    def slow(self: OpenVersion, home: Home, collection: str, number: int, sha256: str) -> None:
        begun.set()
        assert go_on.wait(60)
        original(self, home, collection, number, sha256)

    monkeypatch.setattr(OpenVersion, "__init__", slow)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(service.search, "slow", "lamp") for _ in range(2)]
        assert begun.wait(60)
        assert service.search("open", "lamp").hits  # would wait for ever
        go_on.set()
        assert len({id(service.opened("slow")), *(id(service.opened("slow")) for _ in waiting)}) == 1
        assert all(one.result(60).hits for one in waiting)


# --- search and builds --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("same", [3, 6, 7, 11])
def test_equal_documents_have_equal_scores_and_keep_their_order(tmp_path: Path, tiny_model: Path, same: int) -> None:
    rows = [{"id": f"a{number}", "text": f"lamp number {number}"} for number in range(20)]
    rows += [{"id": f"{number:03}", "text": "a cordless drill for hard wood"} for number in range(same)]
    home = Home(tmp_path / "home")
    source = write_jsonl(tmp_path / "d.jsonl", rows)
    build(BuildSettings(source=source, name="d", model=str(tiny_model)), home)
    service = SearchService(home)
    for query in ("drill", "hard wood", "lamp", "a hand for the wood"):
        hits = [hit for hit in service.search("d", query, 57).hits if not hit.id.startswith("a")]
        assert [hit.id for hit in hits] == sorted(hit.id for hit in hits)
        assert len({(hit.score, hit.stages["dense"].score) for hit in hits}) == 1


@pytest.mark.parametrize("width", [23, 61])
def test_vectors_are_copied_only_where_the_cuts_are_the_same(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """A release before cut sentences elsewhere: finer or coarser than this one."""
    long = " ".join(f"the quick table number {number} stands by the lamp." for number in range(60))
    rows = [{"id": str(number), "text": f"{long} {number}"} for number in range(4)]
    home, settings = Home(tmp_path / "home"), {"model": str(tiny_model)}
    source = write_jsonl(tmp_path / "d.jsonl", rows[:3])
    with monkeypatch.context() as patch:
        cuts = lambda text: [(at, min(at + width, len(text))) for at in range(0, len(text), width)]  # noqa: E731
        patch.setattr(indexer.passages, "sentences", cuts)
        build(BuildSettings(source=source, name="old", **settings), home)
    write_jsonl(source, rows)
    for name in ("old", "fresh"):
        build(BuildSettings(source=source, name=name, **settings), home)

    def vectors(name: str) -> np.ndarray:
        row = Catalog.open(home).version(name)
        [segment] = read_version(home, name, row.number, row.sha256).segments
        return np.array(open_vectors(segment.folder / "vectors" / "dense.f32", 32))

    np.testing.assert_allclose(vectors("old"), vectors("fresh"), atol=1e-5)


def test_what_a_failed_build_left_can_be_dropped(tmp_path: Path, tiny_model: Path) -> None:
    home = Home(tmp_path / "home")
    (tmp_path / "bad.csv").write_text("id,text\n1,hello\n1,hello again\n")
    with pytest.raises(UserError):
        build(BuildSettings(source=tmp_path / "bad.csv", name="bad", model=str(tiny_model)), home)
    assert home.collection("bad").is_dir()
    drop_collection(Catalog.open(home), home, "bad")
    assert not home.collection("bad").exists()
    with pytest.raises(NotFoundError):
        drop_collection(Catalog.open(home), home, "bad")


def test_what_killed_builds_wrote_of_rejected_rows_goes(tmp_path: Path, tiny_model: Path) -> None:
    home = Home(tmp_path / "home")
    home.collection("shop").mkdir(parents=True)
    left = home.collection("shop") / ".rejected.jsonl.5728.partial"
    left.write_text("{}")
    build(
        BuildSettings(source=write_products(tmp_path / "p.jsonl", range(5)), name="shop", model=str(tiny_model)), home
    )
    assert not left.exists()


# --- sources ------------------------------------------------------------------------------------------------------------


def test_a_quoted_cell_at_the_end_of_the_look_does_not_unquote_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.readers.delimited._LOOKED_AT", 2_000)
    lines = [f'"{number}"\t"a text of row {number}"' for number in range(200)]
    at = next(place for place in range(200) if sum(len(line) + 1 for line in lines[: place + 1]) > 1_960)
    lines[at + 1] = f'"{at + 1}"\t"the first line\nand the second"'
    file = tmp_path / "t.tsv"
    file.write_text('"id"\t"text"\n' + "\n".join(lines) + "\n")
    rows = list(read_tsv(file))
    assert len(rows) == 200
    assert isinstance(rows[0], Row)
    assert rows[0].values == {"id": "0", "text": "a text of row 0"}


def test_half_a_character_in_the_name_of_metadata_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text(
        '{"_id": "1", "text": "hello", "metadata": {"\\ud800": 1}}\n{"_id": "2", "text": "hello"}\n'
    )
    first, second = read_beir(tmp_path)
    assert isinstance(first, Rejection)
    assert first.reason == "lone surrogate"
    assert isinstance(second, Row)


@pytest.mark.parametrize("name", ["../secret", "..", "link"])
def test_a_split_of_a_saved_data_set_lies_inside_it(tmp_path: Path, name: str) -> None:
    from datasets import Dataset

    Dataset.from_list([{"id": "1", "text": "a secret text"}]).save_to_disk(str(tmp_path / "secret"))
    (tmp_path / "ds").mkdir()
    (tmp_path / "ds" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "ds" / "dataset_dict.json").write_text(json.dumps({"splits": [name]}))
    with pytest.raises(UserError, match="cannot be read"):
        list(read_saved(tmp_path / "ds"))


@pytest.mark.parametrize(
    ("qrels", "said"),
    [
        ("q1\td1\t1\n", "no query has a relevant"),
        ("query-id\tcorpus-id\tscore\nq1\td1\thigh\n", "cannot be read"),
        ("query-id\tcorpus-id\tscore\nq1\td1\t0\n", "no query has a relevant"),
        ("query-id\tcorpus-id\tgrade\nq1\td1\t1\n", "cannot be read"),
    ],
)
def test_judgements_that_are_none(tmp_path: Path, qrels: str, said: str) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text(qrels)
    with pytest.raises(UserError, match=said):
        read_qrels(tmp_path, "test")
    (tmp_path / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1.0\n")
    assert read_qrels(tmp_path, "test") == {"q1": {"d1": 1}}
    write_jsonl(tmp_path / "queries.jsonl", [{"id": "q1", "text": "a"}])
    with pytest.raises(UserError, match="queries cannot be read"):
        read_queries(tmp_path)


def test_figures_of_a_version_that_has_gone_are_refused(tmp_path: Path, tiny_model: Path) -> None:
    home = Home(tmp_path / "home")
    source = write_products(tmp_path / "p.jsonl", range(5))
    build(BuildSettings(source=source, name="shop", model=str(tiny_model)), home)
    with pytest.raises(NotFoundError, match="was removed"):
        Catalog.open(home).remember_figures("shop", 7, [Figure("a/test", 1, "dense", "AP", 0.5, 0.4, 0.6)])


# --- commands -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "/locks/.catalog"), "Permission denied"),
        (OSError(28, "No space left on device"), "No space left"),
        (UnicodeEncodeError("utf-8", "caf\udce9.csv", 3, 4, "surrogates not allowed"), "caf\\udce9.csv"),
    ],
    ids=["permission", "room", "name"],
)
def test_what_the_system_refuses_is_a_sentence(error: Exception, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    def app() -> None:
        raise error

    with pytest.raises(SystemExit) as ended:
        run(app)  # type: ignore[arg-type]
    told = capsys.readouterr().err
    assert ended.value.code == 2
    assert said in told
    assert told.count("\n  given: ") == told.count("\n  do: ") == 1
