"""Skills, studies, and which of them a version was learned with."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create both tables and point versions at them."""
    op.create_table(
        "skills",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("base_model_id", sa.Text(), nullable=False),
        sa.Column("base_model_revision", sa.Text(), nullable=True),
        sa.Column("hidden_size", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(length=16), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("artifact_sha256", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.Integer(), nullable=False),
        sa.Column("champion", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_sha256"], ["artifacts.sha256"], name=op.f("fk_skills_artifact_sha256")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_skills")),
        sa.UniqueConstraint(
            "base_model_id",
            "base_model_revision",
            "number",
            name=op.f("uq_skills_base_model_id_base_model_revision_number"),
        ),
    )
    op.create_index(op.f("ix_skills_artifact_sha256"), "skills", ["artifact_sha256"], unique=False)
    op.create_index(
        op.f("ix_skills_base_model_id_base_model_revision"),
        "skills",
        ["base_model_id", "base_model_revision"],
        unique=True,
        sqlite_where=sa.text("champion"),
        postgresql_where=sa.text("champion"),
    )
    op.create_table(
        "studies",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("book_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("base_model_id", sa.Text(), nullable=False),
        sa.Column("base_model_revision", sa.Text(), nullable=True),
        sa.Column("skill_id", sa.String(length=64), nullable=True),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("artifact_sha256", sa.String(length=64), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id"], ["books.id"], name=op.f("fk_studies_book_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["skill_id"], ["skills.id"], name=op.f("fk_studies_skill_id")),
        sa.ForeignKeyConstraint(
            ["artifact_sha256"], ["artifacts.sha256"], name=op.f("fk_studies_artifact_sha256")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
        sa.UniqueConstraint("book_id", "key", name=op.f("uq_studies_book_id_key")),
    )
    op.create_index(op.f("ix_studies_artifact_sha256"), "studies", ["artifact_sha256"], unique=False)
    # A batch would copy the table and drop the old one, and on SQLite that drop deletes the rows first:
    # members and aliases would go too, and a version with a parent stops it.
    # One statement with the key in it runs everywhere.
    for column, table in (("skill_id", "skills"), ("study_id", "studies")):
        op.execute(
            f"ALTER TABLE versions ADD COLUMN {column} VARCHAR(64) "
            f"CONSTRAINT fk_versions_{column} REFERENCES {table} (id)"
        )
    op.create_index(op.f("ix_versions_study_id"), "versions", ["study_id"], unique=False)


def downgrade() -> None:
    """Drop what came, the columns that point at the tables first."""
    op.drop_index(op.f("ix_versions_study_id"), "versions")
    op.drop_column("versions", "study_id")
    op.drop_column("versions", "skill_id")
    op.drop_table("studies")
    op.drop_table("skills")
