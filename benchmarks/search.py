"""How fast does a collection of 100 000 real records answer? Hybrid under a filter, each mode, and opening a version.

Records come from the public data sets beside the project (tldr_pairs, epqa, cosqa, scifact and others) with a seeded price
and brand each. Queries are real ones of those sets. One query at a time, warm; medians over rounds that interleave the
modes. Also: plain FAISS over the same vectors as the named peer of the dense part.

    python -m benchmarks.search --home DIR        (the collection is built there on the first run and kept)
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.machine import machine
from indexer.build import build
from indexer.home import Home
from indexer.progress import Progress
from indexer.settings import BuildSettings
from searchapp.service import SearchService

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
ROWS = 100_000
BRANDS = ("Acme", "Zen", "Nordlys", "Ferrum", "Okapi", "Lumen", "Tern", "Brio")
FILTERS = {
    "none": None,
    "50 %": "price < 250",
    "5 %": 'brand = "Acme" and price < 200',
    ".5 %": 'brand = "Acme" and price < 20',
}


def main() -> None:
    """Build if need be, measure, print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    home = Home(given.home.resolve())
    source = given.home / "corpus.jsonl"
    if not source.is_file():
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text("".join(json.dumps(row) + "\n" for row in records()), encoding="utf-8")
    build(BuildSettings(source=source, name="speed"), home, Progress())
    queries = sample_queries(given.queries)
    opening = statistics.median(
        _timed(lambda: SearchService(home).search("speed", "warm", 1, "lexical")) for _ in range(3)
    )
    service = SearchService(home)
    cases: dict[str, Callable[[str], object]] = {
        f"{mode}, filter {name}": lambda query, mode=mode, where=where: service.search("speed", query, 10, mode, where)
        for mode in ("hybrid", "dense", "lexical")
        for name, where in FILTERS.items()
    }
    for ask in cases.values():
        ask(queries[0])
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(given.rounds):
        for name, ask in cases.items():
            service.opened("speed").forget_queries()
            times[name] += [_timed(lambda ask=ask, query=query: ask(query)) for query in queries]
    result = {
        name: {
            "median_ms": round(statistics.median(seen) * 1e3, 2),
            "p95_ms": round(sorted(seen)[int(len(seen) * 0.95)] * 1e3, 2),
            "queries_per_second": round(len(seen) / sum(seen), 1),
        }
        for name, seen in times.items()
    }
    print(
        json.dumps(
            {"question": "search at 100 000 records", "open_ms": round(opening * 1e3), **result, "machine": machine()}
        )
    )


def records() -> Iterator[dict[str, object]]:
    """100 000 rows with an id, a title, a text, a seeded price and a seeded brand."""
    chance = random.Random(7)
    for number, (title, text) in zip(range(ROWS), _texts(), strict=False):
        brand, price = chance.choice(BRANDS), round(chance.uniform(1, 500), 2)
        yield {"id": f"r{number}", "title": title, "text": text, "brand": brand, "price": price}


def sample_queries(count: int) -> list[str]:
    """Real queries of several sets, the same for the same count."""
    texts = [
        str(row["text"]) for name in ("epqa", "cosqa", "scifact") for row in _lines(DATA / name / "queries.jsonl.gz")
    ]
    return random.Random(11).sample(texts, count)


def _texts() -> Iterator[tuple[str, str]]:
    for name in ("en", "multilingual"):
        for row in _lines(DATA / "tldr_pairs" / f"{name}.jsonl.gz"):
            yield str(row["page"]), f"{row['query']}: {row['positive']}"
    for name in ("epqa", "cosqa", "dedup_dblp_acm", "dedup_amazon_google", "xquad_sentences_en", "pubmedqa"):
        for row in _lines(DATA / name / "corpus.jsonl.gz"):
            yield str(row["title"]), str(row["text"])[:200] or str(row["title"])
    for row in _lines(DATA / "langid_tatoeba" / "test.jsonl.gz"):
        yield "", str(row["text"])


def _lines(path: Path) -> Iterator[dict[str, object]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
