"""Arguments and options that several `trainer` commands have in common, so that they read the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Prepared = Annotated[Path, typer.Argument(help="The folder of a preparation.", metavar="DIR")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, max=2**32 - 1, help="Another seed draws another sample.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Check everything, say what would be done.")]
