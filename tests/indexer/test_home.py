"""Names that may become paths, and the writer's lock between real processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from indexer.errors import UserError
from indexer.home import Home, check_name

HOLD = """
import sys
from pathlib import Path
from indexer.home import Home
with Home(Path(sys.argv[1])).writer_lock("shop"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("name", ["shop", "a", "SciFact-2024", "x_1.beta", "9"])
def test_plain_names_are_allowed(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../shop",
        "a/b",
        "a\\b",
        ".hidden",
        "-flag",
        "a b",
        "a\n",
        "a\0b",
        "café",
        "x" * 65,
        "con:",
        "%2e%2e",
    ],
)
def test_names_that_could_lead_elsewhere_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be used"):
        Home(tmp_path).collection(name)


def test_home_comes_from_the_argument_then_the_environment_then_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SEARCHAPP_HOME", raising=False)
    assert Home.find().root == tmp_path.resolve() / "home"
    monkeypatch.setenv("SEARCHAPP_HOME", str(tmp_path / "env"))
    assert Home.find().root == (tmp_path / "env").resolve()
    assert Home.find(tmp_path / "given").root == (tmp_path / "given").resolve()


@pytest.mark.slow
def test_second_writer_is_told_who_holds_the_lock_and_a_dead_owner_holds_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    owner = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    assert owner.stdout.readline() == "held\n"
    with pytest.raises(UserError, match=f"process {owner.pid} holds its lock"), home.writer_lock("shop"):
        pass
    with home.writer_lock("other"):  # another collection is another lock
        pass
    owner.kill()
    owner.communicate()
    with home.writer_lock("shop"):
        assert (tmp_path / "locks" / "shop").read_text()
