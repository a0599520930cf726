"""Reading in a process of its own, for sources that could make the library that reads them swell, hang or crash.

The process may take MEMORY bytes of data and not one more: where a file would need more, its allocations fail there, and
the build goes on here. Requests go in and items come out as lines of JSON (`inside` is the other end); the password in
the URL of a database travels this way too, and not on a command line that everybody on the machine can read. Where the
process dies, StoppedError says why in a user's words, and the next request starts another. The limit on memory is Linux's;
elsewhere the limits on time, growth and sizes remain.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import indexer
from indexer.errors import UserError
from indexer.readers.sql import Query
from indexer.records import Rejection, Row

MEMORY = 512 * 2**20  # bytes of data beyond those of a bare interpreter
TOO_MUCH = 3  # the exit status that says: memory did not suffice
_SETTINGS = {  # one thread and one arena each, and memory that goes back to the system: the limit counts what is reserved
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "1",
}


class StoppedError(Exception):
    """The process that read died before it was through; `why` in a user's words, and whether by a limit of ours."""

    def __init__(self, why: str, *, limited: bool) -> None:
        super().__init__(why)
        self.limited = limited


class Apart:
    """A reading process, started by the first request and used until it dies. To be closed: use it in a `with`."""

    def __init__(self, memory: int | None = None) -> None:
        self._memory = MEMORY if memory is None else memory
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Apart:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        process, self._process = self._process, None
        if process is not None:  # it waits for a request; with none to come it ends
            process.communicate()

    def read(self, reader: str, source: Path | Query, seconds: int = 0) -> Iterator[Row | Rejection]:
        """What the reader of this name (in READERS or PIECES) makes of `source`, as it comes.

        `seconds` of processor time it may take; 0: as many as it needs. Raises UserError where the reader does, and
        StoppedError where the process died.
        """
        answer = self._ask([reader, *_words(source), seconds])
        whole = False
        try:
            for line in answer:
                if not line.endswith(b"\n"):  # it died over this one
                    break
                kind, *rest = json.loads(line)
                whole = kind in ("end", "refused", "failed")
                if kind == "failed":
                    raise RuntimeError(f"the reader {reader!r} failed: {rest[0]}")
                if kind == "refused":
                    raise UserError(*rest)
                if whole:
                    return
                yield Row(*rest) if kind == "row" else Rejection(*rest)
            raise self._stopped(seconds)
        finally:
            if not whole:  # it is dead, or nobody wants the rest, which must not be taken for the next answer
                self._kill()

    def _ask(self, request: list[object]) -> Iterator[bytes]:
        process = self._process = self._process or _start(self._memory)
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):  # it is dead; then there is no answer, and that is told
            process.stdin.write(json.dumps(request).encode() + b"\n")
            process.stdin.flush()
        return process.stdout

    def _stopped(self, seconds: int) -> StoppedError:
        """Why the process ended, by its exit status."""
        status = self._process.wait() if self._process else 0
        megabytes = f"{self._memory // 2**20:,} MB of memory"
        if status == TOO_MUCH:
            return StoppedError(f"it needs more than {megabytes} at once", limited=True)
        if status == -signal.SIGVTALRM:
            return StoppedError(f"it takes more than {seconds} s of processor time", limited=True)
        why = f"the library that reads it crashed (status {status}), perhaps for want of more than {megabytes}"
        return StoppedError(why, limited=False)

    def _kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _words(source: Path | Query) -> list[str]:
    return [source.url, source.statement] if isinstance(source, Query) else [str(source)]


def _start(memory: int) -> subprocess.Popen[bytes]:
    here = str(Path(indexer.__file__).resolve().parents[1])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(  # noqa: S603
        # No word of this is a user's, and with -P no module of the folder they work in is taken for one of ours.
        [sys.executable, "-P", "-m", "indexer.readers.inside", str(memory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | _SETTINGS | {"PYTHONPATH": os.pathsep.join(paths)},
    )
