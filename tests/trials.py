"""How many generated inputs a property test tries: a floor for every run, the full count under `make torture`."""

from __future__ import annotations

import os

TORTURE = os.environ.get("TORTURE") == "1"


def trials(quick: int, full: int = 10_000) -> int:
    """`quick` in `make test`, `full` in `make torture`."""
    return full if TORTURE else quick
