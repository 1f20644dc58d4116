"""Versioned migrations (alembic). A new store is made by ``database.py`` without importing any of this."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine

from promptopt.domain.errors import PromptoptError


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the store up to ``revision``.

    Raises:
        PromptoptError: the store was written by a newer promptopt.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, revision)
        except CommandError as error:
            raise PromptoptError(
                "the store was written by a newer version of promptopt",
                where=str(engine.url.render_as_string(hide_password=True)),
                fix="upgrade promptopt, or set PROMPTOPT_HOME to another directory",
            ) from error
