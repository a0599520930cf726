"""The one normal form of a text, and the hash that is a row's identity.

Two texts are the same text when they differ only in letter case, white space, invisible format characters or Unicode
spelling (NFKC: "ﬁ" is "fi"). Punctuation stays: "3 < 4" and "3 > 4" are not the same question, and a lost full stop is the
near-duplicate filter's business. Case is folded, which makes "STRASSE" and "straße" one.

Three ways lead there, and all give the same form. Plain ASCII, most of the web, is one table over the bytes of the whole
column. Texts made of ordinary characters (of any script: those that NFKC leaves alone and whose folded case is their lower
case) take a second one that lowers their letters. Only the others go text by text through Python's Unicode functions. Which
characters are ordinary is asked of the libraries at hand, once a process, so a new Unicode version cannot make the ways differ.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from itertools import groupby
from typing import TYPE_CHECKING
from unicodedata import combining, decomposition, is_normalized, normalize

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

SIDES = "\x1f"  # stands between the texts of a row when it is hashed; the normal form holds no control characters
SPACES = r"[\x00-\x1f\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
INVISIBLE = "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"  # soft hyphens, joiners, direction marks

# Of each byte: capital letters lowered, control characters a space, the bytes of longer characters as they are.
_PLAIN = bytes(32 if byte < 32 or byte == 127 else byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))
_PIECE = 2**16
# Signs that NFKC respells and that are common: swapped beforehand, most texts with them need no NFKC.
_RESPELLED = {sign: normalize("NFKC", sign) for sign in [*map(chr, range(0xFF01, 0xFF5F)), *"…²³½¼¾™ªºµ‑"]}
# Where ordinary characters are looked for: letters, signs, kana, emoji; not among jamo, which compose.
_SCANNED = ((0x80, 0x10FF), (0x1200, 0x33FF), (0x1F000, 0x1FAFF))
_IDEOGRAPHS = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3))  # Chinese, Hangul syllables: ordinary every one


def normalised(texts: pl.Series) -> pl.Series:
    """The normal form of every text. Nulls are not allowed; an empty or blank text becomes the empty one."""
    plain = _plain(texts)
    longer = (texts.str.len_bytes() != texts.str.len_chars()).arg_true()
    if len(longer):
        plain = plain.scatter(longer, _lowered(plain.gather(longer)))
        unusual = longer.filter(texts.gather(longer).str.contains(_unusual()))
        plain = plain.scatter(unusual, _respelled(texts.gather(unusual)))
    return plain.str.strip_chars(" ")


def _plain(texts: pl.Series) -> pl.Series:
    """ASCII letters lowered, every run of white space and control characters as one space."""
    import pyarrow as pa

    column = texts.to_arrow()
    if not len(column):
        return texts
    _, offsets, data = column.buffers()
    mapped = pa.LargeStringArray.from_buffers(len(column), offsets, _mapped(data))  # byte by byte: the offsets hold
    return as_series(mapped).str.replace_all(" {2,}", " ")


def _mapped(data: pa.Buffer) -> pa.Buffer:
    """The bytes through `_PLAIN`, piece by piece into Arrow's pool: fresh memory for millions of bytes costs more than they do."""
    import pyarrow as pa

    mapped = pa.allocate_buffer(data.size)
    source, target = memoryview(data), memoryview(mapped).cast("B")
    for first in range(0, data.size, _PIECE):
        target[first : first + _PIECE] = bytes(source[first : first + _PIECE]).translate(_PLAIN)
    return mapped


def _lowered(texts: pl.Series) -> pl.Series:
    import pyarrow.compute as pc

    return as_series(pc.utf8_lower(texts.to_arrow()))


def _respelled(texts: pl.Series) -> pl.Series:
    import polars as pl

    visible = texts.str.replace_all(INVISIBLE, "").str.replace_many(_RESPELLED).to_list()
    folded = [(text if is_normalized("NFKC", text) else normalize("NFKC", text)).casefold() for text in visible]
    return pl.Series(folded, dtype=pl.String).str.replace_all(SPACES, " ").str.replace_all(" {2,}", " ")


@lru_cache
def _unusual() -> str:
    """A pattern that finds any character which is not ordinary; made once, in a tenth of a second."""
    import polars as pl

    scanned = [chr(code) for first, last in _SCANNED for code in range(first, last + 1)]
    lowered = _lowered(pl.Series(scanned))
    seconds = {part for sign in scanned for part in _canonical(sign)[1:]}
    known = pl.Series(scanned).str.contains(f"{SPACES}|{INVISIBLE}")
    ordinary = [
        ord(sign)
        for sign, low, special in zip(scanned, lowered, known, strict=True)
        # Marks are reordered by class and composed; viramas (9, at home in every Hindi word) are left where they are.
        if not special and low == sign.casefold() and combining(sign) in (0, 9) and sign not in seconds
        if is_normalized("NFKC", sign)
    ]
    ranges = [(run[0], run[-1]) for run in _runs(ordinary)] + list(_IDEOGRAPHS)
    return r"[^\x00-\x7f" + "".join(rf"\x{{{first:x}}}-\x{{{last:x}}}" for first, last in ranges) + "]"


def _canonical(sign: str) -> list[str]:
    parts = decomposition(sign).split()
    return [] if not parts or parts[0].startswith("<") else [chr(int(part, 16)) for part in parts]


def _runs(codes: list[int]) -> list[list[int]]:
    runs = groupby(enumerate(codes), lambda entry: entry[1] - entry[0])
    return [[code for _, code in run] for _, run in runs]


def as_series(texts: pa.Array | pa.ChunkedArray | list[str]) -> pl.Series:
    """An Arrow column as polars sees it, without a copy."""
    import polars as pl

    return pl.Series(texts, dtype=pl.String) if isinstance(texts, list) else pl.Series(pl.from_arrow(texts))


def text_hashes(texts: pl.Series) -> list[bytes]:
    """128-bit BLAKE2b of each (already normalised) text: no two of two billion rows meet by chance."""
    import polars as pl

    blake = hashlib.blake2b
    return [blake(text, digest_size=16).digest() for text in texts.cast(pl.Binary).to_list()]


def content_hashes(anchor: pl.Series, positive: pl.Series, negatives: list[list[str]]) -> list[bytes]:
    """The identity of rows: the hash of their normalised anchor, positive and negatives."""
    joined = normalised(anchor) + SIDES + normalised(positive)
    if any(negatives):
        joined = joined + _tails(negatives)
    return text_hashes(joined)


def _tails(negatives: list[list[str]]) -> pl.Series:
    import polars as pl

    flat = iter(normalised(as_series([text for row in negatives for text in row])).to_list())
    return pl.Series(["".join(SIDES + next(flat) for _ in row) for row in negatives], dtype=pl.String)
