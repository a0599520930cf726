"""The house's arrows: who may import whom, and what `--help` must not load."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAY_IMPORT = {
    "indexer": set(),
    "trainer": {"indexer"},
    "searchapp": {"indexer"},
    "ui": {"searchapp", "trainer", "indexer"},
}
ENCODE_KNOWS = {"indexer.encode", "indexer.errors", "indexer.architectures"}
HEAVY = {
    "torch",
    "faiss",
    "transformers",
    "sentence_transformers",
    "tantivy",
    "pyarrow",
    "sqlalchemy",
    "streamlit",
    "ray",
}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
    return found


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_packages_import_downwards_only(package: str) -> None:
    forbidden = set(MAY_IMPORT) - MAY_IMPORT[package] - {package}
    files = list((ROOT / package).rglob("*.py"))
    assert files
    wrong = {str(f): sorted(n for n in imports(f) if n.split(".")[0] in forbidden) for f in files}
    assert {file: names for file, names in wrong.items() if names} == {}


def test_encode_is_a_library_of_its_own() -> None:
    for file in (ROOT / "indexer" / "encode").rglob("*.py"):
        own = {name for name in imports(file) if name.split(".")[0] == "indexer"}
        assert all(any(name == known or name.startswith(known + ".") for known in ENCODE_KNOWS) for name in own), file


@pytest.mark.parametrize("command", ["indexer", "searchapp", "trainer"])
def test_help_loads_nothing_heavy(command: str) -> None:
    script = (
        f"import sys; sys.argv = ['{command}', '--help']\n"
        f"from {command}.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        f"print(sorted(set(sys.modules) & {HEAVY!r}), file=sys.stderr)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "Usage" in run.stdout
    assert run.stderr.strip() == "[]"
