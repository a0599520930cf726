"""How the pages are served: on this machine only, with one clear sentence where they cannot be, and a clean end."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from indexer.errors import UserError
from indexer.home import Home
from searchapp import serving
from tests.ui.conftest import Served, open_page, running_pages, serve

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with running_pages(Home(tmp_path_factory.mktemp("bare") / "home")) as running:
        yield running


@pytest.mark.parametrize("where", ["/", "/duplicates", "/answers", "/collections"])
def test_home_without_a_collection_says_how_to_make_one(browser: Browser, bare: Served, where: str) -> None:
    with open_page(browser, bare) as page:
        page.goto(where)
        expect(page.get_by_role("heading", name="Nothing is indexed yet")).to_be_visible()
        expect(page.get_by_text("make demo")).to_be_visible()


def test_only_this_machine_can_connect(bare: Served) -> None:
    port = int(bare.address.rsplit(":", 1)[1])
    listening = subprocess.run(
        ["cat", "/proc/net/tcp", "/proc/net/tcp6"], capture_output=True, text=True, check=True
    ).stdout
    at = [
        line.split()[1].split(":")[0] for line in listening.splitlines() if f":{port:04X} " in line and " 0A " in line
    ]
    assert at == ["0100007F"]


@pytest.mark.parametrize("command", ["ui", "demo"])
def test_taken_port_is_one_clear_sentence(tmp_path: Path, command: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        words = [sys.executable, "-m", "searchapp.cli", command, "--home", str(tmp_path / "home"), "--port", str(port)]
        ended = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"port {port} cannot be used\n  given: Address already in use\n  do: ")
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "home").exists()


def test_broken_install_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="make clean") as refused:
        serving.check_servable(serving.PORT)
    assert "not installed here" in str(refused.value)


def test_ctrl_c_ends_it_at_once_and_quietly(tmp_path: Path) -> None:
    running = serve(Home(tmp_path / "home"), tmp_path / "ui.log")
    running.process.send_signal(signal.SIGINT)
    assert running.process.wait(15) in (0, 130)
    said = (tmp_path / "ui.log").read_text()
    assert "Traceback" not in said
    assert said.startswith(f"Open {running.address} in a browser")
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(running.address.rsplit(":", 1)[1]))) != 0
