"""A child process that opens model folders and tells what it did: `python -m tests.watched_encoder MARKER FOLDER…`.

One line of JSON per folder: how it was refused, and every event of the interpreter's audit hooks that a model folder has no
business to cause: a socket, a process, an unpickling, code of the folder, a file written.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import CodeType

_NEVER = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pickle.find_class", "urllib.")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Watch:
    """What happened since the last look."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.folder: str | None = None
        sys.addaudithook(self._note)

    def _note(self, event: str, given: tuple[object, ...]) -> None:
        if self.folder is None:
            return
        if event.startswith(_NEVER):
            self.seen.append(f"{event} {given!r}"[:300])
        elif event in ("exec", "compile", "import"):
            self._note_code(event, given)
        elif event == "open" and isinstance(given[2], int) and given[2] & _WRITING and given[0] != os.devnull:
            self.seen.append(f"written {given[0]}")
        elif (
            event == "open"
            and str(given[0]).startswith(self.folder)
            and str(given[0]).endswith((".bin", ".pkl", ".pt"))
        ):
            self.seen.append(f"opened {given[0]}")

    def _note_code(self, event: str, given: tuple[object, ...]) -> None:
        source = given[0].co_filename if isinstance(given[0], CodeType) else str(given[1])
        assert self.folder is not None
        if source.startswith(self.folder):
            self.seen.append(f"{event} {source}")


def main(folders: list[str]) -> None:
    """Open each folder and embed a text with it, where it can be opened."""
    import sentence_transformers  # noqa: F401 — what the library does when it is imported is no doing of a folder
    import torch

    import indexer.architectures  # noqa: F401
    from indexer.encode import load_encoder
    from indexer.errors import UserError

    torch.set_num_threads(1)
    watch = Watch()  # only now: a hook makes importing three times as slow
    for folder in folders:
        watch.folder, watch.seen, refusal = folder, [], None
        try:
            load_encoder(Path(folder), precision="fp32", threads=1).encode_document(["water"])
        except UserError as error:
            refusal = [error.what, str(error.given), error.todo]
        watch.folder = None
        print(json.dumps({"folder": folder, "refusal": refusal, "seen": watch.seen}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
