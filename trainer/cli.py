"""The `trainer` command. In this release it has no verbs yet and says so; preparing and training come next."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from indexer.command import run

app = typer.Typer(name="trainer", add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def trainer(
    show_version: Annotated[bool, typer.Option("--version", help="Print the release and exit.")] = False,
) -> None:
    """Clean training data and train embedding models.

    This release indexes and searches; `prepare`, `train` and `evaluate` come with the next ones.

    Example: trainer --version
    """
    print(f"searchapp {version('searchapp')}" if show_version else "no verbs in this release yet; see CHANGELOG.md")


def main() -> None:
    """Entry point of the `trainer` command."""
    run(app)
