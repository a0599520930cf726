"""How long does a person wait? Interaction to painted result in a real browser, page by page, and memory after 200 searches.

The demo collections are built in HOME on the first run. The clock runs in the browser: from the key press or click that
asks, to the animation frame after the answer is in the document. Every query is new, so each is encoded. Then 200 searches,
and the resident memory of the serving process before, on the way and after.

    python -m benchmarks.pages --home DIR
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.machine import machine
from indexer.home import Home
from indexer.progress import Progress
from searchapp.demo import DEMOS, HERE
from searchapp.demo.command import prepare
from searchapp.evaluate import read_queries
from tests.ui.conftest import FLAGS, chromium

# From doing to painted: resolves two frames after the view stops being busy.
_WAIT = """() => new Promise((done) => {
  const view = () => [...document.querySelectorAll('*')].map((one) => one.shadowRoot?.querySelector('.view')).find(Boolean);
  const look = () => view()?.hasAttribute('aria-busy') ? requestAnimationFrame(look)
    : requestAnimationFrame(() => done(performance.now() - window.began));
  look();
})"""
_BEGIN = "() => { window.began = performance.now(); }"


def main() -> None:
    """Serve, drive, measure, print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--searches", type=int, default=200)
    given = parser.parse_args()
    prepare(Home(given.home.resolve()), Progress())
    port = _free_port()
    command = [sys.executable, "-m", "ui", "--home", str(given.home), "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        server = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            result = _measure(f"http://127.0.0.1:{port}", server.pid, given.rounds, given.searches)
        finally:
            server.terminate()
            server.wait(20)
    print(json.dumps({"question": "interaction to painted result", **result, "machine": machine()}))


def _measure(address: str, pid: int, rounds: int, searches: int) -> dict[str, object]:
    _until_served(address)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        page = browser.new_page(base_url=address, viewport={"width": 1280, "height": 900})
        times = {
            "shop: search": _searches(page, "/", "shop", rounds),
            "shop: facet": _facets(page, rounds),
            "shop: page": _turning(page, rounds),
            "answers: question": _searches(page, "/answers", "python", rounds),
            "duplicates: threshold": _thresholds(page, rounds),
            "duplicates: pasted text": _searches(page, "/duplicates", "questions", rounds),
        }
        memory = _memory(page, pid, searches)
        browser.close()
    shown = {
        name: {
            "median_ms": round(statistics.median(seen)),
            "p95_ms": round(sorted(seen)[int(len(seen) * 0.95)]),
            "n": len(seen),
        }
        for name, seen in times.items()
    }
    return {"pages": shown, "memory_mb": memory}


def _timed(page: Page, do: Callable[[], object]) -> float:
    """Milliseconds from `do` to the painted answer."""
    page.evaluate(_BEGIN)
    do()
    return float(page.evaluate(_WAIT))


def _searches(page: Page, where: str, demo: str, rounds: int) -> list[float]:
    queries = list(read_queries(HERE / demo).values())[: rounds + 1]
    page.goto(where)
    field = page.get_by_role("searchbox")
    times = []
    for query in queries:
        field.fill(query)
        times.append(_timed(page, lambda: field.press("Enter")))
    return times[1:]  # the first one warms up


def _facets(page: Page, rounds: int) -> list[float]:
    page.goto("/")
    boxes = page.get_by_role("form", name="brand").get_by_role("checkbox")
    boxes.first.wait_for()
    return [_timed(page, lambda place=place: boxes.nth(place % 6).click()) for place in range(rounds + 1)][1:]  # type: ignore[misc]


def _turning(page: Page, rounds: int) -> list[float]:
    page.goto("/")
    page.locator(".pages").wait_for()
    buttons = [f"Page {1 + (place + 1) % 4}" for place in range(rounds + 1)]
    return [
        _timed(page, lambda name=name: page.get_by_role("button", name=name, exact=True).click()) for name in buttons
    ][1:]  # type: ignore[misc]


def _thresholds(page: Page, rounds: int) -> list[float]:
    page.goto("/duplicates")
    slider = page.get_by_role("slider")
    slider.focus()
    keys = ["PageUp", "PageDown"] * rounds
    return [_timed(page, lambda key=key: page.keyboard.press(key)) for key in keys[: rounds + 1]][1:]  # type: ignore[misc]


def _memory(page: Page, pid: int, searches: int) -> list[int]:
    """Resident megabytes of the server: before, after every quarter of the searches."""
    words = " ".join(query for demo in DEMOS for query in read_queries(HERE / demo).values()).split()
    page.goto("/")
    field, seen = page.get_by_role("searchbox"), [_resident(pid)]
    for number in range(searches):
        field.fill(" ".join(words[3 * number % len(words) :][:5]))
        _timed(page, lambda: field.press("Enter"))
        if (number + 1) % max(1, searches // 4) == 0:
            seen.append(_resident(pid))
    return seen


def _resident(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) // 1024


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _until_served(address: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the pages were not served within a minute")


if __name__ == "__main__":
    main()
