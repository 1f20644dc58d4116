"""Proofs of concept, and what carries out their stages."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "pocs",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("organization", sa.Text, nullable=False),
        sa.Column("digest", sa.String(32), nullable=False),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("output_dir", sa.Text, nullable=False),
        sa.Column("simulated", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("detail", sa.Text, nullable=False, server_default=""),
        sa.Column("wish", sa.String(16), nullable=False, server_default=""),
        sa.Column("driver", sa.String(64)),
        sa.Column("pid", sa.Integer),
        sa.Column("host", sa.Text),
        sa.Column("heartbeat_at", sa.Float),
    )
    op.create_index("pocs_by_age", "pocs", ["created_at"])
    op.create_table(
        "poc_stages",
        sa.Column("poc_id", sa.String(32), sa.ForeignKey("pocs.id"), primary_key=True),
        sa.Column("part", sa.String(60), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("ref", sa.String(32), nullable=False, server_default=""),
        sa.Column("body", sa.Text, nullable=False, server_default=""),
        sa.Column("at", sa.Float, nullable=False),
    )
    op.create_index("poc_stages_by_ref", "poc_stages", ["ref"])


def downgrade() -> None:
    raise NotImplementedError("an older promptopt can't read what this one writes")
