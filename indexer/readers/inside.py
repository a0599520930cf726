"""The reading process that `apart` starts: takes requests on stdin, answers on stdout, within a limit on its memory.

A request is a line, [reader, words of its source …, seconds]; the answer is a line for each row and rejection and then
"end", or "refused" with the three parts of a UserError. Where memory does not suffice the process ends with a status that
says so: what it holds by then is not to be trusted with another source.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from indexer.errors import UserError
from indexer.readers import PIECES, READERS
from indexer.readers.apart import TOO_MUCH
from indexer.readers.sql import Query
from indexer.records import LARGEST, Rejection, Row

_LONGEST = 8 * LARGEST  # bytes of a line: each character of a row of LARGEST bytes may take six, as \u0000 does


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    for line in requests:
        for message in _answer(*json.loads(line)):
            answers.write(message)
        answers.flush()


def _answer(reader: str, *words: Any) -> Iterator[bytes]:
    *source, seconds = words
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        for item in {**READERS, **PIECES}[reader](Query(*source) if len(source) == 2 else Path(source[0])):
            yield _message(item)
        yield _line("end")
    except UserError as error:
        yield _line("refused", error.what, str(error.given), error.todo)
    except (MemoryError, BrokenPipeError):
        raise
    except Exception as error:  # a fault of ours: told where somebody sees it
        yield _line("failed", f"{type(error).__name__}: {error}")
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def _message(item: Row | Rejection) -> bytes:
    if isinstance(item, Rejection):
        return _line("rejection", item.file, item.row, item.reason, item.detail)
    line = _line("row", item.file, item.number, item.values)
    if len(line) <= _LONGEST:
        return line
    return _line("rejection", item.file, item.number, "too large", f"a row of more than {LARGEST:,} bytes")


def _line(*parts: Any) -> bytes:
    return json.dumps(parts).encode() + b"\n"


def limit_memory(data: int) -> None:
    """From now on this process gets `data` bytes more and no further ones; nothing where the system knows no such limit."""
    with suppress(OSError, ValueError):
        fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        most = int(fields["VmData"].split()[0]) * 1024 + data
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def main() -> None:
    """Serve on stdin and stdout; the one argument is the limit in bytes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who asked, who will end us
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
    logging.disable(logging.CRITICAL)
    limit_memory(int(sys.argv[1]))
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer)
    except MemoryError:
        os._exit(TOO_MUCH)
    except BrokenPipeError:  # nobody listens any more
        os._exit(0)


if __name__ == "__main__":
    main()
