"""The tutorial is true: each of its commands is run as it stands there, and prints what the page says it prints.

One shell runs the blocks of `docs/tutorial.md` in order, in a copy of a fresh checkout, so that a variable or a folder of
one block is there in the next. The lines of a `text` block must be found, in order, among those that the block above it
printed: `…` stands for anything, durations may differ, and so may decimals within a twentieth.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "tutorial.md"
REFUSED = "indexer build tools.csv --name tools --id code --fields kind,deposit:number,weight_kg,on_loan,bought\n"
DECIMAL = r"-?\d+\.\d+"
NEAR = 0.05


@dataclass(frozen=True)
class Block:
    """A block of the page that a reader runs, and what it says is printed."""

    language: str
    content: str
    printed: str

    @property
    def serves(self) -> bool:
        return self.content.startswith("searchapp ui")


def blocks(page: str) -> list[Block]:
    """Every block to be run, each with the `text` block that follows it."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert {language for language, _ in found} == {"sh", "python", "text"}
    return [
        Block(language, content, found[place + 1][1] if found[place + 1][0] == "text" else "")
        for place, (language, content) in enumerate(found)
        if language != "text"
    ]


BLOCKS = blocks(PAGE.read_text("utf-8"))


class Shell:
    """One bash that runs blocks; what each printed and its exit status lie in files beside the folder it works in."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.number = folder, 0
        kept = {name: value for name, value in os.environ.items() if name != "SEARCHAPP_HOME"}
        self.process = subprocess.Popen(
            ["bash"], cwd=folder / "project", env=kept, stdin=subprocess.PIPE, start_new_session=True
        )

    def run(self, block: Block) -> tuple[int, str]:
        """Exit status of the last command, and everything that was printed."""
        self.number += 1
        log, status = (self.folder / f"{self.number}.{end}" for end in ("log", "status"))
        script = self.folder / f"{self.number}.{block.language}"
        content = block.content.rstrip("\n")
        if block.serves:
            # A port of its own, and (-m) a job that hears Ctrl-C, which background jobs of a script do not.
            content = f"set -m\n{content} --port {free_port()} &\necho $! > {self.folder}/server\nset +m"
        script.write_text(content + "\n")
        self._type(f"{ {'sh': '.', 'python': 'python'}[block.language] } {script} > {log} 2>&1; echo $? > {status}.new")
        self._type(f"mv {status}.new {status}")
        while not status.exists():
            assert self.process.poll() is None
            time.sleep(0.02)  # polling a process, not waiting for a moment
        if block.serves:
            self._visit(log)
        return int(status.read_text()), log.read_text()

    def _type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        self.process.stdin.flush()

    def _visit(self, log: Path) -> None:
        """Open the page that the server says to open, then press Ctrl-C."""
        server = int((self.folder / "server").read_text())
        try:
            while not (said := re.search(r"http://\S+", log.read_text())):
                os.kill(server, 0)
                time.sleep(0.05)  # polling a process, not waiting for a moment
            until = time.monotonic() + 120
            while not answers(said[0]):
                assert time.monotonic() < until
                time.sleep(0.05)  # the same
            os.kill(server, signal.SIGINT)
            while Path(f"/proc/{server}").exists():
                assert time.monotonic() < until
                time.sleep(0.05)  # the same
        except BaseException:
            os.killpg(server, signal.SIGKILL)
            raise

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(20)


def answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5) as page:
            return bool(page.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[int, str]]]:
    """Exit status and output of every block, run in order."""
    folder = tmp_path_factory.mktemp("tutorial")
    (folder / "project").mkdir()
    (folder / "project" / "docs").symlink_to(ROOT / "docs")
    (folder / "project" / ".venv").symlink_to(sys.prefix)
    shell = Shell(folder)
    try:
        yield [shell.run(block) for block in BLOCKS]
    finally:
        shell.close()


@pytest.mark.parametrize("place", range(len(BLOCKS)), ids=lambda place: BLOCKS[place].content.splitlines()[0][:60])
def test_block_of_the_tutorial_runs_as_written_and_prints_what_the_page_says(
    ran: list[tuple[int, str]], place: int
) -> None:
    block, (status, printed) = BLOCKS[place], ran[place]
    assert status == (2 if block.content == REFUSED else 0), printed
    assert missing(block.printed, printed) is None, printed


def missing(said: str, printed: str) -> str | None:
    """The first line of the page that is not among what was printed, after the lines before it; None when all are."""
    lines = iter(printed.splitlines())
    for line in said.splitlines():
        if line.strip() == "…":
            continue
        if not any(same(line, other) for other in lines):
            return line
    return None


def same(said: str, printed: str) -> bool:
    """Is this the line that the page shows?"""
    parts = re.split(rf"(…|\d+(?:\.\d+)? m?s\b|{DECIMAL}|:\d{{4,5}}\b)", said)
    pattern = "".join(_pattern(part) for part in parts)
    found = re.fullmatch(pattern, printed.rstrip())
    numbers = [float(part) for part in parts if re.fullmatch(DECIMAL, part)]
    return found is not None and all(
        abs(float(text) - number) <= NEAR for text, number in zip(found.groups(), numbers, strict=True)
    )


def _pattern(part: str) -> str:
    if part == "…":
        return ".*"
    if re.fullmatch(r"\d+(?:\.\d+)? m?s", part):
        return r"[\d.]+ (?:m?s|min)"
    if re.fullmatch(DECIMAL, part):
        return f"({DECIMAL})"
    return r":\d+" if re.fullmatch(r":\d{4,5}", part) else re.escape(part)


@pytest.mark.parametrize(
    ("said", "printed", "missed"),
    [
        ("a 0.71 in 3 ms", "b\na 0.73 in 12.5 ms", None),
        ("a 0.71", "a 0.91", "a 0.71"),
        ("3 rows", "4 rows", "3 rows"),
        ("one\ntwo", "two\none", "two"),
        ("one …\n…\nthree", "one and a half\ntwo\nthree", None),
        ("one", "one more", "one"),
    ],
)
def test_a_page_that_says_something_else_is_noticed(said: str, printed: str, missed: str | None) -> None:
    assert missing(said, printed) == missed


def test_tutorial_shows_what_every_command_prints() -> None:
    assert len(BLOCKS) > 12
    assert [block.content for block in BLOCKS if not block.printed] == []
