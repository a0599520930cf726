"""Names that lead elsewhere, at every door that takes a name: refused at once in three parts, nothing touched outside the home.

Beside the home and in it lie decoys that the names try to reach. A listing of everything (kind, size, time, inode) is the
same before and after; a child process watches what Python itself opens for writing, removes, renames or starts.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.build import build
from indexer.cli import main as indexer
from indexer.encode.models import export, resolve
from indexer.errors import UserError
from indexer.home import NAME, Home, check_name
from indexer.settings import BuildSettings
from searchapp.cli import main as searchapp
from searchapp.evaluate import read_qrels
from searchapp.service import SearchService
from searchapp.usecases.export import check_target
from tests.corpora import write_products
from tests.hostile_payloads import NAMES, SECRET
from tests.refusals import Refused, check_command, outcome, pictured
from tests.trials import TORTURE, trials

pytestmark = pytest.mark.slow

Main = Callable[[], object]
COMMANDS: dict[str, Callable[[str], tuple[Main, list[str]]]] = {
    "indexer build --name": lambda name: (indexer, ["build", "products.jsonl", "--name", name]),
    "indexer build --dry-run": lambda name: (indexer, ["build", "products.jsonl", "--name", name, "--dry-run"]),
    "indexer build SOURCE": lambda name: (indexer, ["build", f"{name}/nowhere", "--name", "x"]),
    "indexer build --model": lambda name: (indexer, ["build", "products.jsonl", "--name", "x", "--model", name]),
    "indexer show": lambda name: (indexer, ["show", name]),
    "indexer verify": lambda name: (indexer, ["verify", name]),
    "indexer versions": lambda name: (indexer, ["versions", name]),
    "indexer rollback": lambda name: (indexer, ["rollback", name, "1"]),
    "indexer drop": lambda name: (indexer, ["drop", name, "--yes"]),
    "indexer models export": lambda name: (indexer, ["models", "export", name, "exported"]),
    "searchapp search": lambda name: (searchapp, ["search", name, "oak"]),
    "searchapp similar": lambda name: (searchapp, ["similar", name, "SKU-00001"]),
    "searchapp answer": lambda name: (searchapp, ["answer", name, "oak"]),
    "searchapp duplicates": lambda name: (searchapp, ["duplicates", name]),
    "searchapp evaluate": lambda name: (searchapp, ["evaluate", name, "judged"]),
    "searchapp evaluate FOLDER": lambda name: (searchapp, ["evaluate", "shop", f"{name}/nowhere"]),
    "searchapp evaluate --split": lambda name: (searchapp, ["evaluate", "shop", "judged", "--split", name]),
    "searchapp duplicates --out": lambda name: (searchapp, ["duplicates", "shop", "--out", f"{name}/nowhere/a.csv"]),
}
EACH = -(-300 // len(COMMANDS))  # names at every command, without TORTURE


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A folder with a home, and decoys wherever a name might lead: above, beside and in the home, in the working folder."""
    folder = tmp_path_factory.mktemp("names")
    (home := Home(folder / "outer" / "home")).models.mkdir(parents=True)
    shutil.copytree(tiny_model, home.models / "tiny" / "1")
    (work := folder / "outer" / "work").mkdir()
    source = write_products(work / "products.jsonl", range(40))
    build(BuildSettings(source=source, name="shop", model="tiny/1"), home)
    for below in (
        ".",
        "outer",
        "outer/work",
        "outer/home",
        "outer/home/collections",
        "outer/home/models",
        "outer/home/locks",
    ):
        (folder / below / "etc").mkdir(exist_ok=True)
        (folder / below / SECRET).write_text("untouched")
        (folder / below / "etc" / SECRET).write_text("untouched")
    (work / "judged" / "qrels").mkdir(parents=True)
    for file in ("qrels/test.tsv", "secret.tsv"):
        (work / "judged" / file).write_text("query-id\tcorpus-id\tscore\nq\td\t1\n")
    return folder


@pytest.fixture
def home(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """The home, seen from the working folder; what lies around it and in it is the same afterwards."""
    monkeypatch.chdir(place / "outer" / "work")
    monkeypatch.setenv("SEARCHAPP_HOME", str(place / "outer" / "home"))
    monkeypatch.setenv("HOME", str(place / "outer"))
    before = listing(place)
    yield Home(place / "outer" / "home")
    assert listing(place) == before


def listing(folder: Path) -> dict[str, tuple[int, ...]]:
    """Everything below a folder: kind, size, time of change, inode.

    Left out, all inside the home: the catalog and its lock, which opening touches, and the lock of a build that began with a
    folder for a model and was refused when it looked inside.
    """
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if not path.name.startswith(("catalog.db", ".catalog")) and name != "outer/home/locks/x":
            seen = path.lstat()
            size = () if path.is_dir() else (seen.st_size, seen.st_mtime_ns)
            found[name] = (seen.st_mode, seen.st_ino, *size)
    return found


def test_three_hundred_names_and_more() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 300


def test_300_path_traversal_names_never_become_a_path(home: Home) -> None:
    def refused(door: Callable[[str], object], name: str) -> None:
        assert isinstance(outcome(lambda: door(name)), Refused), f"{pictured(name)} was let in"

    for door in (check_name, home.collection, home.writer_lock):
        for name in NAMES:
            refused(door, name)


def test_300_path_traversal_names_are_no_collection_of_the_service(home: Home) -> None:
    service = SearchService(home)
    asked: tuple[Callable[[str], object], ...] = (
        lambda name: service.search(name, "oak"),
        lambda name: service.similar(name, "SKU-00001"),
        lambda name: service.browse(name),
        lambda name: service.answer(name, "oak"),
        lambda name: service.duplicates(name),
        lambda name: service.alike(name, "oak"),
        lambda name: service.record(name, "SKU-00001"),
        lambda name: service.around(name, "SKU-00001", 0),
        lambda name: service.locate(name, "SKU-00001:0-1:000000000000"),
        lambda name: service.catalog.rollback(name, 1),
        lambda name: service.catalog.drop(name),
    )
    for door in asked:
        for name in NAMES:
            assert isinstance(outcome(lambda door=door, name=name: door(name)), Refused), pictured(name)  # type: ignore[misc]


@pytest.mark.parametrize("door", COMMANDS)
def test_300_path_traversal_names_at_every_command(door: str, home: Home) -> None:
    """300 names, each at one command; under TORTURE all names at every command."""
    names = NAMES if TORTURE else NAMES[list(COMMANDS).index(door) :: len(COMMANDS)][:EACH]
    assert len(names) * len(COMMANDS) >= 300
    for name in names:
        main, words = COMMANDS[door](name)
        check_command(main, *words)


def test_300_path_traversal_names_are_no_model_and_no_split(home: Home) -> None:
    folder = Path("judged").resolve()
    assert read_qrels(folder, "test") == {"q": {"d": 1}}
    for name in [*NAMES, "../secret", "../qrels/test", "./test", str(folder / "secret")]:
        assert isinstance(outcome(lambda name=name: read_qrels(folder, name)), Refused), pictured(name)  # type: ignore[misc]
        exported = outcome(lambda name=name: export(name, Path("exported"), home.models))  # type: ignore[misc]
        assert isinstance(exported, Refused), pictured(name)


def test_a_folder_that_is_no_model_is_not_copied_nor_a_model_into_itself(home: Home) -> None:
    for name in (".", "..", str(home.root), "judged"):
        assert isinstance(outcome(lambda name=name: export(name, Path("exported"), home.models)), Refused)  # type: ignore[misc]
    model = resolve("tiny/1", home.models)
    with pytest.raises(UserError, match="lies inside the model"):
        export("tiny/1", model / "copy", home.models)
    for target in ("a\0b", "x" * 5_000, "products.jsonl/inside", "judged"):
        with pytest.raises(UserError):
            export("tiny/1", Path(target), home.models)


def test_targets_of_an_export_are_refused_before_the_work(home: Home) -> None:
    (Path("folder.csv")).mkdir()
    for target in (
        "a\0.csv",
        "x" * 300 + ".csv",
        "folder.csv",
        "\ud800.csv",
        "\udcff.csv",
        "nowhere/a.csv",
        "products.jsonl/a.csv",
        "a.csv.gz",
        "",
        "..",
    ):
        assert isinstance(outcome(lambda target=target: check_target(Path(target))), Refused), target  # type: ignore[misc]
    Path("folder.csv").rmdir()


def test_what_is_no_home_stays_as_it_is(home: Home) -> None:
    """A folder of another kind, a file, a path that is none: reading makes no catalog there."""
    for path in (
        ".",
        "..",
        "judged",
        "products.jsonl",
        "products.jsonl/x",
        "nowhere",
        "a\0b",
        "x" * 5_000,
        "~nobody-there",
        "~/judged",
    ):
        check_command(indexer, "list", "--home", path)
        check_command(searchapp, "search", "shop", "oak", "--home", path)
    for path in ("products.jsonl", "products.jsonl/x", "a\0b", "~nobody-there", "x" * 5_000):
        check_command(
            indexer, "build", "products.jsonl", "--name", "x", "--model", str(home.models / "tiny/1"), "--home", path
        )


@given(st.text(st.characters(exclude_categories=()), max_size=80) | st.integers() | st.none() | st.binary(max_size=9))
@settings(max_examples=trials(300))
def test_a_name_is_one_of_the_pattern_or_refused(name: object) -> None:
    allowed = isinstance(name, str) and NAME.fullmatch(name) is not None and "/" not in name and name[0] != "."
    found = outcome(lambda: check_name(name))  # type: ignore[arg-type]
    assert found == name if allowed else isinstance(found, Refused)


WATCHED = """
import json, os, sys
sys.dont_write_bytecode = True
from pathlib import Path
from tests.hostile_payloads import INJECTIONS, NAMES
from tests.refusals import problems, run
from indexer.cli import main as indexer
from searchapp.cli import main as searchapp
from searchapp.service import SearchService

home, every = Path(os.environ["SEARCHAPP_HOME"]), int(sys.argv[1])
service = SearchService(home)
for warm in (service.search, service.answer, service.alike):
    warm("shop", "oak")
run(searchapp, "evaluate", "shop", "nowhere")  # imports what commands import
run(indexer, "show", "shop")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {"os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "os.utime"}
STARTS = {"os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "socket.connect", "pickle.find_class", "ctypes.dlopen"}
seen, watching = [], [False]

def watch(event, args):
    if not watching[0]:
        return
    if event in STARTS or event in CHANGES:
        seen.append([event, [str(arg) for arg in args if isinstance(arg, (str, bytes, os.PathLike))]])  # a number: of a file opened above
    elif event == "open" and isinstance(args[2], int) and args[2] & WRITES:
        seen.append([event, [str(args[0])]])
    elif event == "sqlite3.connect":
        seen.append([event, [str(args[0])]])

sys.addaudithook(watch)
watching[0] = True
failed = []
names = NAMES[::every]
texts = [text for texts in INJECTIONS.values() for text in texts][::every]
for command in (["show"], ["drop", "--yes"], ["verify"], ["rollback", "1"], ["build", "products.jsonl", "--name"], ["models", "export", "exported"]):
    for name in names[:: len(names) // 6]:
        words = [*command, name] if command[0] != "models" else [*command[:2], name, command[2]]
        if run(indexer, *words)[0] != 2:
            failed.append(ascii((words[0], name)[:60]))
for name in names:
    failed += problems(lambda name: service.search(name, "oak"), [name])
for text in texts:
    for door in (
        lambda text: service.search("shop", text[:200], mode="lexical"), lambda text: service.browse("shop", where=text),
        lambda text: service.browse("shop", where={"key": "brand", "op": "=", "value": text}), lambda text: service.similar("shop", text),
    ):
        failed += problems(door, [text])
watching[0] = False
print(json.dumps({"seen": seen, "failed": failed, "asked": len(names) + len(texts)}))
"""


def test_nothing_is_touched_outside_the_home_says_an_audit_hook(home: Home, tmp_path: Path) -> None:
    project = str(Path(__file__).resolve().parents[2])
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    environment = os.environ | {"PYTHONPATH": project, "TMPDIR": str(scratch)}
    command = [sys.executable, "-c", WATCHED, str(trials(10, 1))]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:]
    told = json.loads(ended.stdout.splitlines()[-1])
    assert told["failed"] == []
    assert told["asked"] >= trials(100, 1000)
    assert [event for event in told["seen"] if not _allowed(event, home, scratch)] == []
    assert any(event[0] == "open" for event in told["seen"]), "the hook saw nothing at all"
    assert list(scratch.iterdir()) == []


def _allowed(event: Sequence[object], home: Home, scratch: Path) -> bool:
    """Opening the catalog and its lock, and what an opened index links to in the temporary folder."""
    name, paths = event
    assert isinstance(paths, list)
    catalog = {str(home.catalog_file), str(home.root / "locks" / ".catalog"), str(home.root), str(home.root / "locks")}
    places = all(path in catalog or Path(path).is_relative_to(scratch) for path in paths)
    return places and name in (
        "open",
        "sqlite3.connect",
        "os.mkdir",
        "os.remove",
        "os.rmdir",
        "os.symlink",
        "os.truncate",
    )
