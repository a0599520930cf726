"""A pasted text against a collection: the pair score of `pairs`, with the text as one record more.

The text's candidates are found as a record's are, and so are theirs: the local scale of the score asks how near things
usually are around the text and around each candidate.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from indexer.hits import ABSENT
from indexer.opened import Rows
from searchapp.opening import Opened
from searchapp.usecases.pairs import Pairs, score_pairs
from searchapp.usecases.pairs_candidates import NEAREST, by_vector, by_words, neighbours_of, paired, unique_pairs
from searchapp.usecases.pairs_evidence import Evidence


def compare_text(opened: Opened, evidence: Evidence, text: str, k: int) -> tuple[Rows, Pairs]:
    """The text with each of its candidates: their rows, copies included, and the pairs, in the same order."""
    version, vector = opened.version, opened.encode_text(text)
    terms = version.segments[0].lexical.terms(text)
    reach = max(k, NEAREST)
    found = by_vector(version, evidence, vector, reach), by_words(version, evidence, evidence.numbered(terms), reach)
    near = _there(*found)
    if not len(near):
        return near, score_pairs(evidence, np.empty((0, 2), np.int64))
    around = paired(near, neighbours_of(version, evidence, near))
    places = np.unique(np.concatenate([near, around.ravel()]))
    small, last = evidence.take(places).plus(text, terms, vector), len(places)
    own = np.stack([np.searchsorted(places, near), np.full(len(near), last)], axis=1)
    pairs = score_pairs(small, unique_pairs([np.searchsorted(places, around), own]))
    mine = np.flatnonzero(pairs.b == last)
    return _with_copies(evidence, places[pairs.a[mine]], pairs.at(mine))


def _there(*ids: NDArray[np.int64]) -> Rows:
    found = np.unique(np.concatenate(ids, axis=1))
    there: Rows = found[found != ABSENT]
    return there


def _with_copies(evidence: Evidence, rows: Rows, pairs: Pairs) -> tuple[Rows, Pairs]:
    """What holds for an original (ascending `rows`) holds for its copies."""
    alike = evidence.alive[np.isin(evidence.copy_of[evidence.alive], rows)]
    return alike, pairs.at(np.searchsorted(rows, evidence.copy_of[alike]))
