"""The `indexer` command: from a corpus to a collection that can be searched, and everything that is done with it later.

The command line only parses, calls and prints. Modules that are slow to import are imported by the command that needs
them, so that `--help` answers at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.arguments import parse_fields, parse_share, parse_source
from indexer.command import HomeOption, JsonOption, application, print_json, run
from indexer.encode import Precision
from indexer.printed import print_preview, print_table
from indexer.progress import Progress, duration

if TYPE_CHECKING:
    from indexer.settings import BuildSettings

app = application("indexer", "Turn a corpus into a collection that can be searched.")
models_app = typer.Typer(rich_markup_mode=None)
app.add_typer(models_app, name="models")

Name = Annotated[str, typer.Argument(help="The collection.", metavar="NAME")]


@app.command("build")
def build_command(
    source: Annotated[
        str,
        typer.Argument(
            help="A .csv, .tsv, .jsonl (each .gz too) or .parquet file, or a folder of such files of one kind; a BEIR "
            "folder, a saved data set, or a folder of .txt, .md, .html and .pdf documents; with --sql a query."
        ),
    ],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The collection to build or bring up to date.")],
    sql: Annotated[
        str | None,
        typer.Option(
            "--sql", metavar="URL", help="The database of a query: sqlite:///FILE or postgresql://USER@HOST/DB."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="default, minilm, a model of this home, or a sentence-transformers folder. "
            "[that of the collection; for a new one default]"
        ),
    ] = None,
    id: Annotated[str | None, typer.Option("--id", metavar="COLUMN", help="The column that names a record.")] = None,
    title: Annotated[str | None, typer.Option("--title", metavar="COLUMN", help="The column with the title.")] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="COLUMN", help="The column with the text.")] = None,
    fields: Annotated[
        str | None,
        typer.Option("--fields", metavar="A,B:TYPE", help="Columns to keep, with types where the guess is wrong."),
    ] = None,
    index: Annotated[
        str,
        typer.Option(
            "--index", metavar="auto|NAME|FACTORY", help="auto, exact, fastscan, ivf, hnsw, or a FAISS factory string."
        ),
    ] = "auto",
    precision: Annotated[
        Precision,
        typer.Option(help="Arithmetic of the model: auto is bf16 where the machine computes in it, else fp32."),
    ] = "auto",
    max_rejected: Annotated[
        str, typer.Option(metavar="SHARE", help="The build stops when more of the rows are bad than this.")
    ] = "1%",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Read a corpus, embed it and publish it as a new version of a collection.

    Killed or stopped, the same command goes on where it was. The same source again changes nothing. A query runs
    read-only: indexer build --sql sqlite:///shop.db "select * from products order by id" --name shop. With an ORDER BY
    the same data is known again; a password is better kept in PGPASSWORD or ~/.pgpass than in the URL.

    Example: indexer build products.csv --name shop --title name --fields brand,price:number
    """
    from indexer.home import Home
    from indexer.settings import BuildSettings

    settings = BuildSettings(
        source=parse_source(source, sql),
        name=name,
        model=model,
        id=id,
        title=title,
        text=text,
        fields=parse_fields(fields),
        index=index,
        precision=precision,
        max_rejected=parse_share(max_rejected),
    )
    if dry_run:
        return _dry_run(settings, Home.find(home), json)
    return _build(settings, Home.find(home), json)


@app.command("list")
def list_command(home: HomeOption = None, json: JsonOption = False) -> None:
    """List the collections of this home.

    Example: indexer list
    """
    catalog, _ = _open(home)
    rows = [row.as_json() for row in catalog.collections()]
    if json:
        return print_json({"collections": rows})
    if not rows:
        return print("no collections yet: indexer build SOURCE --name NAME")
    return print_table(rows, ("collection", "version", "records", "passages", "model", "published"))


@app.command("show")
def show_command(name: Name, home: HomeOption = None, json: JsonOption = False) -> None:
    """Show what a collection holds: columns and their types, model, index, sizes.

    Example: indexer show shop
    """
    from indexer.inspect import describe

    catalog, where = _open(home)
    facts = describe(where, catalog.version(name))
    if json:
        return print_json(facts)
    for key, value in facts.items():
        shown = ", ".join(f"{k}: {v}" for k, v in value.items()) if isinstance(value, dict) else value
        print(f"{key:<12} {shown}")
    return None


@app.command("verify")
def verify_command(
    name: Name,
    version: Annotated[int | None, typer.Option("--version", help="Another version than the current one.")] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Read every published file and compare it with its digest. Exit status 1 when one does not match.

    Example: indexer verify shop
    """
    from indexer.store import damaged_files

    catalog, where = _open(home)
    row = catalog.version(name, version)
    with closing(Progress()) as progress:
        damaged = damaged_files(where, name, row.number, row.sha256, progress)
    if json:
        print_json({"ok": not damaged, "damaged": damaged})
    else:
        print(
            "\n".join(f"damaged: {file}" for file in damaged) or f"version {row.number} of {name}: every file is whole"
        )
    raise typer.Exit(1 if damaged else 0)


@app.command("versions")
def versions_command(name: Name, home: HomeOption = None, json: JsonOption = False) -> None:
    """List the versions of a collection, newest first.

    Example: indexer versions shop
    """
    catalog, _ = _open(home)
    rows = [row.as_json() | {"current": row.current} for row in catalog.versions(name)]
    if json:
        return print_json({"collection": name, "versions": rows})
    return print_table(rows, ("version", "current", "records", "passages", "model", "published"))


@app.command("rollback")
def rollback_command(
    name: Name,
    version: Annotated[int, typer.Argument(help="The version to make current.", metavar="VERSION")],
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Make another published version current. Its files are checked first.

    Example: indexer rollback shop 3
    """
    from indexer.store import read_version

    catalog, where = _open(home)
    row = catalog.version(name, version)
    with where.writer_lock(name):
        read_version(where, name, row.number, row.sha256)
        catalog.rollback(name, version)
    if json:
        return print_json({"collection": name, "version": version})
    return print(f"{name} is at version {version}")


@app.command("prune")
def prune_command(
    name: Name,
    keep: Annotated[
        int, typer.Option(min=1, help="How many of the newest versions stay; the current one always does.")
    ] = 3,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Remove older versions of a collection, and free what only they need.

    Example: indexer prune shop --keep 2 --yes
    """
    from indexer.drop import prune, split

    catalog, where = _open(home)
    removed = split(catalog.versions(name), keep)[1]
    if removed and not yes and not typer.confirm(f"Remove versions {_listed(removed)} of {name}?", err=True):
        raise typer.Exit(1)
    report = prune(catalog, where, name, keep)
    if json:
        return print_json(asdict(report))
    gone = f"versions {_listed(report.removed)} are gone" if report.removed else "nothing to remove"
    return print(f"{name}: {gone}, {report.bytes / 1e6:.1f} MB freed; left: {_listed(report.kept)}")


@app.command("drop")
def drop_command(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Remove a collection with all its versions.

    Example: indexer drop shop --yes
    """
    from indexer.drop import drop_collection

    catalog, where = _open(home)
    versions = [] if where.collection(name).is_dir() and not catalog.current(name) else catalog.versions(name)
    if not yes and not typer.confirm(f"Remove {name} with {len(versions)} version(s)?", err=True):
        raise typer.Exit(1)
    drop_collection(catalog, where, name)
    if json:
        return print_json({"collection": name, "dropped": [row.number for row in versions]})
    return print(f"{name} is gone")


@models_app.callback(invoke_without_command=True)
def models_command(context: typer.Context, home: HomeOption = None, json: JsonOption = False) -> None:
    """List the models: the embedded one and those in this home.

    Example: indexer models
    """
    if context.invoked_subcommand:
        return None
    from indexer.encode.models import list_models
    from indexer.home import Home

    rows = [
        {"name": m.name, "dim": m.dim, "reads": m.max_tokens, "fingerprint": m.fingerprint}
        for m in list_models(Home.find(home).models)
    ]
    if json:
        return print_json({"models": rows})
    return print_table([row | {"fingerprint": str(row["fingerprint"])[:12]} for row in rows], tuple(rows[0]))


@models_app.command("export")
def export_command(
    name: Annotated[str, typer.Argument(help="The model.", metavar="NAME")],
    folder: Annotated[Path, typer.Argument(help="A folder that does not exist yet.", metavar="DIR")],
    home: HomeOption = None,
) -> None:
    """Write a model as a plain sentence-transformers folder.

    Example: indexer models export minilm ./minilm
    """
    from indexer.encode.models import export
    from indexer.home import Home

    export(name, folder, Home.find(home).models)
    print(f"{name} is in {folder}")


def _build(settings: BuildSettings, home: Any, json: bool) -> None:
    from indexer.build import build

    with closing(Progress()) as progress:
        report = build(settings, home, progress)
    if json:
        return print_json(asdict(report))
    if report.rejected:
        counts = ", ".join(f"{reason}: {count}" for reason, count in report.rejected.items())
        print(f"set aside      {counts}  (see {report.rejected_file})")
    sizes = f"version {report.version}: {report.records} records, {report.passages} passages"
    what = f"{report.embedded} of them embedded; published in {duration(report.seconds)}"
    print(f"{report.collection}  {sizes}{'; nothing had changed' if report.unchanged else f', {what}'}")
    print(f"index          {report.plan['why']}")
    return print(f'next           searchapp search {report.collection} "your question"')


def _dry_run(settings: BuildSettings, home: Any, json: bool) -> None:
    from indexer.preview import preview

    with closing(Progress()) as progress:
        seen = preview(settings, home, progress)
    print_json(asdict(seen)) if json else print_preview(seen)


def _open(home: Path | None) -> tuple[Any, Any]:
    from indexer.catalog import Catalog
    from indexer.home import Home

    where = Home.find(home)
    return Catalog.open(where), where


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))


def main() -> None:
    """Entry point of the `indexer` command."""
    run(app)


if __name__ == "__main__":
    main()
