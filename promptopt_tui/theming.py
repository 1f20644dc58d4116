"""Themes as Textual knows them."""

from pathlib import Path

from rich.style import Style
from textual.theme import Theme

import promptopt_themes
from promptopt_tui import paint

PREFIX = "po-"


def to_textual(theme: promptopt_themes.Theme) -> Theme:
    """Our colours as a Textual theme; each is also a variable ``$po-…`` for the style sheets."""
    colors = theme.colors
    return Theme(
        name=theme.name,
        primary=colors["accent"],
        secondary=colors["muted"],
        accent=colors["accent"],
        foreground=colors["foreground"],
        background=colors["background"],
        surface=colors["surface"],
        panel=colors["raised"],
        success=colors["good"],
        warning=colors["warn"],
        error=colors["bad"],
        dark=theme.dark,
        variables={
            **variables(colors),
            "scrollbar": colors["border"],
            "scrollbar-hover": colors["muted"],
            "scrollbar-active": colors["accent"],
            "scrollbar-background": colors["surface"],
            "scrollbar-background-hover": colors["surface"],
            "scrollbar-background-active": colors["surface"],
            "scrollbar-corner-color": colors["surface"],
            "input-selection-background": colors["cursor"],
            "block-cursor-background": colors["cursor"],
            "block-cursor-foreground": colors["foreground"],
        },
    )


def variables(colors: dict[str, str]) -> dict[str, str]:
    """Our colours as style sheet variables."""
    return {PREFIX + name.replace("_", "-"): color for name, color in colors.items()}


def palette(css_variables: dict[str, str]) -> dict[str, Style]:
    """The styles of :mod:`promptopt_tui.paint` in the colours that are in force."""
    colors = {name: css_variables[PREFIX + name.replace("_", "-")] for name in promptopt_themes.COLORS}
    return paint.palette(colors)


def load(folder: Path | None) -> tuple[dict[str, promptopt_themes.Theme], list[str]]:
    """Built-in themes and those of the user's data directory, and what is wrong with those left out."""
    return promptopt_themes.load(folder / "themes" if folder else None)
