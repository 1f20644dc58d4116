"""Runs in lists: the course of their score, archived ones, deleted ones."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("runs", sa.Column("course", sa.Text, nullable=False, server_default=""))
    op.add_column("runs", sa.Column("archived", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("runs", sa.Column("deleted_at", sa.Float))


def downgrade() -> None:
    raise NotImplementedError("an older promptopt can't read what this one writes")
