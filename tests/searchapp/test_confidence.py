"""Whether anything answers: the closeness against brute force, the yardstick, and what is told to people."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.build import build
from indexer.home import Home
from indexer.settings import BuildSettings
from searchapp.opening import Opened
from searchapp.retrieve import hybrid
from searchapp.service import SearchService
from searchapp.usecases.background import QUESTIONS
from searchapp.usecases.confidence import JUDGED, STRANGERS, background_of, confidence
from searchapp.usecases.words import Words, listed
from tests.corpora import write_jsonl, write_products
from tests.trials import trials

pytestmark = pytest.mark.slow

ROWS = 300


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Opened:
    folder = tmp_path_factory.mktemp("confidence")
    source = write_products(folder / "products.jsonl", range(ROWS))
    build(BuildSettings(source=source, name="shop", model=str(tiny_model)), Home(folder / "home"))
    return SearchService(Home(folder / "home")).opened("shop")


def passages(opened: Opened) -> list[tuple[int, str]]:
    """Every passage in row order: its record's row, and title and passage as they are compared with a question."""
    records = [opened.version.record(row) for row in range(ROWS)]
    return [
        (row, f"{record.title}\n{record.text[span.start : span.end]}")
        for row, record in enumerate(records)
        for span in opened.version.spans(row)
    ]


def brute_closeness(opened: Opened, question: str, rows: Iterable[int]) -> float:
    """The closeness of the closest of these documents' nearest passages, every word and document counted anew."""
    terms = opened.version.segments[0].lexical.terms
    documents = [set(terms(f"{r.title}\n{r.text}")) for r in map(opened.version.record, range(ROWS))]
    asked = set(terms(question))
    found = {term: sum(term in document for document in documents) for term in asked}
    weight = {term: math.log(1 + (ROWS - n + 0.5) / (n + 0.5)) for term, n in found.items()}
    vector, texts, best = opened.encoder.encode_query([question])[0], passages(opened), -math.inf
    for row in rows:
        own = [text for at, text in texts if at == row]
        cosines = opened.version.vectors_of(row) @ vector
        held = asked & set(terms(own[int(np.argmax(cosines))]))
        share = sum(weight[term] for term in held) / sum(weight.values()) if weight else 0
        best = max(best, float(cosines.max()) + 0.2 * share)
    return best


def test_the_yardstick_equals_brute_force(opened: Opened) -> None:
    vectors = opened.encoder.encode_query(QUESTIONS)
    reached = []
    for question, vector in zip(QUESTIONS, vectors, strict=True):
        scores = [float((opened.version.vectors_of(row) @ vector).max()) for row in range(ROWS)]
        reached.append(brute_closeness(opened, question, np.argsort(scores)[::-1][:STRANGERS].tolist()))
    middle = float(np.median(reached))
    spread = 1.4826 * float(np.median(np.abs(np.array(reached) - middle)))
    cosines = vectors @ vectors.T - 2 * np.eye(len(QUESTIONS), dtype=np.float32)
    background = background_of(opened)
    assert background.spread == pytest.approx(max(spread, 0.01), rel=1e-3)
    assert background.cut == pytest.approx(max(middle + 2 * spread, np.quantile(cosines.max(1), 0.9)), abs=1e-3)
    assert background_of(opened) is background


@pytest.mark.parametrize(
    "question", ["a quiet oak lamp", "who painted the ceiling?", "lamp", "Rug! (folding)", "¿¡", "灯"]
)
def test_confidence_equals_brute_force(opened: Opened, question: str) -> None:
    rows = hybrid(opened, question, JUDGED, None).rows.tolist()
    background, sure = background_of(opened), confidence(opened, question)
    excess = (brute_closeness(opened, question, rows) - background.cut) / background.spread
    assert sure.value == pytest.approx(1 / (1 + math.exp(-excess)), abs=1e-3)
    assert sure.found is (sure.value >= 0.5)


def test_no_document_to_look_at(opened: Opened) -> None:
    sure = confidence(opened, "oak lamp", np.array([], np.int64))
    assert (sure.found, sure.value) == (False, 0.0)
    assert sure.why == "There is no document to look at: none meets the conditions."


def test_only_the_allowed_documents_count(opened: Opened) -> None:
    question = opened.version.record(7).text
    assert confidence(opened, question).value > confidence(opened, question, np.array([3, 5])).value


def test_words_weigh_by_rarity_and_unknown_ones_most(opened: Opened) -> None:
    words = Words(opened.version, "Which zeppelins are oak lamps?")
    assert words.unknown == {"zeppelin", "which"}
    assert words.held("Lamps of OAK, and oaks") == {"lamp", "oak"}
    assert words.share({"zeppelin"}) > words.share({"lamp"}) > 0
    assert words.share({"zeppelin", "which", "oak", "lamp"}) == pytest.approx(1)
    assert words.spelled(words.held("lamps of oak") | words.unknown)[0] == "zeppelins"
    assert "Which" not in words.spelled(words.unknown)


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("PyArg_ParseTuple and PyArg_ParseTuple", ["PyArg_ParseTuple"]),
        ("灯は何", ["は", "何", "灯"]),
        ("Straßenlampe!", ["Straßenlampe"]),
        ("z" * 100, ["z" * 39 + "…"]),
        ("what is it", []),
    ],
)
def test_unknown_words_are_named_once_as_they_were_written(opened: Opened, question: str, named: list[str]) -> None:
    words = Words(opened.version, question)
    assert words.spelled(words.unknown) == named


def test_a_question_without_words_shares_nothing(opened: Opened) -> None:
    words = Words(opened.version, "¿?! ...")
    assert (words.share(set()), words.held("oak"), words.spelled(words.unknown)) == (0.0, frozenset(), [])


@pytest.mark.parametrize(
    ("words", "expected"),
    [([], ""), (["a"], "“a”"), (["a", "b"], "“a” and “b”"), (["a", "b", "c", "d"], "“a”, “b” and “c”")],
)
def test_words_are_listed_as_one_says_them(words: list[str], expected: str) -> None:
    assert listed(words) == expected


@settings(max_examples=trials(100))
@given(st.text(min_size=1, max_size=200))
def test_any_question_gets_a_confidence_and_a_reason(opened: Opened, question: str) -> None:
    sure = confidence(opened, question)
    assert 0 <= sure.value <= 1
    assert sure.found is (sure.value >= 0.5)
    assert sure.why.endswith(".")


@pytest.mark.data
def test_own_questions_are_told_from_foreign_ones_on_real_text(tmp_path: Path, shared_data: Path) -> None:
    """A hundred sentences of an encyclopedia, their own questions against web searches for Python functions."""
    with gzip.open(shared_data / "xquad_sentences_en" / "corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file][:100]
    judged = (shared_data / "xquad_sentences_en" / "qrels" / "test.tsv").read_text().splitlines()[1:]
    wanted = {
        query for query, document, _ in (line.split("\t") for line in judged) if document in {r["_id"] for r in rows}
    }
    build(BuildSettings(source=write_jsonl(tmp_path / "s.jsonl", rows), name="s", id="_id"), Home(tmp_path / "home"))
    opened = SearchService(Home(tmp_path / "home")).opened("s")
    own, foreign = queries(shared_data / "xquad_sentences_en"), queries(shared_data / "cosqa")
    ours = [confidence(opened, own[query]) for query in sorted(wanted)[:60]]
    theirs = [confidence(opened, question) for question in list(foreign.values())[:60]]
    wins = np.array([[a.value > b.value for b in theirs] for a in ours])
    assert wins.mean() >= 0.95
    assert np.mean([sure.found for sure in ours]) >= 0.9
    assert np.mean([sure.found for sure in theirs]) <= 0.1
    lost = confidence(opened, "how do I install numpy")
    assert lost.why == (
        "No passage comes close: the nearest one shares no telling word with the question. "
        "Nothing here mentions “numpy”."
    )


def queries(folder: Path) -> dict[str, str]:
    with gzip.open(folder / "queries.jsonl.gz", "rt", encoding="utf-8") as file:
        return {row["_id"]: row["text"] for row in map(json.loads, file)}
