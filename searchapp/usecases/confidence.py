"""Does a collection answer a question at all? A number from 0 to 1, a yes or no, and the reason in a sentence.

Retrieval always finds something: the nearest passage of a cookbook to a question about tax law is still a recipe. What
tells an answer from the nearest stranger is how close it comes. A passage's closeness is its cosine with the question
plus a fifth of the share of the question's words it holds, each word weighted by how rare it is in the collection
(BM25's idf), so that a word the collection never mentions weighs most.

How close a stranger comes differs, so two yardsticks stand beside the closest passage, and it must pass both. The
collection's: what a hundred everyday questions, from opera to oil changes, reach in it (long transcripts are near to
everything, chemistry to nothing). The model's: how near those questions come to one another, for in a small or narrow
collection all of them stay far away. No judged query is needed and nothing is set per collection; docs/lab-log.md has
the numbers and what else was tried.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from indexer.hits import ABSENT
from indexer.opened import OpenVersion, Rows
from searchapp.opening import Opened
from searchapp.retrieve import hybrid
from searchapp.usecases.background import QUESTIONS
from searchapp.usecases.words import Words, listed

WORDS = 0.2  # what holding all of the question's words adds to a cosine
JUDGED = 5  # documents looked at for a question, the best of hybrid retrieval
STRANGERS = 3  # documents looked at for a background question, the nearest
CLEARLY = 2.0  # spreads above the middle of the background questions: what few strangers reach
SELDOM = 0.9  # quantile of the background questions' nearness to one another, which is the least closeness of an answer


@dataclass(frozen=True, slots=True)
class Confidence:
    """Whether a collection answers a question: `value` is at least .5 exactly where `found`; `why` is for people."""

    found: bool
    value: float
    why: str


@dataclass(frozen=True, slots=True)
class Background:
    """The yardstick of a collection and a model: an answer is at least as close as `cut`; strangers differ by `spread`."""

    cut: float
    spread: float


@dataclass(frozen=True, slots=True)
class _Closeness:
    """How close a passage comes to a question, and which of the question's terms it holds."""

    value: float
    shared: frozenset[str]


def confidence(opened: Opened, question: str, among: Rows | None = None) -> Confidence:
    """Whether the documents `among` these rows (all where None) answer a question that is some text."""
    rows = hybrid(opened, question, JUDGED, among).rows
    return judge(opened, Words(opened.version, question), opened.encode(question), rows)


def judge(opened: Opened, words: Words, vector: NDArray[np.float32], rows: Rows) -> Confidence:
    """Whether one of these documents answers the question of these words and this vector [1, dim]."""
    if not len(rows):
        return Confidence(False, 0.0, "There is no document to look at: none meets the conditions.")
    best, background = _closest(opened.version, words, vector, rows), background_of(opened)
    excess = (best.value - background.cut) / background.spread
    value = 0.5 + 0.5 * math.tanh(excess / 2)  # the logistic function, written so that it cannot overflow
    return Confidence(value >= 0.5, value, _why(words, best.shared, value >= 0.5))


def background_of(opened: Opened) -> Background:
    """The yardstick of an open version: taken when it is first needed (a second or two), then kept while it is open."""
    return opened.kept(("background",), lambda: _background(opened))


def _background(opened: Opened) -> Background:
    version, vectors = opened.version, opened.encoder.encode_query(QUESTIONS)
    among = version.among(None)
    hits = version.dense(vectors, STRANGERS, among)
    reached = np.array(
        [
            _closest(version, Words(version, question), vector[None], ids[ids != ABSENT]).value
            for question, vector, ids in zip(QUESTIONS, vectors, hits.ids, strict=True)
        ]
    )
    middle = float(np.median(reached))
    spread = 1.4826 * float(np.median(np.abs(reached - middle)))  # a standard deviation that a few answers do not move
    return Background(max(middle + CLEARLY * spread, _nearness(vectors)), max(spread, 0.01))


def _nearness(vectors: NDArray[np.float32]) -> float:
    """How near questions on different matters come to each other by this model, all but a tenth of them."""
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    return float(np.quantile(cosines.max(axis=1), SELDOM))


def _closest(version: OpenVersion, words: Words, vector: NDArray[np.float32], rows: Rows) -> _Closeness:
    """The closest of the documents' nearest passages."""
    cosines, ordinals = version.dense_scores(vector, rows)
    measured = []
    for row, ordinal, cosine in zip(rows.tolist(), ordinals.tolist(), cosines.tolist(), strict=True):
        record, span = version.record(row), version.spans(row)[ordinal]
        held = words.held(f"{record.title}\n{record.text[span.start : span.end]}")
        measured.append(_Closeness(cosine + WORDS * words.share(held), held))
    return max(measured, key=lambda closeness: closeness.value)


def _why(words: Words, shared: frozenset[str], found: bool) -> str:
    """The reason in a sentence or two, in the question's own words."""
    common, unknown = words.spelled(shared), words.spelled(words.unknown)
    if found:
        return f"A passage comes close{f' and speaks of {listed(common)}' if common else ' in meaning'}."
    if common:
        reason = f"No passage comes close: the nearest one shares only {listed(common)} with the question."
    else:
        reason = "No passage comes close: the nearest one shares no telling word with the question."
    return f"{reason} Nothing here mentions {listed(unknown, 'or')}." if unknown else reason
