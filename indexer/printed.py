"""What the `indexer` command shows to people: a table, and the plan of a dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from indexer.progress import duration

if TYPE_CHECKING:
    from indexer.preview import Preview


def print_table(rows: list[dict[str, Any]], keys: tuple[str, ...]) -> None:
    """Columns under their names, as wide as they need to be."""
    cells = [list(keys), *([str(row[key]) for key in keys] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(keys))]
    for line in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def print_preview(seen: Preview) -> None:
    """What a build would do, a line a fact."""
    columns = seen.columns
    print(f"rows           {seen.rows}, of which {seen.sampled} were looked at closely")
    print(
        f"columns        id: {columns['id'] or 'row number'}, title: {columns['title'] or '–'}, text: {columns['text']}"
    )
    print(f"fields         {', '.join(f'{name}: {kind}' for name, kind in columns['fields']) or 'none'}")
    for reason, count in seen.rejected.items():
        print(f"set aside      {reason}: {count} of the sampled rows")
    for example in seen.examples:
        print(f"example        {str(example)[:200]}")
    lengths = ", ".join(f"{key} {value}" for key, value in seen.tokens.items())
    print(f"tokens         {lengths}; the model reads {seen.model_reads}")
    print(
        f"longer         {seen.longer_than_model:.1%} of the documents are longer than that and become several passages"
    )
    print(f"passages       about {seen.passages}")
    print(f"index          {seen.plan['why']}")
    print(f"memory, disk   about {seen.memory_bytes / 1e6:,.0f} MB, {seen.disk_bytes / 1e6:,.0f} MB")
    print(f"time           about {duration(seen.seconds)} to embed; nothing was written")
