"""`trainer evaluate` and `trainer ablate`: how good a model is, and what each filter was worth to it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from indexer.command import JsonOption, print_json
from indexer.encode import Precision
from indexer.progress import Progress
from trainer.cli_options import DryRunOption


def evaluate_command(
    models: Annotated[
        list[str], typer.Argument(help="The model: a name or a folder; others after --compare.", metavar="MODEL")
    ],
    suite: Annotated[Path | None, typer.Option("--suite", metavar="FILE", help="A TOML file: the sets.")] = None,
    compare: Annotated[
        list[str] | None,
        typer.Option("--compare", metavar="OTHER…", help="Models to measure too and to compare with, item by item."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write a report with pictures there.")
    ] = None,
    rows: Annotated[
        int | None, typer.Option("--rows", min=2, help="A quick look: at most so many rows of each set.")
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="How the models compute; auto: bf16 where the processor has it, else fp32.")
    ] = "auto",
    mteb: Annotated[
        str | None,
        typer.Option("--mteb", metavar="TASK=DIR,…", help="Tasks of the mteb package, on local copies of their data."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per figure on stdout.")] = False,
) -> None:
    """Measure a model on a suite of sets; every figure with its interval, other models compared on the same items.

    Example: trainer evaluate minilm --suite recipes/dev-guards.toml --out report
    """
    from trainer.evaluate.command import Asked, measured, names_of
    from trainer.evaluate.report import json_lines, table, write_report

    with closing(Progress()) as progress:
        names = names_of(models, compare or [])
        found, differences = measured(Asked(names, suite, mteb, rows, precision), progress)
    written = write_report(found, differences, out) if out else []
    if json:
        for line in json_lines(found, differences):
            print_json(line)
        return None
    print(table(found, differences))
    return print(f"\nwritten: {', '.join(file.name for file in written)} in {out}") if out else None


def ablate_command(
    recipe: Annotated[Path, typer.Argument(help="A TOML file: filters, training, suite, seeds, noise.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where results, report and picture go.")],
    dry_run: DryRunOption = False,
    json: JsonOption = False,
) -> None:
    """Train the same model on the same budget without filters, with each, with all; show what they are worth and cost.

    Killed or stopped, the same command goes on; a changed recipe computes only what changed.

    Example: trainer ablate recipes/ablation.toml --out ablation
    """
    from trainer.ablate import ablate, load_ablation, plan_of

    asked = load_ablation(recipe)
    if dry_run:
        plan = plan_of(asked, out)
        return print_json(plan) if json else _print_ablation_plan(plan)
    from trainer.ablate.report import json_of, text_of

    with closing(Progress()) as progress:
        done = ablate(asked, out, progress)
    if json:
        return print_json(json_of(done.results) | {"out": str(out), "fresh": done.fresh})
    print(text_of(done.results))
    return print(f"\n{'unchanged' if not done.fresh else 'written'}: {out}")


def _print_ablation_plan(plan: dict[str, Any]) -> None:
    for name, steps in plan["variants"].items():
        print(f"{name}: {', '.join(steps) or 'no filter'}")
    for cell in plan["cells"]:
        noise = "" if cell["level"] is None else f"noise {cell['level']:.0%}, "
        print(f"{'done' if cell['done'] else 'to do':>7}  {noise}{cell['variant']}, seed {cell['seed']}")
    print(f"{plan['steps']:,} steps each, measured on {', '.join(plan['sets'])}")
    print("everything is in order; nothing was written")
