"""What the commands of this project have in common: options, and one way to print, to refuse and to stop.

Exit status: 0 done, 1 the answer is "no" (damaged files), 2 something the user can mend, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from indexer.errors import UserError, shown

STOPPED = 130

HomeOption = Annotated[
    Path | None, typer.Option("--home", metavar="DIR", help="Where collections live [$SEARCHAPP_HOME, or ./home].")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout; progress stays on stderr.")]


def application(name: str, help: str) -> typer.Typer:
    """A command line without commands yet: plain help, nothing to install in a shell, errors left to `run`."""
    return typer.Typer(
        name=name,
        help=help,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )


def run(app: typer.Typer) -> NoReturn:
    """Run a command-line application and exit with its status."""
    try:
        app()
        sys.exit(0)
    except UserError as error:
        _fail(str(error), 2)
    except SystemExit as end:  # typer's own ends: help, usage errors, and Ctrl-C as status 130
        if end.code == STOPPED:
            _stopped()
        raise
    except KeyboardInterrupt:
        _stopped()
    except BrokenPipeError:  # the reader of our output went away: `indexer list | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except UnicodeEncodeError as error:  # the name of a file or folder in some other encoding, such as Latin-1
        given = ascii(error.object)[:300]
        _fail(str(UserError("a name is not valid UTF-8", given, "give the file or folder another name")), 2)
    except OSError as error:  # a folder that may not be read or written, a disk that is full
        given = f"{shown(str(error.filename))}: {error.strerror}" if error.filename else str(error)
        todo = "see to the permissions and the room on the disk, then run the same command again"
        _fail(str(UserError("the system did not let this be done", given, todo)), 2)


def print_json(value: Any) -> None:
    """One JSON object on stdout, and nothing else there."""
    print(json.dumps(value, ensure_ascii=False, allow_nan=False))


def _stopped() -> NoReturn:
    _fail("stopped; whatever was finished is kept, and the same command goes on from there", STOPPED)


def _fail(message: str, status: int) -> NoReturn:
    print(f"\n{message}" if sys.stderr.isatty() else message, file=sys.stderr)
    sys.exit(status)
