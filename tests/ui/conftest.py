"""A served application and a real browser for the tests of the pages.

Every page a test opens is watched: a request to anywhere but the served address, an uncaught script error or an error in
the console fails the test, whatever else it looked at.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from indexer.build import build
from indexer.home import Home
from indexer.settings import BuildSettings
from searchapp.demo import HERE, folder
from tests.corpora import write_jsonl

expect.set_options(timeout=20_000)  # ms; a busy machine is not a wrong page
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
TOPICS = ("assert", "booleans", "function", "lambda", "lists", "comparisons", "break", "naming", "numbers", "if", "for")


def chromium() -> str:
    """The browser of this machine; a failure, not a skip, where there is none."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.fail("the tests of the pages need Chromium: `make browser` installs it, or says why it cannot")
    return found


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with the shop and the questions as shipped, and some topics of the Python reference."""
    home = Home(tmp_path_factory.mktemp("pages") / "home")
    for name in ("shop", "questions"):
        build(BuildSettings(source=HERE / name, name=name), home)
    source = folder("python", home.root / "demo")
    rows = [json.loads(line) for line in (source / "corpus.jsonl").read_text().splitlines()]
    few = tmp_path_factory.mktemp("python") / "corpus.jsonl"
    write_jsonl(few, (row for row in rows if row["_id"] in TOPICS))
    build(BuildSettings(source=few, name="python"), home)
    return home


@dataclass
class Served:
    """A running application: its address and the process that serves it."""

    address: str
    process: subprocess.Popen[bytes]


def serve(home: Home, log: Path) -> Served:
    """`python -m ui` on a free port, answering."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "ui", "--home", str(home.root), "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out)
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                return Served(f"http://127.0.0.1:{port}", process)
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)  # polling a process, not waiting for a moment
    process.kill()
    raise AssertionError(log.read_text())


@contextmanager
def running_pages(home: Home) -> Iterator[Served]:
    """The application over a home, for as long as the block lasts; its log lies beside the home."""
    running = serve(home, home.root.parent / "ui.log")
    try:
        yield running
    finally:
        running.process.terminate()
        running.process.wait(20)


@pytest.fixture(scope="session")
def served(demo_home: Home) -> Iterator[Served]:
    """The application over the demo home, for all tests that only look."""
    with running_pages(demo_home) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield chrome
        chrome.close()


@dataclass
class Watched:
    """What a page did that it must not do."""

    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@contextmanager
def open_page(browser: Browser, served: Served, **options: object) -> Iterator[Page]:
    """A fresh page with its own cookies, for as long as the block lasts; in the end nothing may have gone wrong on it."""
    address, watched = served.address, Watched()
    inside = (address, address.replace("http", "ws", 1), "data:", "blob:")
    with browser.new_context(base_url=address, **options) as context:  # type: ignore[arg-type]
        context.set_default_timeout(20_000)
        page = context.new_page()
        page.on("request", lambda it: None if it.url.startswith(inside) else watched.outside.append(it.url))
        page.on("websocket", lambda it: None if it.url.startswith(inside) else watched.outside.append(it.url))
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.on("console", lambda said: watched.errors.append(said.text) if is_error(said) else None)
        page.on("dialog", lambda dialog: (watched.errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        yield page
        assert page.evaluate("window.hurt") is None, "a hostile text ran"
    assert (watched.outside, watched.errors) == ([], [])


def is_error(said: ConsoleMessage) -> bool:
    """An error in the console; not Streamlit's search for its own base address, which asks below the page's path first."""
    return said.type == "error" and "/_stcore/" not in said.location["url"]


@pytest.fixture(scope="module")
def application(served: Served) -> Served:
    """What `page` looks at: the demo home, unless a test file serves a home of its own under this name."""
    return served


@pytest.fixture
def page(browser: Browser, application: Served) -> Iterator[Page]:
    """A page on which nothing went wrong when the test is over."""
    with open_page(browser, application, viewport={"width": 1280, "height": 900}) as page:
        yield page
