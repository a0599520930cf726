"""Lexical search against BM25 in a few lines of NumPy, its bytes against a second writing, any text as a query."""

from __future__ import annotations

import functools
import gzip
import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from indexer import lexical
from indexer.errors import UserError
from indexer.hits import ABSENT, Hits
from indexer.lexical import Lexical, write_lexical
from tests.trials import trials

Documents = list[tuple[str, str]]
WORDS = [f"word{chr(97 + i)}{chr(97 + j)}" for i in range(8) for j in range(12)]


@pytest.fixture(scope="module")
def documents() -> Documents:
    """600 documents of drawn words, Zipf-like, of very different lengths, among them copies and empty ones."""
    rng = np.random.default_rng(0)
    weight = 1 / np.arange(1, len(WORDS) + 1)
    lengths = rng.choice([0, 1, 2, 3, 5, 8, 40, 300], 560)
    texts = [" ".join(rng.choice(WORDS, n, p=weight / weight.sum())) for n in lengths]
    titles = ["" if rng.random() < 0.5 else " ".join(rng.choice(WORDS, 2)) for _ in texts]
    made = list(zip(titles, texts, strict=True))
    return made + [made[i] for i in rng.integers(0, 560, 40)]


@pytest.fixture(scope="module", params=["one segment", "many segments"])
def index(request: pytest.FixtureRequest, documents: Documents, tmp_path_factory: pytest.TempPathFactory) -> Lexical:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "many segments":
            patch.setattr(lexical, "BATCH_BYTES", 20_000)
        folder = tmp_path_factory.mktemp("lexical")
        write_lexical(folder, documents)
    segments = len(list(folder.glob("*.term")))
    assert segments == 1 if request.param == "one segment" else segments > 8
    return Lexical(folder)


def bm25(documents: Documents, query: Sequence[str], terms: Lexical) -> NDArray[np.float64]:
    """BM25 (k1 1.2, b 0.75) of every document, as Lucene and tantivy define it, lengths cut to what one byte can say."""
    bags = _bags(tuple(documents), terms)
    lengths = np.array([bag.total() for bag in bags])
    norm = 1.2 * (0.25 + 0.75 * one_byte(lengths) / max(lengths.mean(), 1e-9))
    scores = np.zeros(len(documents))
    for term, count in Counter(query).items():
        tf = np.array([bag[term] for bag in bags])
        found = np.count_nonzero(tf)
        idf = np.log(1 + (len(tf) - found + 0.5) / (found + 0.5))
        scores += count * idf * 2.2 * tf / (tf + norm)
    return scores


@functools.lru_cache(maxsize=4)
def _bags(documents: tuple[tuple[str, str], ...], terms: Lexical) -> list[Counter[str]]:
    return [Counter(terms.terms(f"{title}\n" * 3 + text)) for title, text in documents]


def one_byte(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Lengths as stored: exact below 40, then four significant bits of what is beyond 24, rounded down."""
    beyond = np.maximum(lengths - 24, 0)
    step = 1 << np.maximum(np.frexp(beyond)[1] - 4, 0)
    return np.where(lengths < 40, lengths, 24 + beyond // step * step)


def assert_right(hits: Hits, right: NDArray[np.float64], k: int, allowed: NDArray[np.int64]) -> None:
    """`hits` are the k best allowed rows by the oracle's scores `right`, up to float32 rounding; ties by row."""
    rows, scores = hits.ids[0][hits.ids[0] != ABSENT], hits.scores[0][hits.ids[0] != ABSENT]
    assert hits.ids.shape == (1, k)
    assert np.isneginf(hits.scores[0][rows.size :]).all(), "an absent place has score -inf"
    assert rows.size == min(k, np.count_nonzero(right[allowed])), "as many as there are, k at most"
    assert np.isin(rows, allowed).all()
    np.testing.assert_allclose(scores, right[rows], rtol=2e-6)
    assert np.lexsort((rows, -scores)).tolist() == list(range(rows.size)), "best first, equal scores by row"
    left_out = np.setdiff1d(allowed, rows)
    if rows.size == k and left_out.size:
        assert right[left_out].max() <= scores[-1] * (1 + 2e-6)


def selections(rows: int) -> dict[str, NDArray[np.int64]]:
    rng = np.random.default_rng(1)
    return {
        "all": np.arange(rows),
        "half": np.flatnonzero(rng.random(rows) < 0.5),
        "one in twenty": np.flatnonzero(rng.random(rows) < 0.05),
        "one in two hundred": np.flatnonzero(rng.random(rows) < 0.005),
        "one row": np.array([rows // 3]),
        "none": np.array([], np.int64),
    }


@pytest.mark.parametrize("allowed", ["all", "half", "one in twenty", "one in two hundred", "one row", "none"])
@pytest.mark.parametrize("k", [1, 10, 700])
def test_equals_the_oracle(index: Lexical, documents: Documents, allowed: str, k: int) -> None:
    rng = np.random.default_rng(2)
    among = selections(len(documents))[allowed]
    for length in (1, 2, 3, 7, 30):
        query = rng.choice(WORDS, length).tolist()
        right = bm25(documents, index.terms(" ".join(query)), index)
        assert_right(index.search(" ".join(query), k, among=among), right, k, among)


@pytest.mark.parametrize(
    "asking", [0, 16, 10**9], ids=["always read the ranking", "as measured", "always ask for rows"]
)
def test_the_path_taken_does_not_show(
    index: Lexical, documents: Documents, asking: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit: a filtered search is the full ranking with the other rows struck out, whichever path it takes."""
    for k, (name, among) in zip((1, 5, 20, 3, 2, 1), selections(len(documents)).items(), strict=True):
        for query in (" ".join(WORDS[:40]), "wordaa wordab wordac", WORDS[0]):
            monkeypatch.setattr(lexical, "ASKING", 16)
            full = index.search(query, len(documents))
            kept = np.isin(full.ids[0], among)
            monkeypatch.setattr(lexical, "ASKING", asking)
            hits = index.search(query, k, among=among)
            found = hits.ids[0] != ABSENT
            assert hits.ids[0][found].tolist() == full.ids[0][kept][:k].tolist(), name
            assert hits.scores[0][found].tolist() == full.scores[0][kept][:k].tolist(), name


def test_copies_score_alike_and_stand_by_row(index: Lexical, documents: Documents) -> None:
    hits = index.search(" ".join(WORDS), len(documents))
    score = dict(zip(hits.ids[0].tolist(), hits.scores[0].tolist(), strict=True))
    copies = [(row, documents.index(documents[row])) for row in range(560, 600)]
    assert any(row != first and first in score for row, first in copies)
    for row, first in copies:
        assert score.get(row) == score.get(first)
    assert np.lexsort((hits.ids[0], -hits.scores[0])).tolist() == list(range(len(documents)))


@pytest.mark.parametrize("few", [0, 1000], ids=["as a set", "one by one"])
def test_scores_of_given_rows(index: Lexical, documents: Documents, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "FEW_ROWS", few)
    query = "wordab wordcd wordcd wordha"
    rows = np.array([599, 3, 3, 0, 17, 560, 42])
    scores = index.scores(query, rows)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, bm25(documents, index.terms(query), index)[rows], rtol=2e-6)
    hits = index.search(query, 600)
    searched = dict(zip(hits.ids[0].tolist(), hits.scores[0].tolist(), strict=True))
    assert [float(score) for score in scores] == [searched.get(row, 0.0) for row in rows.tolist()], "the same bits"
    assert index.scores("unheard of", rows).tolist() == [0.0] * 7
    assert index.scores(query, np.array([], np.int64)).shape == (0,)


def test_a_repeated_word_counts_each_time(index: Lexical) -> None:
    once, thrice = index.search(WORDS[5], 600), index.search(f"{WORDS[5]} " * 3, 600)
    assert once.ids.tolist() == thrice.ids.tolist()
    found = once.ids[0] != ABSENT
    np.testing.assert_allclose(thrice.scores[0][found], 3 * once.scores[0][found], rtol=1e-6)


def test_a_long_query_keeps_its_rarest_words(
    index: Lexical, documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lexical, "MAX_TERMS", 3)
    holders = {word: sum(word in f"{title} {text}".split() for title, text in documents) for word in WORDS}
    present = sorted((count, index.terms(word)[0], word) for word, count in holders.items() if count)
    kept = " ".join(word for _, _, word in present[:3])
    assert index.search(" ".join(WORDS) + " unheard", 50).ids.tolist() == index.search(kept, 50).ids.tolist()


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("The running of MODELS", ["run", "model"]),
        ("B-6034, b6034", ["b", "6034", "b", "6034"]),
        ("read_csv_file", ["read", "csv", "file"]),
        ("Café Über naïve", ["cafe", "uber", "naiv"]),
        ("e\u0301te\u0301 ｆｕｌｌ", ["ete", "full"]),
        ("東京タワー", ["東", "京", "タ", "ワ", "ー"]),
        ("हिन्दी", ["हिन्दी"]),
        ("l'homme Straße", ["l", "homm", "strass"]),
        ('AND ( "NOT* ~1^2 to:be', ["1", "2"]),
        ("x" * 300, []),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_terms(index: Lexical, text: str, terms: list[str]) -> None:
    assert index.terms(text) == terms


@pytest.fixture(scope="module")
def any_text(tmp_path_factory: pytest.TempPathFactory) -> Lexical:
    folder = tmp_path_factory.mktemp("any")
    write_lexical(folder, [("Title", "plain words AND signs"), ("", "日本語 हिन्दी é"), ("", ""), ("", "x" * 100_000)])
    return Lexical(folder)


@settings(max_examples=trials(500))
@given(st.text(st.characters(), max_size=60))
@example("\ud800 words")
@example("\x00words\x00")
@example('words AND ( " [ * ~ ^ \\')
@example("x" * 200_000)
def test_any_text_is_a_query(any_text: Lexical, query: str) -> None:
    hits = any_text.search(query, 4)
    found = hits.ids[0][hits.ids[0] != ABSENT]
    assert set(found.tolist()) <= {0, 1}, "rows 2 and 3 hold no term"
    scores = any_text.scores(query, np.arange(4))
    assert np.flatnonzero(scores).tolist() == sorted(found.tolist())


@settings(max_examples=trials(15, 500))
@given(st.lists(st.tuples(st.text(max_size=5), st.text(st.sampled_from("ab1 é"), max_size=30)), max_size=30), st.data())
def test_any_documents(tmp_path_factory: pytest.TempPathFactory, made: Documents, data: st.DataObject) -> None:
    """Small collections of any text: right against the oracle, with and without a filter."""
    folder = tmp_path_factory.mktemp("any")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lexical, "BATCH_BYTES", data.draw(st.sampled_from([1, 300, 10_000])))
        write_lexical(folder, made)
    index = Lexical(folder)
    query = data.draw(st.text(st.sampled_from("ab1 é"), max_size=12))
    k = data.draw(st.integers(1, 40))
    among = np.array(sorted(data.draw(st.sets(st.integers(0, len(made) - 1)))) if made else [], np.int64)
    right = bm25(made, index.terms(query), index) if made else np.zeros(0)
    assert_right(index.search(query, k), right, k, np.arange(len(made)))
    assert_right(index.search(query, k, among=among), right, k, among)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


WRITE_AGAIN = """
import json, sys
from pathlib import Path
from indexer import lexical
lexical.BATCH_BYTES = int(sys.argv[2])
lexical.write_lexical(Path(sys.argv[1]), [tuple(pair) for pair in json.load(sys.stdin)])
"""


@pytest.mark.slow
@pytest.mark.parametrize("batch", [20_000, 32 << 20], ids=["many segments", "one segment"])
def test_another_process_writes_the_same_bytes(
    documents: Documents, tmp_path: Path, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = [*documents, ("", "long " * 50_000 + "unique" * 30), documents[0]]
    monkeypatch.setattr(lexical, "BATCH_BYTES", batch)
    write_lexical(tmp_path / "here", long)
    command = [sys.executable, "-c", WRITE_AGAIN, str(tmp_path / "there"), str(batch)]
    subprocess.run(command, input=json.dumps(long), text=True, check=True)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")
    assert not any(name.startswith(".") for name in contents(tmp_path / "here")), "no lock file, no working folder left"


def test_searching_leaves_the_folder_alone(documents: Documents, tmp_path: Path) -> None:
    write_lexical(tmp_path / "index", documents)
    before = contents(tmp_path / "index")
    index = Lexical(tmp_path / "index")
    assert index.search(WORDS[0], 3).ids[0, 0] != ABSENT
    assert contents(tmp_path / "index") == before


def test_no_documents(tmp_path: Path) -> None:
    write_lexical(tmp_path, [])
    index = Lexical(tmp_path)
    assert index.search("anything", 3).ids.tolist() == [[ABSENT] * 3]


def test_refusals(index: Lexical, documents: Documents, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="number of hits"):
        index.search("word", 0)
    with pytest.raises(UserError, match="there is no lexical index"):
        Lexical(tmp_path)
    write_lexical(tmp_path / "index", documents[:3])
    with pytest.raises(UserError, match="an empty folder"):
        write_lexical(tmp_path / "index", documents[:3])
    changed = json.loads((tmp_path / "index/settings.json").read_text()) | {"title_weight": 1}
    (tmp_path / "index/settings.json").write_text(json.dumps(changed))
    with pytest.raises(UserError, match="other settings: title_weight"):
        Lexical(tmp_path / "index")
    (tmp_path / "index/settings.json").write_text(json.dumps(changed | {"title_weight": lexical.TITLE_WEIGHT}))
    next((tmp_path / "index").glob("*.term")).unlink()
    with pytest.raises(UserError, match="cannot be opened"):
        Lexical(tmp_path / "index")


@pytest.mark.data
def test_real_text_equals_the_oracle(shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """PubMedQA: 1 000 abstracts in several segments, training questions."""
    with gzip.open(shared_data / "pubmedqa/corpus.jsonl.gz", "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    documents = [(row["title"], row["text"]) for row in rows]
    monkeypatch.setattr(lexical, "BATCH_BYTES", 200_000)
    write_lexical(tmp_path / "index", documents)
    index = Lexical(tmp_path / "index")
    with gzip.open(shared_data / "pubmedqa/queries.jsonl.gz", "rt", encoding="utf-8") as file:
        queries = [json.loads(line)["text"] for line, _ in zip(file, range(6), strict=False)]
    for query in queries:
        right = bm25(documents, index.terms(query), index)
        for among in selections(len(documents)).values():
            assert_right(index.search(query, 10, among=among), right, 10, among)
