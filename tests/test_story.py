"""The whole story through the commands, as a user and as a machine: real processes, a tiny model, stable JSON."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import product, write_jsonl, write_products

pytestmark = pytest.mark.slow


def run(home: Path, *words: object, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `indexer …` or `searchapp …` on a home; fail when it ends with another status."""
    command = [sys.executable, "-m", f"{words[0]}.cli", *map(str, words[1:]), "--home", str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return done


def answer(home: Path, *words: object, status: int = 0) -> dict[str, Any]:
    """The one JSON object a command prints with `--json`."""
    shown: dict[str, Any] = json.loads(run(home, *words, "--json", status=status).stdout)
    return shown


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("story") / "home"


@pytest.fixture(scope="module")
def shop(home: Path, tiny_model: Path) -> dict[str, Any]:
    rows = [product(number) for number in range(250)]
    rows[100] = rows[100] | {"price": "a lot"}
    source = write_jsonl(home.parent / "products.jsonl", rows)
    return answer(home, "indexer", "build", source, "--name", "shop", "--model", tiny_model)


@pytest.mark.catalog
def test_build_reports_what_it_published(shop: dict[str, Any]) -> None:
    told = {key: shop[key] for key in ("collection", "version", "records", "rejected")}
    assert told == {"collection": "shop", "version": 1, "records": 249, "rejected": {"wrong type": 1}}
    assert shop["passages"] >= 249
    assert shop["seconds"] > 0
    assert shop["plan"]["kind"] == "exact"
    assert "249" in shop["plan"]["why"] or str(shop["passages"]) in shop["plan"]["why"]


def test_progress_goes_to_stderr_and_only_the_object_to_stdout(
    home: Path, shop: dict[str, Any], tiny_model: Path
) -> None:
    source = write_products(home.parent / "other.jsonl", range(60))
    done = run(home, "indexer", "build", source, "--name", "other", "--model", tiny_model, "--json")
    assert done.stdout.count("\n") == 1
    assert "embedding" in done.stderr


@pytest.mark.catalog
def test_search_answers_with_stages_passage_and_record(home: Path, shop: dict[str, Any]) -> None:
    found = answer(home, "searchapp", "search", "shop", "quiet oak lamp", "--where", "price < 100", "-k", 3)
    assert (found["collection"], found["version"], len(found["hits"])) == ("shop", 1, 3)
    hit = found["hits"][0]
    assert set(hit) == {"id", "score", "stages", "passage", "record"}
    assert hit["record"]["fields"]["price"] < 100
    assert set(hit["stages"]["dense"]) == {"rank", "score"}


def test_search_shows_people_titles_and_stages(home: Path, shop: dict[str, Any]) -> None:
    shown = run(home, "searchapp", "search", "shop", "quiet oak lamp", "-k", 2, "--mode", "lexical").stdout
    assert "[SKU-" in shown
    assert "lexical" in shown
    assert "2 of version 1 in" in shown


@pytest.mark.catalog
def test_evaluate_measures_every_mode(home: Path, shop: dict[str, Any]) -> None:
    folder = home.parent / "beir"
    (folder / "qrels").mkdir(parents=True)
    names = {number: str(product(number)["description"])[:60] for number in range(40)}
    write_jsonl(folder / "queries.jsonl", [{"_id": f"q{number}", "text": name} for number, name in names.items()])
    lines = ["query-id\tcorpus-id\tscore", *(f"q{number}\tSKU-{number:05}\t1" for number in names)]
    lines += ["q0\tSKU-00001\t0"]
    (folder / "qrels" / "test.tsv").write_text("\n".join(lines) + "\n")
    told = answer(home, "searchapp", "evaluate", "shop", folder, "--split", "test", "--mode", "dense,lexical,hybrid")
    assert {key: told[key] for key in ("collection", "version", "split")} == {
        "collection": "shop",
        "version": 1,
        "split": "test",
    }
    assert list(told["modes"]) == ["dense", "lexical", "hybrid"]
    for scores in told["modes"].values():
        assert set(scores) == {"nDCG@10", "R@100", "RR@10", "AP@100", "queries_per_second"}
    assert told["modes"]["lexical"]["RR@10"] > 0.9  # a text's own beginning finds it
    missing = run(home, "searchapp", "evaluate", "shop", folder, "--split", "dev", status=2)
    assert "choose a split that is there: test" in missing.stderr


def test_dry_run_tells_the_plan_and_writes_nothing(tmp_path: Path, tiny_model: Path) -> None:
    source = write_products(tmp_path / "products.jsonl", range(300))
    build = ("indexer", "build", source, "--name", "shop", "--model", tiny_model, "--dry-run")
    told = answer(tmp_path / "home", *build)
    assert (told["rows"], told["sampled"], told["columns"]["id"]) == (300, 300, "sku")
    assert told["model_reads"] == 64
    assert 0 < told["longer_than_model"] < 1
    assert told["passages"] > 300
    assert told["seconds"] > 0
    assert told["memory_bytes"] > 0
    assert told["disk_bytes"] > told["memory_bytes"]
    assert "nothing was written" in run(tmp_path / "home", *build).stdout
    assert not (tmp_path / "home").exists()


@pytest.mark.catalog
def test_versions_rollback_verify_and_drop(tmp_path: Path, tiny_model: Path) -> None:
    home, source = tmp_path / "home", tmp_path / "products.jsonl"
    for count in (30, 40):
        write_products(source, range(count))
        answer(home, "indexer", "build", source, "--name", "shop", "--model", tiny_model)
    told = answer(home, "indexer", "versions", "shop")["versions"]
    assert [(row["version"], row["records"], row["current"]) for row in told] == [(2, 40, True), (1, 30, False)]
    assert answer(home, "indexer", "rollback", "shop", 1) == {"collection": "shop", "version": 1}
    assert answer(home, "indexer", "show", "shop")["records"] == 30
    assert answer(home, "indexer", "verify", "shop") == {"ok": True, "damaged": []}
    (victim, *_) = sorted((home / "collections" / "shop" / "segments").rglob("dense.f32"))
    victim.write_bytes(victim.read_bytes()[:-1])
    damaged = {
        n: answer(home, "indexer", "verify", "shop", "--version", n, status=status)
        for n, status in _statuses(home, victim)
    }
    assert [told["damaged"] for told in damaged.values() if not told["ok"]] == [[victim.relative_to(home).as_posix()]]
    assert answer(home, "indexer", "drop", "shop", "--yes") == {"collection": "shop", "dropped": [2, 1]}
    assert answer(home, "indexer", "list") == {"collections": []}
    assert not (home / "collections" / "shop").exists()


def _statuses(home: Path, victim: Path) -> list[tuple[int, int]]:
    """Each version with the status `verify` must end with: 1 for the version whose segment holds the victim."""
    found = []
    for number in (1, 2):
        version = json.loads((home / "collections" / "shop" / "versions" / f"{number}.json").read_text())
        found.append((number, int(version["segments"][0]["id"] in victim.as_posix())))
    return found


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("indexer", "build", "nowhere.csv", "--name", "x"), ("nothing at the source", "nowhere.csv", "do: ")),
        (("indexer", "build", __file__, "--name", "../x"), ("cannot be used", '"../x"', "do: ")),
        (("indexer", "build", __file__, "--name", "x", "--max-rejected", "lots"), ("not a share", '"lots"', "1%")),
        (
            ("indexer", "build", __file__, "--name", "x", "--fields", "a:money"),
            ("no such field type", "a:money", "number"),
        ),
        (("indexer", "show", "nothing"), ("no home here", "home", "indexer build")),
        (("searchapp", "search", "nothing", "q"), ("no home here", "home", "indexer build")),
        (("searchapp", "evaluate", "x", "nowhere"), ("no such folder", "nowhere", "BEIR")),
        (("searchapp", "search", "x", "q", "--mode", "magic"), ("no such mode", '"magic"', "hybrid")),
    ],
    ids=lambda value: (
        "-".join(map(str, value[:2])) if isinstance(value, tuple) and value[0] in ("indexer", "searchapp") else ""
    ),
)
def test_errors_say_what_is_wrong_what_was_given_and_what_to_do(
    tmp_path: Path, words: tuple[str, ...], parts: tuple[str, ...]
) -> None:
    done = run(tmp_path / "home", *words, status=2)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert all(part in done.stderr for part in parts), done.stderr


@pytest.mark.catalog
def test_ctrl_c_stops_with_a_sentence_and_the_next_run_finishes(tmp_path: Path, tiny_model: Path) -> None:
    """A build that is done before the signal comes proves nothing: then a larger one is stopped."""
    for rows in (3_000, 12_000, 48_000):
        home, source = tmp_path / f"home{rows}", write_products(tmp_path / "products.jsonl", range(rows))
        words = ("indexer", "build", source, "--name", "shop", "--model", tiny_model)
        command = [sys.executable, "-m", f"{words[0]}.cli", *map(str, words[1:]), "--home", str(home)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        while not process.stderr.readline().startswith("embedding"):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, told = process.communicate()
        if process.returncode:
            break
    assert process.returncode == 130
    assert told.strip().endswith("goes on from there")
    assert "Traceback" not in told
    assert answer(home, *words)["records"] == rows


@pytest.mark.data
def test_real_corpus_is_found_again(shared_data: Path, tmp_path: Path) -> None:
    """A real set, the embedded model, all three modes: hybrid beats neither by chance nor by less than it should."""
    folder, home = shared_data / "xquad_sentences_en", tmp_path / "home"
    told = answer(home, "indexer", "build", folder, "--name", "xquad")
    assert (told["records"], told["rejected"]) == (1178, {})
    judged = tmp_path / "judged"
    (judged / "qrels").mkdir(parents=True)
    (judged / "queries.jsonl.gz").symlink_to(folder / "queries.jsonl.gz")
    header, *rows = (folder / "qrels" / "test.tsv").read_text("utf-8").splitlines()
    (judged / "qrels" / "test.tsv").write_text("\n".join([header, *rows[::3]]) + "\n", "utf-8")  # a third of them
    modes = answer(home, "searchapp", "evaluate", "xquad", judged)["modes"]
    assert modes["dense"]["nDCG@10"] > 0.82
    assert modes["lexical"]["nDCG@10"] > 0.82
    assert modes["hybrid"]["nDCG@10"] > max(modes["dense"]["nDCG@10"], modes["lexical"]["nDCG@10"])
