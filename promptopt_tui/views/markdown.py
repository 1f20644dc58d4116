"""Markdown as lines to read: headings and bold text are styled, escapes are taken out, the rest stays."""

from __future__ import annotations

import re

from promptopt.domain.text import sanitize
from promptopt_tui.paint import Line, wrap

HEADING = re.compile(r"#{1,6}\s+(.*)")

ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")

ITEM = re.compile(r"\s*(?:[-*]|\d+\.)\s+")

RULE = re.compile(r"\|(?:\s*:?-+:?\s*\|)+\s*")


def markdown_lines(text: str, width: int) -> list[Line]:
    """Lines for a width. Nothing of the text is carried out or followed."""
    lines: list[Line] = []
    for raw in sanitize(text).expandtabs(4).split("\n"):
        heading = HEADING.fullmatch(raw)
        if heading:
            lines += wrap([(_plain(heading[1]), "heading")], width)
        elif RULE.fullmatch(raw):
            lines.append([("─" * width, "track")])
        else:
            item = ITEM.match(raw)
            lines += wrap(_bold(raw), width, [(" " * (item.end() if item else 0), "")])
    return lines


def _bold(text: str) -> Line:
    """The text in spans; what stands between two ``**`` is bold, what is never closed stays as it is."""
    pieces = text.split("**")
    if len(pieces) % 2 == 0:
        return [(_plain(text), "")]
    return [(_plain(piece), "bold" if place % 2 else "") for place, piece in enumerate(pieces) if piece]


def _plain(text: str) -> str:
    return ESCAPED.sub(r"\1", text)
