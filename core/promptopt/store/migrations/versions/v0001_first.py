"""The first store: runs, events, journal, cells, commands, checkpoints."""

from alembic import op

from promptopt.store.schema import metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    # As long as this is the only revision, the tables of schema.py are its tables. The revision after it
    # freezes them here.
    metadata.create_all(op.get_bind())


def downgrade() -> None:
    metadata.drop_all(op.get_bind())
