"""Which rows each step sees, decided before the first step.

Every step draws a source with probability ∝ size × quality × weight, and its whole batch comes from that source: in-batch
negatives of one kind are harder than a mixture (Jina Embeddings v1, arXiv 2307.11224). A source's rows go through a
shuffled pass before any of them comes again. Within a window of batches rows of like length stand together, which saves
padding. No text stands twice in a batch, since each copy would be its own false negative. All of it follows from
the seed alone, so a resumed training sees the same batches, and a bad batch can be named.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexer.errors import UserError

Ints = NDArray[np.int64]


class Drawable(Protocol):
    """What the plan must know of a source: how heavy it is, and each row's length and hashed texts."""

    @property
    def name(self) -> str: ...
    @property
    def quality(self) -> float: ...
    @property
    def hashes(self) -> Ints:
        """[rows, columns]: equal where two texts are the same."""
        ...

    @property
    def lengths(self) -> Ints: ...


@dataclass(frozen=True, slots=True)
class Plan:
    """`sources` [steps]: number of the step's source. `rows` [steps, batch]: rows of that source."""

    sources: Ints
    rows: Ints
    left_out: tuple[int, ...]  # per source: times that a row did not fit into its pass, because its texts repeat

    def drawn(self, source: int) -> int:
        """Rows that are drawn of a source, repeats counted."""
        return int((self.sources == source).sum()) * int(self.rows.shape[1])


def make_plan(sources: Sequence[Drawable], steps: int, batch: int, window: int, seed: Sequence[int]) -> Plan:
    """Plan `steps` batches of `batch` rows. Raises UserError for a source that cannot fill one."""
    mass = np.array([len(source.lengths) * source.quality for source in sources], np.float64)
    chosen = np.random.default_rng([*seed, 0]).choice(len(sources), steps, p=mass / mass.sum())
    rows = np.empty((steps, batch), np.int64)
    left_out = []
    for number, source in enumerate(sources):
        stream = Stream(source, batch, window, np.random.default_rng([*seed, 1, number]))
        for step, made in zip(np.flatnonzero(chosen == number), stream, strict=False):
            rows[step] = made
        left_out.append(stream.left_out)
    return Plan(chosen.astype(np.int64), rows, tuple(left_out))


class Stream:
    """Endless batches of one source, pass after pass."""

    def __init__(self, source: Drawable, batch: int, window: int, draw: np.random.Generator) -> None:
        self.source, self.batch, self.window, self.draw = source, batch, window, draw
        self.left_out = 0

    def __iter__(self) -> Iterator[Ints]:
        waiting = np.empty(0, np.int64)
        while True:
            waiting, made = yield from self._one_pass(waiting)
            if not made:
                raise _too_few(self.source, self.batch)

    def _one_pass(self, waiting: Ints) -> Generator[Ints, None, tuple[Ints, int]]:
        """A shuffled pass, window by window; returns what is left, too few for a batch, and how many batches it made.

        What the pass before left over opens this one, so no row is ever two passes behind another."""
        order, made = self.draw.permutation(len(self.source.lengths)), 0
        if len(waiting):
            head, order = _fitting(np.concatenate([waiting, order]), self.source.hashes, self.batch)
            if len(head) < self.batch:
                return head, 0
            yield head
            waiting, made = np.empty(0, np.int64), 1
        size = self.window * self.batch
        for first in range(0, len(order), size):
            batches, waiting, repeats = self._window(np.concatenate([waiting, order[first : first + size]]))
            if first + size < len(order):
                waiting = np.concatenate([waiting, repeats])
            else:
                self.left_out += len(repeats)
            made += len(batches)
            for place in self.draw.permutation(len(batches)):
                yield batches[place]
        return waiting, made

    def _window(self, rows: Ints) -> tuple[list[Ints], Ints, Ints]:
        if self.window > 1:
            rows = rows[np.argsort(self.source.lengths[rows], kind="stable")]
        return cut(rows, self.source.hashes, self.batch)


def cut(rows: Ints, hashes: Ints, batch: int) -> tuple[list[Ints], Ints, Ints]:
    """Rows in order as batches without a repeated text; then the rows of the last, unfinished batch, and those whose
    texts repeat in it."""
    made: list[Ints] = []
    while len(rows) >= batch:
        head = rows[:batch]
        if _distinct(hashes[head]):
            made.append(head)
            rows = rows[batch:]
            continue
        taken, passed = _fitting(rows, hashes, batch)
        if len(taken) < batch:
            return made, taken, passed
        made.append(taken)
        rows = passed
    taken, passed = _fitting(rows, hashes, batch)
    return made, taken, passed


def _distinct(texts: Ints) -> bool:
    return len(np.unique(texts)) == texts.size


def _fitting(rows: Ints, hashes: Ints, batch: int) -> tuple[Ints, Ints]:
    """The first rows that share no text, at most `batch`; and all others, in order."""
    seen: set[int] = set()
    taken = np.zeros(len(rows), bool)
    missing = batch
    for place, row in enumerate(rows):
        if not missing:
            break
        texts = hashes[row].tolist()
        if seen.isdisjoint(texts):
            seen.update(texts)
            taken[place] = True
            missing -= 1
    return rows[taken], rows[~taken]


def _too_few(source: Drawable, batch: int) -> UserError:
    rows = len(source.lengths)
    if rows == 1:
        what = f"{source.name} has one row: there is no other text to tell it from."
        return UserError(what, "1 row", "give it more rows, or leave the source out with `sources`")
    given = f"{rows} rows, batches of {batch} without a repeated text"
    return UserError(f"{source.name} cannot fill one batch.", given, "lower batch, or leave the source out")
