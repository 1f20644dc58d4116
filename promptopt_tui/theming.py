"""Themes as Textual knows them."""

from pathlib import Path

from rich.style import Style
from textual.theme import BUILTIN_THEMES, Theme

import promptopt_themes
from promptopt_tui import paint

PREFIX = "po-"

_TERMINAL_VARIABLES = BUILTIN_THEMES["ansi-dark"].variables
"""What Textual's own style sheets ask of a theme with a terminal's colours."""


def to_textual(theme: promptopt_themes.Theme) -> Theme:
    """Our colours as a Textual theme; each is also a variable ``$po-…`` for the style sheets."""
    colors = {name: _for_textual(color) for name, color in theme.colors.items()}
    return Theme(
        name=theme.name,
        ansi=theme.of_terminal,
        primary=colors["accent"],
        secondary=colors["muted"],
        accent=colors["accent"],
        foreground=colors["foreground"],
        background=colors["background"],
        surface=colors["surface"],
        panel=colors["raised"],
        boost=colors["raised"] if theme.of_terminal else None,
        success=colors["good"],
        warning=colors["warn"],
        error=colors["bad"],
        dark=theme.dark,
        variables={
            **(_TERMINAL_VARIABLES if theme.of_terminal else {}),
            **variables(theme.colors),
            "scrollbar": colors["border"],
            "scrollbar-hover": colors["muted"],
            "scrollbar-active": colors["accent"],
            "scrollbar-background": colors["surface"],
            "scrollbar-background-hover": colors["surface"],
            "scrollbar-background-active": colors["surface"],
            "scrollbar-corner-color": colors["surface"],
            "input-selection-background": colors["cursor"],
            "block-cursor-background": colors["accent" if theme.of_terminal else "cursor"],
            "block-cursor-foreground": colors["on_fill" if theme.of_terminal else "foreground"],
        },
    )


def variables(colors: dict[str, str]) -> dict[str, str]:
    """Our colours as style sheet variables."""
    return {PREFIX + name.replace("_", "-"): _for_textual(color) for name, color in colors.items()}


def palette(theme: promptopt_themes.Theme) -> dict[str, Style]:
    """The styles of :mod:`promptopt_tui.paint` in the colours of a theme."""
    return paint.few_colors(theme.colors) if theme.of_terminal else paint.palette(theme.colors)


def _for_textual(color: str) -> str:
    return color if color.startswith("#") else f"ansi_{color}"


def load(folder: Path | None) -> tuple[dict[str, promptopt_themes.Theme], list[str]]:
    """Built-in themes and those of the user's data directory, and what is wrong with those left out."""
    return promptopt_themes.load(folder / "themes" if folder else None)
