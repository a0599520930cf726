"""What was measured of each version."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "evaluations",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("version_id", BIG, nullable=False),
        sa.Column("judgements", sa.String(255), nullable=False),
        sa.Column("queries", sa.Integer, nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("measure", sa.String(32), nullable=False),
        sa.Column("value", sa.Float, nullable=False),
        sa.Column("low", sa.Float, nullable=False),
        sa.Column("high", sa.Float, nullable=False),
        sa.Column("measured_at", sa.DateTime, nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["versions.id"], name="fk_evaluations_version_id", ondelete="CASCADE"),
        sa.UniqueConstraint("version_id", "judgements", "mode", "measure", name="uq_evaluations_version_id"),
    )


def downgrade() -> None:
    op.drop_table("evaluations")
