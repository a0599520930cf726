"""Readers during publishes: threads and processes search while versions come, go back and are dropped; no answer is mixed.

Every document of a version says which version and which life of the collection it belongs to, and how many documents that
version has, so an answer made of two versions, or one that names another version than it is made of, gives itself away.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from indexer.build import build
from indexer.catalog import Catalog
from indexer.drop import drop_collection
from indexer.errors import UserError
from indexer.home import Home
from indexer.settings import BuildSettings
from searchapp.evaluate import evaluate
from searchapp.schemas import Hit
from searchapp.service import Mode, SearchService
from searchapp.usecases.answers import Address
from tests.corpora import THINGS, write_jsonl
from tests.trials import trials

pytestmark = [pytest.mark.slow, pytest.mark.catalog, pytest.mark.timeout(1800)]
PROCESSES, THREADS = trials(1, 2), trials(2, 4)
NAME = "news"
QUERY = "edition of the lamp"
MODES: tuple[Mode, ...] = ("hybrid", "dense", "lexical")
GONE = "there is no such collection"


@dataclass(frozen=True)
class Publisher:
    """Publishes from a process of its own, as `indexer build` does."""

    home: Home
    model: Path
    folder: Path

    def publish(self, number: int, life: int = 0) -> None:
        """Version `number` of the collection in its `life`-th life."""
        size = 12 + (5 * number + 7 * life) % 11
        rows = [
            {
                "id": f"doc-{place}",
                "title": f"the {thing} of edition {number}",
                "text": f"edition {number} in life {life} tells of the {thing}, page {place}",
                "number": number,
                "life": life,
                "size": size,
            }
            for place, thing in zip(range(size), THINGS * 2, strict=False)
        ]
        source = write_jsonl(self.folder / "edition.jsonl", rows)
        report = build(BuildSettings(source=source, name=NAME, model=str(self.model)), self.home)
        assert report.version == number, report

    def back_and_forth(self, numbers: tuple[int, ...]) -> None:
        catalog = Catalog.open(self.home)
        for number in numbers:
            catalog.rollback(NAME, number)

    def drop(self) -> None:
        drop_collection(Catalog.open(self.home), self.home, NAME)


def faults_of(service: SearchService, mode: Mode) -> list[str]:
    """What one search, one filtered search and one listing give away; nothing when each is of one version."""
    found = service.search(NAME, QUERY, 50, mode)
    faults = _mixed(found.version, found.hits, len(found.hits))
    some = service.search(NAME, QUERY, 50, mode, where=f"number = {found.version}")
    if some.hits or some.version == found.version:  # else another version is current by now, and has no such number
        faults += _mixed(some.version, some.hits, len(some.hits))
    listing = service.browse(NAME, per_page=50)
    return faults + _mixed(listing.version, listing.hits, listing.total) + _torn(service, found.hits[0])


def _mixed(version: int, hits: Sequence[Hit], count: int) -> list[str]:
    """Whether an answer is of one version, the one it names, and whole."""
    told = {(hit.record.fields["number"], hit.record.fields["size"], hit.record.fields["life"]) for hit in hits}
    if len(told) != 1:
        return [f"{count} hits of several versions (version, size, life): {sorted(map(str, told))}"]
    [(number, size, life)] = told
    if (number, size) != (version, count):
        return [f"version {version} gave {count} hits of version {number}, which has {size}"]
    said = f"edition {number} in life {life}"
    return [f"{hit.id} of {said} says {hit.passage.text}" for hit in hits if said not in hit.passage.text]


def _torn(service: SearchService, hit: Hit) -> list[str]:
    """Whether a passage that is looked up by its address comes with the record of another version."""
    try:
        passage, record = service.locate(NAME, str(Address.of(hit.record, hit.passage.start, hit.passage.end)))
    except UserError as error:
        if "has changed since" in error.what or "no document" in error.what:  # another version is current by now
            return []
        raise
    return [] if passage.text in record.text else [f"{passage.text} is no part of {record.text}"]


def read_on(service: SearchService, enough: Path) -> Counter[str]:
    """Search until the file `enough` is there: the outcomes, "whole" or what was wrong."""
    outcomes: Counter[str] = Counter()
    turn = 0
    while not (enough.exists() and turn >= len(MODES)):
        try:
            outcomes.update(faults_of(service, MODES[turn % len(MODES)]) or ["whole"])
        except UserError as error:
            outcomes[error.what] += 1
        except Exception as error:
            outcomes[f"{type(error).__name__}: {error}"] += 1
        turn += 1
    return outcomes


def read_in_a_process(root: Path, enough: Path) -> Counter[str]:
    """The work of a reading process: two threads over one service."""
    service = SearchService(Home(root))
    with ThreadPoolExecutor(2) as threads:
        return sum((each.result() for each in [threads.submit(read_on, service, enough) for _ in range(2)]), Counter())


@contextmanager
def readers(home: Home, folder: Path, others: ProcessPoolExecutor) -> Iterator[list[Future[Counter[str]]]]:
    """Some threads over one service, and processes, that search until the block ends."""
    enough = folder / "enough"
    service = SearchService(home)
    with ThreadPoolExecutor(THREADS) as threads:
        reading = [threads.submit(read_on, service, enough) for _ in range(THREADS)]
        reading += [others.submit(read_in_a_process, home.root, enough) for _ in range(PROCESSES)]
        try:
            yield reading
        finally:
            enough.touch()


@pytest.fixture(scope="module")
def others() -> Iterator[ProcessPoolExecutor]:
    """The processes: one to publish, the others to read."""
    with ProcessPoolExecutor(1 + PROCESSES, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.fixture
def publisher(tmp_path: Path, tiny_model: Path) -> Publisher:
    return Publisher(Home(tmp_path / "home"), tiny_model, tmp_path)


def test_readers_during_50_publishes_none_failed_none_mixed(
    publisher: Publisher, others: ProcessPoolExecutor, tmp_path: Path
) -> None:
    publisher.publish(1)
    with readers(publisher.home, tmp_path, others) as reading:
        for number in range(2, trials(6, 50) + 1):
            others.submit(publisher.publish, number).result()
            if number % 4 == 0:
                others.submit(publisher.back_and_forth, (number - 1, 1, number - 2, number)).result()
    outcomes = [one.result() for one in reading]
    assert [set(one) for one in outcomes] == [{"whole"}] * len(reading), outcomes


def test_readers_of_a_dropped_collection_get_a_named_error_and_never_a_mixed_answer(
    publisher: Publisher, others: ProcessPoolExecutor, tmp_path: Path
) -> None:
    publisher.publish(1)
    with readers(publisher.home, tmp_path, others) as reading:
        for life in range(1, trials(4, 40) + 1):
            others.submit(publisher.drop).result()
            for number in (1, 2):
                others.submit(publisher.publish, number, life).result()
            others.submit(publisher.back_and_forth, (1, 2)).result()
    outcomes = sum((one.result() for one in reading), Counter())
    assert set(outcomes) == {"whole", GONE}, outcomes


def test_a_version_published_during_an_evaluation_ends_it(publisher: Publisher, tmp_path: Path) -> None:
    publisher.publish(1)
    judged = tmp_path / "judged"
    (judged / "qrels").mkdir(parents=True)
    write_jsonl(judged / "queries.jsonl", [{"_id": f"q{place}", "text": QUERY} for place in range(2)])
    (judged / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq0\tdoc-0\t1\nq1\tdoc-1\t1\n")

    def publish_after_the_first_query(phase: str, done: int, total: int | None) -> None:
        if done == 1:
            publisher.publish(2)

    with pytest.raises(UserError, match="the collection changed while it was measured"):
        evaluate(SearchService(publisher.home), NAME, judged, modes=("dense",), watch=publish_after_the_first_query)
