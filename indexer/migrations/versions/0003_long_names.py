"""Names that may be whole paths are held to no length. SQLite never held them to one: there is nothing to change there."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

NAMES = (("versions", "model_name"), ("models", "name"), ("evaluations", "judgements"))


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        for table, column in NAMES:
            op.alter_column(table, column, type_=sa.Text(), existing_nullable=False)


def downgrade() -> None:
    """What is longer is cut, or the way down would be closed."""
    if op.get_bind().dialect.name != "sqlite":
        for table, column in NAMES:
            shorter = f"left({column}, 255)"
            op.alter_column(table, column, type_=sa.String(255), existing_nullable=False, postgresql_using=shorter)
