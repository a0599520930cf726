"""`trainer dropped`, `audit` and `whitelist`: look at what a preparation dropped, judge it, bring rows back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.command import JsonOption, print_json
from indexer.errors import UserError
from trainer.cli_options import Prepared, SeedOption

if TYPE_CHECKING:
    from trainer.audit import Rate
    from trainer.dropped import Dropped

FilterOption = Annotated[str | None, typer.Option("--filter", metavar="NAME", help="Only what this filter dropped.")]
SourceOption = Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only rows of this source.")]
SHOWN = 300  # characters of a text in a terminal


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


def _print_dropped(rows: list[Dropped]) -> None:
    for row in rows:
        print(f"{row.filter}: {row.reason}   [{row.source}, line {row.line}, {row.content}]")
        print(f"     {_short(row.anchor)}\n     {_short(row.positive)}")
        for negative in row.negatives:
            print(f"   - {_short(negative)}")
        if row.evidence:
            print("     " + _short(", ".join(f"{name}: {value}" for name, value in row.evidence.items())))


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def _print_rates(rates: list[Rate]) -> None:
    print(f"{'filter':<16}{'judged':>8}{'wrong':>8}   share of wrong drops, 95 % interval")
    for rate in rates:
        print(f"{rate.filter:<16}{rate.judged:>8}{rate.wrong:>8}   {rate.rate:.3f} [{rate.low:.3f}, {rate.high:.3f}]")
