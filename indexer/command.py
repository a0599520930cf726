"""How every command of this project ends: one way to print, to refuse and to stop.

Exit status: 0 done, 1 the answer is "no" (damaged files), 2 something the user can mend, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import click
import typer

from indexer.errors import UserError


def run(app: typer.Typer) -> None:
    """Run a command-line application and exit with its status."""
    try:
        status = app(standalone_mode=False)
    except UserError as error:
        fail(str(error), 2)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except (KeyboardInterrupt, click.Abort):
        fail("stopped; whatever was finished is kept, and the same command goes on from there", 130)
    except BrokenPipeError:  # the reader of our output went away: `indexer list | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def fail(message: str, status: int) -> None:
    """Say what went wrong on stderr and exit."""
    print(f"\n{message}" if sys.stderr.isatty() else message, file=sys.stderr)
    sys.exit(status)


def print_json(value: Any) -> None:
    """One JSON object on stdout, and nothing else there."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False))
