"""Rollbacks in the history of aliases, and an index for every way to list versions."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# What they replace is the beginning of one of the new ones.
OLD = [
    ("ix_versions_base_model_id", "versions", ["base_model_id"]),
    ("ix_alias_moves_book_id", "alias_moves", ["book_id"]),
]
NEW = [
    ("ix_versions_book_id_parent_number", "versions", ["book_id", "parent_number"]),
    ("ix_versions_book_id_created_at_id", "versions", ["book_id", "created_at", "id"]),
    ("ix_versions_base_model_id_created_at_id", "versions", ["base_model_id", "created_at", "id"]),
    ("ix_versions_book_id_number_created_at_id", "versions", ["book_id", "number", "created_at", "id"]),
    ("ix_aliases_book_id_number", "aliases", ["book_id", "number"]),
    ("ix_aliases_name_book_id_number", "aliases", ["name", "book_id", "number"]),
    ("ix_alias_moves_book_id_id", "alias_moves", ["book_id", "id"]),
    ("ix_alias_moves_book_id_alias_id", "alias_moves", ["book_id", "alias", "id"]),
]
PARTIAL = [
    ("ix_versions_live", "versions", ["created_at", "id"], "pruned_at IS NULL"),
    ("ix_versions_pruned", "versions", ["created_at", "id"], "pruned_at IS NOT NULL"),
    ("ix_members_damaged", "members", ["version_id"], "damaged_at IS NOT NULL"),
]


def _only(where: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(where), "postgresql_where": sa.text(where)}


def upgrade() -> None:
    """Add the column and the indexes. Of moves made before, none counts as a rollback."""
    op.add_column(
        "alias_moves", sa.Column("rollback", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    for name, table, _ in OLD:
        op.drop_index(op.f(name), table)
    for name, table, columns in NEW:
        op.create_index(op.f(name), table, columns)
    for name, table, columns, where in PARTIAL:
        op.create_index(op.f(name), table, columns, **_only(where))


def downgrade() -> None:
    """Take the column and the indexes away."""
    for name, table, _, _ in PARTIAL:
        op.drop_index(op.f(name), table)
    for name, table, _ in NEW:
        op.drop_index(op.f(name), table)
    for name, table, columns in OLD:
        op.create_index(op.f(name), table, columns)
    op.drop_column("alias_moves", "rollback")
