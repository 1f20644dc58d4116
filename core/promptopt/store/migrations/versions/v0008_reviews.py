"""What people decided on cases that were made up."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("source", sa.String(80), primary_key=True),
        sa.Column("case_id", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.String(16), primary_key=True),
        sa.Column("run_id", sa.String(32), sa.ForeignKey("runs.id")),
        sa.Column("verdict", sa.String(8), nullable=False),
        sa.Column("body", sa.Text, nullable=False, server_default=""),
        sa.Column("reason", sa.Text, nullable=False, server_default=""),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("an older promptopt can't read what this one writes")
