"""Progress on stderr, for people: phase, count, rate and time left.

On a terminal one line is redrawn; elsewhere (a log, a pipe) a plain line appears at each new phase and every ten seconds.
stdout is left to the answer, so `--json` stays one object.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TextIO, TypeVar

T = TypeVar("T")
EVERY = 4096  # items between two reports of `counted`


class Watcher(Protocol):
    """Told how work goes: the phase, how far it is, and of how many (None while that is not known)."""

    def __call__(self, phase: str, done: int, total: int | None) -> None: ...


def unwatched(phase: str, done: int, total: int | None) -> None:
    """The watcher of work that nobody watches."""


def counted(stream: Iterable[T], done: Callable[[int], None]) -> Iterator[T]:
    """The same items, with `done(count)` called every so often."""
    for count, item in enumerate(stream, 1):
        yield item
        if count % EVERY == 0:
            done(count)


class Progress:
    """Call it with (phase, done, total); it prints at a readable pace. `note` ends the line; `close` ends the phase."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self.note = ""
        self._live = self._stream.isatty()
        self._phase, self._began, self._shown, self._first, self._last = "", 0.0, 0.0, 0, 0

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        moment = time.monotonic()
        again = done < self._last  # the same phase for another lot
        self._last = done
        if phase != self._phase or again:
            self.close()
            self._phase, self._began, self._shown, self._first = phase, moment, 0.0, done
        elif moment - self._shown < (0.2 if self._live else 10) and done != total:
            return
        self._shown = moment
        line = f"{describe(phase, done, total, done - self._first, moment - self._began)}  {self.note}".rstrip()
        print(f"\r\x1b[2K{line}" if self._live else line, end="" if self._live else "\n", file=self._stream, flush=True)

    def close(self) -> None:
        """Leave the cursor on a fresh line."""
        if self._live and self._phase:
            print(file=self._stream, flush=True)
        self._phase = ""


def describe(phase: str, done: int, total: int | None, fresh: int, seconds: float) -> str:
    """One line: `embedding  12 288 / 100 000  950/s  1 min 32 s left`. The rate counts only this run's share."""
    count = f"{done:,}".replace(",", " ") + (f" / {total:,}".replace(",", " ") if total else "")
    if not fresh or seconds < 0.5:
        return f"{phase:<20} {count}" if done or total else phase
    rate = fresh / seconds
    left = f"  {duration((total - done) / rate)} left" if total and done < total else ""
    return f"{phase:<20} {count}  {rate:,.0f}/s{left}".replace(",", " ")


def duration(seconds: float) -> str:
    """`45 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"
