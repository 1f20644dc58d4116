"""Experiments, and which run is which cell of one."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "experiments",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("output_dir", sa.Text, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
    )
    op.create_index("experiments_by_age", "experiments", ["created_at"])
    op.create_table(
        "experiment_runs",
        sa.Column("experiment_id", sa.String(32), sa.ForeignKey("experiments.id"), primary_key=True),
        sa.Column("cell", sa.Text, primary_key=True),
        sa.Column("run_id", sa.String(32), sa.ForeignKey("runs.id"), nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("an older promptopt can't read what this one writes")
