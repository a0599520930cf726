"""Nearest texts by any model, also by one that a collection was not built with: a sample of its passages, encoded here.

Up to 2 000 passages are drawn evenly over the collection. A model encodes them once, in the background, one model after the
other; the vectors stay in memory by fingerprint and content, so every further sentence is answered at once.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from indexer.encode import Encoder, load_encoder
from indexer.encode.models import ModelInfo
from indexer.errors import UserError
from indexer.files import canonical_json
from indexer.opened import OpenVersion
from indexer.passages import passage_text

DRAWN = 2_000  # passages
NEAREST = 10
CHUNK = 64  # texts between two reports
KEPT, OPEN = 24, 3  # sets of vectors (3 MB each at 384 dimensions), models in memory
Vectors = NDArray[np.float32]  # [passages, dim], unit length
Key = tuple[str, str]  # fingerprint of the model, digest of the version's content


@dataclass(frozen=True, slots=True)
class Passage:
    """A drawn passage: its document's title and id, and its own text."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Near:
    """One of the nearest passages; `other` is its rank in the other list, where it is there too."""

    passage: Passage
    cosine: float
    other: int | None


@dataclass(slots=True)
class Work:
    """Passages being encoded: how many are done, since when (None while another model has its turn)."""

    total: int
    done: int = 0
    began: float | None = None
    problem: Exception | None = None
    thread: threading.Thread | None = field(default=None, repr=False)


def drawn(version: OpenVersion, most: int = DRAWN) -> list[Passage]:
    """At most so many passages of a version, evenly over all that are there."""
    alive = np.flatnonzero(version.alive)
    counts = np.concatenate([np.diff(segment.passages.first) for segment in version.segments])[alive]
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    found = []
    for place in np.unique(np.linspace(0, total - 1, min(most, total)).round().astype(np.int64)):
        which = int(np.searchsorted(ends, place, side="right"))
        record = version.record(int(alive[which]))
        span = version.spans(int(alive[which]))[int(place - (ends[which] - counts[which]))]
        found.append(Passage(record.id, record.title, record.text[span.start : span.end]))
    return found


def nearest(vectors: Vectors, passages: Sequence[Passage], sides: Vectors, k: int = NEAREST) -> tuple[list[Near], ...]:
    """For each row of `sides` [2, dim], the k nearest passages, nearest first; equal ones in the order of the passages."""
    scores = sides @ vectors.T
    orders = [np.argsort(-row, kind="stable")[:k] for row in scores]
    ranks = [{int(place): rank for rank, place in enumerate(order, 1)} for order in orders]
    return tuple(
        [Near(passages[place], float(scores[side, place]), ranks[1 - side].get(int(place))) for place in orders[side]]
        for side in (0, 1)
    )


class Embeddings:
    """The models and vectors of one process."""

    def __init__(self) -> None:
        self._encoders: OrderedDict[str, Encoder] = OrderedDict()
        self._vectors: OrderedDict[Key, Vectors] = OrderedDict()
        self._works: dict[Key, Work] = {}
        self._lock, self._opening, self._turn = threading.Lock(), threading.Lock(), threading.Lock()

    def encoder(self, info: ModelInfo) -> Encoder:
        """A model, opened once. Raises UserError where it cannot be."""
        with self._opening:
            if info.fingerprint not in self._encoders:
                self._encoders[info.fingerprint] = load_encoder(info.folder)
            self._encoders.move_to_end(info.fingerprint)
            while len(self._encoders) > OPEN:
                self._encoders.popitem(last=False)
            return self._encoders[info.fingerprint]

    def vectors(self, info: ModelInfo, version: OpenVersion, passages: Sequence[Passage]) -> Vectors | None:
        """The passages by this model; None while they are being encoded, which this call begins where nobody has.

        Raises what ended the work before, once: the next call begins again."""
        key = _key(info, version)
        with self._lock:
            if key in self._vectors:
                self._vectors.move_to_end(key)
                return self._vectors[key]
            work = self._works.get(key)
            if work is not None and work.problem is not None:
                del self._works[key]
                raise work.problem
            if work is None:
                work = self._works[key] = Work(len(passages))
                work.thread = threading.Thread(target=self._encode, args=(key, info, passages, work), daemon=True)
                work.thread.start()
            return None

    def work(self, info: ModelInfo, version: OpenVersion) -> Work | None:
        """How far a model is with a version; None when it is done or never began."""
        with self._lock:
            return self._works.get(_key(info, version))

    def _encode(self, key: Key, info: ModelInfo, passages: Sequence[Passage], work: Work) -> None:
        try:
            with self._turn:
                found = self._encoded(info, passages, work)
        except Exception as error:
            work.problem = error if isinstance(error, UserError) else _unforeseen(info, error)
            return
        with self._lock:
            self._vectors[key] = found
            while len(self._vectors) > KEPT:
                self._vectors.popitem(last=False)
            del self._works[key]

    def _encoded(self, info: ModelInfo, passages: Sequence[Passage], work: Work) -> Vectors:
        encoder = self.encoder(info)
        work.began = time.monotonic()
        vectors = np.empty((len(passages), encoder.dim), np.float32)
        for start in range(0, len(passages), CHUNK):
            some = passages[start : start + CHUNK]
            vectors[start : start + len(some)] = encoder.encode_document([passage_text(p.title, p.text) for p in some])
            work.done = start + len(some)
        return vectors


def _key(info: ModelInfo, version: OpenVersion) -> Key:
    """By content: a collection that is removed and built anew begins at the same number again."""
    content = hashlib.sha256(canonical_json([folder.name for folder in version.folders]))
    content.update(version.alive.tobytes())
    return info.fingerprint, content.hexdigest()


def _unforeseen(info: ModelInfo, error: Exception) -> UserError:
    return UserError(
        f"{info.name} could not encode the passages", f"{type(error).__name__}: {error}"[:200], "choose another model"
    )


@st.cache_resource(show_spinner=False)
def embeddings() -> Embeddings:
    """The one of this process."""
    return Embeddings()
