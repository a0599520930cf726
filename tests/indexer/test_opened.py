"""A version of several segments with tombstones: rows numbered across them, the deleted never found, both searches right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from indexer.build import build
from indexer.catalog import Catalog, VersionRow, now
from indexer.encode import Encoder, load_encoder
from indexer.hits import ABSENT
from indexer.home import Home
from indexer.opened import OpenVersion
from indexer.settings import BuildSettings
from indexer.store import Segment, read_version, write_version
from tests import oracle
from tests.corpora import write_products

pytestmark = pytest.mark.slow

FIRST, SECOND = range(200), range(200, 350)
GONE = (3, 77, 199)  # rows of the first segment


@pytest.fixture(scope="module")
def encoder(tiny_model: Path) -> Encoder:
    return load_encoder(tiny_model)


@pytest.fixture(scope="module")
def version(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> OpenVersion:
    """Two builds' segments joined in a third version, with three records of the first one deleted."""
    folder = tmp_path_factory.mktemp("segments")
    home, parts = Home(folder / "home"), []
    for numbers in (FIRST, SECOND):
        source = write_products(folder / "products.jsonl", numbers)
        report = build(BuildSettings(source=source, name="shop", model=str(tiny_model)), home)
        row = Catalog.open(home).version("shop", report.version)
        parts += read_version(home, "shop", row.number, row.sha256).segments
    joined = [Segment(parts[0].folder, parts[0].manifest, GONE), parts[1]]
    digest = write_version(home, "shop", 3, joined)
    Catalog.open(home).publish(
        VersionRow("shop", 3, digest, "tiny", row.model_fingerprint, 347, 0, now(), current=True)
    )
    return OpenVersion(home, "shop", 3, digest)


def alive(version: OpenVersion) -> np.ndarray:
    return np.setdiff1d(np.arange(version.rows), GONE)


def test_rows_are_numbered_across_segments(version: OpenVersion) -> None:
    assert version.rows == len(FIRST) + len(SECOND)
    assert [version.record(row).id for row in (0, 199, 200, 349)] == [
        "SKU-00000",
        "SKU-00199",
        "SKU-00200",
        "SKU-00349",
    ]
    assert version.id(200) == "SKU-00200"
    assert version.table().num_rows == version.rows
    assert version.row_of("SKU-00200") == 200


def test_deleted_record_has_no_row(version: OpenVersion) -> None:
    assert version.row_of("SKU-00077") is None
    assert version.row_of("SKU-00078") == 78


@pytest.mark.parametrize("share", [1.0, 0.5, 0.05], ids=str)
def test_dense_equals_the_oracle_over_all_segments(version: OpenVersion, encoder: Encoder, share: float) -> None:
    queries = encoder.encode_query(["a quiet oak lamp", "steel bench", "wool"])
    chance = np.random.default_rng(5)
    rows = np.sort(chance.choice(alive(version), int(share * len(alive(version))), replace=False))
    found = version.dense(queries, 10, None if share == 1 else rows)
    vectors = [version.vectors_of(row) for row in range(version.rows)]
    owner = np.repeat(np.arange(version.rows), [len(part) for part in vectors])
    allowed = np.flatnonzero(np.isin(owner, rows))
    ids, scores, _ = oracle.documents(np.concatenate(vectors), queries, owner, 10, allowed)
    np.testing.assert_array_equal(found.ids, ids)
    np.testing.assert_allclose(found.scores, scores, atol=1e-6)


def test_lexical_merges_segments_and_never_finds_the_deleted(version: OpenVersion) -> None:
    everything = version.lexical("oak lamp steel", version.rows)
    ids, scores = everything.ids[0], everything.scores[0]
    present = ids[ids != ABSENT]
    assert not set(GONE) & set(present.tolist())
    assert {int(row >= len(FIRST)) for row in present} == {0, 1}
    np.testing.assert_allclose(version.lexical_scores("oak lamp steel", present), scores[: len(present)], rtol=1e-6)
    missed = np.setdiff1d(alive(version), present)
    assert not version.lexical_scores("oak lamp steel", missed).any()


def test_mask_and_tombstones_both_narrow_what_is_searched(version: OpenVersion) -> None:
    mask = np.zeros(version.rows, np.bool_)
    mask[[3, 78, 250]] = True
    among = version.among(mask)
    assert among is not None
    assert among.tolist() == [78, 250]
    assert version.among(None) is not None


def test_scores_of_any_rows_come_in_the_order_asked(version: OpenVersion, encoder: Encoder) -> None:
    query = encoder.encode_query(["a quiet oak lamp"])
    rows = np.array([349, 0, 201, 5])
    scores, ordinals = version.dense_scores(query, rows)
    for row, score, ordinal in zip(rows.tolist(), scores.tolist(), ordinals.tolist(), strict=True):
        exact = version.vectors_of(row) @ query[0]
        assert score == pytest.approx(exact.max(), abs=1e-6)
        assert ordinal == exact.argmax()
