"""`trainer prepare` and `trainer explain`: raw rows into training data, and one page that tells what was done."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.command import JsonOption, print_json
from indexer.progress import Progress
from trainer.cli_options import DryRunOption, Prepared, SeedOption

if TYPE_CHECKING:
    from trainer.prepare import Report
    from trainer.recipe import Recipe


def prepare_command(
    recipe: Annotated[Path, typer.Argument(help="A TOML file: sources, filters in order, hold-out sets.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the training data goes.")],
    only: Annotated[
        str | None, typer.Option("--only", metavar="A,B", help="Only these of the recipe's filters.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that share the work; without it one per core.")
    ] = None,
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Turn raw pairs and triplets into training data; every row that goes is kept with the reason.

    Killed or stopped, the same command goes on where it was; the same inputs give the same files, by any number of workers.

    Example: trainer prepare recipes/example.toml --out prepared
    """
    from trainer.prepare import only_filters, prepare
    from trainer.recipe import load_recipe

    asked = load_recipe(recipe)
    if only is not None:
        asked = only_filters(asked, [name.strip() for name in only.split(",")])
    if dry_run:
        return _plan(asked, json)
    from trainer.batches import usable_cores

    with closing(Progress()) as progress:
        report = prepare(asked, out, progress, workers=workers or usable_cores())
    return print_json(_as_json(report)) if json else _print_report(report)


def explain_command(
    folder: Prepared,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="A Markdown file instead of stdout.")
    ] = None,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Tell a preparation in one Markdown page: each filter, its counts, a row it kept and a row it dropped.

    Example: trainer explain prepared --out filters.md
    """
    from indexer.files import write_bytes
    from trainer.explain import explain

    page = explain(folder, seed=seed)
    if out is not None:
        write_bytes(out, page.encode())
    if json:
        return print_json({"page": page, "out": str(out) if out else None})
    return print(f"written: {out}" if out else page)


def _plan(recipe: Recipe, json: bool) -> None:
    from trainer.prepare import check, stage_labels

    planned = check(recipe)
    steps = list(stage_labels(planned))
    if json:
        return print_json({"stages": steps, "inputs": planned.inputs})
    for number, step in enumerate(steps, 1):
        print(f"{number:>3}  {step}")
    return print("everything is in order; nothing was written")


def _as_json(report: Report) -> dict[str, object]:
    return {"out": str(report.out), "kept": report.kept, "dropped": report.dropped, "unchanged": report.unchanged}


def _print_report(report: Report) -> None:
    for name, reasons in report.dropped.items():
        for reason, rows in reasons.items():
            print(f"{rows:>10,}  dropped by {name}: {reason}")
    print(f"{report.kept['pairs']:>10,}  pairs kept")
    print(f"{report.kept['triplets']:>10,}  triplets kept")
    print(f"{'unchanged' if report.unchanged else 'written'}: {report.out}")
