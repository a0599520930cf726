"""Duplicates over real collections, against the score's formula written out pair by pair in plain Python."""

from __future__ import annotations

import json
import math
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from indexer.build import build
from indexer.home import Home
from indexer.settings import BuildSettings
from searchapp.opening import Opened
from searchapp.service import SearchService
from searchapp.usecases.duplicates import alike, evidence, group, neighbours
from searchapp.usecases.export import COLUMNS, as_csv, as_jsonl, rows
from searchapp.usecases.pairs import Pairs
from searchapp.usecases.pairs_candidates import NEAREST
from tests.corpora import product, write_jsonl

pytestmark = pytest.mark.slow

LAMPS = [
    {"id": "a", "title": "Quiet oak lamp", "text": "A lamp of oak with 2 bulbs.", "price": 20.0, "year": 2020},
    {"id": "b", "title": "Oak lamp, quiet", "text": "This lamp is oak. 2 bulbs.", "price": 21.0, "year": 2020},
    {"id": "c", "title": "Quiet oak lamp", "text": "A lamp of oak without bulbs.", "price": 20.0, "year": 2020},
    {"id": "d", "title": "Quiet oak lamp", "text": "A lamp of oak with 3 bulbs.", "price": 80.0, "year": 2021},
    {"id": "e", "title": "Folding steel chair", "text": "A chair that folds.", "price": 45.0, "year": 2019},
    {"id": "f", "title": "Round wool rug", "text": "Soft wool for the floor.", "price": None, "year": 2018},
    {"id": "g", "title": "Tall copper kettle", "text": "It whistles when water boils.", "price": 60.0, "year": None},
]


def opened(folder: Path, records: list[dict[str, object]], model: Path) -> Opened:
    """A collection of these records, built and opened."""
    home = Home(folder / "home")
    source = write_jsonl(folder / "source.jsonl", records)
    build(BuildSettings(source=source, name="made", model=str(model)), home)
    return SearchService(home).opened("made")


@pytest.fixture(scope="module")
def lamps(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Opened:
    return opened(tmp_path_factory.mktemp("lamps"), LAMPS, tiny_model)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Opened:
    """Seeded products, of which every tenth comes again under another id and every twentieth with another price."""
    products = [product(number) for number in range(400)]
    again = [row | {"sku": f"COPY-{number}"} for number, row in enumerate(products[::10])]
    dearer = [row | {"sku": f"DEAR-{number}", "price": 999.0} for number, row in enumerate(products[::20])]
    return opened(tmp_path_factory.mktemp("shelf"), [*products, *again, *dearer], tiny_model)


def place(opened: Opened, pairs: Pairs, one: str, other: str) -> int:
    """Where the pair of two ids stands."""
    a, b = sorted(opened.version.row_of(id) or 0 for id in (one, other))
    (found,) = np.flatnonzero((pairs.a == a) & (pairs.b == b))
    return int(found)


def scores_by_formula(opened: Opened) -> dict[tuple[int, int], float]:
    """The pair score of every two records without numeric fields' help and without contradictions, in double precision."""
    version = opened.version
    terms = version.segments[0].lexical.terms
    records = [version.record(row) for row in range(version.rows)]
    bags = [set(terms(f"{record.title} {record.text}")) for record in records]
    held = Counter(term for bag in bags for term in bag)
    weight = {term: math.log(1 + (len(bags) - n + 0.5) / (n + 0.5)) for term, n in held.items()}
    distance = {}
    for a, b in combinations(range(version.rows), 2):
        cosine = max(0.0, float(version.vectors_of(a)[0] @ version.vectors_of(b)[0]))
        lighter = min(sum(weight[term] for term in bags[row]) for row in (a, b))
        words = sum(weight[term] for term in bags[a] & bags[b]) / lighter
        distance[a, b] = 1 - (2 * cosine + words) / 3
    third = [min(0.6, sorted(d for pair, d in distance.items() if row in pair)[2]) for row in range(version.rows)]
    scale = np.maximum(third, 0.3 * np.median(third))
    return {(a, b): 2 ** -(d * d / (scale[a] * scale[b])) for (a, b), d in distance.items()}


def test_score_is_what_its_formula_says(lamps: Opened) -> None:
    pairs, wanted = neighbours(lamps), scores_by_formula(lamps)
    assert list(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)) == sorted(wanted)  # so few are all candidates
    contradicted = pairs.numbers.astype(int) + pairs.opposite
    found = pairs.score / (1 - 0.75 * pairs.words) ** contradicted
    np.testing.assert_allclose(found, [wanted[pair] for pair in sorted(wanted)], atol=1e-6)
    assert np.isnan(pairs.fields).all()  # seven records are too few to learn what a field says


def test_numbers_and_negations_lower_the_score_and_are_named(lamps: Opened) -> None:
    pairs = neighbours(lamps)
    same, without, three = (pairs.parts(place(lamps, pairs, "a", other)) for other in "bcd")
    assert (same["numbers_differ"], same["opposite"]) == (False, False)
    assert (without["numbers_differ"], without["opposite"]) == (False, True)
    assert (three["numbers_differ"], three["opposite"]) == (True, False)
    scores = {other: float(pairs.score[place(lamps, pairs, "a", other)]) for other in "bcd"}
    assert scores["b"] > 0.55 > max(scores["c"], scores["d"])


def test_copies_score_one_and_keep_their_place_among_the_candidates(shelf: Opened) -> None:
    pairs = neighbours(shelf)
    copies = {(int(a), int(b)) for a, b in zip(pairs.a[pairs.copies], pairs.b[pairs.copies], strict=True)}
    assert copies == {(10 * number, 400 + number) for number in range(40)}
    assert (pairs.score[pairs.copies] == 1).all()
    assert (pairs.a < pairs.b).all()
    assert not np.isin(pairs.b[~pairs.copies], np.arange(400, 440)).any()  # a copy is compared with its original only
    assert ((pairs.score >= 0) & (pairs.score <= 1)).all()


def test_candidates_hold_every_record_s_nearest_by_vector(shelf: Opened) -> None:
    pairs, read = neighbours(shelf), evidence(shelf)
    found = set(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True))
    originals = np.flatnonzero(read.copy_of == np.arange(len(read.copy_of)))
    for row in originals[::17].tolist():
        best = {
            i: float((shelf.version.vectors_of(i) @ read.vectors[row]).max()) for i in originals.tolist() if i != row
        }
        edge = sorted(best.values())[-NEAREST] + 1e-5  # what ties with the last place may stand or fall
        near = {(min(row, i), max(row, i)) for i, cosine in best.items() if cosine > edge}
        assert NEAREST // 2 < len(near) < NEAREST
        assert near <= found


def test_same_version_gives_the_same_pairs_and_progress_is_told(shelf: Opened) -> None:
    told: list[tuple[str, int, int | None]] = []
    one = neighbours(shelf)
    other = neighbours(shelf, lambda *news: told.append(news))
    for name in Pairs.__slots__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert [news for news in told if news[1] == news[2]] == [
        ("finding neighbours", 420, 420),
        ("comparing pairs", len(one) - 40, len(one) - 40),
    ]


def test_groups_hold_copies_together_and_rise_with_the_threshold(shelf: Opened) -> None:
    pairs = neighbours(shelf)
    loose, strict = group(pairs, 0.3), group(pairs, 0.99)
    owner = {row: number for number, found in enumerate(strict) for row in found.members}
    assert all(owner[10 * number] == owner[400 + number] for number in range(40))
    assert sum(len(found.members) for found in strict) < sum(len(found.members) for found in loose)
    assert [found.mean for found in strict] == sorted((found.mean for found in strict), reverse=True)


def test_field_counts_by_how_much_it_says(tmp_path: Path, tiny_model: Path) -> None:
    """Twins agree on the year and not on the stock; strangers agree on neither. So the year counts and the stock does not."""
    rows: list[dict[str, object]] = []
    for number in range(120):
        row = product(number)
        for twin in (0, 1):
            text = f"{row['description']} {'Again' * twin}"
            fields = {"year": 1900 + number, "stock": number * 7 % 31 + twin}
            rows.append({"id": f"{number}/{twin}", "title": row["name"], "text": text, **fields})
    made = opened(tmp_path, rows, tiny_model)
    pairs = neighbours(made)
    twins = pairs.b - pairs.a == 1
    twins &= pairs.a % 2 == 0
    assert twins.sum() == 120
    assert pairs.fields[twins].min() > 0.9
    assert pairs.fields[~twins].max() < 0.1
    assert pairs.score[twins].min() > np.quantile(pairs.score[~twins], 0.99)


def test_pasted_text_finds_its_record_and_its_copies_first(shelf: Opened) -> None:
    record = shelf.version.record(120)
    found = alike(shelf, f"{record.title} {record.text}", k=5, threshold=0)
    assert [one.row for one in found[:2]] == [120, 412]
    assert found[0].score == found[1].score > 0.95  # not 1: the model reads less of the text than the record holds
    assert found[0].parts["words"] == pytest.approx(1)
    assert len(found) == 5
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    above = alike(shelf, f"{record.title} {record.text}", k=5, threshold=scores[3])
    assert [one.score for one in above] == [score for score in scores if score >= scores[3]]


def test_pasted_text_that_denies_is_less_alike(lamps: Opened) -> None:
    def score(text: str) -> float:
        return {one.row: one.score for one in alike(lamps, text, threshold=0)}[0]

    said, denied = (
        score("Quiet oak lamp. A lamp of oak with 2 bulbs."),
        score("Quiet oak lamp. A lamp without 2 bulbs."),
    )
    assert said > 0.95
    assert denied < 0.5


@pytest.mark.parametrize("text", ["?!", "zzz qqq", "the", "a" * 5_000, "灯", "= 1 OR 1", "\U0001f4a1"])
def test_any_text_has_an_answer(lamps: Opened, text: str) -> None:
    assert all(0 <= one.score <= 1 for one in alike(lamps, text, k=3, threshold=0))


def test_one_record_alone_has_no_pairs(tmp_path: Path, tiny_model: Path) -> None:
    made = opened(tmp_path, LAMPS[:1], tiny_model)
    pairs = neighbours(made)
    assert (len(pairs), group(pairs, 0)) == (0, ())
    assert [one.row for one in alike(made, "Quiet oak lamp A lamp of oak with 2 bulbs.")] == [0]


def test_two_unlike_records_are_no_duplicates_though_nothing_else_is_near(tmp_path: Path, tiny_model: Path) -> None:
    made = opened(tmp_path, [LAMPS[0], LAMPS[6]], tiny_model)
    pairs = neighbours(made)
    distance = 1 - (2 * max(0.0, pairs.dense[0]) + pairs.words[0]) / 3
    assert pairs.score[0] == pytest.approx(2 ** -((distance / 0.6) ** 2))


def test_removed_records_are_in_no_pair_and_documents_of_several_passages_are_compared_whole(
    tmp_path: Path, tiny_model: Path
) -> None:
    home = Home(tmp_path / "home")
    long = " ".join(f"Sentence {number} is about the sea and the night." for number in range(60))
    first: list[dict[str, object]] = [{"id": f"{i}", "text": f"{long} End {i}."} for i in range(4)]
    for records in (first, [*first[1:], {"id": "new", "text": f"{long} End 3."}]):
        source = write_jsonl(tmp_path / "source.jsonl", records)
        build(BuildSettings(source=source, name="made", model=str(tiny_model)), home)
    made = SearchService(home).opened("made")
    pairs, version = neighbours(made), made.version
    ids = {frozenset((version.id(int(a)), version.id(int(b)))) for a, b in zip(pairs.a, pairs.b, strict=True)}
    assert ids == {frozenset(two) for two in combinations(["1", "2", "3"], 2)} | {frozenset(("3", "new"))}
    assert version.alive[pairs.a].all()
    assert version.alive[pairs.b].all()
    assert pairs.dense.min() > 0.99


def test_export_has_a_row_for_every_scored_pair_of_a_group(lamps: Opened) -> None:
    pairs = neighbours(lamps)
    groups = group(pairs, 0.55)
    found = list(rows(lamps.version, pairs, groups))
    assert len(found) == sum(len(one.pairs) for one in groups)
    assert [list(row) for row in found] == [list(COLUMNS)] * len(found)
    first = next(row for row in found if (row["id_a"], row["id_b"]) == ("a", "b"))
    assert first["differing_fields"] == {"price": {"a": 20.0, "b": 21.0}}
    assert (first["title_a"], first["text_b"]) == ("Quiet oak lamp", "This lamp is oak. 2 bulbs.")
    assert [json.loads(line) for line in as_jsonl(found)] == found
    assert len(list(as_csv(found))) == len(found) + 1
