"""The card that a model was published with: it names the fingerprint, so damage shows before anything is embedded.

A collection refuses queries of another fingerprint than its own; the card is what a new collection can hold a model
against. It lies in the model's folder, or beside it where one training left several models.
"""

from __future__ import annotations

from pathlib import Path

from indexer.encode.fingerprint import fingerprint_of
from indexer.encode.folder import ModelFolder
from indexer.encode.json_file import read_object
from indexer.errors import UserError

CARD = "card.json"


def refuse_other_than_card(model: ModelFolder) -> None:
    """UserError when the folder has a card and is not the model that the card names."""
    folder = model.path
    for file, named in ((folder / CARD, _own(folder)), (folder.parent / CARD, _beside(folder))):
        if named is None:
            continue
        fingerprint = fingerprint_of(model)
        if named != fingerprint:
            raise UserError(
                f"The model in {folder.name!r} is not the one that its card names.",
                f"{file}: fingerprint {str(named)[:12]}, found {fingerprint[:12]}",
                "Use another copy of the model; if it was changed on purpose, remove the card.",
            )


def _own(folder: Path) -> object:
    return read_object(folder / CARD).get("fingerprint")


def _beside(folder: Path) -> object:
    models = read_object(folder.parent / CARD).get("models")
    found = models.get(folder.name) if isinstance(models, dict) else None
    return found.get("fingerprint") if isinstance(found, dict) else None
