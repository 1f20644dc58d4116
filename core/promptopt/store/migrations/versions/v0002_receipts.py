"""Receipts are files that a run's relay writes, no longer a table; calls are read in the order of time."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.drop_table("receipts")
    op.create_index("calls_in_time", "calls", ["run_id", "at"])
    op.add_column("intents", sa.Column("relay", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    raise NotImplementedError("an older promptopt can't read what this one writes")
