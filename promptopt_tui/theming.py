"""Themes as Textual knows them, and the one thing that this UI remembers: which was chosen."""

import tomllib
from pathlib import Path

import tomli_w
from rich.style import Style
from textual.theme import Theme

import promptopt_themes
from promptopt.domain.errors import PromptoptError
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


def load() -> tuple[dict[str, promptopt_themes.Theme], list[str]]:
    """Built-in themes and the user's own, and what is wrong with those left out."""
    folder = _home()
    return promptopt_themes.load(folder / "themes" if folder else None)


def remembered(known: dict[str, promptopt_themes.Theme]) -> str:
    """The theme that was chosen last, if it is still there."""
    folder = _home()
    try:
        text = (folder / "tui.toml").read_text("utf-8") if folder else ""
        name = tomllib.loads(text).get("theme")
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        name = None
    return name if isinstance(name, str) and name in known else promptopt_themes.DEFAULT


def remember(name: str) -> None:
    """Keep the choice of a theme; a data directory that can't be written is no reason to stop."""
    folder = _home()
    if folder is None:
        return
    try:
        (folder / "tui.toml").write_text(tomli_w.dumps({"theme": name}), "utf-8")
    except OSError:
        return


def _home() -> Path | None:
    from promptopt.store.home import home

    try:
        return home()
    except PromptoptError:
        return None
