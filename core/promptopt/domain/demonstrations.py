"""Worked cases that are sent with a prompt."""

from collections.abc import Iterable, Mapping

from pydantic import BaseModel, ConfigDict


class Demonstration(BaseModel):
    """A worked case that is sent with a prompt: what goes in, column by column, and what came out."""

    model_config = ConfigDict(frozen=True)

    inputs: dict[str, str]
    output: str


def in_words(demonstrations: Iterable[tuple[Mapping[str, str], str]]) -> str:
    """Worked cases as a text for people, by which two prompts can be compared; empty if there are none.

    Args:
        demonstrations: of each its inputs, column by column, and its output.
    """
    lines: list[str] = []
    for number, (inputs, output) in enumerate(demonstrations, 1):
        lines.append(f"[demonstration {number}]")
        lines += [f"{column}: {value}" for column, value in inputs.items()]
        lines.append(f"→ {output}")
    return "\n".join(lines)


def with_demonstrations(text: str, demonstrations: Iterable[tuple[Mapping[str, str], str]]) -> str:
    """A prompt and the worked cases that are sent with it, as one text for people."""
    shown = in_words(demonstrations)
    return f"{text}\n\n{shown}" if shown else text
