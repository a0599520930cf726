"""`searchapp demo`: build what is missing of the demo collections, measure them, and open the pages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from indexer.build import build
from indexer.encode.models import DEFAULT
from indexer.home import Home
from indexer.progress import Watcher
from indexer.settings import BuildSettings
from searchapp.demo import DEMOS, folder
from searchapp.evaluate import evaluate, remember
from searchapp.service import SearchService


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What became of one demo collection. `quality` is nDCG@10 of hybrid search over its judged queries."""

    collection: str
    version: int
    records: int
    passages: int
    seconds: float
    unchanged: bool
    quality: float


def prepare(
    home: Home, watch: Watcher, finished: Callable[[DemoReport], None] = lambda report: None
) -> list[DemoReport]:
    """Make every demo collection current and measured; what is there and unchanged costs about a second."""
    return [_prepare(name, home, watch, finished) for name in DEMOS]


def _prepare(name: str, home: Home, watch: Watcher, finished: Callable[[DemoReport], None]) -> DemoReport:
    def of_this(phase: str, done: int, total: int | None) -> None:
        watch(f"{name}: {phase}", done, total)

    began = time.monotonic()
    source = folder(name, home.root / "demo")
    built = build(BuildSettings(source=source, name=name, model=DEFAULT), home, of_this)
    service = SearchService(home)
    if not service.catalog.figures(name, built.version):
        remember(
            service.catalog, evaluate(service, name, source, modes=("dense", "lexical", "hybrid"), watch=of_this), name
        )
    figures = service.catalog.figures(name, built.version)
    quality = next(figure.value for figure in figures if (figure.mode, figure.measure) == ("hybrid", "nDCG@10"))
    seconds = round(time.monotonic() - began, 1)
    report = DemoReport(name, built.version, built.records, built.passages, seconds, built.unchanged, quality)
    finished(report)
    return report
