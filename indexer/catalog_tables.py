"""The catalog's tables, the same on SQLite and PostgreSQL; `indexer/migrations` makes them, and a test compares the two."""

from __future__ import annotations

import sqlalchemy as sa

# SQLite numbers rows only for INTEGER PRIMARY KEY, PostgreSQL wants BIGINT.
BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")
# A folder's whole path may be long. SQLite never held to a length, so its columns stay as they were made.
NAME = sa.Text().with_variant(sa.String(255), "sqlite")
METADATA = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

COLLECTIONS = sa.Table(
    "collections",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("current", sa.Integer),  # version number; null until the first is published
    sa.Column("created_at", sa.DateTime, nullable=False),
)
VERSIONS = sa.Table(
    "versions",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("collection_id", BIG, sa.ForeignKey("collections.id", ondelete="CASCADE"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),  # of the version file: the end of the digest chain
    sa.Column("model_name", NAME, nullable=False),
    sa.Column("model_fingerprint", sa.String(64), nullable=False),
    sa.Column("records", sa.BigInteger, nullable=False),
    sa.Column("passages", sa.BigInteger, nullable=False),
    sa.Column("published_at", sa.DateTime, nullable=False),
    sa.UniqueConstraint("collection_id", "number"),
)
BUILDS = sa.Table(
    "builds",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("collection", sa.String(64), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),  # running, done, unchanged, failed, stopped
    sa.Column("phase", sa.String(32), nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger),  # null while it is not known
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("version", sa.Integer),
    sa.Column("started_at", sa.DateTime, nullable=False),
    sa.Column("updated_at", sa.DateTime, nullable=False),
)
EVALUATIONS = sa.Table(
    "evaluations",
    METADATA,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("version_id", BIG, sa.ForeignKey("versions.id", ondelete="CASCADE"), nullable=False),
    sa.Column("judgements", NAME, nullable=False),  # the judged folder's name and split: `shop/test`
    sa.Column("queries", sa.Integer, nullable=False),
    sa.Column("mode", sa.String(16), nullable=False),
    sa.Column("measure", sa.String(32), nullable=False),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("low", sa.Float, nullable=False),  # 95 % interval
    sa.Column("high", sa.Float, nullable=False),
    sa.Column("measured_at", sa.DateTime, nullable=False),
    sa.UniqueConstraint("version_id", "judgements", "mode", "measure"),
)
MODELS = sa.Table(
    "models",
    METADATA,
    sa.Column("fingerprint", sa.String(64), primary_key=True),
    sa.Column("name", NAME, nullable=False),  # as the user named it: `minilm`, or a folder
    sa.Column("dim", sa.Integer, nullable=False),
    sa.Column("used_at", sa.DateTime, nullable=False),
)
