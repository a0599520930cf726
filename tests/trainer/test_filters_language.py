"""The language filter: policies, sides, odd texts, label spellings, and its promise on real sentences."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from indexer.errors import UserError
from indexer.progress import unwatched
from tests.trainer.test_filters_consistency import batch_of
from trainer.filters.language import Language, guess, model_languages
from trainer.filters.language_names import language_of

pytestmark = pytest.mark.slow

ENGLISH = "The committee will meet again in the morning to discuss the new proposal."
GERMAN = "Der Ausschuss trifft sich morgen früh wieder, um den neuen Vorschlag zu besprechen."
FRENCH = "Le comité se réunira demain matin pour discuter de la nouvelle proposition."
CODE = "tar -xzf 12.gz"


def reasons(found: Language, *pairs: tuple[str, str]) -> list[str | None]:
    found.prepare([], Path(), unwatched)
    return list(found.judge(batch_of([(*pair, "s") for pair in pairs]), Path()).reasons)


def test_a_side_surely_in_another_language_drops_the_row() -> None:
    pairs = ((ENGLISH, ENGLISH), (ENGLISH, GERMAN), (FRENCH, ENGLISH), (ENGLISH, CODE), (GERMAN, CODE), (CODE, CODE))
    out = "other language"
    assert reasons(Language(), *pairs) == [None, out, out, None, out, None]
    assert reasons(Language(unsure="drop"), *pairs) == [None, out, out, None, out, "unsure"]
    assert reasons(Language(sides="anchor"), *pairs) == [None, None, out, None, out, None]
    assert reasons(Language(sides="positive", unsure="drop"), *pairs) == [None, out, None, "unsure", "unsure", "unsure"]
    assert reasons(Language(languages=("en", "deu")), *pairs) == [None, None, out, None, None, None]


def test_the_evidence_names_language_and_score_of_each_side() -> None:
    evidence = Language().judge(batch_of([(ENGLISH, GERMAN, "s")]), Path()).evidence
    assert list(evidence) == [
        "anchor_language",
        "anchor_language_score",
        "positive_language",
        "positive_language_score",
    ]
    assert evidence["anchor_language"].to_pylist() == ["en"]
    assert evidence["positive_language"].to_pylist() == ["de"]
    assert min(evidence["positive_language_score"].to_pylist()) > 0.9
    assert (
        list(Language(sides="anchor").judge(batch_of([(ENGLISH, GERMAN, "s")]), Path()).evidence) == list(evidence)[:2]
    )


def test_triplets_pass_unjudged() -> None:
    verdicts = Language(unsure="drop").judge(
        batch_of([(GERMAN, GERMAN, "s"), (GERMAN, GERMAN, "s")], [["x"], []]), Path()
    )
    assert list(verdicts.reasons) == [None, "other language"]
    assert verdicts.evidence["anchor_language"].to_pylist() == [None, "de"]


def test_line_breaks_and_odd_characters_are_read_over() -> None:
    broken = "\n\n" + GERMAN.replace(" ", "\n") + "\r\n\u2028\x00"
    assert reasons(Language(), (broken, broken), ("", "\n"), ("\x00", "\ufeff"), ("🦀" * 500, "𝔘")) == [
        "other language",
        None,
        None,
        None,
    ]


def test_a_row_is_judged_by_itself() -> None:
    rows = [(text, other, "s") for text in (ENGLISH, GERMAN, CODE) for other in (ENGLISH, FRENCH, CODE)]
    whole = Language(unsure="drop").judge(batch_of(rows), Path())
    single = [Language(unsure="drop").judge(batch_of([row]), Path()) for row in rows]
    assert [verdict.reasons[0] for verdict in single] == list(whole.reasons)
    for name, column in whole.evidence.items():
        assert [verdict.evidence[name][0].as_py() for verdict in single] == column.to_pylist()


def test_only_the_beginning_counts_and_equal_ones_are_judged_alike() -> None:
    tail = " Der Ausschuss trifft sich morgen."
    start = (ENGLISH + " " + ENGLISH)[:100]
    texts = [start + tail, "\n " + start.replace(" ", "  ") + tail, start, GERMAN, start]
    evidence = Language().judge(batch_of([(GERMAN, text, "s") for text in texts]), Path()).evidence
    scores = evidence["positive_language_score"].to_pylist()
    assert evidence["positive_language"].to_pylist() == ["en", "en", "en", "de", "en"]
    assert scores[0] == scores[1] == scores[2] == scores[4] != scores[3]
    assert scores[3] == evidence["anchor_language_score"][0].as_py()


def test_a_batch_of_triplets_alone() -> None:
    verdicts = Language(unsure="drop").judge(batch_of([(GERMAN, FRENCH, "s")] * 2, [["x"], ["y", "z"]]), Path())
    assert list(verdicts.reasons) == [None, None]
    assert all(column.to_pylist() == [None, None] for column in verdicts.evidence.values())


def test_no_rows() -> None:
    verdicts = Language().judge(batch_of([]), Path())
    assert list(verdicts.reasons) == []
    assert all(column == pa.array([], column.type) for column in verdicts.evidence.values())


@pytest.mark.parametrize(
    ("label", "language"),
    [
        ("__label__en", "en"),
        ("__label__eng_Latn", "en"),
        ("eng", "en"),
        ("__label__zho_Hant", "zh"),
        ("__label__cmn_Hans", "zh"),
        ("__label__arb_Arab", "ar"),
        ("__label__nob_Latn", "no"),
        ("nb", "no"),
        ("__label__als", "als"),
        ("__label__als_Latn", "sq"),
        ("__label__ceb_Latn", "ceb"),
        ("pt-BR", "pt"),
    ],
)
def test_labels_of_both_kinds_are_understood(label: str, language: str) -> None:
    assert language_of(label) == language


def test_the_model_says_which_languages_it_knows() -> None:
    known = model_languages("lite")
    assert len(known) > 150
    assert {"en", "de", "zh", "als"} < known


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"languages": ("englisch",)}, "near: \\['"),
        ({"languages": ()}, "is a list"),
        ({"threshold": 0.0}, "threshold"),
        ({"unsure": "perhaps"}, "keep"),
        ({"sides": "left"}, "anchor"),
        ({"characters": 0}, "characters"),
        ({"model": "/no/such.bin"}, "no such fastText model"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        Language(**wrong)


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(b"not a model at all" * 10)
    with pytest.raises(UserError, match="cannot open"):
        Language(model=str(tmp_path / "model.bin"))


def test_settings_say_what_decides() -> None:
    assert Language(languages=("eng",)).settings() == Language().settings()
    assert len(Language().settings()["model"]) == 64
    assert Language(characters=200).settings() != Language().settings()


@pytest.mark.data
def test_english_is_told_apart_on_tatoeba(shared_data: Path) -> None:
    """Odd rows only: the even ones chose the threshold."""
    with gzip.open(shared_data / "langid_tatoeba" / "test.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines][1::2]
    kept = [name == "en" and score >= Language().threshold for name, score in guess([row["text"] for row in rows])]
    english = [row["lang"] == "eng" for row in rows]
    right = sum(k and e for k, e in zip(kept, english, strict=True))
    assert right / sum(english) >= 0.96
    assert right / sum(kept) >= 0.96


@pytest.mark.data
def test_other_languages_go_from_noisy_mix_and_clean_rows_stay(shared_data: Path) -> None:
    with gzip.open(shared_data / "noisy_mix" / "pairs.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    found = reasons(Language(), *((row["query"], row["positive"]) for row in rows))
    for noise, kept_at_least, kept_at_most in (("none", 0.99, 1.0), ("non_english", 0.0, 0.03)):
        kept = [reason is None for row, reason in zip(rows, found, strict=True) if row["noise"] == noise]
        assert kept_at_least <= sum(kept) / len(kept) <= kept_at_most
