"""The `trainer` command: clean training data with a reason for every drop, and what models learn from it.

`COMMANDS` is the whole command line in the order of `trainer --help`. Each `cli_*` module holds one stage's commands, which
only parse, call and print; what is slow to import is imported by the command that needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

from indexer.command import application, run
from trainer.cli_dropped import audit_command, dropped_command, whitelist_command
from trainer.cli_evaluate import ablate_command, evaluate_command
from trainer.cli_negatives import mine_command, negate_command
from trainer.cli_prepare import explain_command, prepare_command
from trainer.cli_train import delta_command, train_command

app = application("trainer", "Clean training data, and what models learn from it.")


@app.callback()
def trainer() -> None:
    """Clean training data, and what models learn from it."""


def version_command() -> None:
    """Print the release.

    Example: trainer version
    """
    print(f"searchapp {version('searchapp')}")


COMMANDS: dict[str, Callable[..., None]] = {
    "version": version_command,
    "prepare": prepare_command,
    "train": train_command,
    "evaluate": evaluate_command,
    "delta": delta_command,
    "dropped": dropped_command,
    "explain": explain_command,
    "audit": audit_command,
    "whitelist": whitelist_command,
    "negate": negate_command,
    "mine": mine_command,
    "ablate": ablate_command,
}
for name, command in COMMANDS.items():
    app.command(name)(command)


def main() -> None:
    """Entry point of the `trainer` command."""
    run(app)


if __name__ == "__main__":
    main()
