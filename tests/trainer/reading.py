"""Read a source as `trainer prepare` does: checked, its inputs named, then every row."""

from __future__ import annotations

from trainer.sources import check_source, digests_of, read_source
from trainer.sources_origin import Origin
from trainer.sources_shapes import Example
from trainer.sources_tables import Bad


def found(source: Origin) -> tuple[list[Example], list[Bad]]:
    """The examples of a source, and the rows that were set aside."""
    check_source(source)
    inputs = digests_of(source)
    entries = list(read_source(source, inputs=inputs))
    assert {name for name, _ in entries} <= {digest[:16] for digest in inputs}
    return [e for _, e in entries if isinstance(e, Example)], [e for _, e in entries if isinstance(e, Bad)]
