"""Runs in lists: how many cases they have made up, of how many."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("runs", sa.Column("made", sa.Integer))
    op.add_column("runs", sa.Column("asked", sa.Integer))


def downgrade() -> None:
    raise NotImplementedError("an older promptopt can't read what this one writes")
