"""Fixtures shared by every room's tests."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

if "PYTEST_XDIST_WORKER" in os.environ:  # beside another worker: threads that wait for a core cost more than they do
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Deadlines would time the machine, not the code; the per-test timeout of pytest-timeout is the guard.
settings.register_profile("project", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
settings.load_profile("project")

DATABASE = os.environ.get("DATABASE") or "sqlite"
ON_POSTGRESQL = DATABASE == "postgresql"
_SESSION = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """`DATABASE=postgresql`: one server for the session and its workers, which find it, as child processes do, by its URL."""
    if hasattr(config, "workerinput"):
        return
    if DATABASE not in ("sqlite", "postgresql"):
        raise pytest.UsageError(f"DATABASE={DATABASE}: the catalog can be on sqlite or postgresql")
    os.environ.pop("SEARCHAPP_CATALOG", None)  # the developer's own is none of the tests' business
    if ON_POSTGRESQL:
        from tests.postgresql import postgresql

        os.environ["SEARCHAPP_CATALOG"] = _SESSION.enter_context(postgresql()).get_uri()


def pytest_unconfigure() -> None:
    _SESSION.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if ON_POSTGRESQL and "sqlite" in item.keywords:
            item.add_marker(pytest.mark.skip(reason="is about the SQLite file inside the home"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The public data sets beside the project; a test that needs them says so when they are not there."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the public data sets in ../shared/data beside the project, which are not there")
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real, tiny BERT encoder on disk: fast enough to embed thousands of texts in a test."""
    from tests.models import tiny_bert

    return tiny_bert(tmp_path_factory.mktemp("models") / "tiny")
