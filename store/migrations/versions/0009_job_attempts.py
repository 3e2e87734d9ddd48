"""What became of each attempt at a job, checkpoints of running jobs, and the workers that live."""

import sqlalchemy as sa
from alembic import op

revision = "0009_jobs"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the three tables; a job that runs has one attempt that goes on."""
    op.create_table(
        "attempts",
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("token", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_attempts_job_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("job_id", "token", name=op.f("pk_attempts")),
    )
    op.create_table(
        "checkpoints",
        sa.Column("job_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("artifact_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["artifact_sha256"], ["artifacts.sha256"], name=op.f("fk_checkpoints_artifact_sha256")
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_checkpoints_job_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_checkpoints")),
    )
    op.create_index(op.f("ix_checkpoints_artifact_sha256"), "checkpoints", ["artifact_sha256"])
    op.create_table(
        "workers",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers")),
    )
    op.execute(
        "INSERT INTO attempts (job_id, token, worker, step, started_at) "
        "SELECT id, token, COALESCE(worker, 'worker'), 0, COALESCE(started_at, created_at) "
        "FROM jobs WHERE status = 'running'"
    )


def downgrade() -> None:
    """Drop the three tables, and with them the artifacts that were checkpoints alone."""
    kept = sa.text("SELECT artifact_sha256 FROM checkpoints")
    hashes = list(op.get_bind().execute(kept).scalars())
    op.drop_table("workers")
    op.drop_table("checkpoints")
    op.drop_table("attempts")
    for sha256 in hashes:
        op.execute(
            sa.text(
                "DELETE FROM artifacts WHERE sha256 = :sha256 AND NOT EXISTS (SELECT 1 FROM members WHERE "
                "artifact_sha256 = :sha256) AND NOT EXISTS (SELECT 1 FROM skills WHERE artifact_sha256 = "
                ":sha256) AND NOT EXISTS (SELECT 1 FROM studies WHERE artifact_sha256 = :sha256)"
            ).bindparams(sha256=sha256)
        )
