"""Alembic's environment and the numbered migrations.

Alembic itself is imported where something is migrated, since it takes a fifth of a second of each start.
"""

from sqlalchemy import Connection, inspect, text

# What the tables have been, the first ones first: a new migration adds its own.
REVISIONS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009_jobs",
    "0010",
    "0011_warnings",
    "0012_embedder",
    "0013_threads",
    "0014_artifact_buckets",
    "0015_index_snapshots",
)
# What they are in this release.
NEWEST = REVISIONS[-1]


def current_revision(connection: Connection) -> str | None:
    """Return the last migration of the tables; None where there are no tables."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def upgrade(connection: Connection) -> None:
    """Migrate the tables to this release, in the connection's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "store:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
