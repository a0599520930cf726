"""The `trainer` command: clean training data with a reason for every drop, and negations.

The command line only parses, calls and prints; what is slow to import is imported by the command that needs it.
"""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from indexer.command import print_json, run
from indexer.encode import Precision
from indexer.errors import UserError

if TYPE_CHECKING:
    from trainer.audit import Rate
    from trainer.dropped import Dropped
    from trainer.negation import Negation
    from trainer.prepare import Report
    from trainer.recipe import Recipe
    from trainer.train import Trained

app = typer.Typer(
    name="trainer",
    help="Clean training data, and what models learn from it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Prepared = Annotated[Path, typer.Argument(help="The folder of a preparation.", metavar="DIR")]
FilterOption = Annotated[str | None, typer.Option("--filter", metavar="NAME", help="Only what this filter dropped.")]
SourceOption = Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only rows of this source.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Another seed draws another sample.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout; progress stays on stderr.")]
SHOWN = 300  # characters of a text in a terminal


@app.callback()
def trainer() -> None:
    """Clean training data, and what models learn from it."""


@app.command("version")
def version_command() -> None:
    """Print the release.

    Example: trainer version
    """
    print(f"searchapp {version('searchapp')}")


@app.command("prepare")
def prepare_command(
    recipe: Annotated[Path, typer.Argument(help="A TOML file: sources, filters in order, hold-out sets.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the training data goes.")],
    only: Annotated[
        str | None, typer.Option("--only", metavar="A,B", help="Only these of the recipe's filters.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Processes that share the work; without it one per core.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, say what would be done.")] = False,
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
    from indexer.progress import Progress
    from trainer.batches import usable_cores

    progress = Progress()
    try:
        report = prepare(asked, out, progress, workers=workers or usable_cores())
    finally:
        progress.close()
    return print_json(_as_json(report)) if json else _print_report(report)


@app.command("train")
def train_command(
    recipe: Annotated[Path, typer.Argument(help="A TOML file: where to start, phases, guards.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the model goes.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, say what would be done.")] = False,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Also write curves for TensorBoard, beside the model.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Train an embedding model by a recipe: phases over prepared data, guarded, as a plain model folder.

    Killed or stopped, the same command goes on where it was, to the same weights.

    Example: trainer train recipes/train-example.toml --out models/mine
    """
    from indexer.progress import Progress
    from trainer.train import load_training, plan_of, train

    asked = load_training(recipe)
    progress = Progress()
    try:
        done = plan_of(asked, progress) if dry_run else train(asked, out, progress, tensorboard=tensorboard)
    finally:
        progress.close()
    if isinstance(done, dict):
        return print_json(done) if json else _print_training_plan(done)
    return print_json(asdict(done) | {"folder": str(done.folder)}) if json else _print_trained(done)


@app.command("evaluate")
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
    precision: Annotated[Precision, typer.Option(help="How the models compute.")] = "auto",
    mteb: Annotated[
        str | None,
        typer.Option("--mteb", metavar="TASK=DIR,…", help="Tasks of the mteb package, on local copies of their data."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per figure on stdout.")] = False,
) -> None:
    """Measure a model on a suite of sets; every figure with its interval, other models compared on the same items.

    Example: trainer evaluate minilm --suite recipes/dev-guards.toml --out report
    """
    from indexer.progress import Progress
    from trainer.evaluate.command import Asked, measured, names_of
    from trainer.evaluate.report import json_lines, table, write_report

    progress = Progress()
    try:
        names = names_of(models, compare or [])
        found, differences = measured(Asked(names, suite, mteb, rows, precision), progress)
    finally:
        progress.close()
    written = write_report(found, differences, out) if out else []
    if json:
        for line in json_lines(found, differences):
            print_json(line)
        return None
    print(table(found, differences))
    return print(f"\nwritten: {', '.join(file.name for file in written)} in {out}") if out else None


@app.command("delta")
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
    from indexer.progress import Progress
    from trainer.delta import make_delta

    progress = Progress()
    try:
        report = make_delta(resolve(model), resolve(base), out, rank=rank, watch=progress)
    finally:
        progress.close()
    if json:
        return print_json(asdict(report) | {"file": str(report.file)})
    print(
        f"{report.bytes / 1e6:.2f} MB, {report.tensors} tensors, rank {report.rank}: {report.kept:.2%} of the difference"
    )
    return print(f"SHA-256 {report.sha256}\nwritten: {report.file}")


@app.command("dropped")
def dropped_command(
    folder: Prepared,
    filter: FilterOption = None,
    source: SourceOption = None,
    sample: Annotated[int, typer.Option("--sample", help="How many rows.")] = 20,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Show what a preparation dropped and why: reason, scores, the neighbour that outranked it.

    Example: trainer dropped prepared --filter consistency --sample 5
    """
    from trainer.dropped import sample_dropped

    rows = sample_dropped(folder, filter=filter, source=source, sample=sample, seed=seed)
    return print_json({"dropped": [asdict(row) for row in rows]}) if json else _print_dropped(rows)


@app.command("explain")
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


@app.command("audit")
def audit_command(
    folder: Prepared,
    sheet: Annotated[Path, typer.Option("--sheet", metavar="FILE", help="The sheet to write, or a judged one.")],
    judged: Annotated[bool, typer.Option("--judged", help="Read the judged sheet instead of writing one.")] = False,
    filter: FilterOption = None,
    source: SourceOption = None,
    sample: Annotated[int, typer.Option("--sample", help="How many rows.")] = 200,
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Write a sheet of drops to judge by hand; with --judged, turn it into the rate of wrong drops with its interval.

    Example: trainer audit prepared --sheet audit.csv --sample 200
    """
    from trainer.audit import read_sheet, write_sheet

    if judged:
        rates = read_sheet(sheet)
        return print_json({"filters": [asdict(rate) for rate in rates]}) if json else _print_rates(rates)
    if sheet.exists():
        todo = "add --judged to read it, or name another file"
        raise UserError("this sheet is there already and may be judged", str(sheet), todo)
    rows = write_sheet(folder, sheet, filter=filter, source=source, sample=sample, seed=seed)
    if json:
        return print_json({"sheet": str(sheet), "rows": rows})
    return print(f"{rows} drops are in {sheet}: write right or wrong into the last column, then run this with --judged")


@app.command("whitelist")
def whitelist_command(
    file: Annotated[Path, typer.Argument(help="The list a recipe names with `whitelist`.", metavar="FILE")],
    contents: Annotated[
        list[str] | None, typer.Argument(help="Contents of rows, as `trainer dropped` shows them.", metavar="CONTENT")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option("--sheet", metavar="FILE", help="All rows that a judged sheet calls wrong drops.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Bring rows back: put them on the list of those that no filter may drop, then prepare again.

    Example: trainer whitelist whitelist.txt --sheet audit.csv
    """
    from trainer.audit import wrong_drops
    from trainer.whitelist import add_to_whitelist

    if not contents and sheet is None:
        raise UserError("there is nothing to bring back", "no content, no --sheet", "name rows, or a judged sheet")
    added = add_to_whitelist(file, [*(contents or ()), *(wrong_drops(sheet) if sheet else ())])
    if json:
        return print_json({"whitelist": str(file), "added": added})
    return print(f'{added} rows added to {file}; a recipe names it with whitelist = "{file.name}"')


@app.command("negate")
def negate_command(
    text: Annotated[str, typer.Argument(help="A sentence, a title, a question.", metavar="TEXT")],
    every: Annotated[bool, typer.Option("--all", help="Every way the rules know.")] = False,
    llm: Annotated[
        str | None,
        typer.Option(
            "--llm", metavar="URL", help="Ask a model at this OpenAI-compatible address; the text goes there."
        ),
    ] = None,
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="The model's name, with --llm.")] = "",
    cache: Annotated[
        Path, typer.Option("--cache", metavar="FILE", help="Where answers of a model are kept, with --llm.")
    ] = Path("negations.jsonl"),
    json: JsonOption = False,
) -> None:
    """Say the opposite of a sentence, and by which rule; or abstain, and say why.

    Example: trainer negate "The lamp comes with a bulb."
    """
    ways = _asked(text, llm, model, cache) if llm else _by_rules(text, every)
    if json:
        return print_json({"text": text, "negations": [asdict(way) for way in ways]})
    for way in ways:
        print(f"abstains: {way.why}" if way.text is None else f"{way.text}   ({way.rule})")
    return None


@app.command("mine")
def mine_command(
    model: Annotated[str, typer.Argument(help="The model that looks for candidates: a name or a folder.")],
    data: Annotated[Path, typer.Option("--data", metavar="DIR", help="The folder of a preparation.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the triplets go.")],
    negatives: Annotated[int, typer.Option("--num-negatives", min=1, help="Of each anchor.")] = 3,
    range_min: Annotated[int, typer.Option(help="Skip so many of the nearest candidates that fit.")] = 0,
    range_max: Annotated[int, typer.Option(help="Look at so many of the nearest candidates.")] = 100,
    relative_margin: Annotated[
        float, typer.Option(help="Leave out what scores above the positive less this share of it; -1: no such margin.")
    ] = 0.05,
    absolute_margin: Annotated[
        float | None, typer.Option(help="Leave out what scores above the positive less this.")
    ] = None,
    max_score: Annotated[float | None, typer.Option(help="Leave out what scores above this.")] = None,
    min_score: Annotated[float | None, typer.Option(help="Leave out what scores below this.")] = None,
    sampling_strategy: Annotated[
        Literal["top", "random"], typer.Option(help="top: the nearest that fit; random: any of them.")
    ] = "top",
    guide: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Another encoder or a cross-encoder that refuses right answers.")
    ] = None,
    guide_margin: Annotated[float, typer.Option(help="What the guide wants between positive and negative.")] = 0.0,
    source: Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only pairs of these sources.")] = None,
    index: Annotated[str, typer.Option(help="auto, exact, fastscan or a FAISS factory string.")] = "auto",
    precision: Annotated[Precision, typer.Option(help="How the models compute.")] = "auto",
    seed: SeedOption = 0,
    json: JsonOption = False,
) -> None:
    """Find hard negatives for the pairs of prepared data; the folder that comes out is trained on as it is.

    Example: trainer mine minilm --data prepared --out mined
    """
    from indexer.progress import Progress
    from trainer.mine import Guide, Mining, mine
    from trainer.mine_choice import Rules

    relative = None if relative_margin < 0 else relative_margin
    rules = Rules(
        negatives,
        range_min,
        range_max,
        absolute_margin,
        relative,
        max_score,
        min_score,
        sampling_strategy,
    )
    judge = Guide(guide, guide_margin) if guide else None
    progress = Progress()
    try:
        mined = mine(Mining(model, data, rules, judge, tuple(source or ()), seed, index, precision), out, progress)
    finally:
        progress.close()
    if json:
        return print_json(asdict(mined) | {"out": str(mined.out)})
    for reason, number in mined.candidates.items():
        print(f"{number:>10,}  candidates: {reason}")
    print(f"{mined.triplets:>10,}  triplets with {mined.negatives:,} negatives; {mined.left_out:,} pairs without any")
    return print(f"{'unchanged' if mined.unchanged else 'written'}: {mined.out}")


@app.command("ablate")
def ablate_command(
    recipe: Annotated[Path, typer.Argument(help="A TOML file: filters, training, suite, seeds, noise.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where results, report and picture go.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, say what would be done.")] = False,
    json: JsonOption = False,
) -> None:
    """Train the same model on the same budget without filters, with each, with all; show what they are worth and cost.

    Killed or stopped, the same command goes on; a changed recipe computes only what changed.

    Example: trainer ablate recipes/ablation.toml --out ablation
    """
    from indexer.progress import Progress
    from trainer.ablate import ablate, load_ablation, plan_of

    asked = load_ablation(recipe)
    if dry_run:
        plan = plan_of(asked, out)
        return print_json(plan) if json else _print_ablation_plan(plan)
    from trainer.ablate.report import json_of, text_of

    progress = Progress()
    try:
        done = ablate(asked, out, progress)
    finally:
        progress.close()
    if json:
        return print_json(json_of(done.results) | {"out": str(out), "fresh": done.fresh})
    print(text_of(done.results))
    return print(f"\n{'unchanged' if not done.fresh else 'written'}: {out}")


def _by_rules(text: str, every: bool) -> list[Negation]:
    from trainer.negation import negate, negations

    return (every and negations(text)) or [negate(text)]


def _asked(text: str, url: str, model: str, cache: Path) -> list[Negation]:
    from trainer.negation_llm import LlmNegator, LlmSettings

    return LlmNegator(LlmSettings(url, model, cache)).negate([text])


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


def _print_training_plan(plan: dict[str, Any]) -> None:
    print(f"precision {plan['precision']}")
    for phase in plan["phases"]:
        print(f"{phase['model']}: {phase['phase']}, {phase['steps']:,} steps of {phase['batch']:,}")
        for name, told in phase["sources"].items():
            source = name.partition(" ")[2]
            print(f"{told['batches']:>10,}  batches of {source}: {told['rows']:,} rows, {told['epochs']:g} epochs")
    print("everything is in order; nothing was written")


def _print_ablation_plan(plan: dict[str, Any]) -> None:
    for name, steps in plan["variants"].items():
        print(f"{name}: {', '.join(steps) or 'no filter'}")
    for cell in plan["cells"]:
        noise = "" if cell["level"] is None else f"noise {cell['level']:.0%}, "
        print(f"{'done' if cell['done'] else 'to do':>7}  {noise}{cell['variant']}, seed {cell['seed']}")
    print(f"{plan['steps']:,} steps each, measured on {', '.join(plan['sets'])}")
    print("everything is in order; nothing was written")


def _print_trained(trained: Trained) -> None:
    from indexer.progress import duration

    if trained.stopped:
        print(f"stopped early: {trained.stopped}; published is the last state within all limits")
    print(f"{trained.steps:,} steps in {duration(trained.seconds)}, last loss {trained.loss:.4f}")
    print(f"{'unchanged' if trained.unchanged else 'written'}: {trained.folder}")


def _print_dropped(rows: list[Dropped]) -> None:
    for row in rows:
        print(f"{row.filter}: {row.reason}   [{row.source}, line {row.line}, {row.content}]")
        print(f"     {_short(row.anchor)}\n     {_short(row.positive)}")
        for negative in row.negatives:
            print(f"   - {_short(negative)}")
        if row.evidence:
            print("     " + _short(", ".join(f"{name}: {value}" for name, value in row.evidence.items())))


def _print_rates(rates: list[Rate]) -> None:
    print(f"{'filter':<16}{'judged':>8}{'wrong':>8}   share of wrong drops, 95 % interval")
    for rate in rates:
        print(f"{rate.filter:<16}{rate.judged:>8}{rate.wrong:>8}   {rate.rate:.3f} [{rate.low:.3f}, {rate.high:.3f}]")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def main() -> None:
    """Entry point of the `trainer` command."""
    run(app)


if __name__ == "__main__":
    main()
