"""Deployments, and what watching them has found."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("source_run", sa.String(32), nullable=False),
        sa.Column("prompt_id", sa.String(16), nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("project_dir", sa.Text, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_index("deployments_by_age", "deployments", ["created_at"])
    op.create_table(
        "monitorings",
        sa.Column("deployment_id", sa.String(32), sa.ForeignKey("deployments.id"), primary_key=True),
        sa.Column("n", sa.Integer, primary_key=True),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("eval_run", sa.String(32), nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("an older promptopt can't read what this one writes")
