"""`trainer mine` as a whole, with tiny real models: the same negatives as the library's miner, and a folder that trains."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from indexer.errors import UserError
from tests.models import tiny_bert
from tests.trainer.training import PHASE, recipe, workshop

pytestmark = pytest.mark.slow
torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from indexer.encode import load_encoder  # noqa: E402
from trainer.mine import Guide, Mined, Mining, mine  # noqa: E402
from trainer.mine_choice import Rules  # noqa: E402
from trainer.train import train  # noqa: E402

SETTINGS = {
    "top": Rules(range_max=150),
    "absolute": Rules(num_negatives=2, relative_margin=None, absolute_margin=0.05, range_min=3, range_max=150),
    "bounds": Rules(num_negatives=4, relative_margin=0.1, max_score=0.9, min_score=0.2, range_max=150),
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = workshop(tmp_path_factory.mktemp("shop"))
    tiny_bert(folder / "guide", seed=4)
    return folder


def mining(shop: Path, **given: Any) -> Mining:
    return Mining(str(shop / "start"), shop / "prepared", **{"precision": "fp32", **given})


def rows(folder: Path, name: str = "triplets.parquet") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(folder / name).to_pylist()
    return found


@pytest.mark.parametrize("rules", SETTINGS.values(), ids=SETTINGS)
def test_the_librarys_own_miner_finds_the_same(shop: Path, tmp_path: Path, rules: Rules) -> None:
    from datasets import Dataset
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.util import mine_hard_negatives

    pairs = rows(shop / "prepared", "pairs.parquet")
    theirs = mine_hard_negatives(
        Dataset.from_list([{"anchor": row["anchor"], "positive": row["positive"]} for row in pairs]),
        SentenceTransformer(str(shop / "start"), device="cpu"),
        range_min=rules.range_min,
        range_max=rules.range_max,
        absolute_margin=rules.absolute_margin,
        relative_margin=rules.relative_margin,
        max_score=rules.max_score,
        min_score=rules.min_score,
        num_negatives=rules.num_negatives,
        verbose=False,
    )
    expected: dict[tuple[str, str], list[str]] = {}
    for row in theirs:
        expected.setdefault((row["anchor"], row["positive"]), []).append(row["negative"])
    mine(mining(shop, rules=rules), tmp_path / "out")
    found = {(row["anchor"], row["positive"]): row["negatives"] for row in rows(tmp_path / "out")}
    assert found == expected
    assert len(found) > 50


@pytest.fixture(scope="module")
def mined(shop: Path) -> Mined:
    return mine(mining(shop), shop / "mined")


def test_every_candidate_is_counted_and_every_score_is_the_encoders(shop: Path, mined: Mined) -> None:
    pairs, found = rows(shop / "prepared", "pairs.parquet"), rows(mined.out)
    encoder = load_encoder(shop / "start", precision="fp32")
    passages = sorted({row["positive"] for row in pairs})
    exact = encoder.encode_query([row["anchor"] for row in found]) @ encoder.encode_document(passages).T
    for row, scores in zip(found, exact, strict=True):
        told = json.loads(row["scores"])["mine"]
        places = [passages.index(text) for text in row["negatives"]]
        own = passages.index(row["positive"])
        assert told["negatives"] == pytest.approx(scores[places].tolist(), abs=1e-5)
        assert told["positive"] == pytest.approx(scores[own], abs=1e-5)
        ranks = [int((np.delete(scores, own) > scores[place] + 1e-6).sum()) + 1 for place in places]
        assert told["ranks"] == ranks
        assert max(told["negatives"]) <= told["positive"] - 0.05 * abs(told["positive"]) + 1e-6
    assert mined.triplets + mined.left_out == len(pairs)
    assert mined.negatives == sum(len(row["negatives"]) for row in found)
    anchors = len({row["anchor"] for row in pairs})
    assert sum(mined.candidates.values()) == anchors * 102  # range_max, the anchor's own, and one in reserve
    assert mined.candidates["a positive of its anchor"] == anchors - _out_of_sight(pairs, encoder)


def _out_of_sight(pairs: list[dict[str, Any]], encoder: Any) -> int:
    """Anchors whose own passage is not among the 102 nearest."""
    passages = sorted({row["positive"] for row in pairs})
    scores = encoder.encode_query([row["anchor"] for row in pairs]) @ encoder.encode_document(passages).T
    own = [row[passages.index(pair["positive"])] for row, pair in zip(scores, pairs, strict=True)]
    return int(((scores > np.array(own)[:, None]).sum(axis=1) >= 102).sum())


def test_the_folder_trains_as_it_is(shop: Path, mined: Mined, tmp_path: Path) -> None:
    phases = PHASE.split("[[phase]]")[2].replace('"prepared"', '"mined"')
    trained = train(recipe(shop, phases=f"[[phase]]{phases}", name="mined.toml"), tmp_path / "out")
    card = json.loads((trained.folder / "card.json").read_text())
    assert card["data"][0]["sources"]["pets"]["licence"] == "CC0"
    assert card["data"][0]["filters"] == ["identical"]
    told = card["models"]["model"]["phases"]["triplets"]
    assert {name: one["rows"] for name, one in told.items()} == {
        f"0 triplets {name}": source["kept"]["triplets"]
        for name, source in json.loads((mined.out / "card.json").read_text())["sources"].items()
    }


def test_the_same_again_is_unchanged_and_elsewhere_the_same_bytes(shop: Path, mined: Mined, tmp_path: Path) -> None:
    assert mine(mining(shop), mined.out) == replace(mined, unchanged=True)
    mine(mining(shop), tmp_path / "again")
    assert (tmp_path / "again" / "triplets.parquet").read_bytes() == (mined.out / "triplets.parquet").read_bytes()
    cards = [json.loads((out / "card.json").read_text()) for out in (tmp_path / "again", mined.out)]
    assert cards[0]["digest"] == cards[1]["digest"]
    assert sorted(entry.name for entry in mined.out.iterdir()) == ["card.json", "triplets.parquet"]


class StopError(Exception):
    """Stands for whatever ends a run."""


@pytest.mark.parametrize("phase", ["encoding positives", "mining", "writing"])
def test_stopped_anywhere_it_goes_on_to_the_same_bytes(shop: Path, mined: Mined, tmp_path: Path, phase: str) -> None:
    def stop(now: str, done: int, total: int | None) -> None:
        if now == phase:
            raise StopError

    with pytest.raises(StopError):
        mine(mining(shop), tmp_path / "out", stop)
    assert not (tmp_path / "out" / "card.json").exists()
    mine(mining(shop), tmp_path / "out")
    assert (tmp_path / "out" / "triplets.parquet").read_bytes() == (mined.out / "triplets.parquet").read_bytes()


def test_a_guide_refuses_what_it_scores_above_the_positive(shop: Path, mined: Mined, tmp_path: Path) -> None:
    guided = mine(mining(shop, guide=Guide(str(shop / "guide"), 0.1)), tmp_path / "out")
    encoder = load_encoder(shop / "guide", precision="fp32")
    assert guided.candidates["guide"] > 0
    assert [row["negatives"] for row in rows(guided.out)] != [row["negatives"] for row in rows(mined.out)]
    for row in rows(guided.out):
        anchor = encoder.encode_query([row["anchor"]])[0]
        scores = encoder.encode_document([row["positive"], *row["negatives"]]) @ anchor
        assert scores[1:].max() <= scores[0] - 0.1 + 1e-5


def test_a_cross_encoder_guides_as_well(shop: Path, tmp_path: Path) -> None:
    from tests.trainer.test_filters_margin import tiny_cross_encoder
    from trainer.filters.margin_scores import cross_encoder_scores

    folder = tiny_cross_encoder(shop / "start", tmp_path / "cross")
    guided = mine(mining(shop, guide=Guide(str(folder)), sources=("tools",)), tmp_path / "out")
    score = cross_encoder_scores(folder)
    assert {row["source"] for row in rows(guided.out)} == {"tools"}
    for row in rows(guided.out)[:10]:
        bar, *others = score([(row["anchor"], text) for text in (row["positive"], *row["negatives"])])
        assert max(others) <= bar + 1e-4


def test_an_anchor_with_several_positives_gets_none_of_them(shop: Path, tmp_path: Path) -> None:
    from trainer.prepare import prepare
    from trainer.recipe import load_recipe

    told = [json.loads(line) for line in (shop / "pets.jsonl").read_text().splitlines()]
    more = [{"query": told[0]["query"], "positive": row["positive"]} for row in told[1:30]]
    own = [{"query": told[5]["positive"], "positive": told[6]["positive"]}]  # an anchor that is a passage too
    (tmp_path / "pets.jsonl").write_text("\n".join(json.dumps(row) for row in [*told, *more, *own]))
    (tmp_path / "recipe.toml").write_text('[[source]]\nname = "pets"\npath = "pets.jsonl"\n')
    prepare(load_recipe(tmp_path / "recipe.toml"), tmp_path / "prepared")
    rules = Rules(num_negatives=10, relative_margin=None, range_max=60)
    mine(replace(mining(shop, rules=rules), data=tmp_path / "prepared"), tmp_path / "out")
    positives: dict[str, set[str]] = {}
    for row in rows(tmp_path / "out"):
        positives.setdefault(row["anchor"], set()).add(row["positive"])
    assert max(map(len, positives.values())) == 30
    for row in rows(tmp_path / "out"):
        assert positives[row["anchor"]].isdisjoint(row["negatives"])
        assert row["anchor"] not in row["negatives"]
        assert len(set(row["negatives"])) == 10


def test_what_cannot_be_mined_is_refused(shop: Path, mined: Mined, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no prepared data"):
        mine(replace(mining(shop), data=shop / "start"), tmp_path / "out")
    with pytest.raises(UserError, match="pets"):
        mine(mining(shop, sources=("pet",)), tmp_path / "out")
    with pytest.raises(UserError, match="no such model"):
        mine(replace(mining(shop), model="nowhere"), tmp_path / "out")
    with pytest.raises(UserError, match="other files"):
        mine(mining(shop), shop / "prepared")
    with pytest.raises(UserError, match="no pair to mine"):
        mine(mining(shop, sources=("not",)), tmp_path / "out")
    with pytest.raises(UserError, match="No pair got a negative") as caught:
        mine(mining(shop, rules=Rules(max_score=-1.0)), tmp_path / "out")
    assert "max_score" in str(caught.value.given)
    assert not (tmp_path / "out" / "card.json").exists()
    shutil.copytree(shop / "prepared", tmp_path / "prepared")
    (tmp_path / "prepared" / "pairs.parquet").unlink()
    with pytest.raises(UserError, match="no pairs"):
        mine(replace(mining(shop), data=tmp_path / "prepared"), tmp_path / "other")


def test_the_command_tells_what_became_of_the_candidates(shop: Path, mined: Mined, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from trainer.cli import app

    asked = ["mine", str(shop / "start"), "--data", str(shop / "prepared"), "--precision", "fp32"]
    call = CliRunner().invoke(app, [*asked, "--out", str(mined.out)])
    assert call.exit_code == 0
    assert f"unchanged: {mined.out}" in call.stdout
    assert "candidates: relative_margin" in call.stdout
    more = [
        "--num-negatives",
        "1",
        "--relative-margin",
        "-1",
        "--sampling-strategy",
        "random",
        "--source",
        "pets",
        "--json",
    ]
    call = CliRunner().invoke(app, [*asked, "--out", str(tmp_path / "out"), *more])
    told = json.loads(call.stdout)
    assert (told["triplets"], told["negatives"], told["left_out"]) == (120, 120, 0)
