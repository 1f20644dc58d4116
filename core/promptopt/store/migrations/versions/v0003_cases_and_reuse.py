"""Calls name their case and the run that their answer was taken from, and are found by content."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("intents", sa.Column("key", sa.String(32), nullable=False, server_default=""))
    op.add_column("intents", sa.Column("path", sa.Text, nullable=False, server_default=""))
    op.add_column("intents", sa.Column("case_id", sa.Text, nullable=False, server_default=""))
    op.add_column("calls", sa.Column("case_id", sa.Text, nullable=False, server_default=""))
    op.add_column("calls", sa.Column("reused_from", sa.String(32), nullable=False, server_default=""))
    op.create_index("calls_by_key", "calls", ["key"])


def downgrade() -> None:
    raise NotImplementedError("an older promptopt can't read what this one writes")
