"""Alembic's entry: run the migrations on the connection the catalog hands over."""

from __future__ import annotations

from alembic import context

from indexer.catalog_tables import METADATA

connection = context.config.attributes["connection"]
# SQLite cannot alter a table in place; `render_as_batch` lets one migration serve both databases.
context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
