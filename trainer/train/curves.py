"""Curves for TensorBoard, for whoever has it installed: the same numbers as in the log."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from indexer.errors import UserError


class Curves:
    """Writes lines of the log as TensorBoard's events into a folder."""

    def __init__(self, folder: Path) -> None:
        refuse_without_tensorboard()
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder))

    def add(self, line: dict[str, Any]) -> None:
        """One logged step."""
        for name in ("loss", "learning_rate", "pairs_per_second"):
            self._writer.add_scalar(f"{line['branch']}/{name}", line[name], line["done"])

    def close(self) -> None:
        """What waits is written."""
        self._writer.close()


def refuse_without_tensorboard() -> None:
    """Raise UserError where it is not installed."""
    if find_spec("tensorboard") is None:
        todo = "pip install tensorboard, or leave --tensorboard out: log.jsonl has the same numbers"
        raise UserError("TensorBoard is not installed.", "--tensorboard", todo)
