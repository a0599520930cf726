"""Batches of rows, and work on them by one process or several: the same results in the same order, whatever the number.

A task names a batch by its place (file, number, which rows are alive), not by its contents: whoever works on it reads it
itself. Results come back in the order of the tasks, at most a few of them waiting, so memory is a few batches for
each worker. A worker ends with its parent, also when that one is killed.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

R = TypeVar("R")
FEW = 4  # tasks; for so few no process is started, that takes longer
WAITING = 2  # tasks given out per worker


def usable_cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


class Workers:
    """Worker processes, started when first needed; with one there is none, and the work is done here."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def ordered(self, work: Callable[[Any], R], tasks: Iterable[Any], count: int) -> Iterator[R]:
        """`work(task)` for every one of the `count` tasks, in their order. `work` must be picklable: a module's function or a partial of one."""
        if self.number == 1 or count < FEW:
            return map(work, tasks)
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.number, get_context("spawn"), initializer=_begin)
        return _in_order(self._pool, work, iter(tasks), WAITING * self.number)


def _in_order(pool: ProcessPoolExecutor, work: Callable[[Any], R], tasks: Iterator[Any], most: int) -> Iterator[R]:
    waiting: deque[Future[R]] = deque()
    for task in tasks:
        waiting.append(pool.submit(work, task))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _begin() -> None:
    """A worker leaves Ctrl-C to its parent, and goes when that one is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


@dataclass(frozen=True, slots=True)
class Task:
    """The alive ones of the `rows` rows of batch `number` of an Arrow file; `alive` has a byte for each."""

    file: Path
    number: int
    rows: int
    alive: bytes

    def batch(self) -> pa.RecordBatch:
        """The rows, read now."""
        import pyarrow as pa

        # Read and not mapped: memory stays one batch.
        with pa.OSFile(str(self.file)) as file, pa.ipc.open_file(file) as reader:
            whole = reader.get_batch(self.number)
        mask = np.frombuffer(self.alive, bool)
        return whole if mask.all() else whole.filter(pa.array(mask))


class Batches:
    """The alive rows of a corpus, batch by batch, as often as one iterates; `mapped` shares work on them out."""

    def __init__(self, tasks: Callable[[], Iterator[Task]], count: int, workers: Workers) -> None:
        self._tasks, self._count, self._workers = tasks, count, workers

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        """Batches without rows are left out."""
        return (batch for task in self._tasks() if (batch := task.batch()).num_rows)

    def mapped(self, work: Callable[[pa.RecordBatch], R]) -> Iterator[R]:
        """`work(batch)` for every batch that has rows, in their order. `work` must be a function of a module."""
        filled = (task for task in self._tasks() if any(task.alive))
        return self._workers.ordered(_OnBatch(work), filled, self._count)

    def judged(self, work: Callable[[pa.RecordBatch], R]) -> Iterator[tuple[Task, R]]:
        """Every task with what `work` makes of its batch, also of one without rows."""
        return zip(self._tasks(), self._workers.ordered(_OnBatch(work), self._tasks(), self._count), strict=True)


@dataclass(frozen=True, slots=True)
class _OnBatch:
    work: Callable[[Any], Any]

    def __call__(self, task: Task) -> Any:
        return self.work(task.batch())


def mapped(batches: Iterable[pa.RecordBatch], work: Callable[[pa.RecordBatch], R]) -> Iterator[R]:
    """`work` on every batch, by the workers where there are some."""
    return batches.mapped(work) if isinstance(batches, Batches) else map(work, batches)
