"""Builds at the same time, in real processes: one collection has one writer, and a dead one stands in nobody's way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.build import BuildReport, build
from indexer.catalog import Catalog
from indexer.home import Home
from indexer.settings import BuildSettings
from tests.corpora import product, write_products
from tests.indexer.test_build import published

pytestmark = [pytest.mark.slow, pytest.mark.catalog, pytest.mark.timeout(600)]
ROWS = 300
LIMIT = 5  # seconds in which a second build has to end

STOPPING = """
import os, signal, sys
import indexer.cli
from indexer.progress import Progress

phase, show = sys.argv.pop(1), Progress.__call__

def show_and_stop(self, now, done, total):
    global phase
    show(self, now, done, total)
    if now == phase:
        phase = None
        os.kill(os.getpid(), signal.SIGSTOP)

Progress.__call__ = show_and_stop
indexer.cli.main()
"""


def command(verb: str, *words: object, home: Home) -> list[str]:
    return [sys.executable, "-m", "indexer.cli", verb, *map(str, words), "--home", str(home.root)]


def build_command(source: Path, model: Path, home: Home, name: str = "shop") -> list[str]:
    return command("build", source, "--name", name, "--model", model, "--json", home=home)


def build_here(source: Path, model: Path, home: Home) -> BuildReport:
    return build(BuildSettings(source=source, name="shop", model=str(model)), home)


@contextmanager
def stopped_at(phase: str, words: Sequence[str]) -> Iterator[subprocess.Popen[str]]:
    """The process of a build that stops itself once it is in a phase, holding its lock; killed in the end if it lives."""
    code = [sys.executable, "-c", STOPPING, phase, *words[3:]]
    process = subprocess.Popen(code, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"the build ended before {phase!r}"
        yield process
    finally:
        process.kill()
        process.communicate()


def run(words: Sequence[str]) -> tuple[int, str, str, float]:
    """Status, what it printed, what it said, and the seconds of processor time it took."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stderr is not None
    with process.stdout, process.stderr:
        said, told = process.stdout.read(), process.stderr.read()  # short both
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, said, told, used.ru_utime + used.ru_stime


@pytest.fixture(scope="module")
def products(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_products(tmp_path_factory.mktemp("source") / "products.jsonl", range(ROWS))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, products: Path, tiny_model: Path) -> dict[str, bytes]:
    """What a build publishes that nothing interrupts."""
    home = Home(tmp_path_factory.mktemp("whole") / "home")
    build_here(products, tiny_model, home)
    return published(home)


def test_of_two_builds_on_one_collection_one_wins_and_the_other_ends_with_a_sentence_within_5_s(
    tmp_path: Path, products: Path, tiny_model: Path
) -> None:
    home = Home(tmp_path / "home")
    assert build_here(write_products(tmp_path / "small.jsonl", range(20)), tiny_model, home).version == 1
    others = (
        build_command(products, tiny_model, home),
        command("drop", "shop", "--yes", home=home),
        command("rollback", "shop", 1, home=home),
    )
    with stopped_at("embedding", build_command(products, tiny_model, home)) as first:
        for words in others:
            status, said, told, seconds = run(words)
            assert (status, said) == (2, "")
            assert seconds < LIMIT
            assert told.splitlines() == [
                "another process is writing to the collection 'shop'",
                f"  given: process {first.pid} holds its lock",
                "  do: wait for it to end, or stop it, and run this command again",
            ]
        first.send_signal(signal.SIGCONT)
        report = json.loads(first.communicate()[0])
    assert (first.returncode, report["version"], report["records"]) == (0, 2, ROWS)
    catalog = Catalog.open(home)
    assert [(row.number, row.current) for row in catalog.versions("shop")] == [(2, True), (1, False)]
    assert [row.state for row in catalog.builds("shop")] == ["done", "done"]


def test_the_lock_of_a_build_that_was_killed_is_taken_over_and_the_result_is_that_of_one_that_was_not(
    tmp_path: Path, products: Path, tiny_model: Path, whole: dict[str, bytes]
) -> None:
    home = Home(tmp_path / "home")
    with stopped_at("embedding", build_command(products, tiny_model, home)) as first:
        pass
    assert first.returncode == -signal.SIGKILL
    assert not (home.collection("shop") / "versions").exists()
    status, said, told, _ = run(build_command(products, tiny_model, home))
    assert status == 0, told
    assert json.loads(said)["version"] == 1
    assert published(home) == whole
    assert [(row.state, row.message) for row in Catalog.open(home).builds("shop")] == [
        ("done", ""),
        ("stopped", "its process was killed"),
    ]


def test_a_reading_process_that_outlives_its_killed_build_does_not_keep_the_lock(
    tmp_path: Path, tiny_model: Path
) -> None:
    home, source = Home(tmp_path / "home"), tmp_path / "products.parquet"
    pq.write_table(pa.Table.from_pylist([product(number) for number in range(6_000)]), source)
    with stopped_at("reading", build_command(source, tiny_model, home)) as first:
        [reader] = _children(first.pid)
        os.kill(reader, signal.SIGSTOP)
    try:
        assert _is_there(reader)
        small = write_products(tmp_path / "small.jsonl", range(20))
        assert build_here(small, tiny_model, home).records == 20
    finally:
        os.kill(reader, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_builds_of_several_collections_start_a_home_at_once_and_all_are_published(
    tmp_path: Path, tiny_model: Path
) -> None:
    home, names = Home(tmp_path / "home"), ("one", "two")
    source = write_products(tmp_path / "small.jsonl", range(20))
    started = [
        subprocess.Popen(build_command(source, tiny_model, home, name), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for name in names
    ]
    told = [process.communicate()[1].decode() for process in started]
    assert [process.returncode for process in started] == [0, 0], told
    assert [row.collection for row in Catalog.open(home).collections()] == sorted(names)
