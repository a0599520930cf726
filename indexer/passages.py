"""Long documents become passages that the model reads whole.

A text that fits stays one passage. A longer one is cut at sentence borders and sentences are put together until the
model's limit, counted in its own tokens with the title and the special tokens, is reached; a sentence beyond the limit
is cut at white space, a word beyond it at characters. Nothing is left out but white space between passages, and no
passage is longer than the model reads: every passage of a cut text is counted again as it will be embedded.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice, pairwise

from tokenizers import Encoding, Tokenizer

from indexer.sentences import sentences

_BATCH = 512  # texts handed to the tokenizer at once: it works on them in parallel
_TITLE_SHARE = 3  # a title may take a third of the limit


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a record's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PassageSettings:
    """How long documents are cut. Part of a segment's identity. The defaults are ours."""

    max_tokens: int | None = None  # tokens of a passage, special tokens and title included; None: the model's limit
    title: bool = True  # embed every passage with its document's title before it
    overlap: int = 0  # sentences repeated from the end of the passage before
    balance: bool = True  # passages of one document of about equal length, not a short rest at the end

    def as_json(self) -> dict[str, int | bool | None]:
        return asdict(self)


def passages(
    title: str, text: str, tokenizer: Tokenizer, max_tokens: int, settings: PassageSettings | None = None
) -> list[Span]:
    """The passages of one document; see `split`."""
    return next(split([(title, text)], tokenizer, max_tokens, settings))


def split(
    records: Iterable[tuple[str, str]],
    tokenizer: Tokenizer,
    max_tokens: int,
    settings: PassageSettings | None = None,
) -> Iterator[list[Span]]:
    """For each (title, text) its passages, at least one, in the order of the text.

    `tokenizer` neither truncates nor pads. `max_tokens` is what the model reads, less the tokens of its document
    prompt. A text that fits, or is blank, gives one span over all of it."""
    settings = settings or PassageSettings()
    limit = _limit(max_tokens, settings)
    specials = tokenizer.num_special_tokens_to_add(False)
    for batch in _batches(records):
        titles = [embedded_title(title, tokenizer, max_tokens, settings) for title, _ in batch]
        texts = [text for _, text in batch]
        whole = [passage_text(title, text) for title, text in zip(titles, texts, strict=True)]
        long = [row for row, fits in enumerate(_fit(whole, tokenizer, limit)) if not fits and texts[row].strip()]
        encodings = dict(
            zip(long, tokenizer.encode_batch([texts[row] for row in long], add_special_tokens=False), strict=True)
        )
        for row, text in enumerate(texts):
            if row not in encodings:
                yield [Span(0, len(text))]
                continue
            taken = specials + len(tokenizer.encode(titles[row], add_special_tokens=False).ids)
            spans = _cut(text, encodings[row], limit - taken, settings)
            checked = _checked(titles[row], text, spans, tokenizer, limit)
            yield sorted(checked, key=lambda span: (span.start, span.end))


def passage_text(title: str, piece: str) -> str:
    """What is embedded for a passage: its document's title (see `embedded_title`), a space, the piece of the text."""
    return f"{title} {piece}" if title else piece


def embedded_title(title: str, tokenizer: Tokenizer, max_tokens: int, settings: PassageSettings) -> str:
    """The title that stands before every passage of a document: cut to its share of a passage, or none at all."""
    return short_title(title, tokenizer, _limit(max_tokens, settings)) if settings.title else ""


def short_title(title: str, tokenizer: Tokenizer, max_tokens: int) -> str:
    """The title as it is embedded: cut, where it is longer, to the tokens of a third of the limit.

    The record keeps its whole title, and lexical search reads it whole."""
    room = max_tokens // _TITLE_SHARE
    if len(title.encode()) <= room:
        return title
    encoding = tokenizer.encode(title, add_special_tokens=False)
    while len(encoding.ids) > room:
        # A shorter title can have a token more than its part of the longer one had, so count again.
        title = title[: encoding.offsets[room][0]].rstrip() if encoding.offsets[room][0] else ""
        encoding = tokenizer.encode(title, add_special_tokens=False)
    return title


def _limit(max_tokens: int, settings: PassageSettings) -> int:
    limit = min(max_tokens, settings.max_tokens or max_tokens)
    if limit < 16:
        raise ValueError(f"a passage of {limit} tokens holds too little; 16 is the least")
    return limit


def _fit(texts: Sequence[str], tokenizer: Tokenizer, limit: int) -> list[bool]:
    """Whether each text has at most `limit` tokens, special ones included.

    An ASCII character is at most one token, so a text of few of them needs no counting."""
    surely = limit - tokenizer.num_special_tokens_to_add(False) - 1  # one for a tokenizer that adds a leading space
    fits = [len(text) <= surely and text.isascii() for text in texts]
    unsure = [row for row, fit in enumerate(fits) if not fit]
    for row, encoding in zip(unsure, tokenizer.encode_batch_fast([texts[row] for row in unsure]), strict=True):
        fits[row] = len(encoding) <= limit
    return fits


def _cut(text: str, encoding: Encoding, room: int, settings: PassageSettings) -> list[Span]:
    """Cut a long text into spans of at most `room` tokens, counted in the whole text's tokens."""
    starts = [start for start, _ in encoding.offsets]  # first character of each token
    pieces = [part for sentence in sentences(text) for part in _parts(text, sentence, starts, room)]
    begins = [bisect_left(starts, start) for start, _ in pieces]  # token numbers
    ends = [bisect_left(starts, end) for _, end in pieces]
    return [Span(pieces[first][0], pieces[last][1]) for first, last in _filled(begins, ends, room, settings)]


def _filled(begins: list[int], ends: list[int], room: int, settings: PassageSettings) -> Iterator[tuple[int, int]]:
    """First and last piece of each passage. A piece alone has at most `room` tokens."""
    first, count = 0, len(begins)
    while first < count:
        rest = ends[-1] - begins[first]
        target = rest / -(-rest // room) if settings.balance and rest else room
        last = first
        while last + 1 < count and (longer := ends[last + 1] - begins[first]) <= room:
            if abs(longer - target) > abs(ends[last] - begins[first] - target):
                break
            last += 1
        yield first, last
        if last + 1 == count:
            return
        again = max(first + 1, last + 1 - settings.overlap)
        first = next(at for at in range(again, last + 2) if at > last or ends[last + 1] - begins[at] <= room)


def _parts(text: str, piece: tuple[int, int], starts: list[int], room: int) -> Iterator[tuple[int, int]]:
    """The piece itself when it has at most `room` tokens, else its words; a word beyond that at its tokens."""
    if _tokens(piece, starts) <= room:
        yield piece
        return
    for word in re.finditer(r"\S+", text[slice(*piece)]):
        start, end = piece[0] + word.start(), piece[0] + word.end()
        if _tokens((start, end), starts) <= room:
            yield start, end
            continue
        inside = starts[bisect_left(starts, start) : bisect_left(starts, end)]
        borders = [start, *(border for border in inside[room::room] if border > start), end]
        yield from ((a, b) for a, b in pairwise(borders) if a < b)


def _tokens(piece: tuple[int, int], starts: list[int]) -> int:
    return bisect_left(starts, piece[1]) - bisect_left(starts, piece[0])


def _checked(title: str, text: str, spans: list[Span], tokenizer: Tokenizer, limit: int) -> Iterator[Span]:
    """The spans, halved where one has more tokens by itself than it had inside the text: what stands before a word
    can change how it is tokenised."""
    embedded = [passage_text(title, text[span.start : span.end]) for span in spans]
    for span, fits in zip(spans, _fit(embedded, tokenizer, limit), strict=True):
        if fits or span.end - span.start == 1:
            yield span
        else:
            yield from _checked(title, text, _halves(text, span), tokenizer, limit)


def _halves(text: str, span: Span) -> list[Span]:
    """Cut at the white space nearest the middle, or in the middle of a text without any."""
    middle = (span.start + span.end) // 2
    spaces = [found.start() + span.start for found in re.finditer(r"\s", text[span.start : span.end])]
    at = min(spaces, key=lambda space: abs(space - middle), default=middle)
    return [half for half in (_stripped(text, span.start, at), _stripped(text, at, span.end)) if half is not None]


def _stripped(text: str, start: int, end: int) -> Span | None:
    piece = text[start:end]
    begin = start + len(piece) - len(piece.lstrip())
    return Span(begin, begin + len(piece.strip())) if piece.strip() else None


def _batches(records: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    rest = iter(records)
    while batch := list(islice(rest, _BATCH)):
        yield batch
