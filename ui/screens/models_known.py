"""Which models there are, each opened on its own, so that a broken one does not hide the others; and what is told of them.

A model's story lies in a `card.json` inside its folder or beside it. It is believed only when it names this model's fingerprint:
a card that was copied along with other weights tells of other weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import indexer.encode
from indexer.encode.fingerprint import fingerprint_of
from indexer.encode.folder import read_folder
from indexer.encode.models import DEFAULT, EMBEDDED, MINILM, ModelInfo, resolve
from indexer.errors import UserError
from ui.screens.models_reading import read_json, read_text

Card = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """A model by the name it is asked for: opened, or why not; its card, where one tells of this very model."""

    name: str
    info: ModelInfo | None = None
    problem: UserError | None = None
    card: Card | None = None
    stranger: bool = False  # there is a card, but it tells of another model
    licence: str = ""
    datasets: tuple[str, ...] = ()
    training: Path | None = None  # the folder that holds its log


def names(models: Path) -> list[str]:
    """The embedded models, then every `name/version` of a home."""
    published = [file.parent for file in models.glob("*/*/modules.json")]
    return [MINILM, DEFAULT, *sorted(f"{folder.parent.name}/{folder.name}" for folder in published)]


def stamps(models: Path) -> dict[str, int]:
    """A number for each model that changes when its files do: cheap enough to be asked every second."""
    return {name: _stamp(name, models) for name in names(models)}


def offered(models: Path) -> list[str]:
    """The models that a collection can be built with, `default` first; one that cannot be read is left out."""
    sound = [name for name in names(models) if known(name, models).info]
    return sorted(sound, key=lambda name: name != DEFAULT)


def known(name: str, models: Path) -> Known:
    """A model by name or path, with all that is told of it."""
    try:
        info = _opened(name, models, _stamp(name, models))
    except UserError as error:
        return Known(name, problem=error)
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:  # files of any shape
        problem = UserError("this model cannot be read", error, "install the package again, or put the folder back")
        return Known(name, problem=problem)
    story, card = _card(name, info.folder)
    tells = card is not None and info.fingerprint in fingerprints(card)
    licence, datasets = _front_matter(info.folder / "README.md")
    return Known(
        name,
        info,
        card=card if tells else None,
        stranger=card is not None and not tells,
        licence=(str(card.get("licence", "")) if card and tells else "") or licence,
        datasets=datasets,
        training=story if tells and (story / "log.jsonl").is_file() else None,
    )


def info_of(name: str, models: Path) -> ModelInfo:
    """An opened model. Raises UserError for one that is not there or not sound."""
    found = known(name, models)
    if found.info is None:
        raise found.problem or UserError("there is no such model", name, "choose another one")
    return found.info


def fingerprints(card: Card) -> set[str]:
    """Of every model a card tells of."""
    models = card.get("models")
    listed = [one.get("fingerprint") for one in models.values()] if isinstance(models, dict) else []
    return {str(one) for one in [card.get("fingerprint"), *listed] if one}


def _stamp(name: str, models: Path) -> int:
    """What changes when a model's files do; embedded ones do not change while this process runs."""
    folder = Path() if name in EMBEDDED else resolve(name, models)
    if not (folder / "modules.json").is_file():
        return 0  # embedded, or no model at all
    files = [*folder.glob("*.json"), *folder.glob("*.safetensors"), *folder.glob("*/*")]
    seen = [(file, file.stat()) for file in files]
    return hash(tuple(sorted((str(file), stat.st_mtime_ns, stat.st_size) for file, stat in seen)))


@lru_cache(maxsize=100)
def _opened(name: str, models: Path, stamp: int) -> ModelInfo:
    folder = resolve(name, models)
    model = read_folder(folder)
    return ModelInfo(name, folder, model.dim, model.max_tokens, fingerprint_of(model))


def _card(name: str, folder: Path) -> tuple[Path, Card | None]:
    """Where a model's story lies, inside its folder or beside it, and its card; one that nobody can read tells nothing."""
    own = Path(indexer.encode.__file__).parent / DEFAULT if name == DEFAULT else folder
    for place in (own, folder.parent):
        if (place / "card.json").is_file():
            try:
                return place, read_json(place / "card.json", dict, "the card of a model")
            except UserError:
                return place, {}
    return folder, None


def _front_matter(file: Path) -> tuple[str, tuple[str, ...]]:
    """Licence and data sets from the lines between the rules at the head of a README, as model hubs write them."""
    try:
        lines = read_text(file).splitlines()[:500] if file.is_file() else []
    except UserError:
        return "", ()
    head = lines[1 : lines.index("---", 1)] if lines[:1] == ["---"] and "---" in lines[1:] else []
    licence = next((line.partition(":")[2].strip() for line in head if line.startswith("license:")), "")
    start = head.index("datasets:") + 1 if "datasets:" in head else len(head)
    listed = []
    for line in head[start:]:
        if not line.lstrip().startswith("- "):
            break
        listed.append(line.lstrip()[2:].strip())
    return licence, tuple(listed)
