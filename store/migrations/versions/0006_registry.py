"""The registry: rollbacks in its history, the state of a version, and an index for every way to list them."""

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
    ("ix_versions_state_created_at_id", "versions", ["state", "created_at", "id"]),
    (
        "ix_versions_base_model_id_state_created_at_id",
        "versions",
        ["base_model_id", "state", "created_at", "id"],
    ),
    ("ix_aliases_book_id_number", "aliases", ["book_id", "number"]),
    ("ix_aliases_name_published_at_version_id", "aliases", ["name", "published_at", "version_id"]),
    ("ix_alias_moves_book_id_id", "alias_moves", ["book_id", "id"]),
    ("ix_alias_moves_book_id_alias_id", "alias_moves", ["book_id", "alias", "id"]),
]


def upgrade() -> None:
    """Add columns and indexes. Of moves made before, none counts as a rollback."""
    op.add_column(
        "alias_moves", sa.Column("rollback", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("versions", sa.Column("state", sa.String(length=8), nullable=False, server_default="live"))
    op.execute(
        "UPDATE versions SET state = 'damaged' "
        "WHERE id IN (SELECT version_id FROM members WHERE damaged_at IS NOT NULL)"
    )
    op.execute("UPDATE versions SET state = 'pruned' WHERE pruned_at IS NOT NULL")
    op.add_column("aliases", sa.Column("version_id", sa.String(length=64), nullable=True))
    op.add_column("aliases", sa.Column("published_at", sa.DateTime(timezone=True), nullable=True))
    for column, source in (("version_id", "id"), ("published_at", "created_at")):
        op.execute(
            f"UPDATE aliases SET {column} = (SELECT versions.{source} FROM versions "
            "WHERE versions.book_id = aliases.book_id AND versions.number = aliases.number)"
        )
    # A batch copies the table on SQLite; no other table points at this one, so that no row is lost by it.
    with op.batch_alter_table("aliases") as batch:
        batch.alter_column("version_id", existing_type=sa.String(length=64), nullable=False)
        batch.alter_column("published_at", existing_type=sa.DateTime(timezone=True), nullable=False)
    for name, table, _ in OLD:
        op.drop_index(op.f(name), table)
    for name, table, columns in NEW:
        op.create_index(op.f(name), table, columns)


def downgrade() -> None:
    """Take the columns and the indexes away."""
    for name, table, _ in NEW:
        op.drop_index(op.f(name), table)
    for name, table, columns in OLD:
        op.create_index(op.f(name), table, columns)
    for table, column in (
        ("aliases", "published_at"),
        ("aliases", "version_id"),
        ("versions", "state"),
        ("alias_moves", "rollback"),
    ):
        op.drop_column(table, column)
