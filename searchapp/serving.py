"""Where the pages and the HTTP API are served, and how they are started: on this machine only, unless there is a token.

`searchapp ui` becomes the process of the `ui` package by name; what lies above this package is started, never imported.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import socket
import sys
from pathlib import Path
from typing import NoReturn

from indexer.errors import UserError, shown

ADDRESS = "127.0.0.1"
PORT, API_PORT = 8501, 8500
TOKEN = "SEARCHAPP_TOKEN"  # noqa: S105 — the name of the variable; what is typed on a command line, others can read
SHORTEST_TOKEN = 16  # characters
GRACE = 5  # seconds that answers under way have at Ctrl-C
NEEDED = ("streamlit", "torch", "faiss", "tantivy", "pyarrow", "sqlalchemy", "transformers")


def check_servable(port: int, address: str = ADDRESS) -> None:
    """UserError where nothing can be served: a library is missing, or something else listens on the port."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        given = f"not installed here: {', '.join(missing)}"
        raise UserError("this installation is not whole", given, "run `make clean`, then the same command again")
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            todo = f"stop what listens there, or choose another port: --port {port + 1 if port < 65535 else PORT}"
            raise UserError(f"port {port} cannot be used", error.strerror or str(error), todo) from None


def open_pages(home: Path | None, port: int) -> NoReturn:
    """Become the process that serves the pages; does not return."""
    check_servable(port)
    at = ["--home", str(home)] if home else []
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "ui", "--port", str(port), *at])  # noqa: S606


def serve_api(home: Path | None, address: str, port: int) -> None:
    """Answer over HTTP until Ctrl-C. UserError for an address that is none, and for one that others reach without a token."""
    import uvicorn

    from searchapp.api import make_api
    from searchapp.service import SearchService

    loopback, token = _is_loopback(address), os.environ.get(TOKEN)
    _check_token(address, loopback, token)
    check_servable(port, address)
    hosts = frozenset({ADDRESS, "localhost", "[::1]"}) if loopback else None
    api = make_api(SearchService(home), hosts=hosts, token=token)
    at = f"http://{f'[{address}]' if ':' in address else address}:{port}"
    print(f"Answering on {at}; {at}/openapi.json tells what can be asked. Ctrl-C here ends it.", flush=True)
    uvicorn.run(api, host=address, port=port, log_level="warning", server_header=False, timeout_graceful_shutdown=GRACE)


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        raise UserError(
            "that is no IP address", shown(address), f"give the number of an interface: {ADDRESS}"
        ) from None


def _check_token(address: str, loopback: bool, token: str | None) -> None:
    if token is None and not loopback:
        todo = f"set {TOKEN} to a secret of {SHORTEST_TOKEN} characters or more, or serve on {ADDRESS}"
        raise UserError("others reach this address, and there is no token", address, todo)
    if token is not None and (len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable()):
        todo = f"give {SHORTEST_TOKEN} or more letters and digits: openssl rand -hex 32"
        raise UserError(f"{TOKEN} is too short, or more than plain letters", f"{len(token)} characters", todo)
