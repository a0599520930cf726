"""The normal form against its definition, written out text by text: over every character alone and in company."""

from __future__ import annotations

import re
from functools import lru_cache
from unicodedata import category, normalize

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.normal import INVISIBLE, SPACES, _unusual, as_series, content_hashes, normalised

ODD = "aAzZ \n\t\x1f\x7f09ßẞſıİŉσςΣéÉÅåJjǰªº½µ…™ﬁＡａ，　\u00a0\u2028\ufeff\u200d\u00ad\u0301\u0308\u030c\u0323\u0327\u0345"
HANGUL_INDIC_THAI = (
    "각가\u1100\u1161\u11a8\u11c3क\u093c\u094dক\u09c7\u09beத\u0bc6\u0bbeกำ\u0e39\u0e48بً\u0651\u064e是々がか\u3099ｶﾞ🦀"
)


def by_definition(text: str) -> str:
    folded = normalize("NFKC", re.sub(INVISIBLE, "", text)).casefold()
    return re.sub(" {2,}", " ", re.sub(SPACES, " ", folded)).strip(" ")


def assert_by_definition(texts: list[str]) -> None:
    found = normalised(as_series(texts)).to_list()
    wrong = [(text, was) for text, was in zip(texts, found, strict=True) if was != by_definition(text)]
    assert not wrong, wrong[:10]


@lru_cache
def characters() -> list[str]:
    return [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]


@lru_cache
def assigned() -> list[str]:
    return [sign for sign in characters() if category(sign) not in ("Cn", "Co")]


def test_every_character_alone() -> None:
    assert_by_definition(characters())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a", "b"),
        ("A", ""),
        ("é", "É"),
        ("", "\u0301"),
        ("J", "\u0323"),  # a mark of a lower class behind it: both change places
        ("\u0327", "\u0301"),
        ("ΑΣ", ""),  # a sigma at the end, or not
        ("Σ", "Σ"),
        ("가", "\u11a8"),  # Hangul syllables grow by jamo
        ("\u1100", "\u1161"),
        ("क", "\u093c"),
        ("\u094d", "\u094d"),
        ("か", "\u3099"),
        ("，", "：ß"),
        (" \n", "\u200d \t"),
    ],
    ids=lambda part: part.encode("unicode_escape").decode(),
)
def test_every_assigned_character_in_company(before: str, after: str) -> None:
    assert_by_definition([before + sign + after for sign in assigned()])


def test_everything_that_composes() -> None:
    """Decomposed canonically, with a mark or a letter between, and the parts the other way round."""
    apart = [parts for sign in characters() if len(parts := normalize("NFD", sign)) > 1]
    between = [parts[0] + mark + parts[1:] for parts in apart for mark in ("\u0323", "\u094d", "x")]
    assert_by_definition(apart + between + [parts[::-1] for parts in apart])


def test_every_ordinary_character_beside_every_odd_one() -> None:
    assert_by_definition([first + second + third for first in ODD for second in HANGUL_INDIC_THAI for third in ODD])
    assert_by_definition([first + second for first in assigned()[:3000] for second in ODD])


@given(st.lists(st.text(st.one_of(st.sampled_from(ODD + HANGUL_INDIC_THAI), st.characters(codec="utf-8"))), max_size=9))
def test_any_column(texts: list[str]) -> None:
    assert_by_definition(texts)


def test_columns_longer_than_a_piece() -> None:
    assert_by_definition(["É\n x" * 40_000, "Ab  " * 70_000, "", "Ü" * 70_001, "ςＡ\u0301" * 30_000])


def test_parts_of_a_column() -> None:
    whole = pl.concat([pl.Series(["left out", "É  A\nB", ""]), pl.Series(["Straße", "x"])])
    assert normalised(whole[1:4]).to_list() == ["é a b", "", "strasse"]
    assert normalised(whole[:0]).to_list() == []


@pytest.mark.parametrize(
    ("text", "unusual"),
    [
        ("Grüße aus Köln – „schön“ für 5 €, naïve Élève, ŁÓDŹ", True),  # the ß
        ("schön – „naïve“ Élève, ŁÓDŹ, 5 €", False),
        ("Съешь ещё этих мягких булок; Γρήγορη αλεπού", False),
        ("Γρήγορος", True),  # a final sigma
        ("敏捷的棕色狐狸。素早い茶色の狐「が」 다람쥐 헌 쳇바퀴 🦀", False),
        ("हिन्दी में लिखा हुआ पाठ, שלום, مرحبا بالعالم", False),
        ("e\u0301", True),
        ("soft\u00adhyphen", True),
        ("a\u00a0b", True),
        ("ﬁx", True),
    ],
)
def test_which_texts_take_the_long_way(text: str, unusual: bool) -> None:
    assert pl.Series([text]).str.contains(_unusual()).item() == unusual


def test_the_bytes_of_hashes_stay() -> None:
    """Written down before the shorter ways existed: identities outlive a change of how they are found."""
    anchors = ["Straße  a\tb", "İstanbul Σς", "ﬁx é e\u0301", "", "한국어 ㅎㅏㄴ", "，全角？Ａ"]
    positives = ["x\x1fy", "\u00a0q\u200b", "½ K", "p", "हिन्दी", "J\u030c\u0323"]
    negatives: list[list[str]] = [[], [], ["n", "N\n"], [], [], []]
    assert [found.hex() for found in content_hashes(as_series(anchors), as_series(positives), negatives)] == [
        "08894d52051ef2f15b7b206833edda85",
        "26cd9c525f55f3fea63727639c941425",
        "610e8e7f9fb17d8b9e244f800bb8428d",
        "205fed18be1dfd16ed9c140a0078f3f3",
        "5f5d5baa88116eb230e0ad9ace8fdd68",
        "0a0385ef61a9486fdbbad6586906b086",
    ]
