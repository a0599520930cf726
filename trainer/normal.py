"""The one normal form of a text, and the hash that is a row's identity.

Two texts are the same text when they differ only in letter case, white space, invisible format characters or Unicode
spelling (NFKC: "ﬁ" is "fi"). Punctuation stays: "3 < 4" and "3 > 4" are not the same question, and a lost full stop is the
near-duplicate filter's business. Case is folded, which makes "STRASSE" and "straße" one. Whole columns go
through polars; plain ASCII, most of the web, takes a short way round the costly Unicode steps.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from unicodedata import is_normalized, normalize

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

SIDES = "\x1f"  # stands between the texts of a row when it is hashed; the normal form holds no control characters
SPACES = r"[\x00-\x1f\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
INVISIBLE = "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"  # soft hyphens, joiners, direction marks


def normalised(texts: pl.Series) -> pl.Series:
    """The normal form of every text. Nulls are not allowed; an empty or blank text becomes the empty one."""
    plain = texts.str.replace_all(r"[\x00-\x1f\x7f ]{2,}|[\x00-\x1f\x7f]", " ").str.to_lowercase()
    exotic = (texts.str.len_bytes() != texts.str.len_chars()).arg_true()
    if len(exotic):
        plain = plain.scatter(exotic, _unicode(texts.gather(exotic)))
    return plain.str.strip_chars(" ")


def _unicode(texts: pl.Series) -> pl.Series:
    import polars as pl

    visible = texts.str.replace_all(INVISIBLE, "").to_list()
    folded = [(text if is_normalized("NFKC", text) else normalize("NFKC", text)).casefold() for text in visible]
    return pl.Series(folded, dtype=pl.String).str.replace_all(SPACES, " ").str.replace_all(" {2,}", " ")


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
