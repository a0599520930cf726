"""The `searchapp` command: ask a collection, and measure how good its answers are.

The command line only parses, calls and prints; what is slow to import is imported by the command that needs it.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.command import print_json, run
from indexer.errors import UserError
from searchapp.serving import PORT

if TYPE_CHECKING:
    from searchapp.demo.command import DemoReport
    from searchapp.evaluate import Evaluation
    from searchapp.schemas import Hit, SearchResult

app = typer.Typer(
    name="searchapp",
    help="Ask the collections that `indexer` built.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Argument(help="The collection.", metavar="NAME")]
HomeOption = Annotated[
    Path | None, typer.Option("--home", metavar="DIR", help="Where collections live [$SEARCHAPP_HOME, or ./home].")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
SHOWN = 240  # characters of a passage in a terminal


@app.command("search")
def search_command(
    name: Name,
    query: Annotated[str, typer.Argument(help="What to look for, in your own words.", metavar="QUERY")],
    where: Annotated[str | None, typer.Option("--where", metavar="FILTER", help="Only records that meet this.")] = None,
    k: Annotated[int, typer.Option("-k", help="How many documents.")] = 10,
    mode: Annotated[str, typer.Option("--mode", metavar="MODE", help="hybrid, dense or lexical.")] = "hybrid",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Find the documents that answer a query.

    Example: searchapp search shop "oak table for six" --where 'price < 500 and not discontinued' -k 5
    """
    from searchapp.service import SearchService, check_mode

    checked = check_mode(mode)
    result = SearchService(home).search(name, query, k, checked, where)
    print_json(result.as_json()) if json else _show(result)


@app.command("similar")
def similar_command(
    name: Name,
    id: Annotated[str, typer.Argument(help="The id of a document in the collection.", metavar="ID")],
    where: Annotated[str | None, typer.Option("--where", metavar="FILTER", help="Only records that meet this.")] = None,
    k: Annotated[int, typer.Option("-k", help="How many documents.")] = 10,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Find the documents most like one that is in the collection.

    Example: searchapp similar shop SKU-1042 -k 5
    """
    from searchapp.service import SearchService

    result = SearchService(home).similar(name, id, k, where)
    print_json(result.as_json()) if json else _show(result)


@app.command("evaluate")
def evaluate_command(
    name: Name,
    folder: Annotated[
        Path, typer.Argument(help="A BEIR folder: queries and qrels/<split>.tsv.", metavar="BEIR_FOLDER")
    ],
    split: Annotated[str, typer.Option(help="Which judgements.")] = "test",
    mode: Annotated[str, typer.Option("--mode", metavar="A,B", help="Modes to compare.")] = "dense,lexical,hybrid",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Measure the answers of a collection on judged queries, and keep the figures with its version.

    Example: searchapp evaluate scifact ./scifact --split test --mode dense,lexical,hybrid
    """
    from indexer.progress import Progress
    from searchapp.evaluate import evaluate, remember
    from searchapp.service import SearchService, check_mode

    modes = [check_mode(part.strip()) for part in mode.split(",")]
    if not folder.is_dir():
        raise UserError("there is no such folder", str(folder), "give a BEIR folder: queries and qrels/<split>.tsv")
    progress = Progress()
    service = SearchService(home)
    try:
        found = evaluate(service, name, folder, split, modes, progress)
    finally:
        progress.close()
    remember(service.catalog, found, folder.resolve().name)
    print_json(found.as_json()) if json else _show_evaluation(found)


@app.command("ui")
def ui_command(
    home: HomeOption = None,
    port: Annotated[int, typer.Option(help="Where to listen on 127.0.0.1.", min=1, max=65535)] = PORT,
) -> None:
    """Open the pages in a browser: shop, duplicates, answers, collections.

    Example: searchapp ui --port 8501
    """
    from searchapp.serving import open_pages

    open_pages(home, port)


@app.command("demo")
def demo_command(
    home: HomeOption = None,
    port: Annotated[int, typer.Option(help="Where to listen on 127.0.0.1.", min=1, max=65535)] = PORT,
    ui: Annotated[bool, typer.Option("--ui/--no-ui", help="Open the pages afterwards.")] = True,
    json: JsonOption = False,
) -> None:
    """Build three demo collections, measure them, and open the pages.

    Example: searchapp demo --port 8501
    """
    from indexer.home import Home
    from indexer.progress import Progress
    from searchapp.demo.command import prepare
    from searchapp.serving import check_servable, open_pages

    if ui:
        check_servable(port)  # before a minute of work, not after it
    progress = Progress()
    try:
        reports = prepare(Home.find(home), progress)
    finally:
        progress.close()
    if json:
        print_json({"collections": [asdict(report) for report in reports]})
    else:
        for report in reports:
            _show_demo(report)
    if ui:
        open_pages(home, port)


def _show(result: SearchResult) -> None:
    if not result.hits:
        print("nothing found")
    for place, hit in enumerate(result.hits, 1):
        print(f"{place:>3}  {hit.record.title or hit.id}  [{hit.id}]")
        print(f"     {_snippet(hit)}")
        print(f"     {_stages(hit)}")
    print(f"{len(result.hits)} of version {result.version} in {result.took_ms:.0f} ms")


def _snippet(hit: Hit) -> str:
    text = " ".join(hit.passage.text.split())
    place = f"  (passage {hit.passage.ordinal + 1} of {hit.passage.of})" if hit.passage.of > 1 else ""
    return (text if len(text) <= SHOWN else text[: SHOWN - 1] + "…") + place


def _stages(hit: Hit) -> str:
    parts = [
        f"{name} {stage.score:.3f}{f' (rank {stage.rank})' if stage.rank else ''}" for name, stage in hit.stages.items()
    ]
    return "  ".join(parts)


def _show_demo(report: DemoReport) -> None:
    state = "was up to date" if report.unchanged else "built"
    print(
        f"{report.collection:<10} {state}: {report.records} records in {report.passages} passages, "
        f"nDCG@10 {report.quality:.3f}, {report.seconds:.1f} s"
    )


def _show_evaluation(found: Evaluation) -> None:
    measures = list(next(iter(found.modes.values())).means)
    print(f"{found.collection} version {found.version}, split {found.split}, {found.queries} queries; 95 % intervals")
    print("mode      " + "".join(f"{measure:<24}" for measure in measures) + "queries/s")
    for mode, scores in found.modes.items():
        cells = [
            f"{scores.means[m]:.3f} [{scores.intervals[m][0]:.3f}, {scores.intervals[m][1]:.3f}]" for m in measures
        ]
        print(f"{mode:<10}" + "".join(f"{cell:<24}" for cell in cells) + f"{scores.queries_per_second:.1f}")


def main() -> None:
    """Entry point of the `searchapp` command."""
    run(app)


if __name__ == "__main__":
    main()
