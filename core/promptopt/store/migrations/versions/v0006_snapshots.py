"""Snapshots of the fold, and intents and attempts in the order of time."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "snapshots",
        sa.Column("run_id", sa.String(32), sa.ForeignKey("runs.id"), primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_index("intents_in_time", "intents", ["run_id", "at"])
    op.drop_index("intents_by_run", "intents")
    op.create_index("attempts_in_time", "attempts", ["run_id", "at"])
    op.drop_index("attempts_by_run", "attempts")


def downgrade() -> None:
    raise NotImplementedError("an older promptopt can't read what this one writes")
