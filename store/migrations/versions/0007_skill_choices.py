"""Where skills come from, and every choice of an LLM's champion among them, with who made it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# All skills that came with a package until now were for this LLM, and say so of their data. `skill train` has
# never written such words: its source is the name of a file or folder.
SHIPPED_FOR = "embedded"
SHIPPED_DATA = "FairytaleQA, train split (Xu et al., ACL 2022)"

SKILLS = sa.table(
    "skills",
    sa.column("id", sa.String()),
    sa.column("base_model_id", sa.Text()),
    sa.column("base_model_revision", sa.Text()),
    sa.column("data", sa.JSON()),
    sa.column("champion", sa.Boolean()),
    sa.column("origin", sa.String()),
    sa.column("created_at", sa.DateTime(timezone=True)),
)


def upgrade() -> None:
    """Tell shipped skills from learned ones, and make each champion a choice: a shipped one the package's."""
    op.create_table(
        "skill_choices",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("base_model_id", sa.Text(), nullable=False),
        sa.Column("base_model_revision", sa.Text(), nullable=True),
        sa.Column("skill_id", sa.String(length=64), nullable=True),
        sa.Column("chosen_by", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["skill_id"], ["skills.id"], name=op.f("fk_skill_choices_skill_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_skill_choices")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_skill_choices_base_model_id_base_model_revision_id"),
        "skill_choices",
        ["base_model_id", "base_model_revision", "id"],
    )
    op.add_column(
        "skills", sa.Column("origin", sa.String(length=16), nullable=False, server_default="learned")
    )
    candidates = sa.select(SKILLS.c.id, SKILLS.c.data).where(SKILLS.c.base_model_id == SHIPPED_FOR)
    shipped = [
        row.id
        for row in op.get_bind().execute(candidates)
        if str(row.data.get("source")).startswith(SHIPPED_DATA)
    ]
    op.execute(sa.update(SKILLS).where(SKILLS.c.id.in_(shipped)).values(origin="shipped"))
    op.execute(
        "INSERT INTO skill_choices (base_model_id, base_model_revision, skill_id, chosen_by, created_at) "
        "SELECT base_model_id, base_model_revision, id, "
        "CASE origin WHEN 'shipped' THEN 'package' ELSE 'user' END, created_at "
        "FROM skills WHERE champion ORDER BY created_at"
    )
    op.drop_index(op.f("ix_skills_base_model_id_base_model_revision"), "skills")
    op.drop_column("skills", "champion")


def downgrade() -> None:
    """Keep the last choice of each LLM alone. Where it is the instruction, no skill is the champion."""
    op.add_column("skills", sa.Column("champion", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE skills SET champion = true WHERE id IN (SELECT skill_id FROM skill_choices WHERE id IN "
        "(SELECT max(id) FROM skill_choices GROUP BY base_model_id, base_model_revision))"
    )
    op.create_index(
        op.f("ix_skills_base_model_id_base_model_revision"),
        "skills",
        ["base_model_id", "base_model_revision"],
        unique=True,
        sqlite_where=sa.text("champion"),
        postgresql_where=sa.text("champion"),
    )
    op.drop_column("skills", "origin")
    op.drop_table("skill_choices")
