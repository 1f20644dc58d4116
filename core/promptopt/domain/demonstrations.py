"""Worked cases that are sent with a prompt."""

from pydantic import BaseModel, ConfigDict


class Demonstration(BaseModel):
    """A worked case that is sent with a prompt: what goes in, column by column, and what came out."""

    model_config = ConfigDict(frozen=True)

    inputs: dict[str, str]
    output: str
