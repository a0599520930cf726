"""The `searchapp` command: ask a collection, and measure how good its answers are.

The command line only parses, calls and prints; what is slow to import is imported by the command that needs it.
"""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from indexer.command import HomeOption, application, print_json, run
from indexer.errors import UserError, shown
from indexer.progress import Progress
from searchapp.serving import ADDRESS, API_PORT, PORT

app = application("searchapp", "Ask the collections that `indexer` built.")

Name = Annotated[str, typer.Argument(help="The collection.", metavar="NAME")]
WhereOption = Annotated[str | None, typer.Option("--where", metavar="FILTER", help="Only records that meet this.")]
KOption = Annotated[int, typer.Option("-k", help="How many documents.")]
PortOption = Annotated[int, typer.Option(help="Where to listen on 127.0.0.1.", min=1, max=65535)]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command("search")
def search_command(
    name: Name,
    query: Annotated[str, typer.Argument(help="What to look for, in your own words.", metavar="QUERY")],
    where: WhereOption = None,
    k: KOption = 10,
    mode: Annotated[str, typer.Option("--mode", metavar="MODE", help="hybrid, dense or lexical.")] = "hybrid",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Find the documents that answer a query.

    Example: searchapp search shop "oak table for six" --where 'price < 500 and not discontinued' -k 5
    """
    from searchapp.printed import print_result
    from searchapp.service import SearchService, check_mode

    checked = check_mode(mode)
    result = SearchService(home).search(name, query, k, checked, where)
    print_json(result.as_json()) if json else print_result(result)


@app.command("similar")
def similar_command(
    name: Name,
    id: Annotated[str, typer.Argument(help="The id of a document in the collection.", metavar="ID")],
    where: WhereOption = None,
    k: KOption = 10,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Find the documents most like one that is in the collection.

    Example: searchapp similar shop SKU-1042 -k 5
    """
    from searchapp.printed import print_result
    from searchapp.service import SearchService

    result = SearchService(home).similar(name, id, k, where)
    print_json(result.as_json()) if json else print_result(result)


@app.command("evaluate")
def evaluate_command(
    name: Name,
    folder: Annotated[
        Path, typer.Argument(help="A BEIR folder: queries and qrels/<split>.tsv.", metavar="BEIR_FOLDER")
    ],
    split: Annotated[str, typer.Option(help="Which judgements: those of qrels/SPLIT.tsv.")] = "test",
    mode: Annotated[
        str, typer.Option("--mode", metavar="A,B", help="Modes to compare, of dense, lexical and hybrid.")
    ] = "dense,lexical,hybrid",
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Measure the answers of a collection on judged queries, and keep the figures with its version.

    Example: searchapp evaluate scifact ./scifact --split test --mode dense,lexical,hybrid
    """
    from searchapp.evaluate import evaluate, remember
    from searchapp.printed import print_evaluation
    from searchapp.service import SearchService, check_mode

    modes = [check_mode(part.strip()) for part in mode.split(",")]
    if not os.path.isdir(folder):  # false, too, for what can be no path
        raise UserError("there is no such folder", shown(folder), "give a BEIR folder: queries and qrels/<split>.tsv")
    service = SearchService(home)
    with closing(Progress()) as progress:
        found = evaluate(service, name, folder, split, modes, progress)
    remember(service.catalog, found, folder.resolve().name)
    print_json(found.as_json()) if json else print_evaluation(found)


@app.command("answer")
def answer_command(
    name: Name,
    question: Annotated[str, typer.Argument(help="A question, best as a whole sentence.", metavar="QUESTION")],
    where: WhereOption = None,
    k: KOption = 3,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Show the passages that answer a question, or say that nothing here does (exit status 1).

    Example: searchapp answer python "why does my default list keep its values?" -k 3
    """
    from searchapp.printed import print_answer
    from searchapp.service import SearchService

    answer = SearchService(home).answer(name, question, k, where)
    print_json(answer.as_json()) if json else print_answer(answer)
    if not answer.found:
        raise typer.Exit(1)


@app.command("duplicates")
def duplicates_command(
    name: Name,
    text: Annotated[str | None, typer.Option("--text", metavar="TEXT", help="Only what says the same as this.")] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="0…1",
            help="How sure to be; a lower one finds more, and more that is wrong [as the pages do].",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write every pair to a .csv or .jsonl file.")
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Find the groups of records that are the same thing, or what says the same as a text.

    Example: searchapp duplicates questions --threshold 0.6 --out duplicates.csv
    """
    from searchapp.printed import print_alike, print_duplicates
    from searchapp.service import SearchService
    from searchapp.usecases.duplicates import THRESHOLD
    from searchapp.usecases.export import check_target, write

    if out is not None:
        check_target(out)
    service, sure = SearchService(home), THRESHOLD if threshold is None else threshold
    if text is not None:
        found = service.alike(name, text, threshold=sure)
        return print_json({"alike": [one.as_json() for one in found]}) if json else print_alike(found)
    with closing(Progress()) as progress:
        report = service.duplicates(name, sure, progress)
    if out is not None:
        write(out, report.rows())
    return print_json(report.as_json()) if json else print_duplicates(report, out)


@app.command("ui")
def ui_command(
    home: HomeOption = None,
    port: PortOption = PORT,
) -> None:
    """Serve the pages: shop, duplicates, answers, collections, training data, models; on this machine only.

    Example: searchapp ui --port 8501
    """
    from searchapp.serving import open_pages

    open_pages(home, port)


@app.command("serve")
def serve_command(
    home: HomeOption = None,
    address: Annotated[
        str,
        typer.Option(
            metavar="IP",
            help="Which interface; others than 127.0.0.1 need a token in $SEARCHAPP_TOKEN, that every request sends.",
        ),
    ] = ADDRESS,
    port: Annotated[int, typer.Option(help="Where to listen.", min=1, max=65535)] = API_PORT,
) -> None:
    """Answer programs over HTTP, with the JSON that the commands print; nothing can be changed through it.

    Ask with: curl -H 'Content-Type: application/json' -d '{"query": "oak table"}' 127.0.0.1:8500/collections/shop/search

    Example: searchapp serve --port 8500
    """
    from searchapp.serving import serve_api

    serve_api(home, address, port)


@app.command("demo")
def demo_command(
    home: HomeOption = None,
    port: PortOption = PORT,
    ui: Annotated[bool, typer.Option("--ui/--no-ui", help="Open the pages afterwards.")] = True,
    json: JsonOption = False,
) -> None:
    """Build three demo collections, measure them, and open the pages.

    Example: searchapp demo --port 8501
    """
    from indexer.home import Home
    from searchapp.demo.command import prepare
    from searchapp.printed import print_demo
    from searchapp.serving import check_servable, open_pages

    if ui:
        check_servable(port)  # before a minute of work, not after it
    with closing(Progress()) as progress:
        reports = prepare(Home.find(home), progress)
    if json:
        print_json({"collections": [asdict(report) for report in reports]})
    else:
        for report in reports:
            print_demo(report)
    if ui:
        open_pages(home, port)


def main() -> None:
    """Entry point of the `searchapp` command."""
    run(app)


if __name__ == "__main__":
    main()
