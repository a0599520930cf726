"""Which statement of a passage answers best: the one to highlight.

A statement scores its cosine with the question, plus the share of the question's words it holds (rare words weigh
more), plus a little when it is a whole sentence and not a line of code, a row of a table or a part of a sentence.
Embedding takes time that a reader waits for, so all passages of an answer share one batch of at most BATCH statements:
those that score best without a cosine go first, and a passage further down gets fewer places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.passages import Span
from searchapp.opening import Opened
from searchapp.usecases.sentences import is_whole, statements
from searchapp.usecases.words import Words

BATCH = 8  # statements embedded per answer, all passages together
CHARACTERS = 800  # of those statements, all together
WHOLE = 0.15  # what being a whole sentence adds to a cosine


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A statement of the passage at `place`: where it stands, its text, and its score before its cosine is known."""

    place: int
    span: Span
    text: str
    score: float


def best_statements(
    opened: Opened, words: Words, vector: NDArray[np.float32], passages: Sequence[tuple[str, Span]]
) -> list[Span | None]:
    """For each passage (its record's text, its span there), most important first: the span of its best statement.

    `words` and `vector` [1, dim] are the question's. None only for a passage without a letter or digit.
    """
    ordered = [_candidates(words, place, *passage) for place, passage in enumerate(passages)]
    best = [candidates[0].span if candidates else None for candidates in ordered]
    chosen = _chosen(ordered)
    if not chosen:
        return best
    cosines = opened.encoder.encode_document([candidate.text for candidate in chosen]) @ vector[0]
    scores = np.array([candidate.score for candidate in chosen]) + cosines
    for at in np.argsort(scores, kind="stable").tolist():  # the best of a passage comes last and stays
        best[chosen[at].place] = chosen[at].span
    return best


def _candidates(words: Words, place: int, text: str, passage: Span) -> list[_Candidate]:
    """The statements of a passage, the most promising first."""
    found = []
    for span in statements(text, passage.start, passage.end):
        piece = text[span.start : span.end]
        found.append(_Candidate(place, span, piece, words.share(words.held(piece)) + WHOLE * is_whole(piece)))
    return sorted(found, key=lambda candidate: -candidate.score)


def _chosen(ordered: Sequence[Sequence[_Candidate]]) -> list[_Candidate]:
    """What is embedded: the n-th candidate of the p-th passage in the order of n · p. A lone candidate needs no score."""
    several = [candidates for candidates in ordered if len(candidates) > 1]
    queue = [(n * p, candidate) for p, each in enumerate(several, 1) for n, candidate in enumerate(each, 1)]
    chosen: list[_Candidate] = []
    room = CHARACTERS
    for _, candidate in sorted(queue, key=lambda entry: entry[0])[:BATCH]:
        if len(candidate.text) <= room:
            chosen.append(candidate)
            room -= len(candidate.text)
    return chosen
