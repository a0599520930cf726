"""What does the shipped default model hold and how good is it? Makes the two files of `indexer/encode/default` from a trained folder.

Cuts the difference from `minilm` to the rank, merges it as an installation does, and measures the merged model beside minilm on
the suites; the card tells what was measured of the very weights that ship.

    python -m benchmarks.default_model --trained models/default --rank 64 --out indexer/encode/default
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from indexer.encode.delta import FILE, write_merged
from indexer.encode.fingerprint import fingerprint_of
from indexer.encode.folder import read_folder
from indexer.encode.models import MINILM, resolve
from indexer.files import sha256
from indexer.progress import Progress
from trainer.delta import DeltaReport, make_delta
from trainer.evaluate.command import Asked, measured

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
SUITES = ("default-suite.toml", "guards.toml")
LICENCE = "CC-BY-SA-4.0"  # the strictest of the training data's


def main() -> None:
    """Write delta and card, print every figure."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--trained", type=Path, required=True, help="The folder that `trainer train` wrote.")
    arguments.add_argument("--out", type=Path, required=True)
    arguments.add_argument("--rank", type=int, default=64)
    arguments.add_argument("--suites", nargs="*", default=SUITES, help="Of recipes/; none: only the digests change.")
    asked = arguments.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "card.json").unlink(missing_ok=True)  # an old one would go into the merged folder
    report = make_delta(asked.trained / "model", resolve(MINILM), asked.out / FILE, rank=asked.rank)
    with tempfile.TemporaryDirectory() as folder:
        merged = write_merged(resolve(MINILM), report.file, Path(folder) / "default")
        figures = [found for suite in asked.suites for found in _figures(merged, RECIPES / suite)]
        card = _card(asked.trained, report, merged) | {"figures": figures}
    (asked.out / "card.json").write_text(json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    print(json.dumps({"bytes": report.bytes, "kept": report.kept, "figures": figures}))


def _figures(merged: Path, suite: Path) -> list[dict[str, Any]]:
    """Of every figure: both models, and their difference with its paired interval."""
    progress = Progress()
    found, differences = measured(Asked((str(merged), MINILM), suite), progress)
    progress.close()
    ours, start = (one.by_name for one in found)
    paired = {f"{one.set} {one.metric}": one for one in differences}
    figures = []
    for name, figure in ours.items():
        told: dict[str, Any] = {"set": figure.set, "metric": figure.metric, "n": figure.n}
        told |= {"value": round(figure.value, 4), MINILM: round(start[name].value, 4)}
        if name in paired:
            one = paired[name]
            told["difference"] = [round(value, 4) for value in (one.difference, one.low, one.high)]
        figures.append(told)
    return figures


def _card(trained: Path, report: DeltaReport, merged: Path) -> dict[str, Any]:
    """What it was made of, and the digests that the installation checks."""
    training = json.loads((trained / "card.json").read_text("utf-8"))
    return {
        "format": 1,
        "name": "default",
        "licence": LICENCE,
        "base": {"name": MINILM, "sha256": sha256(resolve(MINILM) / "model.safetensors")},
        "made": [
            "trainer prepare recipes/default-data.toml --out prepared/default",
            "trainer train recipes/default.toml --out models/default",
            f"python -m benchmarks.default_model --trained models/default --rank {report.rank} --out indexer/encode/default",
        ],
        "data": training["data"],
        "settings": training["settings"],
        "rank": report.rank,
        "share_of_difference_kept": report.kept,
        "sha256": report.sha256,
        "merged_sha256": sha256(merged / "model.safetensors"),
        "fingerprint": fingerprint_of(read_folder(merged)),
    }


if __name__ == "__main__":
    main()
