"""Answers: documents and passages against brute force, the sentence chosen, neighbours, and links that last."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer.build import build
from indexer.errors import UserError
from indexer.home import Home
from indexer.passages import Span
from indexer.records import Record
from indexer.settings import BuildSettings
from searchapp.opening import Opened
from searchapp.retrieve import hybrid
from searchapp.service import SearchService
from searchapp.usecases import sentences_best
from searchapp.usecases.answers import Address, answer, around, locate
from searchapp.usecases.confidence import confidence
from searchapp.usecases.sentences import is_whole, statements
from searchapp.usecases.sentences_best import best_statements
from searchapp.usecases.words import Words
from tests.corpora import MOODS, STUFF, THINGS, write_jsonl
from tests.models import tiny_bert
from tests.trials import trials

pytestmark = pytest.mark.slow

ROWS = 120
KETTLE = (
    "Kettles\n*******\n\nA kettle heats water. It should never be filled above the mark.\n\n"
    "   >>> kettle.fill()\n\nSee also:\n\nThe lid of a copper kettle whistles when the water boils."
)
QUESTIONS = (
    "when does the kettle whistle?",
    "soft wool blanket",
    "lamp",
    "qzxv",
    "Wann pfeift der Kessel?",
    "水",
    "?!",
)


def document(number: int) -> dict[str, object]:
    """A title and one to thirty sentences, the same for the same number."""
    chance = np.random.default_rng(number)
    words = [*THINGS, *STUFF, *MOODS]
    lines = [f"A {' '.join(chance.choice(words, 3))}." for _ in range(1 + number % 30)]
    return {"id": f"doc:{number}", "title": f"{chance.choice(THINGS)}", "text": " ".join(lines)}


def build_from(folder: Path, rows: Sequence[Mapping[str, object]], model: Path) -> Opened:
    """The rows as the current version of the collection `texts` in a home in this folder."""
    source = write_jsonl(folder / "rows.jsonl", rows)
    build(BuildSettings(source=source, name="texts", model=str(model)), Home(folder / "home"))
    return SearchService(Home(folder / "home")).opened("texts")


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Opened:
    rows: list[Mapping[str, object]] = [
        {"id": "kettle", "title": "kettle", "text": KETTLE},
        *map(document, range(ROWS)),
    ]
    return build_from(tmp_path_factory.mktemp("answers"), rows, tiny_model)


@pytest.mark.parametrize("question", QUESTIONS)
def test_documents_are_those_of_hybrid_retrieval(opened: Opened, question: str) -> None:
    found, ranking = answer(opened, question, 7), hybrid(opened, question, 7, None)
    assert [document.id for document in found.documents] == [opened.version.id(row) for row in ranking.rows.tolist()]
    for document, hit in zip(found.documents, ranking.hits(opened.version), strict=True):
        assert (document.score, document.stages, document.record) == (hit.score, hit.stages, hit.record)
        assert hit.passage in [excerpt.passage for excerpt in document.excerpts]
    assert (found.question, found.collection, found.version) == (question, "texts", 1)


@pytest.mark.parametrize("question", QUESTIONS)
def test_passages_are_those_nearly_as_near_as_the_best_in_reading_order(opened: Opened, question: str) -> None:
    vector = opened.encode(question)[0]
    for document in answer(opened, question, 10).documents:
        row = opened.version.row_of(document.id)
        assert row is not None
        cosines, spans = opened.version.vectors_of(row) @ vector, opened.version.spans(row)
        best = np.argsort(-cosines, kind="stable")[:3]
        wanted = sorted(n for n in best.tolist() if cosines[n] >= min(0.95 * cosines.max(), cosines.max()))
        assert [excerpt.passage.ordinal for excerpt in document.excerpts] == wanted
        for excerpt in document.excerpts:
            passage = excerpt.passage
            assert (passage.start, passage.end, passage.of) == (
                spans[passage.ordinal].start,
                spans[passage.ordinal].end,
                len(spans),
            )
            assert passage.text == document.record.text[passage.start : passage.end]
            assert excerpt.cosine == pytest.approx(cosines[passage.ordinal], abs=1e-5)


def test_confidence_is_the_same_however_many_documents_are_shown(opened: Opened) -> None:
    sure = confidence(opened, "soft wool blanket")
    for k in (1, 5, 9):
        found = answer(opened, "soft wool blanket", k)
        assert (found.found, found.confidence, found.why) == (sure.found, sure.value, sure.why)
        assert len(found.documents) == k


def test_a_filter_that_lets_nothing_through_gives_no_document_and_says_why(opened: Opened) -> None:
    found = answer(opened, "lamp", among=np.array([], np.int64))
    assert (found.documents, found.found, found.confidence) == ((), False, 0.0)
    assert found.why == "There is no document to look at: none meets the conditions."


def test_only_allowed_rows_are_answered_from(opened: Opened) -> None:
    found = answer(opened, "lamp", 10, np.array([4, 8, 15]))
    assert {document.id for document in found.documents} == {"doc:3", "doc:7", "doc:14"}


def test_the_statement_is_the_best_by_cosine_words_and_wholeness(opened: Opened) -> None:
    question = "when does the lid whistle?"
    words, vector = Words(opened.version, question), opened.encode(question)
    spans = statements(KETTLE, 0, len(KETTLE))
    assert len(spans) <= sentences_best.BATCH
    pieces = [KETTLE[span.start : span.end] for span in spans]
    cosines = opened.encoder.encode_document(pieces) @ vector[0]
    scores = [
        cosine + words.share(words.held(piece)) + 0.15 * is_whole(piece)
        for piece, cosine in zip(pieces, cosines.tolist(), strict=True)
    ]
    (best,) = best_statements(opened, words, vector, [(KETTLE, Span(0, len(KETTLE)))])
    assert best == spans[int(np.argmax(scores))]
    assert best is not None
    assert KETTLE[best.start : best.end] == "The lid of a copper kettle whistles when the water boils."


@pytest.mark.parametrize("question", QUESTIONS)
def test_what_is_highlighted_is_a_statement_of_its_passage(opened: Opened, question: str) -> None:
    for document in answer(opened, question, 10).documents:
        for excerpt in document.excerpts:
            passage = excerpt.passage
            assert excerpt.statement in statements(document.record.text, passage.start, passage.end)


def test_all_statements_of_an_answer_are_embedded_in_one_small_batch(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[Sequence[str]] = []
    encode = opened.encoder.encode_document

    def recorded(_: object, texts: Sequence[str]) -> NDArray[np.float32]:
        batches.append(texts)
        return encode(texts)

    monkeypatch.setattr(type(opened.encoder), "encode_document", recorded)
    found = answer(opened, "soft wool blanket", 10)
    assert sum(len(document.excerpts) for document in found.documents) > 10
    assert len(batches) == 1
    assert 0 < len(batches[0]) <= sentences_best.BATCH
    assert sum(map(len, batches[0])) <= sentences_best.CHARACTERS


def test_a_passage_without_a_word_has_no_statement(opened: Opened) -> None:
    words, vector = Words(opened.version, "lamp"), opened.encode("lamp")
    passages = [("***", Span(0, 3)), ("One lamp. Two lamps.", Span(0, 20)), ("Alone.", Span(0, 6))]
    assert best_statements(opened, words, vector, passages)[0] is None
    assert best_statements(opened, words, vector, passages)[2] == Span(0, 6)
    assert best_statements(opened, words, vector, []) == []


def test_text_around_a_passage_is_one_piece_and_ends_with_the_document(opened: Opened) -> None:
    row = opened.version.row_of("doc:29")
    assert row is not None
    text, spans = opened.version.record(row).text, opened.version.spans(row)
    last = len(spans) - 1
    assert last >= 3
    for ordinal, before, after, low, high in [
        (1, 1, 1, 0, 2),
        (0, 1, 1, 0, 1),
        (last, 1, 1, last - 1, last),
        (2, 0, 0, 2, 2),
        (2, 99, 99, 0, last),
    ]:
        piece = around(opened, "doc:29", ordinal, before, after)
        assert (piece.start, piece.end) == (spans[low].start, spans[high].end)
        assert (piece.text, piece.ordinal, piece.of) == (text[piece.start : piece.end], low, len(spans))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nobody", 0), "no document with this id"),
        (("kettle", 99), "no such passage"),
        (("kettle", -1), "no such passage"),
        (("kettle", 0, -1, 0), "cannot be negative"),
    ],
)
def test_around_refuses_what_is_not_there(opened: Opened, arguments: tuple[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        around(opened, *arguments)


@given(id=st.text(min_size=1), start=st.integers(0, 10**9 - 1), end=st.integers(0, 10**9 - 1))
@settings(max_examples=trials(200))
def test_an_address_is_read_back_whatever_the_id(id: str, start: int, end: int) -> None:
    address = Address(id, start, end, "0123456789ab")
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    "text", ["", "kettle", "kettle:1-2", "kettle:1-2:xyz", ":1-2:0123456789ab", "k:١-٢:0123456789ab"]
)
def test_what_is_no_address_is_refused(opened: Opened, text: str) -> None:
    with pytest.raises(UserError, match="not the address of a passage"):
        locate(opened, text)


def test_a_link_leads_to_its_passage(opened: Opened) -> None:
    for document in answer(opened, "narrow oak shelf", 10).documents:
        for excerpt in document.excerpts:
            assert locate(opened, str(excerpt.address)) == locate(opened, excerpt.address) == excerpt.passage


def test_a_link_outlives_a_build_of_the_same_words_even_when_they_are_cut_otherwise(
    tmp_path: Path, tiny_model: Path
) -> None:
    rows = [document(number) for number in range(20, 30)]
    before = build_from(tmp_path, rows, tiny_model)
    links = [excerpt for found in answer(before, "oak lamp", 10).documents for excerpt in found.excerpts]
    shorter = tiny_bert(tmp_path / "shorter", max_tokens=32)
    after = build_from(tmp_path, [*rows, {"id": "new", "title": "", "text": "a new text"}], shorter)
    assert (before.version.number, after.version.number) == (1, 2)
    for link in links:
        found = locate(after, str(link.address))
        assert (found.text, found.start, found.end) == (link.passage.text, link.passage.start, link.passage.end)
        row = after.version.row_of(link.address.id)
        assert row is not None
        span = after.version.spans(row)[found.ordinal]
        assert span.start <= found.start < span.end


def test_a_link_says_when_its_text_has_changed_or_gone(tmp_path: Path, tiny_model: Path) -> None:
    old = {"id": "1", "title": "", "text": "The price is 5."}
    first = build_from(tmp_path, [old, {"id": "2", "title": "", "text": "Another."}], tiny_model)
    links = {document.id: str(document.excerpts[0].address) for document in answer(first, "price", 2).documents}
    second = build_from(tmp_path, [old | {"text": "The price is 6."}], tiny_model)
    with pytest.raises(UserError, match='text of "1" has changed since this link was made'):
        locate(second, links["1"])
    with pytest.raises(UserError, match="no document with this id"):
        locate(second, links["2"])
    assert locate(first, links["1"]).text == "The price is 5."


def test_the_digest_is_of_the_words_alone() -> None:
    one, other = Record("a", "t", "x lamp y", {}), Record("a", "u", "z lamp", {"n": 1})
    assert Address.of(one, 2, 6) == Address.of(other, 2, 6)
    assert Address.of(one, 2, 5).digest != Address.of(one, 2, 6).digest


def test_json_is_stable_and_serialisable(opened: Opened) -> None:
    shown = answer(opened, "when does the kettle whistle?", 2).as_json()
    assert list(shown) == [
        "collection",
        "version",
        "question",
        "took_ms",
        "found",
        "confidence",
        "why",
        "documents",
    ]
    assert list(shown["documents"][0]) == ["id", "score", "stages", "passages", "record"]
    passage = shown["documents"][0]["passages"][0]
    assert list(passage) == ["text", "start", "end", "ordinal", "of", "page", "cosine", "statement", "address"]
    assert passage["statement"]["text"] in passage["text"]
    json.dumps(shown, allow_nan=False)
    again = answer(opened, "when does the kettle whistle?", 2).as_json()
    assert again | {"took_ms": 0} == shown | {"took_ms": 0}
