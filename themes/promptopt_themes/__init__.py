"""Colour themes, one TOML file each. Plain data: whoever draws turns it into colours of its own kind.

A theme file has ``name``, ``label``, ``dark`` (true or false) and a ``[colors]`` table with every colour of
:data:`COLORS`: each as ``#rrggbb``, or each as a name of :data:`TERMINAL_COLORS`. Themes of one's own go into
the ``themes`` folder of the data directory.
"""

import re
import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

COLORS = {
    "background": "behind everything",
    "surface": "behind a panel",
    "raised": "behind a dialog, and the header",
    "foreground": "text",
    "muted": "labels and text of second rank",
    "border": "frame of a panel",
    "focus": "frame of the panel that has the focus",
    "accent": "keys, headings, the thing that moves",
    "good": "passed, better, finished",
    "bad": "failed, worse",
    "warn": "needs attention",
    "human": "what a person wrote",
    "on_fill": "text on a filled patch of accent, good, bad, warn or human",
    "track": "the empty part of a bar",
    "cursor": "behind the row under the cursor",
    "cursor_idle": "the same, in a panel without the focus",
    "added": "behind an added line",
    "added_word": "behind added words in it",
    "removed": "behind a removed line",
    "removed_word": "behind removed words in it",
}
"""Every colour that a theme must give, and what it is for."""

_ON_SURFACES = ("foreground", "muted", "accent", "good", "bad", "warn", "human")

TEXT_PAIRS: tuple[tuple[str, str], ...] = (
    *((text, behind) for text in _ON_SURFACES for behind in ("background", "surface", "raised")),
    *((text, behind) for text in _ON_SURFACES for behind in ("cursor", "cursor_idle")),
    *(("foreground", behind) for behind in ("added", "added_word", "removed", "removed_word")),
    *(("on_fill", behind) for behind in ("accent", "good", "bad", "warn", "human")),
)
"""Text colour and the colour behind it, wherever the two meet: each pair must have a contrast of 4.5."""

_EIGHT = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")

TERMINAL_COLORS = ("default", *_EIGHT, *(f"bright_{name}" for name in _EIGHT))
"""Colours that every terminal has, and that its user may have chosen."""

DEFAULT = "promptopt-dark"

FOR_FEW_COLORS = {True: "terminal-dark", False: "terminal-light"}
"""Themes for terminals with sixteen colours, by whether their background is dark."""


class ThemeError(ValueError):
    """A theme file that can't be used; the message says which and why."""


@dataclass(frozen=True)
class Theme:
    """A theme as data. ``colors`` has every key of :data:`COLORS`."""

    name: str
    label: str
    dark: bool
    colors: dict[str, str]

    @property
    def of_terminal(self) -> bool:
        """Its colours are names of :data:`TERMINAL_COLORS`."""
        return not self.colors["foreground"].startswith("#")


def builtin() -> dict[str, Theme]:
    """The themes that come with promptopt, by name, the default first."""
    files = [
        file for file in (resources.files(__name__) / "builtin").iterdir() if file.name.endswith(".toml")
    ]
    themes = [parse(file.read_text("utf-8"), file.name) for file in files]
    themes.sort(key=lambda theme: (theme.name != DEFAULT, theme.of_terminal, theme.name))
    return {theme.name: theme for theme in themes}


def load(folder: Path | None = None) -> tuple[dict[str, Theme], list[str]]:
    """The built-in themes and those in ``folder``, by name; and what is wrong with files left out."""
    themes, problems = builtin(), []
    for file in sorted(folder.glob("*.toml")) if folder and folder.is_dir() else []:
        try:
            theme = parse(file.read_text("utf-8"), file.name)
        except (OSError, UnicodeDecodeError, ThemeError) as error:
            problems.append(str(error))
        else:
            themes[theme.name] = theme
    return themes, problems


def parse(text: str, where: str) -> Theme:
    """Read one theme file.

    Raises:
        ThemeError: not TOML, a key missing, unknown or of the wrong kind.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ThemeError(f"{where}: not TOML: {error}") from error
    name, colors = data.get("name"), data.get("colors")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name):
        raise ThemeError(f"{where}: name must be small letters, digits and hyphens, found {name!r}")
    if not isinstance(data.get("dark"), bool):
        raise ThemeError(f"{where}: dark must be true or false")
    if not isinstance(colors, dict):
        raise ThemeError(f"{where}: the table [colors] is missing")
    missing, unknown = [*(COLORS.keys() - colors.keys())], [*(colors.keys() - COLORS.keys())]
    if missing or unknown:
        said = [f"missing {', '.join(sorted(missing))}"] if missing else []
        said += [f"unknown {', '.join(sorted(unknown))}"] if unknown else []
        raise ThemeError(f"{where}: [colors]: {'; '.join(said)}")
    named = colors["foreground"] in TERMINAL_COLORS
    for key, value in colors.items():
        if named and value not in TERMINAL_COLORS:
            raise ThemeError(
                f"{where}: colors.{key} must be a terminal colour as foreground is, found {value!r}"
            )
        if not named and not (isinstance(value, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", value)):
            raise ThemeError(f"{where}: colors.{key} must be #rrggbb, found {value!r}")
    return Theme(name, str(data.get("label", name)), data["dark"], {key: colors[key] for key in COLORS})
