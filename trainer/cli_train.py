"""`trainer train` and `trainer delta`: a model by a recipe, and what it adds to its start as a small file."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.command import JsonOption, print_json
from indexer.progress import Progress, duration
from trainer.cli_options import DryRunOption

if TYPE_CHECKING:
    from trainer.delta import DeltaReport
    from trainer.train import Trained


def train_command(
    recipe: Annotated[Path, typer.Argument(help="A TOML file: where to start, phases, guards.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the model goes.")],
    dry_run: DryRunOption = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write curves for TensorBoard, beside the model.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Train an embedding model by a recipe: phases over prepared data, guarded, as a plain model folder.

    Killed or stopped, the same command goes on where it was, to the same weights.

    Example: trainer train recipes/train-example.toml --out models/mine
    """
    from trainer.train import load_training, plan_of, train

    asked = load_training(recipe)
    with closing(Progress()) as progress:
        done = plan_of(asked, progress) if dry_run else train(asked, out, progress, tensorboard=tensorboard)
    if isinstance(done, dict):
        return print_json(done) if json else _print_training_plan(done)
    return print_json(asdict(done) | {"folder": str(done.folder)}) if json else _print_trained(done)


def delta_command(
    model: Annotated[str, typer.Argument(help="The tuned model: a name or a folder.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The safetensors file to write.")],
    base: Annotated[str, typer.Option("--base", help="What it was tuned from: a name or a folder.")] = "minilm",
    rank: Annotated[int, typer.Option("--rank", help="Rank of each matrix's difference; size grows with it.")] = 64,
    json: JsonOption = False,
) -> None:
    """Write what a tuned model adds to its start as a small file, merged again by `indexer models`.

    Example: trainer delta models/default/model --base minilm --rank 64 --out delta.safetensors
    """
    from indexer.encode.models import resolve
    from trainer.delta import make_delta

    with closing(Progress()) as progress:
        report = make_delta(resolve(model), resolve(base), out, rank=rank, watch=progress)
    return print_json(asdict(report) | {"file": str(report.file)}) if json else _print_delta(report)


def _print_training_plan(plan: dict[str, Any]) -> None:
    print(f"precision {plan['precision']}")
    for phase in plan["phases"]:
        print(f"{phase['model']}: {phase['phase']}, {phase['steps']:,} steps of {phase['batch']:,}")
        for name, told in phase["sources"].items():
            source = name.partition(" ")[2]
            print(f"{told['batches']:>10,}  batches of {source}: {told['rows']:,} rows, {told['epochs']:g} epochs")
    print("everything is in order; nothing was written")


def _print_trained(trained: Trained) -> None:
    if trained.stopped:
        print(f"stopped early: {trained.stopped}; published is the last state within all limits")
    print(f"{trained.steps:,} steps in {duration(trained.seconds)}, last loss {trained.loss:.4f}")
    print(f"{'unchanged' if trained.unchanged else 'written'}: {trained.folder}")


def _print_delta(report: DeltaReport) -> None:
    kept = f"{report.kept:.2%} of the difference"
    print(f"{report.bytes / 1e6:.2f} MB, {report.tensors} tensors, rank {report.rank}: {kept}")
    print(f"SHA-256 {report.sha256}\nwritten: {report.file}")
