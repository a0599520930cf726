"""Passages: nothing is lost, nothing is longer than the model reads, and cuts fall where sentences end."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from indexer.passages import PassageSettings, Span, passage_text, passages, short_title, split
from indexer.sentences import sentences
from tests.models import WORDS, tiny_tokenizer
from tests.trials import trials


def byte_level() -> Tokenizer:
    """Byte-level BPE as GPT-like models have it: a character can be several tokens, a space belongs to its word."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=500, special_tokens=["<s>"], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator([" ".join(WORDS)] * 2, trainer)
    tokenizer.post_processor = processors.TemplateProcessing("<s> $A", None, [("<s>", 0)])
    return tokenizer


def metaspace() -> Tokenizer:
    """Unigram over spaces made visible and compatibility characters taken apart, as XLM-RoBERTa has it."""
    pieces = [("<unk>", 0.0), ("▁", -3.0), *((c, -4.0) for c in "abcdefghijklmnopqrstuvwxyz"), ("▁the", -2.0)]
    tokenizer = Tokenizer(models.Unigram(pieces, 0, False))
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return tokenizer


TOKENIZERS = {"wordpiece": tiny_tokenizer(), "byte-level": byte_level(), "metaspace": metaspace()}
SETTINGS = {
    "default": PassageSettings(),
    "greedy": PassageSettings(balance=False),
    "overlap": PassageSettings(overlap=2),
    "shorter": PassageSettings(max_tokens=20),
    "no title": PassageSettings(title=False),
}
# Pieces that make trouble together: scripts without spaces, marks that combine, directions, long words, line breaks.
_WESTERN = ["Dr.", "e.g.", "3.14", "et al.", "No. 5", "J. Smith", "U.S.", "really?", "Yes!", "end.", "so…", "(end.)"]
_OTHER = [
    "。",
    "日本語の文章です。",
    "中文！",
    "สวัสดีครับ",
    "مرحبا بالعالم؟",
    "\u202e",
    "שלום.",
    "नमस्ते।",
    "👩\u200d👧",
    "😀" * 9,
]
_ODD = [
    "\n",
    "\n\n",
    "\r\n",
    "\t",
    "\u3000",
    "\u00a0",
    "\u2028",
    "x" * 150,
    "e\u0301\u0302",
    "ﬃ",
    "\x00",
    "---",
    "##ing",
]
PIECES = st.sampled_from([*WORDS[:40], *_WESTERN, *_OTHER, *_ODD])
LONG = (
    st.lists(PIECES, max_size=120).map(" ".join) | st.lists(PIECES, max_size=120).map("".join) | st.text(max_size=300)
)


def embedded(title: str, text: str, span: Span, tokenizer: Tokenizer, limit: int) -> str:
    return passage_text(short_title(title, tokenizer, limit), text[span.start : span.end])


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("setting", SETTINGS)
@settings(max_examples=trials(100, 1000))  # 15 combinations: 1 500 inputs in every run
@given(title=st.just("") | st.lists(PIECES, max_size=12).map(" ".join), text=LONG, limit=st.integers(16, 60))
def test_nothing_is_lost_and_nothing_too_long(setting: str, name: str, title: str, text: str, limit: int) -> None:
    tokenizer, chosen = TOKENIZERS[name], SETTINGS[setting]
    spans = passages(title, text, tokenizer, limit, chosen)
    limit = min(limit, chosen.max_tokens or limit)
    title = title if chosen.title else ""

    inside = {at for span in spans for at in range(span.start, span.end)}
    assert [at for at, character in enumerate(text) if not character.isspace() and at not in inside] == []
    for span in spans:
        tokens = len(tokenizer.encode(embedded(title, text, span, tokenizer, limit)).ids)
        assert tokens <= limit or span.end - span.start == 1
    assert spans == sorted(spans, key=lambda span: (span.start, span.end))
    if len(tokenizer.encode(passage_text(short_title(title, tokenizer, limit), text)).ids) <= limit or not text.strip():
        assert spans == [Span(0, len(text))]
    elif chosen.overlap == 0:
        assert all(before.end <= after.start for before, after in pairwise(spans))


def test_a_text_that_fits_stays_whole() -> None:
    text = " one.  two. "
    assert passages("", text, TOKENIZERS["wordpiece"], 16) == [Span(0, 12)]
    assert passages("a title", "", TOKENIZERS["wordpiece"], 16) == [Span(0, 0)]


def test_cuts_fall_between_sentences() -> None:
    text = "the water is hot. " * 40
    spans = passages("", text, TOKENIZERS["wordpiece"], 64)
    assert len(spans) == 4
    assert {text[span.end - 1] for span in spans} == {"."}
    assert {text[span.start : span.start + 9] for span in spans} == {"the water"}


def test_balance_leaves_no_short_rest() -> None:
    text = "the water is hot. " * 13  # 65 tokens; 12 sentences and 2 special tokens fill 62 of 64
    tokenizer = TOKENIZERS["wordpiece"]
    greedy = passages("", text, tokenizer, 64, PassageSettings(balance=False))
    even = passages("", text, tokenizer, 64)
    assert [text[s.start : s.end].count("hot") for s in greedy] == [12, 1]
    assert sorted(text[s.start : s.end].count("hot") for s in even) == [6, 7]


def test_overlap_repeats_sentences() -> None:
    text = " ".join(f"{word.title()} {word} {word}." for word in WORDS[:40])
    spans = passages("", text, TOKENIZERS["wordpiece"], 34, PassageSettings(overlap=1, balance=False))
    pieces = [text[span.start : span.end].split(". ") for span in spans]
    assert len(spans) > 5
    assert all(before[-1].rstrip(".") == after[0].rstrip(".") for before, after in pairwise(pieces))


def test_a_long_title_is_cut_and_a_short_one_is_not() -> None:
    tokenizer = TOKENIZERS["wordpiece"]
    title = " ".join(WORDS[:40])
    assert short_title(title, tokenizer, 60) == " ".join(WORDS[:20])
    assert short_title("the water", tokenizer, 60) == "the water"
    spans = passages(title, "air is hot. " * 30, tokenizer, 60)
    assert all(len(tokenizer.encode(embedded(title, "air is hot. " * 30, s, tokenizer, 60)).ids) <= 60 for s in spans)


def test_too_low_a_limit_is_an_error() -> None:
    with pytest.raises(ValueError, match="16 is the least"):
        passages("", "text", TOKENIZERS["wordpiece"], 15)


def test_many_give_what_one_gives() -> None:
    records = [(WORDS[n % 50] * (n % 3), ("the water is hot. " * (n % 40)).strip()) for n in range(1100)]
    tokenizer = TOKENIZERS["wordpiece"]
    together = list(split(iter(records), tokenizer, 64))
    assert together == [passages(title, text, tokenizer, 64) for title, text in records]


def test_short_texts_are_quick() -> None:
    records = [("", f"{WORDS[n % 300]} {WORDS[n % 299]} water is hot {n}") for n in range(20_000)]
    started = time.process_time()
    assert all(len(spans) == 1 for spans in split(records, TOKENIZERS["wordpiece"], 256))
    assert time.process_time() - started < 2  # processor time, so that a busy machine does not fail it


def test_settings_are_part_of_an_identity() -> None:
    assert PassageSettings().as_json() == {"max_tokens": None, "title": True, "overlap": 0, "balance": True}


ENDS = {
    "plain": ["One two.", "Three four!", "Five?"],
    "lower case goes on": ["He said hm... and left.", "Then?"],
    "abbreviations": ["Dr. Smith et al. met Mr. J. Doe, e.g. in the U.S. Army.", "All went well."],
    "numbers": ["It is 3.14 here.", "See No. 5 and Fig. 2 there.", "I said no.", "Then left."],
    "no capitals": ["one two.", "three etc. four?", "five!"],
    "quotes": ['"Really?"', '"Why?" he asked.', "He nodded (twice.)", "Gone…", "Yes."],
    "initials end nothing, I does": ["It was I.", "Not he."],
}


@pytest.mark.parametrize("case", ENDS)
def test_sentences_end_where_a_reader_ends_them(case: str) -> None:
    text = " ".join(ENDS[case])
    assert [text[start:end] for start, end in sentences(text)] == ENDS[case]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("今日は晴れ。明日は雨！本当？はい", ["今日は晴れ。", "明日は雨！", "本当？", "はい"]),
        ("هل هذا صحيح؟ نعم۔ شكرا", ["هل هذا صحيح؟", "نعم۔", "شكرا"]),
        ("a line\nwrapped here\nTitle\n\nnext", ["a line\nwrapped here", "Title", "next"]),
        ("A: yes\nB: no\n- one\n- two", ["A: yes", "B: no", "- one", "- two"]),
        ("", []),
        (" \n ", []),
    ],
    ids=["CJK", "Arabic", "wrapped lines", "lines", "empty", "blank"],
)
def test_other_scripts_and_lines(text: str, expected: list[str]) -> None:
    assert [text[start:end] for start, end in sentences(text)] == expected


@settings(max_examples=trials(500))
@given(text=LONG)
def test_sentences_cover_the_text_once(text: str) -> None:
    ranges = list(sentences(text))
    covered = "".join(text[start:end] for start, end in ranges)
    assert "".join(covered.split()) == "".join(text.split())
    assert all(before[1] <= after[0] for before, after in pairwise(ranges))
    assert all(text[start:end].strip() == text[start:end] != "" for start, end in ranges)
