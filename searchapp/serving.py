"""Where the pages are served: on this machine only, and how they are started.

`searchapp ui` becomes the process of the `ui` package by name; what lies above this package is started, never imported.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from indexer.errors import UserError

ADDRESS = "127.0.0.1"
PORT = 8501
NEEDED = ("streamlit", "torch", "faiss", "tantivy", "pyarrow", "sqlalchemy", "transformers")


def check_servable(port: int) -> None:
    """UserError where the pages cannot be served: a library is missing, or something else listens on the port."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        given = f"not installed here: {', '.join(missing)}"
        raise UserError("this installation is not whole", given, "run `make clean`, then the same command again")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            todo = f"stop what listens there, or choose another port: --port {port + 1 if port < 65535 else PORT}"
            raise UserError(f"port {port} cannot be used", error.strerror or str(error), todo) from None


def open_pages(home: Path | None, port: int) -> NoReturn:
    """Become the process that serves the pages; does not return."""
    check_servable(port)
    at = ["--home", str(home)] if home else []
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "ui", "--port", str(port), *at])  # noqa: S606
